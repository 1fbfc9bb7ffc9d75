# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated network: one segment per virtual router, and everything that can befall a frame.

Owns the delays and the troubles. Must never look into a frame.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.host import Host
    from sim.world import Fault, World

Link = tuple[int, int]
"""Sender and receiver, as numbers of hosts: every link is two, one for each way."""

# Longest way of a frame on a healthy network, as a part of the advert interval: 25 ms at one
# second is a very slow LAN.
HEALTHY_PART = 40
_SHORTEST_NS = 20_000


@dataclass(slots=True, eq=False)
class Trouble:
    """Probabilities per frame on `links`; `late_ns` is the greatest delay of a late one."""

    fault: Fault
    links: frozenset[Link]
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_ns: int = 0


class Fate(StrEnum):
    """What is to happen to one single frame."""

    LOST = "lost"
    LOST_AT_SENDER = "lost at the sender"
    DOUBLED = "doubled"
    LATE = "late"
    CORRUPTED = "corrupted"


@dataclass(slots=True, eq=False)
class Single:
    """One fault of one frame: the next that goes over `link`."""

    fault: Fault
    fate: Fate
    link: Link
    late_ns: int = 0
    bit: float = 0.0


class Segment:
    """The network of one virtual router. `busy_until_ns`: when the last troubled frame arrives."""

    def __init__(self, world: World, number: int, interval_ns: int) -> None:
        self._world = world
        self._number = number
        self._random: random.Random = world.random
        self.healthy_ns = interval_ns // HEALTHY_PART
        self.troubles: list[Trouble] = []
        self.single: Single | None = None
        self.busy_until_ns = 0
        # A healthy way keeps the order: when its last frame arrives.
        self._last_ns: dict[Link, int] = {}

    def whole(self, link: Link) -> bool:
        """No trouble on this way at the moment."""
        return not any(link in trouble.links for trouble in self.troubles)

    def transmit(self, sender: Host, datagram: bytes) -> None:
        """A frame to everybody else on the segment."""
        world, number, source = self._world, self._number, sender.index
        chance = self._random.random
        span = self.healthy_ns - _SHORTEST_NS
        now_ns, at, last_ns = world.timeline.now_ns, world.timeline.at, self._last_ns
        for host in world.hosts:
            if host is sender or not host.reachable(number):
                continue
            arrival_ns = now_ns + _SHORTEST_NS + int(chance() * span)
            link = (source, host.index)
            arrival_ns = last_ns[link] = max(arrival_ns, last_ns.get(link, 0) + 1)
            if self.single is not None and self.single.link[0] == source:
                self._transmit_single(host, datagram, arrival_ns)
            elif not self.troubles:
                at(arrival_ns, host.arrive, number, datagram)
            else:
                self._transmit_troubled(sender, host, datagram, arrival_ns)
        if self.single is not None and self.single.fate is Fate.LOST_AT_SENDER:
            self._done(self.single)

    def _transmit_troubled(
        self, sender: Host, host: Host, datagram: bytes, arrival_ns: int
    ) -> None:
        world, chance, link = self._world, self._random.random, (sender.index, host.index)
        copies = 1
        for trouble in self.troubles:
            if link not in trouble.links:
                continue
            if trouble.lost and chance() < trouble.lost:
                trouble.fault.took_effect()
                return
            if trouble.doubled and chance() < trouble.doubled:
                trouble.fault.took_effect()
                copies += 1
            if trouble.late and chance() < trouble.late:
                trouble.fault.took_effect()
                arrival_ns += int(chance() * trouble.late_ns)
                self.busy_until_ns = max(self.busy_until_ns, arrival_ns + self.healthy_ns)
        for copy in range(copies):
            world.timeline.at(
                arrival_ns + copy * self.healthy_ns, host.arrive, self._number, datagram
            )
        if copies > 1:
            last_ns = arrival_ns + copies * self.healthy_ns
            self.busy_until_ns = max(self.busy_until_ns, last_ns)

    def _done(self, single: Single) -> None:
        single.fault.took_effect()
        self.single = None

    def _transmit_single(self, host: Host, datagram: bytes, arrival_ns: int) -> None:
        """One frame's own fate; every other way of the same frame is healthy."""
        single, at, number = self.single, self._world.timeline.at, self._number
        assert single is not None
        if single.fate is Fate.LOST_AT_SENDER:
            return
        if single.link[1] != host.index:
            at(arrival_ns, host.arrive, number, datagram)
            return
        match single.fate:
            case Fate.DOUBLED:
                at(arrival_ns, host.arrive, number, datagram)
                at(arrival_ns + single.late_ns, host.arrive, number, datagram)
            case Fate.LATE:
                at(arrival_ns + single.late_ns, host.arrive, number, datagram)
            case Fate.CORRUPTED:
                wrong = corrupted(datagram, single.bit)
                self._world.watch.corrupted.add(wrong)
                at(arrival_ns, host.arrive, number, wrong)
            case _:
                pass  # lost
        self._done(single)


def corrupted(datagram: bytes, where: float) -> bytes:
    """One bit of the VRRP message turned over; `where` in [0, 1). The receiver has to notice."""
    header = 40 if datagram[0] >> 4 == 6 else 20
    bit = int(where * (len(datagram) - header) * 8)
    changed = bytearray(datagram)
    changed[header + bit // 8] ^= 1 << bit % 8
    return bytes(changed)
