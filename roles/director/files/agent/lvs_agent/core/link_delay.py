# SPDX-License-Identifier: GPL-3.0-or-later
"""How long an interface must be down, or up, before that counts (interface_up_down_delays).

Owns the debouncing of one interface. Must never read a clock: the time is said with each call.
"""

from __future__ import annotations


class LinkDelay:
    """`down_ns` and `up_ns` as configured; monotonic nanoseconds throughout."""

    def __init__(self, down_ns: int, up_ns: int) -> None:
        self._down_ns = down_ns
        self._up_ns = up_ns
        self._index: int | None = None
        self._counts = False
        self._now_running = False
        self._since_ns = 0

    def change(self, down_ns: int, up_ns: int) -> None:
        """Other delays, from the next observation on."""
        self._down_ns = down_ns
        self._up_ns = up_ns

    def observe(self, index: int, running: bool, now_ns: int) -> bool:
        """The interface is `index` (0: there is none) and `running` or not; what counts.

        Another index is another interface: neither its state nor its absence waits. So is the
        first one ever seen: there is nothing to keep to.
        """
        if index != self._index:
            self._index = index
            self._counts = self._now_running = running
            self._since_ns = now_ns
        elif running != self._now_running:
            self._now_running = running
            self._since_ns = now_ns
        deadline_ns = self.deadline_ns
        if deadline_ns is not None and now_ns >= deadline_ns:
            self._counts = self._now_running
        return self._counts

    @property
    def deadline_ns(self) -> int | None:
        """When to call `observe` again, because what is so now will count; None: no need."""
        if self._now_running == self._counts:
            return None
        return self._since_ns + (self._up_ns if self._now_running else self._down_ns)
