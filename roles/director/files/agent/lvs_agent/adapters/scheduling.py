# SPDX-License-Identifier: GPL-3.0-or-later
"""The calling process's scheduling, memory locks and limits (sched(7), mlockall(2), setrlimit(2)).

Owns the system calls, all of which may raise OSError. Must never decide who gets what.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable
from types import FrameType

# linux/mman.h
_MCL_CURRENT, _MCL_FUTURE = 1, 2
# Hung where no handler of Python runs, the process is killed by the kernel, if the supervisor,
# which has less patience, gets no processor to do so.
_KILL_AFTER_US = 10_000_000
# getrlimit(2): RLIMIT_NICE is 20 minus the nice value.
_NICE_FROM = 20

_libc = ctypes.CDLL(None, use_errno=True)


def cpu_ns() -> int:
    """Processor time that this process has used."""
    return time.process_time_ns()


def realtime(priority: int) -> None:
    """SCHED_RR for this process, not for its children."""
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    os.sched_setscheduler(0, policy, os.sched_param(priority))


def ordinary() -> None:
    """Give real-time scheduling up; without privileges there is no way to let go of the flag."""
    os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))


def limit_realtime(rttime_us: int, exceeded: Callable[[], None]) -> None:
    """Have `exceeded` called, anywhere in the program, after that much processor time without a
    wait.

    The kernel counts in ticks, and raises the limit by a second each time: say it again then.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        exceeded()

    signal.signal(signal.SIGXCPU, handle)
    ceiling = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
    hard = _KILL_AFTER_US if ceiling == resource.RLIM_INFINITY else min(ceiling, _KILL_AFTER_US)
    resource.setrlimit(resource.RLIMIT_RTTIME, (min(rttime_us, hard), hard))


def nice(value: int) -> None:
    """Set the nice value."""
    os.setpriority(os.PRIO_PROCESS, 0, value)


def niceness() -> int:
    """The nice value."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def cpus() -> frozenset[int]:
    """The processors that this process may run on."""
    return frozenset(os.sched_getaffinity(0))


def run_on(wanted: frozenset[int]) -> None:
    """Run on these processors only."""
    os.sched_setaffinity(0, wanted)


def lock_memory(*, locked: bool) -> None:
    """Keep all memory, present and future, from being swapped out; or no longer."""
    done = _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) if locked else _libc.munlockall()
    if done != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def allow(*, priority: int, nice_value: int, memory: bool) -> None:
    """Raise the limits of this process and of those that it forks, as far as it may.

    For an agent that somebody starts by hand; its unit says the same with Limit*=.
    """
    wanted = {resource.RLIMIT_RTPRIO: priority, resource.RLIMIT_NICE: _NICE_FROM - nice_value}
    if memory:
        wanted[resource.RLIMIT_MEMLOCK] = resource.RLIM_INFINITY
    for limit, value in wanted.items():
        soft, hard = resource.getrlimit(limit)
        if _less(hard, value):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(limit, (value, value))
        elif _less(soft, value):
            resource.setrlimit(limit, (value, hard))


def _less(one: int, other: int) -> bool:
    """Whether the limit `one` allows less than `other`."""
    if one == resource.RLIM_INFINITY:
        return False
    return other == resource.RLIM_INFINITY or one < other
