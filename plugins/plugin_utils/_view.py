# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules between hosts need to see of a configuration document.

Owns tolerant reading: a value that the agent's checker rejects is None or left out here, so that
one mistake hides no other. Must never report anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS

Interfaces = dict[str, tuple[ipaddress.IPv4Interface, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualAddressView:
    """A virtual address, and the index under which the instance lists it."""

    index: int
    address: ipaddress.IPv4Interface
    device: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """A VRRP instance of one director. `shared` is what all its directors must agree on."""

    director: str
    name: str
    interface: str | None
    virtual_router_id: int | None
    priority: int
    addresses: tuple[VirtualAddressView, ...]
    shared: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"vrrp_instances.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServerView:
    """A real server of a virtual server of one director."""

    director: str
    server: str
    name: str
    address: str | None

    @property
    def path(self) -> str:
        return f"virtual_servers.{self.server}.real_servers.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServerView:
    """A virtual server of one director."""

    director: str
    name: str
    address: ipaddress.IPv4Address | None
    real_servers: tuple[RealServerView, ...]

    @property
    def path(self) -> str:
        return f"virtual_servers.{self.name}"


def instances(director: str, document: Mapping[str, Any]) -> Iterator[InstanceView]:
    """The instances of `document`, as far as they can be read."""
    global_defs = document.get("global_defs")
    if not isinstance(global_defs, Mapping):
        global_defs = {}
    for name, values in _named(document.get("vrrp_instances")):
        addresses = tuple(_virtual_addresses(values))
        version = _or(values, "version", global_defs.get("vrrp_version"))
        shared = {
            "virtual_router_id": values.get("virtual_router_id"),
            "version": str(_or_default(version, "global_defs.vrrp_version")),
            "advert_int": _or_default(values.get("advert_int"), "vrrp_instance.advert_int"),
            "authentication": values.get("authentication"),
            "virtual_ipaddress": sorted(str(each.address) for each in addresses),
            "vrrp_mcast_group4": _or_default(
                global_defs.get("vrrp_mcast_group4"), "global_defs.vrrp_mcast_group4"
            ),
        }
        yield InstanceView(
            director=director,
            name=name,
            interface=_text(values.get("interface")),
            virtual_router_id=_whole(values.get("virtual_router_id")),
            priority=_whole(_or_default(values.get("priority"), "vrrp_instance.priority")) or 0,
            addresses=addresses,
            shared=shared,
        )


def virtual_servers(director: str, document: Mapping[str, Any]) -> Iterator[VirtualServerView]:
    """The virtual servers of `document`, as far as they can be read."""
    for name, values in _named(document.get("virtual_servers")):
        yield VirtualServerView(
            director=director,
            name=name,
            address=_ipv4(values.get("ip")),
            real_servers=tuple(
                RealServerView(
                    director=director, server=name, name=real, address=_address(item.get("ip"))
                )
                for real, item in _named(values.get("real_servers"))
            ),
        )


def interfaces(value: Any) -> Interfaces:
    """`lvs_interfaces`: each interface's own addresses with their networks."""
    found: Interfaces = {}
    for name, texts in value.items() if isinstance(value, Mapping) else ():
        listed = texts if isinstance(texts, list) else [texts]
        found[str(name)] = tuple(each for each in map(_ipv4_interface, listed) if each)
    return found


def _virtual_addresses(values: Mapping[str, Any]) -> Iterator[VirtualAddressView]:
    listed = values.get("virtual_ipaddress")
    for index, item in enumerate(listed if isinstance(listed, list) else [listed]):
        device: Any = values.get("interface")
        text: Any = None
        if isinstance(item, str):
            words = item.split()
            text = words[0] if words else None
            options = dict(zip(words[1::2], words[2::2], strict=False))
            device = options.get("dev", device)
        elif isinstance(item, Mapping):
            text = item.get("address")
            device = item.get("dev") or device
        address = _ipv4_interface(text)
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


def _address(value: Any) -> str | None:
    address = _ipv4(value)
    return str(address) if address else None


def _ipv4(value: Any) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _ipv4_interface(value: Any) -> ipaddress.IPv4Interface | None:
    try:
        return ipaddress.IPv4Interface(value) if isinstance(value, str) else None
    except ValueError:
        return None
