# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall clock that can be set: what the core would see if it ever looked.

Owns the replacement of the `time` module's wall clocks while a world runs. The monotonic clocks of
the process stay what they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

_EPOCH_NS = 1_800_000_000_000_000_000


class WallClock:
    """Goes with `now_ns`, the world's time, plus what `step` added."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._stepped_ns = 0

    def step(self, by_ns: int) -> None:
        """Somebody sets the clock, or NTP does."""
        self._stepped_ns += by_ns

    def time_ns(self) -> int:
        return _EPOCH_NS + self._now_ns() + self._stepped_ns

    @contextmanager
    def installed(self) -> Iterator[None]:
        """`time.time` and its kin show this clock."""
        real, real_ns = time.clock_gettime, time.clock_gettime_ns

        def seconds() -> float:
            return self.time_ns() / 1e9

        def clock_gettime(which: int) -> Any:
            return seconds() if which == time.CLOCK_REALTIME else real(which)

        def clock_gettime_ns(which: int) -> int:
            return self.time_ns() if which == time.CLOCK_REALTIME else real_ns(which)

        with (
            mock.patch("time.time", seconds),
            mock.patch("time.time_ns", self.time_ns),
            mock.patch("time.clock_gettime", clock_gettime),
            mock.patch("time.clock_gettime_ns", clock_gettime_ns),
        ):
            yield
