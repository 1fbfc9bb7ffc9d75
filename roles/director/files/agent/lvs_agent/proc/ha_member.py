# SPDX-License-Identifier: GPL-3.0-or-later
"""One VRRP instance as the ha process runs it: state machine, announcer, and ready-made packets.

Owns the packets and the two timers of an instance. Must never send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.announce import Announcer, gratuitous_arp
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.links import mac_bytes
from lvs_agent.core.vrrp.packet import encode_datagram
from lvs_agent.core.vrrp.receive import own_advert
from lvs_agent.proc.loop import Loop, Timer

# Interface, VRID, VRRP version, group: what makes two settings the same virtual router.
Key = tuple[str, int, int, str]


def key_of(instance: VrrpInstance) -> Key:
    """The identity of an instance; its name is not part of it."""
    return (
        instance.interface,
        instance.virtual_router_id,
        instance.version,
        instance.mcast_group4,
    )


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
    """An instance at work. `datagram` and `resignation` are None until the address is known."""

    def __init__(
        self,
        instance: VrrpInstance,
        loop: Loop,
        *,
        adopt: bool,
        on_alarm: Callable[[Member], None],
        on_announce: Callable[[Member], None],
    ) -> None:
        self.router = VirtualRouter(instance, loop.now_ns(), adopt=adopt)
        self.announcer = Announcer(instance)
        self.alarm = Alarm(loop, lambda: on_alarm(self))
        self.announce_alarm = Alarm(loop, lambda: on_announce(self))
        self.datagram: bytes | None = None
        self.resignation: bytes | None = None
        # By address: the interface and the frame that announces it there.
        self.frames: dict[str, tuple[str, bytes]] = {}

    @property
    def instance(self) -> VrrpInstance:
        return self.router.instance

    def interfaces(self) -> set[str]:
        """Every interface that the instance needs."""
        return {self.instance.interface, *(a.interface for a in self.instance.addresses)}

    def prepare(self, instance: VrrpInstance, links: Mapping[str, LinkState]) -> None:
        """Make the packets for these settings and interfaces."""
        own = links.get(instance.interface)
        # Without an address the packets made before stay: a resignation may still go out.
        if own is not None and own.primary is not None:
            source = int(IPv4Address(own.primary))
            group = int(IPv4Address(instance.mcast_group4))
            self.datagram, self.resignation = (
                encode_datagram(own_advert(instance, resign=resign), source, group)
                for resign in (False, True)
            )
        self.frames = {}
        for each in instance.addresses:
            link = links.get(each.interface)
            mac = None if link is None else mac_bytes(link.mac)
            if mac is not None:
                self.frames[each.address] = (each.interface, gratuitous_arp(each.address, mac))

    def close(self) -> None:
        """Cancel both timers."""
        self.alarm.cancel()
        self.announce_alarm.cancel()
