# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's routes and routing policy rules, decoded.

Owns the decoding. Must never touch a socket, nor raise on anything that a kernel might send.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import NamedTuple

from lvs_agent.adapters import route_netlink as n
from lvs_agent.adapters.address_netlink import SCOPES
from lvs_agent.adapters.netlink import attributes
from lvs_agent.core.model import NextHop, Route, Rule

_KIND_NAMES = {number: name for name, number in n.KINDS.items()}
_ACTION_NAMES = {number: name for name, number in n.RULE_ACTIONS.items()}
_SCOPE_NAMES = {number: name for name, number in SCOPES.items()}
_NOT_SET = 2**32 - 1


class FoundRoute(NamedTuple):
    """A route of the kernel; `body` is its message, to delete exactly this one."""

    entry: Route
    body: bytes


class FoundRule(NamedTuple):
    """A rule of the kernel; `body` is its message, to delete exactly this one."""

    entry: Rule
    body: bytes


def decode_route(body: bytes, names: Mapping[int, str]) -> FoundRoute | None:
    """One answer to `routes_request`; None for what no configuration can say."""
    identity = n.route_identity(body)
    if identity is None:
        return None
    found = dict(attributes(body, n.ROUTE.size))
    scope, kind, flags = n.ROUTE.unpack_from(body)[6:]
    metrics = dict(attributes(found.get(n.RTA_METRICS, b"")))
    source = found.get(n.RTA_PREFSRC)
    route = Route(
        family=identity.family,
        kind=_KIND_NAMES[kind],
        destination=(identity.address, identity.prefix_length),
        next_hops=_next_hops(found, flags, names) if kind == n.KINDS["unicast"] else (),
        table=identity.table,
        source=n.unpacked(source) if source is not None else None,
        metric=identity.metric,
        scope=_SCOPE_NAMES.get(scope, str(scope)),
        mtu=_u32(metrics.get(n.RTAX_MTU)),
        advmss=_u32(metrics.get(n.RTAX_ADVMSS)),
        protocol=identity.protocol,
    )
    return FoundRoute(route, body)


def _next_hops(
    found: Mapping[int, memoryview], flags: int, names: Mapping[int, str]
) -> tuple[NextHop, ...]:
    paths = found.get(n.RTA_MULTIPATH)
    if paths is None:
        return (_next_hop(found, flags, 1, _u32(found.get(n.RTA_OIF)) or 0, names),)
    hops: list[NextHop] = []
    start = 0
    while start + n.NEXT_HOP.size <= len(paths):
        length, hop_flags, hops_less_one, index = n.NEXT_HOP.unpack_from(paths, start)
        if length < n.NEXT_HOP.size or start + length > len(paths):
            break
        inner = dict(attributes(paths[start : start + length], n.NEXT_HOP.size))
        hops.append(_next_hop(inner, hop_flags, hops_less_one + 1, index, names))
        start += (length + 3) & ~3
    return tuple(hops)


def _next_hop(
    found: Mapping[int, memoryview], flags: int, weight: int, index: int, names: Mapping[int, str]
) -> NextHop:
    via = found.get(n.RTA_GATEWAY)
    other = found.get(n.RTA_VIA)
    if via is None and other is not None:
        via = other[2:]
    return NextHop(
        via=n.unpacked(via) if via is not None else None,
        interface=names.get(index, f"#{index}") if index else None,
        weight=weight,
        onlink=bool(flags & n.RTNH_F_ONLINK),
    )


def decode_rule(body: bytes) -> FoundRule | None:
    """One answer to `rules_request`; None for a rule that is not ours, or that says what no
    configuration can say."""
    identity = n.rule_identity(body)
    if identity is None:
        return None
    number, to_bits, from_bits, tos, small_table, __, __, action, flags = n.RULE.unpack_from(body)
    if action not in _ACTION_NAMES:
        return None
    found = dict(attributes(body, n.RULE.size))
    suppress = _u32(found.get(n.FRA_SUPPRESS_PREFIXLEN))
    mark = _u32(found.get(n.FRA_FWMARK))
    protocol = bytes(found.get(n.FRA_IP_PROTO, b""))
    rule = Rule(
        family=identity.family,
        preference=identity.preference,
        action=_ACTION_NAMES[action],
        table=(_u32(found.get(n.FRA_TABLE)) or small_table) if action == 1 else None,
        source=_network(found.get(n.FRA_SRC), from_bits, number),
        destination=_network(found.get(n.FRA_DST), to_bits, number),
        input_interface=_name(found.get(n.FRA_IIFNAME)),
        output_interface=_name(found.get(n.FRA_OIFNAME)),
        fwmark=(mark, _u32(found.get(n.FRA_FWMASK)) or 0) if mark is not None else None,
        tos=tos or None,
        inverted=bool(flags & n.FIB_RULE_INVERT),
        ip_protocol=protocol[0] if protocol else None,
        source_ports=_ports(found.get(n.FRA_SPORT_RANGE)),
        destination_ports=_ports(found.get(n.FRA_DPORT_RANGE)),
        suppress_prefix_length=None if suppress == _NOT_SET else suppress,
    )
    return FoundRule(rule, body)


def _network(payload: memoryview | None, bits: int, number: int) -> tuple[str, int] | None:
    if not bits and payload is None:
        return None
    size = 4 if number == socket.AF_INET else 16
    return (n.unpacked(payload) if payload is not None and len(payload) == size else "?", bits)


def _ports(payload: memoryview | None) -> tuple[int, int] | None:
    if payload is None or len(payload) != 4:
        return None
    first, last = struct.unpack("=HH", payload)
    return first, last


def _name(payload: memoryview | None) -> str | None:
    return None if payload is None else bytes(payload).rstrip(b"\0").decode(errors="replace")


def _u32(payload: memoryview | None) -> int | None:
    if payload is None or len(payload) != 4:
        return None
    number: int = struct.unpack("=I", payload)[0]
    return number
