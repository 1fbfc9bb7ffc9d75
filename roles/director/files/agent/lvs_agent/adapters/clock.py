# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ha process asks of the system about time.

Owns the system calls. Must never judge what they say.
"""

from __future__ import annotations

import os
import time

# Above ordinary work, below the kernel's own threads at 50 and more (sched(7)).
_REALTIME_PRIORITY = 20


def asleep_ns() -> int:
    """How long the host has been suspended since boot: CLOCK_MONOTONIC does not count it.

    Being interrupted between the two readings makes the result too small, never too great.
    """
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot_ns - time.monotonic_ns()


def request_realtime() -> str | None:
    """SCHED_FIFO for this process, not for its children. None, or why the system refuses."""
    policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, os.sched_param(_REALTIME_PRIORITY))
    except OSError as error:
        return str(error)
    return None


def wall_ns() -> int:
    """Nanoseconds since 1970 by the wall clock: for numbers that have to grow across restarts."""
    return time.time_ns()
