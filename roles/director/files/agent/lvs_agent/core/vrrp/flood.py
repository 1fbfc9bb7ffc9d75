# SPDX-License-Identifier: GPL-3.0-or-later
"""When a socket receives so much rubbish that the kernel is to sort it out.

Owns that judgement for one socket. In ordinary times everything is received, because a counter
that names the fault of a wrong packet is worth more than the little time it takes.
"""

from __future__ import annotations

_WINDOW_NS = 100_000_000
# 2,000 rejected packets a second: some hundredths of one core. All 255 virtual routers of another
# cluster on the same network send a tenth of that at the usual intervals.
_MOST_IN_WINDOW = 200
# How long the kernel filters before everything is looked at again.
_FILTER_NS = 10_000_000_000


class FloodGuard:
    """`until_ns`: the end of the time in which the kernel is to filter; None: it is not."""

    def __init__(self) -> None:
        self.until_ns: int | None = None
        self._window_ends_ns = 0
        self._rejected = 0

    def note(self, rejected: int, now_ns: int) -> bool:
        """So many packets were rejected just now; True: begin to filter."""
        if now_ns >= self._window_ends_ns:
            self._window_ends_ns = now_ns + _WINDOW_NS
            self._rejected = 0
        self._rejected += rejected
        if self.until_ns is not None or self._rejected <= _MOST_IN_WINDOW:
            return False
        self.until_ns = now_ns + _FILTER_NS
        return True

    def quiet(self) -> None:
        """The time is over: look at everything again."""
        self.until_ns = None
        self._rejected = 0
