# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops all processes of a host at once, and lets them go on.

Owns the hosts' cgroups. With a cgroup freezer (version 2, else version 1) the
whole host stands still. Without one, SIGSTOP goes to the processes of the host
that are not traced, its kernel among them: nothing of the host can then make a
system call, send or receive. Guest processes are traced by that kernel, which
would take a SIGSTOP of theirs for its own; they may go on computing, unheard.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lvslab.errors import LabError

_FREEZE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mount:
    folder: Path
    version: int


def _mounts() -> list[_Mount]:
    """All cgroup hierarchies that can freeze and that we may write to."""
    found = []
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found.append(_Mount(folder=Path(folder), version=2))
        elif kind == "cgroup" and "freezer" in options.split(","):
            found.append(_Mount(folder=Path(folder), version=1))
    return [mount for mount in found if os.access(mount.folder, os.W_OK) and _works(mount)]


@cache
def _mount() -> _Mount | None:
    """The hierarchy that we use, version 2 first; None: signals only.

    LVSLAB_FREEZER (cgroup2, cgroup1, signal) chooses another, for the lab's own tests.
    """
    wanted = os.environ.get("LVSLAB_FREEZER", "")
    mounts = [mount for mount in _mounts() if wanted in ("", f"cgroup{mount.version}")]
    return max(mounts, key=lambda mount: mount.version, default=None)


def _works(mount: _Mount) -> bool:
    probe = mount.folder / f"lvslab-probe-{os.getpid()}"
    try:
        probe.mkdir()
        try:
            return (probe / _control(mount)).exists()
        finally:
            probe.rmdir()
    except OSError:
        return False


def _control(mount: _Mount) -> str:
    return "cgroup.freeze" if mount.version == 2 else "freezer.state"


def _word(mount: _Mount, *, frozen: bool) -> str:
    if mount.version == 2:
        return "1" if frozen else "0"
    return "FROZEN" if frozen else "THAWED"


def folder(lab: str, host: str) -> Path | None:
    """The cgroup of a host, whether it exists or not; None without a freezer."""
    mount = _mount()
    return mount.folder / f"lvslab-{lab}-{host}" if mount else None


def create(lab: str, host: str) -> Path | None:
    """Make the host's cgroup; the host's first process must write itself into cgroup.procs."""
    path = folder(lab, host)
    if path is not None:
        path.mkdir(exist_ok=True)
    return path


def _all_of(lab: str) -> list[tuple[_Mount, Path]]:
    # Host names have no hyphen, so this does not take those of "lab-2" for "lab".
    hyphens = lab.count("-") + 2
    return [
        (mount, path)
        for mount in _mounts()
        for path in mount.folder.glob(f"lvslab-{lab}-*")
        if path.name.count("-") == hyphens
    ]


def thaw_all(lab: str) -> None:
    """Let all hosts of a lab go on, without waiting for it."""
    for mount, path in _all_of(lab):
        with contextlib.suppress(OSError):
            (path / _control(mount)).write_text(_word(mount, frozen=False), encoding="ascii")


def remove_all(lab: str) -> None:
    """Delete all cgroups of a lab. Raises LabError if one still has processes."""
    deadline = time.monotonic() + _FREEZE_TIMEOUT_S
    for _, path in _all_of(lab):
        while path.exists():
            try:
                path.rmdir()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise LabError(f"{path}: cannot be deleted ({error.strerror})") from error
                time.sleep(0.05)


def freeze(lab: str, host: str, untraced: list[int]) -> None:
    """Stop the host; `untraced` are its process ids for the way without a cgroup."""
    _set(lab, host, untraced, frozen=True)


def thaw(lab: str, host: str, untraced: list[int]) -> None:
    """Let a stopped host go on; does nothing to a running one."""
    _set(lab, host, untraced, frozen=False)


def _set(lab: str, host: str, untraced: list[int], *, frozen: bool) -> None:
    mount = _mount()
    path = folder(lab, host)
    if mount is None or path is None:
        for pid in untraced:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)
        return
    (path / _control(mount)).write_text(_word(mount, frozen=frozen), encoding="ascii")
    deadline = time.monotonic() + _FREEZE_TIMEOUT_S
    while _read(mount, path) != frozen:
        if time.monotonic() > deadline:
            raise LabError(f"{host} did not {'freeze' if frozen else 'thaw'}; see {path}")
        time.sleep(0.005)


def is_frozen(lab: str, host: str, untraced: list[int]) -> bool:
    """Whether the host stands still."""
    mount = _mount()
    path = folder(lab, host)
    if mount is None or path is None:
        states = [_state(pid) for pid in untraced]
        return bool(states) and all(state in "Tt" for state in states)
    return _read(mount, path)


def _read(mount: _Mount, path: Path) -> bool:
    try:
        if mount.version == 2:
            events = (path / "cgroup.events").read_text(encoding="ascii")
            return "frozen 1" in events
        return (path / "freezer.state").read_text(encoding="ascii").strip() == "FROZEN"
    except FileNotFoundError:
        return False


def _state(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return "T"
    return stat.rpartition(")")[2].split()[0]
