# SPDX-License-Identifier: GPL-3.0-or-later
"""Forking a child process into its room: its descriptors, its capabilities, its name, no more.

Owns everything between fork(2) and the child's `main`. Must never decide when to fork.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lvs_agent.adapters import privileges
from lvs_agent.adapters.privileges import Capability

# The supervisor decides when a child ends: it says Stop, or its channel closes. SIGTERM reaches
# the children too, because the unit's KillMode is control-group.
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a child may do, and the descriptors it keeps (besides 0, 1 and 2)."""

    name: str
    capabilities: frozenset[Capability]
    descriptors: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A child: `pidfd` is readable when it died, and names no other process ever."""

    pid: int
    pidfd: int


def fork(room: Room, main: Callable[[], None]) -> Forked:
    """Run `main` in a new process in `room`. Raises OSError when there can be none.

    The child exits with status 0 when `main` returns; an exception goes to standard error and
    gives status 1.
    """
    # Until the child has put its own dispositions in place a signal would run the parent's.
    signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
    try:
        pid = os.fork()
        if pid == 0:
            _child(room, main)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
    return Forked(pid=pid, pidfd=os.pidfd_open(pid))


def _child(room: Room, main: Callable[[], None]) -> None:
    """Never returns; the parent's frames below must not be unwound in the child."""
    code = 1
    try:
        _enter(room)
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _enter(room: Room) -> None:
    signal.set_wakeup_fd(-1)
    faulthandler.unregister(signal.SIGQUIT)
    for one in IGNORED:
        signal.signal(one, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)
    close_all_but(room.descriptors | {0, 1, 2})
    faulthandler.enable(sys.__stderr__ or 2)
    privileges.restrict(room.capabilities, room.capabilities)
    privileges.no_new_privileges()
    privileges.set_title(f"lvs-{room.name}", f"lvs-agent: {room.name}")


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    first = 0
    for descriptor in sorted(keep):
        if first < descriptor:  # Python 3.11 takes the empty range (0, 0) for all descriptors
            os.closerange(first, descriptor)
        first = descriptor + 1
    # close_range(2) makes the size of this range irrelevant; a descriptor is an int.
    os.closerange(first, 2**31 - 1)


def reap(pidfd: int) -> int | None:
    """The exit code of a dead child (-N: killed by signal N), None while it lives."""
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
