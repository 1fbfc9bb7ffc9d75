# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual time: what happens when, in an order that only the seed decides.

Owns the clock of a simulated world and the heap of what is still to come. Must never look at a
real clock.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

# A world that makes more steps than this without an end is itself broken: a run of the usual
# length makes some ten thousand.
_MOST_STEPS = 1_000_000


class Endless(Exception):
    """The world did not come to rest: events breed events."""


class Timeline:
    """`now_ns` is the world's time; every host's monotonic clock is derived from it."""

    __slots__ = ("_heap", "_number", "now_ns", "steps")

    def __init__(self) -> None:
        self.now_ns = 0
        self.steps = 0
        self._number = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    def at(self, time_ns: int, callback: Callable[..., None], *arguments: Any) -> None:
        """Call at `time_ns`; equal times in the order of the asking."""
        self._number += 1
        heappush(self._heap, (time_ns, self._number, callback, arguments))

    def run_until(self, end_ns: int) -> None:
        """Let everything up to `end_ns` happen."""
        heap = self._heap
        steps = self.steps
        while heap and heap[0][0] <= end_ns:
            self.now_ns, _, callback, arguments = heappop(heap)
            callback(*arguments)
            steps += 1
            if steps > _MOST_STEPS:
                raise Endless(f"{steps} steps and no end")
        self.now_ns = end_ns
        self.steps = steps
