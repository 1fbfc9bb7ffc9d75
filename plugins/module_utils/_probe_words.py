# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe of a real server showed, in words for people.

Owns the sentences: which real server, what is wrong, where to look. Pure.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Seen(NamedTuple):
    """What came back. `source`: our address in the probe; `arrived`: the interface of the answer,
    None without one; `inside`: the interfaces that have the gateway; `claims`: it answered ARP."""

    source: str
    arrived: str | None
    inside: set[str]
    claims: bool


def faults(probe: dict[str, Any], seen: Seen) -> list[str]:
    """What is wrong; nothing if all is well."""
    found = []
    who, virtual = f"{probe['real_server']} ({probe['address']})", probe["virtual_address"]
    if seen.claims and not probe["director"]:
        found.append(
            f"{who} answers ARP requests for {virtual}: clients reach it past the directors, or the"
            " directors not at all; net.ipv4.conf.all.arp_ignore must be 1 there, and the address"
            " on no interface of the network"
        )
    if probe["kind"] == "NAT":
        return [*found, *_way_back(probe, who, seen)]
    if seen.arrived is not None:
        return found
    tried = f"neither ping nor TCP port {probe['port']}" if probe["port"] else "no ping"
    if probe["kind"] == "DR":
        found.append(
            f"{who} does not answer for {virtual} by direct routing ({tried}): is the address on"
            " its lo, and does a firewall there pass it?"
        )
    else:
        found.append(
            f"{who} does not answer for {virtual} through the {probe['tunnel']} tunnel ({tried}):"
            " is the tunnel's device up there, and does a firewall on the way pass"
            f" {_carrier(probe)}?"
        )
    return found


def _way_back(probe: dict[str, Any], who: str, seen: Seen) -> list[str]:
    if seen.arrived is None:
        return [
            f"{who}: what it answers from port {probe['port']} to {seen.source} does not come back"
            f" through {probe['gateway']}; is its route through it in force, and does a firewall"
            " there pass the port?"
        ]
    if seen.arrived not in seen.inside:
        return [
            f"{who} answers {seen.source} past {probe['gateway']}, by {seen.arrived}: clients of"
            " that network would get answers from an address they did not call"
        ]
    return []


def _carrier(probe: dict[str, Any]) -> str:
    if probe["tunnel"] == "gue":
        return f"UDP port {probe['tunnel_port']}"
    inner = 41 if ":" in probe["virtual_address"] else 4
    return f"IP protocol {47 if probe['tunnel'] == 'gre' else inner}"
