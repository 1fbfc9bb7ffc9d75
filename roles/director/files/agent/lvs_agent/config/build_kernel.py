# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become addresses, routes and rules as the kernel gets them.

Owns what depends on the address family, and the preferences of rules that name none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from lvs_agent.config.addresses import family_of
from lvs_agent.config.derive import (
    ASSIGNED_PREFERENCES,
    device,
    or_else,
    prefix,
    route_family,
    rule_family,
)
from lvs_agent.core.model import NextHop, Route, Rule, VirtualAddress


def virtual_address(
    values: dict[str, Any], instance: dict[str, Any], global_defs: dict[str, Any]
) -> VirtualAddress:
    """An address of an instance, excluded ones too."""
    # The newest address of a network is the source of what the host itself sends there (RFC 6724
    # leaves it open, net/ipv6/addrconf.c decides): the checks of real servers, which have the
    # virtual address too and would answer themselves.
    six = family_of(values["address"][0]) == 6
    usual = 0 if six and not values["mngtmpaddr"] else "forever"
    return _address(values, device(values, instance, global_defs), usual)


def static_address(values: dict[str, Any]) -> VirtualAddress:
    """An address of static_ipaddress; the rules saw to its dev."""
    address, prefix_length = values["address"]
    # With a full prefix it would be chosen as source for everything: RFC 6724, rule 2.
    usual = 0 if family_of(address) == 6 and prefix_length == 128 else "forever"
    return _address(values, values["dev"], usual)


def _address(values: dict[str, Any], interface: str, usual_lifetime: int | str) -> VirtualAddress:
    address, prefix_length = values["address"]
    six = family_of(address) == 6
    link_local = six and ipaddress.IPv6Address(address).is_link_local
    lifetime = or_else(values["preferred_lft"], usual_lifetime)
    return VirtualAddress(
        address=address,
        prefix_length=prefix_length,
        interface=interface,
        broadcast=_broadcast(values["brd"], address, prefix_length),
        label=values["label"],
        scope=values["scope"] or ("link" if link_local else "global"),
        peer=values["peer"],
        home=values["home"],
        nodad=or_else(values["nodad"], six),
        mngtmpaddr=values["mngtmpaddr"],
        noprefixroute=values["noprefixroute"],
        autojoin=values["autojoin"],
        preferred_lft_s=None if lifetime == "forever" else lifetime,
        track=not values["no_track"],
    )


def _broadcast(text: str | None, address: str, prefix_length: int) -> str | None:
    if text not in ("+", "-"):
        return text
    network = ipaddress.IPv4Network((address, prefix_length), strict=False)
    return str(network.broadcast_address if text == "+" else network.network_address)


def route(values: dict[str, Any]) -> Route:
    """A route; the family comes from any of its addresses."""
    family = route_family(values)
    hops = values["nexthop"] or (
        [{**values, "weight": 1}] if values["via"] or values["dev"] else []
    )
    return Route(
        family=family,
        kind=values["type"],
        destination=prefix(values["to"], family),
        next_hops=tuple(
            NextHop(
                via=hop["via"], interface=hop["dev"], weight=hop["weight"], onlink=hop["onlink"]
            )
            for hop in hops
        ),
        table=values["table"],
        source=values["src"],
        metric=values["metric"],
        scope=values["scope"],
        mtu=values["mtu"],
        advmss=values["advmss"],
        protocol=values["protocol"],
        track=not values["no_track"],
    )


def rules_of(values: dict[str, Any]) -> dict[str, tuple[Rule, ...]]:
    """All rules by the path of their holder; those without a preference get one, in order."""
    taken = {rule["preference"] for __, rules in rule_holders(values) for rule in rules}
    # The rules saw to it that there are enough.
    free = (number for number in ASSIGNED_PREFERENCES if number not in taken)
    return {
        path: tuple(_rule(rule, rule["preference"] or next(free)) for rule in rules)
        for path, rules in rule_holders(values)
    }


def rule_holders(values: dict[str, Any]) -> Iterator[tuple[str, tuple[dict[str, Any], ...]]]:
    """(path, rules) of whatever has rules."""
    for name, instance in values["vrrp_instances"].items():
        yield f"vrrp_instances.{name}", instance["virtual_rules"]
    yield "static_rules", values["static_rules"]


def _rule(values: dict[str, Any], preference: int) -> Rule:
    family = rule_family(values)
    return Rule(
        family=family,
        preference=preference,
        action=values["action"],
        table=values["table"],
        source=values["from"] and prefix(values["from"], family),
        destination=values["to"] and prefix(values["to"], family),
        input_interface=values["iif"],
        output_interface=values["oif"],
        fwmark=values["fwmark"],
        tos=values["tos"],
        inverted=values["not"],
        ip_protocol=values["ipproto"],
        source_ports=values["sport"],
        destination_ports=values["dport"],
        suppress_prefix_length=values["suppress_prefixlength"],
        track=not values["no_track"],
    )
