# SPDX-License-Identifier: GPL-3.0-or-later
"""One VRRP instance as the wire needs it: ready-made packets and frames, and the announcer.

Owns the packets. Must never send, and never know a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import AhAuthentication, VrrpInstance
from lvs_agent.core.vrrp.advertising import address_number, destinations, own_advert, sent_ttl
from lvs_agent.core.vrrp.announce import Announcer
from lvs_agent.core.vrrp.auth import seal
from lvs_agent.core.vrrp.links import mac_bytes, source_of
from lvs_agent.core.vrrp.neighbours import announcement, probe
from lvs_agent.core.vrrp.packet import encode, encode_datagram
from lvs_agent.proc.loop import Loop, Timer

# Destination, and the datagram for it.
Parcel = tuple[str, bytes]


class Alarm:
    """One deadline that moves. Moved back, it costs nothing until the old one comes."""

    __slots__ = ("_callback", "_loop", "_timer")

    def __init__(self, loop: Loop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._timer: Timer | None = None

    def set(self, deadline_ns: int | None) -> None:
        """Call back at `deadline_ns` or before it; None: a call may still come, or none."""
        timer = self._timer
        if deadline_ns is None or (timer is not None and timer.deadline_ns <= deadline_ns):
            return
        self.cancel()
        self._timer = self._loop.call_at(deadline_ns, self._fire)

    def cancel(self) -> None:
        """No call comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._callback()


class Member:
    """An instance's packets. Without a source address none can be made."""

    def __init__(
        self, instance: VrrpInstance, loop: Loop, on_announce: Callable[[Member], None]
    ) -> None:
        self.instance = instance
        self.announcer = Announcer(instance)
        self.announce_alarm = Alarm(loop, lambda: on_announce(self))
        self.sequence = 0  # the last of an AH
        # By address: the interface, the frame that announces it there, and the one that asks.
        self.frames: dict[str, tuple[str, bytes]] = {}
        self.probes: dict[str, tuple[str, bytes]] = {}
        self._source: int | None = None
        # By priority; 0 is the resignation.
        self._parcels: dict[int, tuple[Parcel, ...]] = {}

    def prepare(self, instance: VrrpInstance, links: Mapping[str, LinkState]) -> None:
        """Make the packets for these settings and interfaces."""
        if instance != self.instance:
            self.announcer.update(instance)
            self.instance = instance
        source = source_of(instance, links)
        # Without an address the packets made before stay: a resignation may still go out.
        if source is not None:
            self._source = address_number(source)
        self._parcels = {}
        self.frames, self.probes = {}, {}
        for each in (*instance.addresses, *instance.excluded):
            link = links.get(each.interface)
            mac = None if link is None else mac_bytes(link.mac)
            if mac is None:
                continue
            self.frames[each.address] = (each.interface, announcement(each.address, mac))
            self.probes[each.address] = (each.interface, probe(each.address, mac))

    def parcels(self, priority: int, sequence: Callable[[], int]) -> tuple[Parcel, ...]:
        """The datagrams of one advert; `priority` 0 is the resignation.

        `sequence` gives the next number when the instance has an AH, which no two adverts share.
        """
        authentication = self.instance.authentication
        if isinstance(authentication, AhAuthentication):
            self.sequence = sequence()
            return self._sealed(priority, authentication.key)
        parcels = self._parcels.get(priority)
        if parcels is None:
            # One kept, besides the resignation: priorities come and go with the trackers.
            self._parcels = {key: kept for key, kept in self._parcels.items() if key == 0}
            parcels = self._parcels[priority] = self._plain(priority)
        return parcels

    def _plain(self, priority: int) -> tuple[Parcel, ...]:
        instance, source = self.instance, self._source
        if source is None:
            return ()
        advert, ttl = own_advert(instance, priority=priority), sent_ttl(instance)
        return tuple(
            (to, encode_datagram(advert, source, address_number(to), ttl=ttl))
            for to in destinations(instance)
        )

    def _sealed(self, priority: int, key: bytes) -> tuple[Parcel, ...]:
        instance, source = self.instance, self._source
        if source is None:
            return ()
        message = encode(own_advert(instance, priority=priority), 0, 0)
        ttl, sequence = sent_ttl(instance), self.sequence
        return tuple(
            (to, seal(key, message, source, address_number(to), ttl=ttl, sequence=sequence))
            for to in destinations(instance)
        )

    def close(self) -> None:
        """Cancel the timer."""
        self.announce_alarm.cancel()
