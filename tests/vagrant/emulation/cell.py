# SPDX-License-Identifier: GPL-3.0-or-later
"""The place where libvirt, its dnsmasq, QEMU and Vagrant run, apart from the machine itself.

A cell is one process with a network, a mount and a PID namespace of its own (`cell-init`), and one
folder, which it sees as /etc/libvirt, /var/lib/libvirt and so on. Nothing of it is reachable from
the machine's networks, and no file of the machine is written. So its removal is simple and
complete: the death of the first process takes all others with it, then the folder is deleted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lvslab.errors import LabError

INIT = Path(__file__).resolve().parent.parent / "cell-init"
_READY_S = 120.0  # libvirt asks QEMU what it can do: four seconds, more on a busy machine
_KILL_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The cell whose state is in `folder`. All state is there and in processes."""

    folder: Path

    @property
    def _ready(self) -> Path:
        return self.folder / "ready"

    @property
    def vagrant_home(self) -> Path:
        return self.folder / "vagrant"

    def pid(self) -> int | None:
        """The cell's first process, as this machine numbers it; None if there is no cell."""
        # unshare stands outside and has one child, which is process 1 inside.
        outside = self._outside()
        if outside is None:
            return None
        children = Path(f"/proc/{outside}/task/{outside}/children")
        with contextlib.suppress(OSError, ValueError):
            return int(children.read_text(encoding="ascii").split()[0])
        return None

    def _outside(self) -> int | None:
        """The process that keeps the cell: the one that was started with this very folder."""
        wanted = [str(INIT).encode(), str(self.folder).encode()]
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{name}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                if words[0] == b"unshare" and words[-2:] == wanted:
                    return int(name)
        return None

    def exists(self) -> bool:
        """Whether there is something to stop or to delete."""
        return self.folder.exists() or self._outside() is not None

    def start(self) -> None:
        """Start the cell unless it is there, and wait until libvirt answers in it."""
        if self._outside() is None:
            self._ready.unlink(missing_ok=True)
            self.vagrant_home.mkdir(parents=True, exist_ok=True)
            isolate = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
            with (self.folder / "log").open("wb") as log:
                subprocess.Popen(
                    [*isolate, "--mount-proc", str(INIT), str(self.folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        deadline = time.monotonic() + _READY_S
        while not self._ready.exists():
            if self._outside() is None or time.monotonic() > deadline:
                raise LabError(f"libvirt did not start: see {self.folder}/log")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Kill everything in the cell and delete its folder; nothing happens without a cell."""
        deadline = time.monotonic() + _KILL_S
        while (outside := self._outside()) is not None:
            if time.monotonic() > deadline:
                raise LabError(f"process {outside} does not die; see ps")
            # The first process dies at once and takes the others with it; unshare ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid() or outside, signal.SIGKILL)
            time.sleep(_POLL_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def enter(self, *, only_network: bool = False) -> list[str]:
        """The words before a command that put it into the cell. LabError if there is none."""
        pid = self.pid()
        if pid is None:
            raise LabError("no machines are emulated here; `emulator up` begins")
        namespaces = ["--net"] if only_network else ["--net", "--mount", "--pid"]
        return ["nsenter", f"--target={pid}", *namespaces, "--"]
