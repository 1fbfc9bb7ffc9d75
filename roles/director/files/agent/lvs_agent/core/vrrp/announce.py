# SPDX-License-Identifier: GPL-3.0-or-later
"""Gratuitous ARP: the frames, and when which of them goes out.

Owns the schedule of one instance as data. Must never send. A burst of 500 addresses times 5 takes
longer than a fast advert interval, so it is taken in slices: every address once first, then the
repetitions, and between two slices the event loop looks at the adverts' deadlines.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from lvs_agent.core.model import VrrpInstance

# 64 sends take well under a millisecond, a tenth of the shortest advert interval.
SLICE_FRAMES = 64
# Pause after a full device queue, and how many pauses in a row end the burst: 100 ms of them.
CONGESTION_PAUSE_NS = 1_000_000
_CONGESTION_LIMIT = 100

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = 0x0806
_ETHERTYPE_IPV4 = 0x0800
_HARDWARE_ETHERNET = 1
_REQUEST = 1


def gratuitous_arp(address: str, mac: bytes) -> bytes:
    """An Ethernet frame: ARP request, broadcast, sender and target both `address`.

    `mac` (6 bytes) is the sender's (RFC 9568 section 8.1.2 with the interface's own MAC). The
    target hardware address is not looked at in a request (RFC 826); it is zero.
    """
    ip = IPv4Address(address).packed
    return _ETHERNET.pack(_BROADCAST, mac, _ETHERTYPE_ARP) + _ARP.pack(
        _HARDWARE_ETHERNET, _ETHERTYPE_IPV4, 6, 4, _REQUEST, mac, ip, bytes(6), ip
    )


class Announcer:
    """When the addresses of one instance are announced.

    After `start`: a burst of `garp_master_repeat` rounds now, another of all addresses
    `garp_master_delay` later, then one round every `garp_master_refresh`.
    """

    def __init__(self, instance: VrrpInstance) -> None:
        self._queue: list[str] = []
        self._next = 0
        self._queue_at_ns = 0
        self._second_at_ns: int | None = None
        self._refresh_at_ns: int | None = None
        self._congested = 0
        self.update(instance)

    def update(self, instance: VrrpInstance) -> None:
        """Go by these settings; addresses that are gone are not announced any more."""
        self._instance = instance
        self._all = tuple(address.address for address in instance.addresses)
        left = self._queue[self._next :]
        known = set(self._all)
        self._queue, self._next = [address for address in left if address in known], 0

    @property
    def deadline_ns(self) -> int | None:
        """When `take` has something to give; None for never."""
        queue_at_ns = self._queue_at_ns if self._next < len(self._queue) else None
        times = (queue_at_ns, self._second_at_ns, self._refresh_at_ns)
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def start(self, addresses: tuple[str, ...], now_ns: int) -> None:
        """Announce `addresses` from now on; what is still to be sent goes out as well."""
        instance = self._instance
        wanted = tuple(address for address in addresses if address in set(self._all))
        # Bounded: what waits already is not queued again, so at most one burst of everything is.
        waiting = set(self._queue[self._next :])
        new = [address for address in wanted if address not in waiting]
        self._queue = self._queue[self._next :] + new * instance.garp_master_repeat
        self._next = 0
        self._queue_at_ns = now_ns
        self._congested = 0
        delay_ns, refresh_ns = instance.garp_master_delay_ns, instance.garp_master_refresh_ns
        self._second_at_ns = now_ns + delay_ns if delay_ns else None
        self._refresh_at_ns = now_ns + refresh_ns if refresh_ns else None

    def stop(self) -> None:
        """Announce nothing more."""
        self._queue, self._next = [], 0
        self._second_at_ns = self._refresh_at_ns = None

    def take(self, now_ns: int) -> list[str]:
        """The addresses to announce now, at most SLICE_FRAMES; call again when `deadline_ns` says.

        A frame that did not go out is given back with `congested`.
        """
        if self._second_at_ns is not None and self._second_at_ns <= now_ns:
            self._second_at_ns = None
            self._refill(self._instance.garp_master_repeat, now_ns)
        if self._refresh_at_ns is not None and self._refresh_at_ns <= now_ns:
            self._refresh_at_ns = now_ns + self._instance.garp_master_refresh_ns
            if self._next >= len(self._queue):
                self._refill(1, now_ns)
        if now_ns < self._queue_at_ns:
            return []
        taken = self._queue[self._next : self._next + SLICE_FRAMES]
        self._next += len(taken)
        if self._next >= len(self._queue):
            self._queue, self._next = [], 0
        return taken

    def _refill(self, rounds: int, now_ns: int) -> None:
        self._queue, self._next = list(self._all) * rounds, 0
        self._queue_at_ns = now_ns
        self._congested = 0

    def congested(self, unsent: list[str], now_ns: int) -> None:
        """The device's queue is full: try `unsent` again after a pause, not for ever."""
        self._congested += 1
        if self._congested > _CONGESTION_LIMIT:
            self._queue, self._next = [], 0
            return
        self._queue, self._next = unsent + self._queue[self._next :], 0
        self._queue_at_ns = now_ns + CONGESTION_PAUSE_NS
