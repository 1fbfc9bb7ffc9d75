# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a systemd unit, and their end without a last word.

Owns the way: no process may act between the first one's death and its own, since daemons clean up
when a relative dies (keepalived's children have PR_SET_PDEATHSIG), and systemd must not start the
service again. Must never know what the service is.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _host

_PROC = "/proc"
_RUN = "/run/systemd/system"
# After whatever an administrator has: systemd goes by the names' order.
_DROP_IN = "zz-lvs.cluster.conf"
# All at once by a signal that nobody can catch, nothing afterwards, and no failure to react to.
_SETTINGS = """\
# For the moment in which a run of lvs.cluster ends this service; without it, remove this file.
[Service]
Restart=no
KillMode=control-group
KillSignal=SIGKILL
SuccessExitStatus=SIGKILL
ExecStop=
ExecStopPost=
"""
# A process that forks may have a child that was not seen; each look finds those of the one before.
_LOOKS = 20
_STOPPED_S = 5.0
_POLL_S = 0.01


def of_unit(control_group: str, proc: str = _PROC) -> list[int]:
    """The processes in a unit's control group (as systemd says it), sorted; [] for an empty name.

    By the processes' own word, since where the groups are mounted differs between versions of
    cgroups.
    """
    if not control_group.strip("/"):
        return []
    found = []
    for name in os.listdir(proc):
        if name.isdecimal():
            text = _read(os.path.join(proc, name, "cgroup"))
            if any(_belongs(line, control_group) for line in text.splitlines()):
                found.append(int(name))
    return sorted(found)


def _belongs(line: str, control_group: str) -> bool:
    """A line of /proc/PID/cgroup: `hierarchy:controllers:path`; systemd's is 0 or has its name."""
    hierarchy, __, rest = line.partition(":")
    controllers, __, path = rest.partition(":")
    ours = (hierarchy == "0" and not controllers) or controllers == "name=systemd"
    return ours and (path == control_group or path.startswith(f"{control_group}/"))


def state(pid: int, proc: str = _PROC) -> str:
    """The letter of proc(5), such as T for stopped and Z for a zombie; empty if it is gone."""
    # The name of the program is in parentheses and may have any others in it.
    return _read(os.path.join(proc, str(pid), "stat")).rpartition(")")[2].strip()[:1]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # it has ended
        return ""


def control_group(module: Any, unit: str) -> str:
    """Of a unit that runs; empty if none of its processes does. Raises HostError."""
    command = [*_host.binary(module, "systemctl"), "show", "--property=ControlGroup", "--value"]
    return _host.run(module, [*command, unit], f"systemctl show {unit}").strip()


def abandon(module: Any, unit: str, then: Callable[[], None] | None = None) -> list[int]:
    """End all processes of `unit` so that none of them does anything more, and have systemd
    take that for an ordinary stop. `then` is called when they have ended, before systemd reads its
    files again. Gives those that ended. Raises HostError or OSError.

    If it does not work, they run on. A unit that systemd is about to start again has no process at
    the moment, and must not get one that is then asked to stop in an orderly way.
    """
    folder = os.path.join(_RUN, f"{unit}.d")
    drop_in = os.path.join(folder, _DROP_IN)
    systemctl = _host.binary(module, "systemctl")
    _host.write_atomically(drop_in, _SETTINGS, 0o644)
    group = ""
    try:
        _host.run(module, [*systemctl, "daemon-reload"], "systemctl daemon-reload")
        group = control_group(module, unit)
        pids = _stop(group)
        _host.run(module, [*systemctl, "stop", unit], f"systemctl stop {unit}")
        if left := _left(group):
            raise _host.HostError(f"processes of {unit} survived SIGKILL: {left}")
        if then is not None:
            then()
    finally:
        _signal(of_unit(group), signal.SIGCONT)
        os.unlink(drop_in)
        _remove_empty(folder)
        _host.run(module, [*systemctl, "daemon-reload"], "systemctl daemon-reload")
    return pids


def _stop(group: str) -> list[int]:
    """Stop all processes of the group, and see them stopped. Raises HostError."""
    deadline = time.monotonic() + _STOPPED_S
    stopped: list[int] = []
    for __ in range(_LOOKS):
        pids = of_unit(group)
        if pids == stopped:
            return pids
        _signal(pids, signal.SIGSTOP)
        while any(state(pid) not in ("T", "t", "Z", "") for pid in pids):
            if time.monotonic() >= deadline:
                raise _host.HostError(f"processes did not stop within {_STOPPED_S:.0f} s: {pids}")
            time.sleep(_POLL_S)
        stopped = pids
    raise _host.HostError(f"there are new processes again and again in {group}")


def _left(group: str) -> list[int]:
    """Processes that are there still; they get some time to end."""
    deadline = time.monotonic() + _STOPPED_S
    while left := [pid for pid in of_unit(group) if state(pid) not in ("Z", "")]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL_S)
    return left


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _remove_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:  # others have something there
        return
