# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an instance can work on its interfaces, as the kernel process reports them.

Owns that judgement, and what an instance needs of which interface. Must never ask the system
itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lvs_agent.core.events import InterfaceDown, InterfaceUp
from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import AhAuthentication, VrrpInstance
from lvs_agent.core.vrrp.advertising import address_number, sending_interface


def condition(
    instance: VrrpInstance, links: Mapping[str, LinkState]
) -> InterfaceUp | InterfaceDown | None:
    """The event that says how the interfaces are; None while one that has to do with adverts, its
    own or its VMAC, is unknown.

    As in keepalived, a virtual address on another interface makes that one's failure a failure of
    the instance: a director cannot serve an address that nobody reaches. `track_primary` False
    (dont_track_primary) lets an instance work on while its own interface is down, not while there
    is none.
    """
    own = links.get(instance.interface)
    if own is None or sending_interface(instance) not in links:
        return None
    for name in interfaces(instance):
        link = links.get(name)
        if link is None:
            continue
        if link.index == 0:
            return InterfaceDown(reason=f"interface {name} does not exist")
        if not link.running and (instance.track_primary or name != instance.interface):
            return InterfaceDown(reason=f"interface {name} is down")
    if instance.unicast_fault_no_peer and not instance.peers:
        return InterfaceDown(reason="no unicast_peer is configured (unicast_fault_no_peer)")
    source = source_of(instance, links)
    if source is None:
        kind = "IPv6 link-local" if instance.family == 6 else "IPv4"
        return InterfaceDown(
            reason=f"interface {instance.interface} has no {kind} address to send adverts from"
        )
    if instance.source is not None and instance.track_source and source not in own.sources:
        return InterfaceDown(
            reason=f"interface {instance.interface} lacks the adverts' source address {source}"
        )
    return InterfaceUp(primary=address_number(source))


def source_of(instance: VrrpInstance, links: Mapping[str, LinkState]) -> str | None:
    """The source address of the instance's adverts; None while the interface has none."""
    if instance.source is not None:
        return instance.source
    own = links.get(instance.interface)
    if own is None:
        return None
    return own.primary6 if instance.family == 6 else own.primary


def interfaces(instance: VrrpInstance) -> tuple[str, ...]:
    """Every interface that the instance needs, once, its own first."""
    names = [instance.interface]
    if instance.vmac is not None:
        names.append(instance.vmac.interface)
    names += [address.interface for address in (*instance.addresses, *instance.excluded)]
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The sockets that instances need on one interface.

    `groups`: family and multicast group to listen to; `unicast`: families to listen for unicast
    packets; `header`: also for AH. `send`: families of the adverts that leave here. `frames`: GARP
    and NA leave here. `claims`: family and address whose other holders are listened to.
    `vrids`: all that is worth receiving, by family. `mac`: listen to this sender alone.
    """

    groups: frozenset[tuple[int, str]] = frozenset()
    unicast: frozenset[int] = frozenset()
    header: bool = False
    send: frozenset[int] = frozenset()
    frames: bool = False
    claims: frozenset[tuple[int, str]] = frozenset()
    vrids: frozenset[tuple[int, int]] = frozenset()
    mac: str | None = None

    def __or__(self, other: Need) -> Need:
        return Need(
            groups=self.groups | other.groups,
            unicast=self.unicast | other.unicast,
            header=self.header or other.header,
            send=self.send | other.send,
            frames=self.frames or other.frames,
            claims=self.claims | other.claims,
            vrids=self.vrids | other.vrids,
            mac=self.mac or other.mac,
        )

    @property
    def listen(self) -> frozenset[int]:
        """The families that adverts are received of."""
        return self.unicast | {family for family, __ in self.groups}


def needs(instances: Iterable[VrrpInstance]) -> dict[str, Need]:
    """What all of `instances` need together, by interface."""
    found: dict[str, Need] = {}
    for instance in instances:
        for name, need in _needs_of(instance):
            found[name] = found.get(name, Need()) | need
    return found


def _needs_of(instance: VrrpInstance) -> list[tuple[str, Need]]:
    family = frozenset({instance.family})
    listening = Need(
        groups=frozenset()
        if instance.peers
        else frozenset({(instance.family, instance.mcast_group)}),
        unicast=family if instance.peers else frozenset(),
        header=isinstance(instance.authentication, AhAuthentication),
        vrids=frozenset({(instance.family, instance.virtual_router_id)}),
    )
    also = []
    if instance.vmac is not None and not instance.peers:
        # A frame whose sender has the MAC of a macvlan of ours, as every other master with a VMAC
        # has, goes to that macvlan and not to the interface (drivers/net/macvlan.c,
        # macvlan_handle_frame). Others go to both, and the interface hears those.
        also.append((instance.vmac.interface, replace(listening, mac=instance.vmac.mac)))
    announcing = [
        (address.interface, Need(frames=True, claims=_claims(instance, address.address)))
        for address in (*instance.addresses, *instance.excluded)
    ]
    return [
        (instance.interface, listening),
        *also,
        (sending_interface(instance), Need(send=family)),
        *announcing,
    ]


def _claims(instance: VrrpInstance, address: str) -> frozenset[tuple[int, str]]:
    """What to listen for where dual_active_probe asks who else has an address."""
    if not instance.dual_active_probe_ns:
        return frozenset()
    return frozenset({(6 if ":" in address else 4, address)})


def mac_bytes(mac: str | None) -> bytes | None:
    """The 6 bytes of an Ethernet address; None if the link has none of that kind."""
    try:
        packed = bytes.fromhex((mac or "").replace(":", ""))
    except ValueError:
        return None
    return packed if len(packed) == 6 else None
