# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules between hosts need to see of a configuration document.

Owns tolerant reading: a value that the agent's checker rejects is None or left out here, so that
one mistake hides no other. Must never report anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _tracking
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
InterfaceAddress = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Interfaces = dict[str, tuple[InterfaceAddress, ...]]
# The transport of an instance with unicast_peer.
UNICAST = "unicast"


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualAddressView:
    """A virtual address, and the index under which the instance lists it."""

    index: int
    address: InterfaceAddress
    device: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """A VRRP instance of one director. `shared` is what all its directors must agree on.

    `transport` is the multicast group, or "unicast". `peers` and `source` are what unicast adverts
    go to and come from, as far as it is said. `weights`: what a failing tracker takes from the
    priority, by the option's path below the instance.
    """

    director: str
    name: str
    interface: str | None
    virtual_router_id: int | None
    priority: int
    family: int
    transport: str
    source: Address | None
    peers: tuple[Address, ...]
    vmac: str | None
    preempts: bool
    addresses: tuple[VirtualAddressView, ...]
    excluded: tuple[VirtualAddressView, ...]
    weights: Mapping[str, int]
    shared: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"vrrp_instances.{self.name}"

    def all_addresses(self) -> Iterator[tuple[str, VirtualAddressView]]:
        """Every virtual address, with the option that lists it."""
        for each in self.addresses:
            yield "virtual_ipaddress", each
        for each in self.excluded:
            yield "virtual_ipaddress_excluded", each


def instances(director: str, document: Mapping[str, Any]) -> Iterator[InstanceView]:
    """The instances of `document`, as far as they can be read."""
    global_defs = section(document, "global_defs")
    for name, values in _named(document.get("vrrp_instances")):
        addresses = tuple(_virtual_addresses(values, "virtual_ipaddress"))
        peers = tuple(_peers(values.get("unicast_peer")))
        source = _ip(values.get("unicast_src_ip") or values.get("mcast_src_ip"))
        family = next((each.version for each in _told(addresses, source, peers)), 4)
        unicast = peers or values.get("unicast_peer") == "auto"
        transport = UNICAST if unicast else _group(values, global_defs, family)
        priority = _or_default(values.get("priority"), "vrrp_instance.priority")
        yield InstanceView(
            director=director,
            name=name,
            interface=_text(values.get("interface")),
            virtual_router_id=_whole(values.get("virtual_router_id")),
            priority=_whole(priority) or 0,
            family=family,
            transport=transport,
            source=source,
            peers=peers,
            vmac=_vmac(values, global_defs, family),
            preempts=not values.get("nopreempt") and values.get("preempt") is not False,
            addresses=addresses,
            excluded=tuple(_virtual_addresses(values, "virtual_ipaddress_excluded")),
            weights=dict(_tracking.weights(values, document)),
            shared=_shared(values, global_defs, family, transport, addresses),
        )


def _told(
    addresses: tuple[VirtualAddressView, ...], source: Address | None, peers: tuple[Address, ...]
) -> Iterator[Address]:
    """Whatever tells the family of an instance, the most telling first."""
    yield from (each.address.ip for each in addresses)
    if source is not None:
        yield source
    yield from peers


def _group(values: Mapping[str, Any], global_defs: Mapping[str, Any], family: int) -> str:
    option = f"vrrp_mcast_group{family}"
    usual = _or_default(global_defs.get(option), f"global_defs.{option}")
    return str(_or(values, "mcast_dst_ip", usual))


def _vmac(values: Mapping[str, Any], global_defs: Mapping[str, Any], family: int) -> str | None:
    """The name of the instance's VMAC interface, None without one."""
    used = values.get("use_vmac")
    if used is None or used is False:
        return None
    words = used.split() if isinstance(used, str) else []
    name = used.get("name") if isinstance(used, Mapping) else None
    if words or isinstance(name, str):
        return str(words[0] if words else name)
    prefix = _or_default(global_defs.get("vmac_prefix"), "global_defs.vmac_prefix")
    return f"{prefix}{'6' if family == 6 else ''}.{values.get('virtual_router_id')}"


def _shared(
    values: Mapping[str, Any],
    global_defs: Mapping[str, Any],
    family: int,
    transport: str,
    addresses: tuple[VirtualAddressView, ...],
) -> dict[str, Any]:
    usual = _or_default(global_defs.get("vrrp_version"), "global_defs.vrrp_version")
    version = _or(values, "version", 3 if family == 6 else usual)
    group = "mcast_dst_ip" if values.get("mcast_dst_ip") else f"vrrp_mcast_group{family}"
    return {
        "virtual_router_id": values.get("virtual_router_id"),
        "version": str(version),
        "advert_int": _or_default(values.get("advert_int"), "vrrp_instance.advert_int"),
        "authentication": values.get("authentication"),
        "virtual_ipaddress": sorted(str(each.address) for each in addresses),
        "unicast_peer" if transport == UNICAST else group: transport,
    }


def section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The mapping `name` of `document`; empty where it is something else."""
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def sync_groups(document: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """(name, members) of the sync groups."""
    for name, values in _named(document.get("vrrp_sync_groups")):
        listed = values.get("group")
        members = listed.split() if isinstance(listed, str) else listed
        yield name, frozenset(map(str, members)) if isinstance(members, list) else frozenset()


def static_devices(document: Mapping[str, Any]) -> Iterator[str]:
    """The interfaces of static addresses."""
    for each in _virtual_addresses(document, "static_ipaddress"):
        if each.device is not None:
            yield each.device


def _peers(value: Any) -> Iterator[Address]:
    for item in value if isinstance(value, list) else [value]:
        text = item.get("address") if isinstance(item, Mapping) else item
        words = text.split() if isinstance(text, str) else []
        address = _ip(words[0]) if words else None
        if address is not None:
            yield address


def interfaces(value: Any) -> Interfaces:
    """`lvs_interfaces`: each interface's own addresses with their networks."""
    found: Interfaces = {}
    for name, texts in value.items() if isinstance(value, Mapping) else ():
        listed = texts if isinstance(texts, list) else [texts]
        found[str(name)] = tuple(each for each in map(_ip_interface, listed) if each)
    return found


def held(document: Mapping[str, Any], declared: Interfaces) -> set[Any]:
    """The addresses that a director has as master of all its instances, and those that it has by
    itself: `declared`."""
    views = instances("", document)
    found = {each.address.ip for view in views for each in (*view.addresses, *view.excluded)}
    return found | {each.ip for listed in declared.values() for each in listed}


def _virtual_addresses(values: Mapping[str, Any], name: str) -> Iterator[VirtualAddressView]:
    listed = values.get(name)
    for index, item in enumerate(listed if isinstance(listed, list) else [listed]):
        device: Any = values.get("interface")
        text: Any = None
        if isinstance(item, str):
            words = item.split()
            text = words[0] if words else None
            device = dict(pairwise(words)).get("dev", device)
        elif isinstance(item, Mapping):
            text = item.get("address")
            device = item.get("dev") or device
        address = _ip_interface(text)
        if address:
            yield VirtualAddressView(index=index, address=address, device=_text(device))


def _named(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            yield str(name), item


def _or(values: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    value = values.get(name)
    return otherwise if value is None else value


def _or_default(value: Any, name: str) -> Any:
    return DEFAULTS[name] if value is None else value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ip(value: Any) -> Address | None:
    try:
        return ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _ip_interface(value: Any) -> InterfaceAddress | None:
    try:
        return ipaddress.ip_interface(value) if isinstance(value, str) else None
    except ValueError:
        return None
