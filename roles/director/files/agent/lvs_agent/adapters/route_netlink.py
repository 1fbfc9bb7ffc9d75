# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and routing policy rules as rtnetlink messages: requests, and who a message speaks of.

Owns the encoding. Must never decide what to change; must never import the model at run time: the
sweep after a crash uses it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lvs_agent.adapters.address_netlink import SCOPES
from lvs_agent.adapters.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    attribute,
    attributes,
    message,
)
from lvs_agent.core.ledger import DEFAULT_METRIC, LedgerRoute, LedgerRule

if TYPE_CHECKING:
    from lvs_agent.core.model import NextHop, Route, Rule

# linux/rtnetlink.h
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = 1, 4, 5, 6, 7
RTA_METRICS, RTA_MULTIPATH, RTA_TABLE, RTA_VIA = 8, 9, 15, 18
RTAX_MTU, RTAX_ADVMSS = 2, 8
RTNH_F_ONLINK = 4
KINDS = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9}
ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
NEXT_HOP = struct.Struct("=HBBi")  # struct rtnexthop: length, flags, weight - 1, interface
_RTM_F_CLONED = 0x200
_NLM_F_REPLACE = 0x100
# linux/fib_rules.h
FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_PRIORITY, FRA_FWMARK = 1, 2, 3, 6, 10
FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_FWMASK, FRA_OIFNAME, FRA_PROTOCOL = 14, 15, 16, 17, 21
FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE = 22, 23, 24
FIB_RULE_INVERT = 2
RULE = struct.Struct("=BBBBBBBBI")  # struct fib_rule_hdr
RULE_ACTIONS = {"lookup": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}
# Rules have no protocol in the configuration: they get keepalived's number, as routes do.
PROTOCOL = 18

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
VERSIONS = {int(number): version for version, number in FAMILIES.items()}
_U32 = struct.Struct("=I")
_PORTS = struct.Struct("=HH")
# What removing a route or rule says that is not there, or whose interface is not there.
GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV)


class NoInterface(Exception):
    """A route names an interface that does not exist."""


