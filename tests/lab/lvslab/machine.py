# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as a User Mode Linux process family: power on, power-cut, freeze, thaw.

A host lives in a PID namespace of its own, whose first process is the kernel:
when that is killed, everything of the host dies with it. `unshare --kill-child`
stands outside and dies last. A private mount namespace holds the host's memory
file (a tmpfs) and vanishes with it.

Disk after a power-cut: what a guest has synced (fsync, sync) is kept, because its
block device writes into this machine's page cache, which survives. What only the
guest's own page cache held (up to about 5 s of journalled metadata, 30 s of data)
is lost, as on real hardware; ext4 then replays its journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from enum import StrEnum

from lvslab import freezer, image, network, procfs
from lvslab.errors import LabError
from lvslab.network import Namespace
from lvslab.paths import LabPaths
from lvslab.topology import Host

READY = "lvslab-ready"
_KILL_TIMEOUT_S = 10.0
_START_TIMEOUT_S = 10.0  # for one shell to write its process id
_POLL_S = 0.05
_CONSOLE_TAIL_LINES = 25


class Power(StrEnum):
    """What a host is doing, as seen from outside."""

    RUNNING = "running"
    FROZEN = "frozen"
    OFF = "off"


@dataclass(slots=True, kw_only=True)
class Machine:
    """A host of a lab. All state is in files and processes: any number of these may exist."""

    host: Host
    paths: LabPaths
    namespace: Namespace
    image: image.Image
    # Kept only to reap what this very process has started.
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def power(self) -> Power:
        """Running, frozen or off."""
        family = self._family()
        if not family:
            return Power.OFF
        frozen = freezer.is_frozen(self.paths.name, self.host.name, _untraced(family))
        return Power.FROZEN if frozen else Power.RUNNING

    def start(self) -> None:
        """Switch the host on; it keeps its disk if it has one. Returns at once.

        Raises LabError if it is on already.
        """
        if self._family():
            raise LabError(f"{self.host.name} is on already")
        folder = self.paths.host(self.host.name)
        folder.mkdir(parents=True, exist_ok=True)
        cgroup = freezer.create(self.paths.name, self.host.name)
        inner = 'mount -t tmpfs -o size=$0 tmpfs /dev/shm && exec "$@"'
        if cgroup is not None:
            inner = f"echo 0 >{shlex.quote(str(cgroup))}/cgroup.procs && {inner}"
        # The pid file is written by the process itself before it becomes
        # unshare: also if we are killed right now, it can be found.
        outer = f'echo $$ >{shlex.quote(str(self.paths.pid(self.host.name)))} && exec "$@"'
        # The memory file is as large as the memory; the rest is UML's own few pages.
        size = f"{self.host.memory_mib + 32}m"
        isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv = self.namespace.command(["sh", "-c", outer, "sh", *isolate, "sh", "-c", inner, size])
        with self.paths.console(self.host.name).open("wb") as console:
            child = subprocess.Popen(
                [*argv, *self._kernel_command()],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", ""), "TMPDIR": "/dev/shm", "HOME": "/"},
            )
        self._children.append(child)
        self._wait_started(child)

    def _wait_started(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self._recorded_pid() != child.pid:
            if child.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"{self.host.name} could not be started{self.console_tail()}")
            time.sleep(_POLL_S / 10)

    def power_cut(self) -> None:
        """Kill the host with everything in it, at once. Does nothing to a host that is off."""
        deadline = time.monotonic() + _KILL_TIMEOUT_S
        while family := self._family():
            if time.monotonic() > deadline:
                pids = [process.pid for process in family]
                raise LabError(f"processes {pids} of {self.host.name} do not die; see ps")
            first = _first(family)
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, signal.SIGKILL)
            # A frozen process of a version 1 cgroup dies only after a thaw; the
            # kill is pending then, so nothing of the host runs once more.
            self._thaw_quietly()
            time.sleep(_POLL_S / 5)
        self.paths.pid(self.host.name).unlink(missing_ok=True)
        for child in self._children:
            child.poll()

    def freeze(self) -> None:
        """Stop the host in its tracks; its clock goes on. Raises LabError if it is off."""
        family = self._family()
        if not family:
            raise LabError(f"{self.host.name} is off: boot it first")
        freezer.freeze(self.paths.name, self.host.name, _untraced(family))

    def thaw(self) -> None:
        """Let a frozen host go on."""
        family = self._family()
        if not family:
            raise LabError(f"{self.host.name} is off: boot it first")
        freezer.thaw(self.paths.name, self.host.name, _untraced(family))

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the host says on its console that it is up.

        Raises LabError with the end of the console log if it dies or is late.
        """
        deadline = time.monotonic() + timeout_s
        console = self.paths.console(self.host.name)
        while READY not in console.read_text(encoding="utf-8", errors="replace"):
            if not self._alive():
                raise LabError(f"{self.host.name} died while booting{self.console_tail()}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.host.name} did not come up within {timeout_s:g} s (waited for"
                    f" {READY!r} on its console){self.console_tail()}"
                )
            time.sleep(_POLL_S * 4)

    def console_tail(self) -> str:
        """The last lines of the console log, for an error message."""
        console = self.paths.console(self.host.name)
        try:
            lines = console.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return f"; there is no {console}"
        return f"\nthe end of {console}:\n  " + "\n  ".join(lines[-_CONSOLE_TAIL_LINES:])

    def _kernel_command(self) -> list[str]:
        name = self.host.name
        machine_id = hashlib.sha256(f"{self.paths.name}/{name}".encode()).hexdigest()[:32]
        words = [
            str(image.kernel()),
            f"mem={self.host.memory_mib}M",
            f"umid={name}",
            "uml_dir=/dev/shm/",
            f"ubd0={self.paths.disk(name)},{self.image.disk}",
            "root=/dev/ubda",
            "rw",
            "con=null",
            "con0=null,fd:1",
            "ssl=null",
            "net.ifnames=0",
            "fsck.mode=skip",
            "systemd.show_status=no",
            f"systemd.hostname={name}",
            f"systemd.machine_id={machine_id}",
            f"lvslab.services={','.join(self.host.services)}",
        ]
        plugged = network.plugged(self.namespace, [i.tap for i in self.host.interfaces])
        for number, interface in enumerate(self.host.interfaces):
            # gro=1: without it the device has no room for the large segments that a
            # sender's TSO makes, drops them, and TCP crawls at 0.4 MB/s.
            device = f"transport=tap,ifname={interface.tap},mac={interface.mac},gro=1"
            words.append(f"vec{number}:{device}")
            kind = "direct" if number == 0 else "cable"  # management loses no carrier
            plug = "plugged" if plugged[interface.tap] else "unplugged"
            words.append(
                f"lvslab.if={interface.name},{interface.mac},{interface.address},{kind},{plug}"
            )
            if interface.address6 is not None:
                words.append(f"lvslab.address={interface.name},{interface.address6}")
        return words

    def _recorded_pid(self) -> int:
        try:
            return int(self.paths.pid(self.host.name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def _alive(self) -> bool:
        process = procfs.read(self._recorded_pid())
        return process is not None and process.net == self.namespace.inode()

    def _family(self) -> list[procfs.Process]:
        """`unshare` and all processes of the host, or nothing.

        The network namespace tells a recycled process id from ours.
        """
        if not self._alive():
            return []
        outer = self._recorded_pid()
        everything = self.namespace.processes()
        inner = {process.pid_namespace for process in everything if process.parent == outer}
        return [p for p in everything if p.pid == outer or p.pid_namespace in inner]

    def _thaw_quietly(self) -> None:
        with contextlib.suppress(OSError, LabError):
            freezer.thaw(self.paths.name, self.host.name, _untraced(self._family()))


def _first(family: list[procfs.Process]) -> int:
    """The first process of the PID namespace, or `unshare` while that has no child yet."""
    pids = {process.pid for process in family}
    outer = next((p.pid for p in family if p.parent not in pids), family[0].pid)
    return next((process.pid for process in family if process.parent == outer), outer)


def _untraced(family: list[procfs.Process]) -> list[int]:
    return [process.pid for process in family if not process.traced]
