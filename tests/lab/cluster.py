# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster on the lab: the collection as a user has it, its playbooks, what the client sees.

Owns running Ansible and watching a service. Used by the tests and by the demo. Must never know an
inventory's content.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lvslab import Lab
from lvslab.job import Job
from lvslab.paths import cache_root

ROOT = Path(__file__).resolve().parents[2]
INVENTORIES = ROOT / "playbooks" / "inventories"
BIN = Path(sys.executable).parent
PLAYBOOK_TIMEOUT_S = 420  # five times what the slowest takes
WATCHER = Path(__file__).with_name("watcher.py")

_RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)"
    r"\s+unreachable=(?P<unreachable>\d+)\s+failed=(?P<failed>\d+)",
    re.MULTILINE,
)


def install_collection(name: str) -> Path:
    """Build the collection and install it as a user would; gives the collections path.

    `name`, a lab's, keeps two runs at once from pulling it from under each other.
    """
    target = cache_root() / "collections" / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _galaxy("build", str(ROOT), "--output-path", str(target))
    (archive,) = target.glob("lvs-cluster-*.tar.gz")
    # --force: a copy in the user's own collections would make this one "already installed".
    _galaxy("install", str(archive), "--collections-path", str(target), "--offline", "--force")
    return target


def _galaxy(*words: str) -> None:
    command = [str(BIN / "ansible-galaxy"), "collection", *words]
    subprocess.run(command, check=True, timeout=300, capture_output=True, text=True)


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a playbook ended. `changed` and `failed` count tasks per host."""

    returncode: int
    output: str
    duration_s: float
    changed: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    unreachable: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Everything reached and nothing failed."""
        return self.returncode == 0


class Cluster:
    """Playbooks of the installed collection on a lab's hosts."""

    def __init__(self, lab: Lab, collections: Path) -> None:
        self.lab = lab
        self.collections = collections
        self._connection = lab.paths.run / "connection.yml"

    def playbook(
        self, inventory: str | Path | None, *words: str, name: str = "lvs.cluster.site"
    ) -> Run:
        """Run a playbook on an example inventory (by name), on one in a folder, or with no more
        than the lab's hosts."""
        start = time.monotonic()
        begun = self.begin(inventory, *words, name=name)
        try:
            output, _ = begun.communicate(timeout=PLAYBOOK_TIMEOUT_S)
        finally:
            kill(begun)
        counts = {match["host"]: match for match in _RECAP.finditer(output)}
        return Run(
            returncode=begun.returncode,
            output=output,
            duration_s=time.monotonic() - start,
            changed={host: int(match["changed"]) for host, match in counts.items()},
            failed={host: int(match["failed"]) for host, match in counts.items()},
            unreachable={host: int(match["unreachable"]) for host, match in counts.items()},
        )

    def begin(
        self, inventory: str | Path | None, *words: str, name: str = "lvs.cluster.site"
    ) -> subprocess.Popen[str]:
        """Start a playbook, in a process group of its own; the caller sees to its end."""
        sources = [] if inventory is None else ["-i", str(_folder(inventory))]
        # Another one that runs may be reading it.
        text = self.lab.inventory()
        if not self._connection.exists() or self._connection.read_text() != text:
            self._connection.write_text(text)
        command = [str(BIN / "ansible-playbook"), name, "-i", str(self._connection)]
        return subprocess.Popen(
            [*command, *sources, *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def variables(self, inventory: str | Path, host: str = "drct1") -> dict[str, Any]:
        """The variables that an inventory gives a host; to change and pass with -e."""
        command = [str(BIN / "ansible-inventory"), "-i", str(_folder(inventory))]
        shown = subprocess.run(
            [*command, "--host", host],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        values: dict[str, Any] = json.loads(shown.stdout)
        return values

    def groups(self, folder: Path, *sources: Path) -> dict[str, list[str]]:
        """The hosts of each group of an inventory in `folder` with further `sources` behind it."""
        self._connection.write_text(self.lab.inventory())
        command = [str(BIN / "ansible-inventory"), "--list"]
        for source in (self._connection, folder, *sources):
            command += ["-i", str(source)]
        shown = subprocess.run(
            command,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return {name: each.get("hosts", []) for name, each in json.loads(shown.stdout).items()}

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(self.collections / "ansible-home"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
        }

    def apply(self, inventory: str | Path, *words: str) -> Run:
        """Run site.yml; raises AssertionError with Ansible's output unless all went well."""
        run = self.playbook(inventory, *words)
        assert run.good, run.output
        return run

    # -- what there is to see ---------------------------------------------------------

    def status(self, director: str) -> dict[str, object]:
        """`lvsctl status --json` of a director."""
        text = self.lab.run(director, "/opt/lvs-agent/current/bin/lvsctl status --json").stdout
        document: dict[str, object] = json.loads(text)
        return document

    def holders(self, address: str, *directors: str) -> list[str]:
        """Those of `directors` (default: both) that have `address` on an interface."""
        names = directors or ("drct1", "drct2")
        command = f"ip -o -4 address show to {address}/32"
        return [name for name in names if self.lab.run(name, command).stdout.strip()]

    def ipvs(self, director: str) -> list[str]:
        """The lines of `ipvsadm -Sn`, sorted: what the kernel does, from an independent witness."""
        return sorted(self.lab.run(director, "ipvsadm -Sn").stdout.splitlines())

    def wait(self, what: str, condition: Callable[[], bool], timeout_s: float = 15) -> float:
        """Wait until `condition`; gives the seconds it took. AssertionError after `timeout_s`."""
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < timeout_s, f"after {timeout_s} s still not: {what}"
            # To look costs a host's processor a tenth of a second; it has other things to do.
            time.sleep(0.25)
        return time.monotonic() - start

    @contextmanager
    def watch(self, url: str, seconds: float = 120) -> Iterator[Watch]:
        """Fetch `url` from the client, again and again, while the block runs."""
        self.lab.put("client", "/root/watcher.py", WATCHER.read_text())
        command = ["python3", "/root/watcher.py", url, str(seconds)]
        watch = Watch(job=self.lab.start("client", command))
        self.wait("the client's first answer", lambda: bool(watch.read()))
        try:
            yield watch
        finally:
            watch.job.stop()


def _folder(inventory: str | Path) -> Path:
    """Of an example inventory by its name."""
    return INVENTORIES / inventory if isinstance(inventory, str) else inventory


def kill(begun: subprocess.Popen[str]) -> None:
    """End a playbook that was begun, at once, with all its workers; nothing if it has ended."""
    if begun.poll() is None:
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait(timeout=10)


@dataclass(kw_only=True)
class Watch:
    """What the client saw: (second, answer) in order, answer None for a failed request."""

    job: Job

    def read(self) -> list[tuple[float, str | None]]:
        """All requests so far."""
        rows = [line.split("\t") for line in self.job.output().splitlines() if "\t" in line]
        return [(float(at), None if answer == "-" else answer) for at, answer in rows]

    def gap_s(self) -> float:
        """The longest time between the ends of two good answers that follow each other."""
        good = [at for at, answer in self.read() if answer is not None]
        return max((later - at for at, later in pairwise(good)), default=0.0)
