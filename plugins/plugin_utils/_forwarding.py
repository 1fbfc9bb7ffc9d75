# SPDX-License-Identifier: GPL-3.0-or-later
"""How the virtual servers of a document pass packets on, and for which addresses.

Owns reading that from a document that may still be wrong: the agent's checker judges it, so what
cannot be read is left out here. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A real server gets each virtual address by a command of its own; a group of /16 is no use of it.
_ADDRESSES_LIMIT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """`kind` NAT, DR or TUN, empty where it cannot be read. For TUN: `tunnel` ipip, gue or gre, the
    port of gue, the checksum."""

    kind: str
    tunnel: str = "ipip"
    port: int | None = None
    checksum: str = "nocsum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A real server, or `sorry` one, as one virtual server uses it. `port` 0: all ports."""

    path: str
    name: str
    address: Address | None
    port: int
    forwarding: Forwarding
    sorry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A virtual server: `addresses` that clients use, `marks` of a firewall, and real servers.

    `families` are those of the packets, and `ports` those that are balanced; 0 stands for all.
    """

    name: str
    path: str
    protocol: str
    families: tuple[int, ...]
    addresses: tuple[Address, ...]
    marks: tuple[int, ...]
    ports: tuple[int, ...]
    targets: tuple[Target, ...]


def pools(document: Mapping[str, Any]) -> Iterator[Pool]:
    """The virtual servers of `document`, as far as they can be read."""
    groups = document.get("virtual_server_groups")
    for name, server in _named(document.get("virtual_servers")):
        members = list(_members(server, groups if isinstance(groups, Mapping) else {}))
        addresses = tuple(dict.fromkeys(each for found, __, __ in members for each in found))
        ports = tuple(dict.fromkeys(port for found, port, __ in members if found))
        path = f"virtual_servers.{name}"
        yield Pool(
            name=name,
            path=path,
            protocol=str(server.get("protocol") or DEFAULTS["virtual_server.protocol"]).upper(),
            families=_families(server, addresses, groups),
            addresses=addresses,
            marks=tuple(mark for __, __, mark in members if mark is not None),
            ports=ports or (0,),
            targets=tuple(_targets(path, server, ports[0] if len(ports) == 1 else 0)),
        )


def _families(
    server: Mapping[str, Any], addresses: tuple[Address, ...], groups: Any
) -> tuple[int, ...]:
    found = {each.version for each in addresses}
    known = groups if isinstance(groups, Mapping) else {}
    for each in (server, *_group(server, known)):
        if _member(each).get("fwmark") is not None:
            found.add(6 if _member(each).get("ip_family") == "inet6" else 4)
    return tuple(sorted(found))


def family_of(server: Mapping[str, Any], groups: Any) -> int:
    """4 or 6: the family of what clients send to a virtual server; 4 where nothing tells it."""
    known = groups if isinstance(groups, Mapping) else {}
    for addresses, __, __ in _members(server, known):
        if addresses:
            return addresses[0].version
    listed = [server, *_group(server, known)]
    return 6 if any(_member(each).get("ip_family") == "inet6" for each in listed) else 4


def forwarding(value: Any) -> Forwarding:
    """What an lb_kind, a keyword, line or mapping, says."""
    if isinstance(value, str):
        words = value.split()
        found: dict[str, Any] = {"method": words[0] if words else None}
        rest = iter(words[1:])
        for word in rest:
            if word in ("nocsum", "csum", "remcsum"):
                found["checksum"] = word
            else:
                found[word] = next(rest, None)
        value = found
    if not isinstance(value, Mapping):
        return Forwarding(kind="")
    kind = str(value.get("method")).upper()
    return Forwarding(
        kind=kind if kind in ("NAT", "DR", "TUN") else "",
        tunnel=str(value.get("type") or "ipip"),
        port=_port(value.get("port")) or None,
        checksum=str(value.get("checksum") or "nocsum"),
    )


def _targets(path: str, server: Mapping[str, Any], port: int) -> Iterator[Target]:
    usual = forwarding(server.get("lb_kind") or DEFAULTS["virtual_server.lb_kind"])
    sorry = server.get("sorry_server")
    listed = sorry if isinstance(sorry, list) else [sorry]
    servers = [
        *(
            (f"real_servers.{name}", name, real)
            for name, real in _named(server.get("real_servers"))
        ),
        *(("sorry_server", "", each) for each in listed if isinstance(each, Mapping)),
    ]
    for place, name, real in servers:
        own = forwarding(real["lb_kind"]) if real.get("lb_kind") is not None else usual
        yield Target(
            path=f"{path}.{place}",
            name=name,
            address=address(real.get("ip")),
            port=_port(real.get("port")) or port,
            forwarding=own,
            sorry=not name,
        )


def _members(
    server: Mapping[str, Any], groups: Mapping[str, Any]
) -> Iterator[tuple[list[Address], int, int | None]]:
    """(addresses, port, mark) of each part of a virtual server; no addresses where it is a mark."""
    for each in (server, *_group(server, groups)):
        member = _member(each)
        mark = member.get("fwmark")
        if isinstance(mark, int):
            yield [], 0, mark
        elif found := list(_range(member.get("ip"))):
            yield found, _port(member.get("port")), None


def _group(server: Mapping[str, Any], groups: Mapping[str, Any]) -> list[Any]:
    name = server.get("group")
    named = groups.get(name) if isinstance(name, str) else None
    listed = named.get("members") if isinstance(named, Mapping) else None
    return listed if isinstance(listed, list) else []


def _member(value: Any) -> Mapping[str, Any]:
    """A member of a group as a mapping, from keepalived's line too."""
    if isinstance(value, Mapping):
        return value
    words = value.split() if isinstance(value, str) else []
    if words[:1] == ["fwmark"]:
        mark = words[1] if len(words) > 1 else ""
        family = words[2] if len(words) > 2 else None
        return {"fwmark": int(mark) if mark.isdigit() else None, "ip_family": family}
    port = words[1] if len(words) > 1 else None
    return {"ip": words[0] if words else None, "port": port}


def _range(value: Any) -> Iterator[Address]:
    """The addresses of `a`, `a-b` (b whole or its last part) or `a/length`, as many as allowed."""
    text = value if isinstance(value, str) else ""
    try:
        if "/" in text:
            network = ipaddress.ip_network(text, strict=False)
            first, count = network.network_address, network.num_addresses
        elif "-" in text:
            begin, end = text.split("-", 1)
            first = ipaddress.ip_address(begin)
            count = int(_last(begin, end)) - int(first) + 1
        else:
            first, count = ipaddress.ip_address(text), 1
    except ValueError:
        return
    for offset in range(min(max(count, 0), _ADDRESSES_LIMIT)):
        yield first + offset


def _last(begin: str, end: str) -> Address:
    """The end of a range: `20` after `192.0.2.10` is 192.0.2.20, `1f` after `2001:db8::a` ::1f."""
    if "." in end or ":" in end:
        return ipaddress.ip_address(end)
    separator = ":" if ":" in begin else "."
    return ipaddress.ip_address(f"{begin.rpartition(separator)[0]}{separator}{end}")


def address(value: Any) -> Address | None:
    """The address in `value`, or None."""
    try:
        return ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _port(value: Any) -> int:
    """A port; 0 for none, and for a range of them: those are all ports to a real server."""
    text = str(value)
    return int(text) if text.isdigit() and not isinstance(value, bool) else 0


def _named(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            yield str(name), item
