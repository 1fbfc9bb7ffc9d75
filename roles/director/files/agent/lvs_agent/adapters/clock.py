# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ha process asks of the system about time.

Owns the system calls. Must never judge what they say.
"""

from __future__ import annotations

import time


def asleep_ns() -> int:
    """How long the host has been suspended since boot: CLOCK_MONOTONIC does not count it.

    Being interrupted between the two readings makes the result too small, never too great.
    """
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot_ns - time.monotonic_ns()


def wall_ns() -> int:
    """Nanoseconds since 1970 by the wall clock: for numbers that have to grow across restarts."""
    return time.time_ns()
