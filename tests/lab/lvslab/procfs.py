# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes live in which namespaces, read from /proc. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A live process. `traced`: another process controls it by ptrace."""

    pid: int
    parent: int
    net: int
    pid_namespace: int
    traced: bool


def in_network_namespace(inode: int) -> list[Process]:
    """All processes, zombies excepted, whose network namespace is `inode`."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            process = read(int(name))
            if process is not None and process.net == inode:
                found.append(process)
    return found


def read(pid: int) -> Process | None:
    """The process `pid`, or None if it is gone or a zombie (it has no namespaces then)."""
    folder = Path("/proc") / str(pid)
    # Any of these files may vanish between two reads.
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = dict(
            line.split(":\t", 1)
            for line in (folder / "status").read_text(encoding="utf-8").splitlines()
            if ":\t" in line
        )
        if status["State"].lstrip()[0] in "ZX":
            return None
        return Process(
            pid=pid,
            parent=int(status["PPid"]),
            net=os.stat(folder / "ns/net").st_ino,
            pid_namespace=os.stat(folder / "ns/pid").st_ino,
            traced=int(status["TracerPid"]) != 0,
        )
    return None


def ancestors_of_self() -> set[int]:
    """Our own process id and those of all our ancestors."""
    pids: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        process = read(pid)
        pid = process.parent if process else 0
    return pids
