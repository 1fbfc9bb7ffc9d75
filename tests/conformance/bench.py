# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's pure core as the conformance tests use it: instances, a receiver, a router.

Owns every call of the core's interface, so that a change of that interface is a change here.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from conformance import reference
from conformance.reference import Message, Standard
from lvs_agent.core.actions import Action, Announce, SendAdvert
from lvs_agent.core.events import (
    AdvertReceived,
    Event,
    InterfaceDown,
    InterfaceUp,
    Shutdown,
    TimerExpired,
)
from lvs_agent.core.messages import Hold, HoldApplied, LogLine
from lvs_agent.core.model import Config, GlobalDefs, VirtualAddress, VrrpInstance
from lvs_agent.core.vrrp.advertising import own_advert
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.packet import encode, encode_datagram
from lvs_agent.core.vrrp.receive import Accepted, Receiver, Rejected
from lvs_agent.core.vrrp.router import State
from vrrp_builders import MS, S, instance

__all__ = ["MS", "Accepted", "Hold", "Rejected", "S", "SendAdvert", "State"]

OURS = {4: "10.0.0.5", 6: "fe80::5"}
LOWER = {4: "10.0.0.4", 6: "fe80::4"}
HIGHER = {4: "10.0.0.6", 6: "fe80::6"}
VIRTUAL = {4: ("10.0.0.100", "10.0.0.101"), 6: ("fe80::100", "2001:db8::100")}
START = 1000 * S


def by_standard(*standards: Standard) -> pytest.MarkDecorator:
    """Run a test for each of these."""
    return pytest.mark.parametrize("standard", standards, ids=str)


every_standard = by_standard(*reference.ALL)
every_version_3 = by_standard(*reference.VERSION_3)


def settings(standard: Standard, **changes: Any) -> VrrpInstance:
    """An instance with priority 100, an interval of one second and two addresses, changed."""
    addresses = tuple(
        VirtualAddress(
            address=address, prefix_length=24 if standard.family == 4 else 64, interface="eth0"
        )
        for address in changes.pop("virtual", VIRTUAL[standard.family])
    )
    plain = instance(
        version=standard.version,
        family=standard.family,
        mcast_group=reference.GROUP[standard.family],
        addresses=addresses,
        v3_checksum_as_v2=not standard.pseudo_header,
    )
    return replace(plain, **changes)


def configured(*instances: VrrpInstance) -> Config:
    """A configuration with these instances and nothing else."""
    return Config(
        global_defs=GlobalDefs(router_id=None), vrrp_instances=instances, virtual_servers=()
    )


def number(address: str) -> int:
    """An address as the core has it: an unsigned integer."""
    return int(ip_address(address))


def message(standard: Standard, source: str | None = None, **changes: Any) -> Message:
    """What a peer like `settings` sends, by the reference codec, changed."""
    plain = Message(
        standard=standard,
        source=source or HIGHER[standard.family],
        destination=reference.GROUP[standard.family],
        addresses=VIRTUAL[standard.family],
        interval=1 if standard.version == 2 else 100,
    )
    return plain.but(**changes)


def own_message(of: VrrpInstance, *, resign: bool = False) -> bytes:
    """The VRRP message that the agent sends for `of`."""
    source, group = number(OURS[of.family]), number(of.mcast_group)
    return encode(own_advert(of, resign=resign), source, group)


def own_datagram(of: VrrpInstance) -> bytes:
    """The IP datagram that the agent sends for `of`."""
    return encode_datagram(own_advert(of), number(OURS[of.family]), number(of.mcast_group))