def packed(address: str) -> bytes:
    """An address as bytes, of either family."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def unpacked(address: bytes | memoryview) -> str:
    """4 or 16 bytes as canonical text, as the configuration has it (inet_ntop(3) writes
    IPv4-mapped addresses otherwise); "?" for any other number of bytes."""
    if len(address) not in (4, 16):
        return "?"
    return str(ipaddress.ip_address(bytes(address)))


def add_route(route: Route, indexes: Mapping[str, int], *, replace: bool = False) -> bytes:
    """RTM_NEWROUTE. `indexes` has the interfaces by name. Raises NoInterface.

    IPv4: without NLM_F_EXCL, so ours goes in front of another's route to the same network, which
    is there again when ours is removed; only exactly ours is EEXIST (net/ipv4/fib_trie.c,
    fib_table_insert). IPv6: with it, because there a second route with the same metric becomes one
    more path of the first (net/ipv6/ip6_fib.c, fib6_add_rt2node). `replace`: takes the place of
    the route with the same network and metric.
    """
    flags = NLM_F_CREATE
    if replace:
        flags |= _NLM_F_REPLACE
    elif route.family == 6:
        flags |= NLM_F_EXCL
    return message(RTM_NEWROUTE, flags, _route(route, indexes))


def delete_route(route: Route, indexes: Mapping[str, int]) -> bytes:
    """RTM_DELROUTE of exactly this route. Raises NoInterface."""
    return message(RTM_DELROUTE, 0, _route(route, indexes))


def _route(route: Route, indexes: Mapping[str, int]) -> bytes:
    network, prefix_length = route.destination
    body = ROUTE.pack(
        FAMILIES[route.family],
        prefix_length,
        0,
        0,
        route.table if route.table < 256 else 0,
        route.protocol,
        _scope(route),
        KINDS[route.kind],
        RTNH_F_ONLINK if len(route.next_hops) == 1 and route.next_hops[0].onlink else 0,
    )
    if prefix_length:
        body += attribute(RTA_DST, packed(network))
    body += attribute(RTA_TABLE, _U32.pack(route.table))
    if route.metric is not None:
        body += attribute(RTA_PRIORITY, _U32.pack(route.metric))
    if route.source is not None:
        body += attribute(RTA_PREFSRC, packed(route.source))
    metrics = b"".join(
        attribute(kind, _U32.pack(value))
        for kind, value in ((RTAX_MTU, route.mtu), (RTAX_ADVMSS, route.advmss))
        if value is not None
    )
    if metrics:
        body += attribute(RTA_METRICS, metrics)
    return body + _next_hops(route, indexes)


def _scope(route: Route) -> int:
    """As ip-route(8) chooses: an IPv4 network on the link itself has scope link."""
    if route.scope is not None:
        return SCOPES[route.scope]
    direct = route.kind == "unicast" and all(hop.via is None for hop in route.next_hops)
    return SCOPES["link"] if route.family == 4 and direct else SCOPES["global"]


def _next_hops(route: Route, indexes: Mapping[str, int]) -> bytes:
    match route.next_hops:
        case []:
            return b""
        case [hop]:
            oif = attribute(RTA_OIF, _U32.pack(_index(hop, indexes))) if hop.interface else b""
            return _gateway(route, hop) + oif
        case hops:
            return attribute(RTA_MULTIPATH, b"".join(_path(route, one, indexes) for one in hops))


def _path(route: Route, hop: NextHop, indexes: Mapping[str, int]) -> bytes:
    gateway = _gateway(route, hop)
    index = _index(hop, indexes) if hop.interface else 0
    flags = RTNH_F_ONLINK if hop.onlink else 0
    return NEXT_HOP.pack(NEXT_HOP.size + len(gateway), flags, hop.weight - 1, index) + gateway


def _gateway(route: Route, hop: NextHop) -> bytes:
    if hop.via is None:
        return b""
    address = packed(hop.via)
    if len(address) == len(packed(route.destination[0])):
        return attribute(RTA_GATEWAY, address)
    # An IPv4 network behind an IPv6 router (RFC 5549); the kernel knows no other mixture.
    return attribute(RTA_VIA, struct.pack("=H", socket.AF_INET6) + address)


def _index(hop: NextHop, indexes: Mapping[str, int]) -> int:
    index = indexes.get(hop.interface or "")
    if index is None:
        raise NoInterface(f"interface {hop.interface} does not exist")
    return index


def add_rule(rule: Rule) -> bytes:
    """RTM_NEWRULE; EEXIST when there is an equal one with our protocol number."""
    return message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, _rule(rule))


def delete_rule(rule: Rule) -> bytes:
    """RTM_DELRULE of an equal rule with our protocol number."""
    return message(RTM_DELRULE, 0, _rule(rule))


def _rule(rule: Rule) -> bytes:
    source, destination, table = rule.source, rule.destination, rule.table or 0
    body = RULE.pack(
        FAMILIES[rule.family],
        destination[1] if destination else 0,
        source[1] if source else 0,
        rule.tos or 0,
        table if table < 256 else 0,
        0,
        0,
        RULE_ACTIONS[rule.action],
        FIB_RULE_INVERT if rule.inverted else 0,
    )
    body += attribute(FRA_PRIORITY, _U32.pack(rule.preference))
    body += attribute(FRA_PROTOCOL, bytes((PROTOCOL,)))
    if table:
        body += attribute(FRA_TABLE, _U32.pack(table))
    for kind, network in ((FRA_DST, destination), (FRA_SRC, source)):
        if network:
            body += attribute(kind, packed(network[0]))
    for kind, name in ((FRA_IIFNAME, rule.input_interface), (FRA_OIFNAME, rule.output_interface)):
        if name is not None:
            body += attribute(kind, name.encode() + b"\0")
    if rule.fwmark is not None:
        body += attribute(FRA_FWMARK, _U32.pack(rule.fwmark[0]))
        body += attribute(FRA_FWMASK, _U32.pack(rule.fwmark[1]))
    if rule.ip_protocol is not None:
        body += attribute(FRA_IP_PROTO, bytes((rule.ip_protocol,)))
    sport, dport = rule.source_ports, rule.destination_ports
    for kind, ports in ((FRA_SPORT_RANGE, sport), (FRA_DPORT_RANGE, dport)):
        if ports is not None:
            body += attribute(kind, _PORTS.pack(*ports))
    if rule.suppress_prefix_length is not None:
        body += attribute(FRA_SUPPRESS_PREFIXLEN, _U32.pack(rule.suppress_prefix_length))
    return body


def routes_request(family: int, protocol: int) -> bytes:
    """Asks for all routes with that protocol number (with a strict socket; else for all)."""
    body = ROUTE.pack(FAMILIES[family], 0, 0, 0, 0, protocol, 0, 0, 0)
    return message(RTM_GETROUTE, NLM_F_DUMP, body)


def rules_request(family: int) -> bytes:
    """Asks for all rules."""
    return message(RTM_GETRULE, NLM_F_DUMP, RULE.pack(FAMILIES[family], 0, 0, 0, 0, 0, 0, 0, 0))


def delete_again(body: bytes, kind: int) -> bytes:
    """RTM_DELROUTE or RTM_DELRULE (`kind`) of what a dump told, exactly."""
    return message(kind, 0, body)


def route_identity(body: bytes) -> LedgerRoute | None:
    """Which route a message speaks of; None for what nobody configured (cached, local...)."""
    if len(body) < ROUTE.size:
        return None
    number, prefix_length, __, __, table, protocol, __, kind, flags = ROUTE.unpack_from(body)
    family = VERSIONS.get(number)
    if family is None or kind not in KINDS.values() or flags & _RTM_F_CLONED:
        return None
    found = dict(attributes(body, ROUTE.size))
    address = bytes(found.get(RTA_DST, bytes(4 if family == 4 else 16)))
    if len(address) != (4 if family == 4 else 16):
        return None
    return LedgerRoute(
        family,
        unpacked(address),
        prefix_length,
        _u32(found.get(RTA_TABLE)) or table,
        _u32(found.get(RTA_PRIORITY)) or DEFAULT_METRIC[family],
        protocol,
    )


def rule_identity(body: bytes) -> LedgerRule | None:
    """Which rule a message speaks of; None for one that is not ours."""
    if len(body) < RULE.size:
        return None
    family = VERSIONS.get(body[0])
    found = dict(attributes(body, RULE.size))
    if family is None or bytes(found.get(FRA_PROTOCOL, b"")) != bytes((PROTOCOL,)):
        return None
    return LedgerRule(family, _u32(found.get(FRA_PRIORITY)))


def _u32(payload: memoryview | None) -> int:
    if payload is None or len(payload) != _U32.size:
        return 0
    number: int = _U32.unpack(payload)[0]
    return number
