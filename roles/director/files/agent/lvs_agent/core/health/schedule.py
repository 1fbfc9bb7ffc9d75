# SPDX-License-Identifier: GPL-3.0-or-later
"""When each check runs: the spread of the starts, the period, the queue of what is due.

Owns the order in time. Must never read a clock (it is told `now_ns`) nor know what a check does.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

# A server counts as live until its first check, so first checks come soon: never later than this
# after the start (keepalived's warm-up is random within delay_loop: a minute by default).
WARMUP_NS = 5_000_000_000
# Few checks need no spread at all: 200 starts a second are a few per cent of one core.
WARMUP_PER_CHECK_NS = 5_000_000
# Starts in one go, some ms of work: a herd (all due after a pause of this process) goes out in
# portions of this size, one at each point of the grid, and answers are read in between. 3,200
# starts a second are more than one core can check.
STARTS_AT_ONCE = 32
# Starts fall on a common grid, so that those of one moment share wake-ups of the loop. A fifth of
# the shortest delay_loop (50 ms); invisible beside the usual seconds.
GRID_NS = 10_000_000

# 2**64 divided by the golden ratio: the fractional parts of its multiples fill an interval evenly
# after any number of them, so that checks added later fall between the earlier ones.
_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def phase_ns(index: int, interval_ns: int) -> int:
    """The place of check number `index` inside an interval: even, and the same in every run."""
    return interval_ns * ((index * _GOLDEN) & _MASK) >> 64


def warmup_ns(count: int, delay_loop_ns: int) -> int:
    """The time within which `count` new checks with this delay_loop all start."""
    return min(delay_loop_ns, WARMUP_NS, count * WARMUP_PER_CHECK_NS)


def next_slot_ns(slot_ns: int, delay_loop_ns: int, now_ns: int) -> int:
    """The first of the times `slot_ns` + k * `delay_loop_ns` after `now_ns`.

    A check keeps its place inside the interval however long it took, so the spread of the start
    stays for ever; a check longer than delay_loop leaves turns out instead of overlapping.
    """
    if slot_ns > now_ns:
        return slot_ns
    return slot_ns + ((now_ns - slot_ns) // delay_loop_ns + 1) * delay_loop_ns


def on_grid_ns(at_ns: int) -> int:
    """`at_ns`, or the next point of the common grid after it."""
    return -(-at_ns // GRID_NS) * GRID_NS


class Queue(Generic[Item]):
    """Items by due time."""

    __slots__ = ("_heap", "_pushed")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Item]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, due_ns: int, item: Item) -> None:
        """Put `item` in line; equal times keep their order."""
        self._pushed += 1
        heapq.heappush(self._heap, (due_ns, self._pushed, item))

    def drop(self, unwanted: Callable[[Item], bool]) -> None:
        """Take out every item that is unwanted."""
        self._heap = [entry for entry in self._heap if not unwanted(entry[2])]
        heapq.heapify(self._heap)

    def next_ns(self) -> int | None:
        """When the first item is due; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ns: int) -> Item | None:
        """The first item if it is due at `now_ns`, taken out; else None."""
        if self._heap and self._heap[0][0] <= now_ns:
            return heapq.heappop(self._heap)[2]
        return None