class Listener:
    """A receiver with instances on one interface, and the peer's side of the wire."""

    def __init__(self, *instances: VrrpInstance) -> None:
        self.instances = instances
        family = instances[0].family
        self.receiver = Receiver(family)
        self.receiver.set_own_addresses([number(OURS[family])])
        self.receiver.configure({each.virtual_router_id: each for each in instances})

    def hears(self, sent: Message, *, ttl: int = 255, **changes: Any) -> Accepted | Rejected:
        """What becomes of `sent`; `ttl` is the hop limit over IPv6."""
        sent = sent.but(**changes)
        return self.takes(sent.wire(), sent, ttl=ttl)

    def takes(self, raw: bytes, sent: Message, *, ttl: int = 255) -> Accepted | Rejected:
        """What becomes of the bytes `raw`, with the addresses of `sent`."""
        return self.receiver.examine(reference.datagram(sent, ttl=ttl, raw=raw))

    def rejects(self, vrid: int = 51) -> dict[str, int]:
        """Every reason with a count, of the VRID and of the interface."""
        counted: dict[str, int] = {}
        parts = [self.receiver.rejects]
        if any(each.virtual_router_id == vrid for each in self.instances):
            parts.append(self.receiver.rejects_of(vrid))
        for part in parts:
            for reason, count in part.items():
                if count:
                    counted[reason.value] = counted.get(reason.value, 0) + count
        return counted

    def remarks(self, vrid: int = 51) -> dict[str, int]:
        """Every remark and checksum reading with a count."""
        seen = self.receiver.seen_by(vrid).items()
        return {what.value: count for what, count in seen if count}


class Router:
    """A virtual router with a clock; collects what it does."""

    def __init__(self, of: VrrpInstance) -> None:
        self.now_ns = START
        self.standard = reference.RFC3768 if of.version == 2 else reference.RFC9568
        self.core = VirtualRouter(of, START)
        self.listener = Listener(of)

    @property
    def state(self) -> State:
        return self.core.state

    def feed(self, event: Event) -> list[Action]:
        return list(self.core.handle(event, self.now_ns))

    def start(self) -> list[Action]:
        """The interfaces work: Startup."""
        return self.feed(InterfaceUp(primary=number(OURS[self.core.instance.family])))

    def loses_interface(self) -> list[Action]:
        return self.feed(InterfaceDown(reason="interface eth0 is down"))

    def shutdown(self) -> list[Action]:
        return self.feed(Shutdown())

    def hears(self, priority: int, source: str | None = None, **changes: Any) -> list[Action]:
        """An advert, from its bytes on; one that the receiver rejects does nothing."""
        family = self.core.instance.family
        standard = next(
            each
            for each in reference.ALL
            if (each.version, each.family) == (self.core.instance.version, family)
        )
        sent = message(standard, source or HIGHER[family], priority=priority, **changes)
        result = self.listener.hears(sent)
        if isinstance(result, Rejected):
            return []
        return self.feed(result.event)

    def acknowledge(self, error: str | None = None) -> list[Action]:
        """The kernel process has set the addresses."""
        sequence = self.core.sequence
        return self.feed(HoldApplied(instance="web", hold=True, sequence=sequence, error=error))

    def expire(self, late_ns: int = 0) -> list[Action]:
        """Time passes until the next deadline."""
        assert self.core.deadline_ns is not None
        self.now_ns = self.core.deadline_ns + late_ns
        return self.feed(TimerExpired())

    def due_ns(self) -> int | None:
        """How long until the next deadline."""
        deadline_ns = self.core.deadline_ns
        return None if deadline_ns is None else deadline_ns - self.now_ns

    def passes(self, duration_ns: int) -> list[Action]:
        """Time passes, and whatever is due happens."""
        end_ns, done = self.now_ns + duration_ns, list[Action]()
        while self.core.deadline_ns is not None and self.core.deadline_ns <= end_ns:
            done += self.expire()
        self.now_ns = end_ns
        return done


def backup(of: VrrpInstance) -> Router:
    """A router in Backup."""
    router = Router(of)
    router.start()
    assert router.state is State.BACKUP
    return router


def active(of: VrrpInstance) -> Router:
    """A router in Active, whose addresses are set and announced."""
    router = Router(of)
    router.start()
    if router.state is State.BACKUP:
        router.expire()
    router.acknowledge()
    assert router.state is State.MASTER
    return router


def adverts(actions: list[Action]) -> list[str]:
    """The adverts among `actions`: "advert" or "resignation"."""
    return [
        "resignation" if action.resign else "advert"
        for action in actions
        if isinstance(action, SendAdvert)
    ]


def announced(actions: list[Action]) -> list[str]:
    """The addresses that `actions` announce to the neighbours."""
    lists = [action.addresses for action in actions if isinstance(action, Announce)]
    return [address for addresses in lists for address in addresses]


def log_lines(actions: list[Action]) -> list[str]:
    """What `actions` log."""
    return [action.text for action in actions if isinstance(action, LogLine)]


__all__ += ["AdvertReceived"]
