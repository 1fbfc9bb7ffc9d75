# SPDX-License-Identifier: GPL-3.0-or-later
"""The event loop of every process: file descriptors, and deadlines on the monotonic clock.

Owns waiting. Must never know what the callbacks do. One epoll, one heap; no threads, no asyncio
(its selector rounds a timeout up to a millisecond: a takeover at T = 10 ms would show it).
"""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable

Callback = Callable[[], None]

# Ready descriptors taken in one turn: deadlines are looked at again after so many.
EVENTS_PER_TURN = 64


class Timer:
    """A deadline set by `Loop.call_at`; `cancel` makes it never fire."""

    __slots__ = ("callback", "deadline_ns")

    def __init__(self, deadline_ns: int, callback: Callback | None) -> None:
        self.deadline_ns = deadline_ns
        self.callback = callback

    def cancel(self) -> None:
        """Forget the callback; the heap drops the entry when its time comes."""
        self.callback = None

    def __lt__(self, other: Timer) -> bool:
        return self.deadline_ns < other.deadline_ns


class Loop:
    """epoll with microsecond deadlines: `select(2)` on the epoll descriptor waits, epoll tells."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[Timer] = []
        self._stopped = False
        # What is told how many nanoseconds after a deadline a turn came to it.
        self.on_late: Callable[[int], None] | None = None

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC, nanoseconds."""
        return time.monotonic_ns()

    def call_at(self, deadline_ns: int, callback: Callback) -> Timer:
        """Run `callback` once, at `deadline_ns` or as soon after it as the loop gets there."""
        timer = Timer(deadline_ns, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def add_reader(self, fileno: int, callback: Callback) -> None:
        """Run `callback` whenever `fileno` is readable, closed or in error."""
        self._update(fileno, self._readers, callback)

    def add_writer(self, fileno: int, callback: Callback) -> None:
        """Run `callback` whenever `fileno` is writable, closed or in error."""
        self._update(fileno, self._writers, callback)

    def remove_reader(self, fileno: int) -> None:
        """Stop watching `fileno` for reading; harmless when it was not watched."""
        self._update(fileno, self._readers, None)

    def remove_writer(self, fileno: int) -> None:
        """Stop watching `fileno` for writing; harmless when it was not watched."""
        self._update(fileno, self._writers, None)

    def _update(self, fileno: int, table: dict[int, Callback], callback: Callback | None) -> None:
        known = fileno in self._readers or fileno in self._writers
        if callback is None:
            table.pop(fileno, None)
        else:
            table[fileno] = callback
        mask = (select.EPOLLIN if fileno in self._readers else 0) | (
            select.EPOLLOUT if fileno in self._writers else 0
        )
        if known and mask:
            self._epoll.modify(fileno, mask)
        elif known:
            self._epoll.unregister(fileno)
        elif mask:
            self._epoll.register(fileno, mask)

    def stop(self) -> None:
        """Make `run` return after the current turn; before `run`, at once: a process may find its
        supervisor dead with the first word it says."""
        self._stopped = True

    def run(self) -> None:
        """Serve until `stop`. An exception of a callback ends the process: it is a bug."""
        while not self._stopped:
            self.turn()
        self._stopped = False

    def turn(self, longest_wait_ns: int | None = None) -> None:
        """Wait for the next deadline or descriptor, then serve descriptors before deadlines.

        That order matters: when the process was held up, an advert may be waiting that makes the
        expired timer moot.
        """
        self._serve_ready(self._wait_ns(longest_wait_ns))
        now_ns = self.now_ns()
        if self.on_late is not None and self._timers and self._timers[0].deadline_ns < now_ns:
            self.on_late(now_ns - self._timers[0].deadline_ns)
        while self._timers and self._timers[0].deadline_ns <= now_ns:
            callback = heapq.heappop(self._timers).callback
            if callback is not None:
                callback()

    def _wait_ns(self, longest_wait_ns: int | None) -> int | None:
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return longest_wait_ns
        wait_ns = max(0, self._timers[0].deadline_ns - self.now_ns())
        return wait_ns if longest_wait_ns is None else min(wait_ns, longest_wait_ns)

    def _serve_ready(self, wait_ns: int | None) -> None:
        seconds = None if wait_ns is None else wait_ns / 1e9
        if not select.select([self._epoll], [], [], seconds)[0]:
            return
        for fileno, mask in self._epoll.poll(0, EVENTS_PER_TURN):
            # A callback may remove any descriptor, so look each one up at its turn.
            if mask & ~select.EPOLLOUT and (reader := self._readers.get(fileno)):
                reader()
            if mask & ~select.EPOLLIN and (writer := self._writers.get(fileno)):
                writer()

    def close(self) -> None:
        """Close the epoll descriptor. The descriptors watched stay open."""
        self._epoll.close()
