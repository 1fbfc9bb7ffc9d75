# SPDX-License-Identifier: GPL-3.0-or-later
"""Gratuitous ARP and unsolicited Neighbor Advertisements: when which address is announced.

Owns the schedule of one instance as data. Must never send, nor build a frame (`neighbours.py`). A
burst of 500 addresses times 5 takes longer than a fast advert interval, so it is taken in slices:
every address once first, then the repetitions, and between two slices the event loop looks at the
adverts' deadlines.
"""

from __future__ import annotations

from lvs_agent.core.model import VrrpInstance

# 64 sends take well under a millisecond, a tenth of the shortest advert interval.
SLICE_FRAMES = 64
# Pause after a full device queue, and how many pauses in a row end the burst: 100 ms of them.
CONGESTION_PAUSE_NS = 1_000_000
_CONGESTION_LIMIT = 100


def pause_after_ns(instance: VrrpInstance, address: str) -> int:
    """The time from the announcement of `address` to the next one on its interface."""
    return instance.gna_interval_ns if ":" in address else instance.garp_interval_ns


class Announcer:
    """When the addresses of one instance are announced, those that no advert lists included.

    After `start`: a burst of `garp_master_repeat` rounds now, another of all addresses
    `garp_master_delay` later, then `garp_master_refresh_repeat` rounds every
    `garp_master_refresh`. Between two frames lies `garp_interval` (IPv4) or `gna_interval` (IPv6).
    """

    def __init__(self, instance: VrrpInstance) -> None:
        self._queue: list[str] = []
        self._next = 0
        self._queue_at_ns = 0
        self._second_at_ns: int | None = None
        self._second_rounds = 0
        self._refresh_at_ns: int | None = None
        self._congested = 0
        self.update(instance)

    def update(self, instance: VrrpInstance) -> None:
        """Go by these settings; addresses that are gone are not announced any more."""
        self._instance = instance
        self._all = tuple(each.address for each in (*instance.addresses, *instance.excluded))
        left = self._queue[self._next :]
        known = set(self._all)
        self._queue, self._next = [address for address in left if address in known], 0

    @property
    def deadline_ns(self) -> int | None:
        """When `take` has something to give; None for never."""
        queue_at_ns = self._queue_at_ns if self._next < len(self._queue) else None
        times = (queue_at_ns, self._second_at_ns, self._refresh_at_ns)
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def start(self, addresses: tuple[str, ...], now_ns: int, repeat: int | None = None) -> None:
        """Announce `addresses` from now on; what is still to be sent goes out as well.

        `repeat` None: as a new master. Otherwise so many rounds, as the answer to a losing advert,
        and as many again after `garp_lower_prio_delay`; the refreshing goes on as it was.
        """
        instance = self._instance
        rounds, delay_ns = instance.garp_master_repeat, instance.garp_master_delay_ns
        if repeat is None:
            refresh_ns = instance.garp_master_refresh_ns
            self._refresh_at_ns = now_ns + refresh_ns if refresh_ns else None
        else:
            rounds, delay_ns = repeat, instance.garp_lower_prio_delay_ns
        self._enqueue(addresses, rounds, now_ns)
        if repeat is None or (rounds and delay_ns):
            self._second_at_ns = now_ns + delay_ns if delay_ns else None
            self._second_rounds = rounds

    def _enqueue(self, addresses: tuple[str, ...], rounds: int, now_ns: int) -> None:
        # Bounded: what waits already is not queued again, so at most one burst of everything is.
        waiting = self._queue[self._next :]
        allowed = set(self._all) - set(waiting)
        new = [address for address in addresses if address in allowed]
        if not waiting:
            self._queue_at_ns = max(self._queue_at_ns, now_ns)
            self._congested = 0
        self._queue, self._next = waiting + new * rounds, 0

    def stop(self) -> None:
        """Announce nothing more."""
        self._queue, self._next = [], 0
        self._queue_at_ns = 0
        self._second_at_ns = self._refresh_at_ns = None

    def take(self, now_ns: int) -> list[str]:
        """The addresses to announce now, at most SLICE_FRAMES; call again when `deadline_ns` says.

        A frame that did not go out is given back with `congested`.
        """
        if self._second_at_ns is not None and self._second_at_ns <= now_ns:
            self._second_at_ns = None
            self._refill(self._second_rounds, now_ns)
        if self._refresh_at_ns is not None and self._refresh_at_ns <= now_ns:
            self._refresh_at_ns = now_ns + self._instance.garp_master_refresh_ns
            if self._next >= len(self._queue):
                self._refill(self._instance.garp_master_refresh_repeat, now_ns)
        if now_ns < self._queue_at_ns:
            return []
        # The next slice is due now, and not since the beginning: others are due before it.
        self._queue_at_ns = now_ns
        taken = self._slice(now_ns)
        self._next += len(taken)
        if self._next >= len(self._queue):
            self._queue, self._next = [], 0
        return taken

    def _slice(self, now_ns: int) -> list[str]:
        """Ends with the first address that is paused after."""
        taken = self._queue[self._next : self._next + SLICE_FRAMES]
        if not (self._instance.garp_interval_ns or self._instance.gna_interval_ns):
            return taken
        for at, address in enumerate(taken):
            if pause_ns := pause_after_ns(self._instance, address):
                self._queue_at_ns = now_ns + pause_ns
                return taken[: at + 1]
        return taken

    def _refill(self, rounds: int, now_ns: int) -> None:
        # A pause between frames is kept across bursts.
        if self._next >= len(self._queue):
            self._queue_at_ns = max(self._queue_at_ns, now_ns)
        self._queue, self._next = list(self._all) * rounds, 0
        self._congested = 0

    def congested(self, unsent: list[str], now_ns: int) -> None:
        """The device's queue is full: try `unsent` again after a pause, not for ever."""
        self._congested += 1
        if self._congested > _CONGESTION_LIMIT:
            self._queue, self._next = [], 0
            return
        self.postpone(unsent, now_ns + CONGESTION_PAUSE_NS)

    def postpone(self, unsent: list[str], until_ns: int) -> None:
        """Give `unsent` back: another instance has just used the interface's turn."""
        self._queue, self._next = unsent + self._queue[self._next :], 0
        self._queue_at_ns = until_ns
