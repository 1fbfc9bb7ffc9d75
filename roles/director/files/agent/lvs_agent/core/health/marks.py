# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of checks with a firewall mark: the kernel process makes them, health uses them.

Owns which there can be. To mark a socket takes CAP_NET_ADMIN (socket(7)), which whoever reads what
servers send must not have; a socket that is marked is used without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lvs_agent.core.checks import Check, DnsCheck, HttpCheck, Networked, PingCheck, UdpCheck
from lvs_agent.core.model import VirtualServer


class Transport(StrEnum):
    """What is spoken over a socket."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedSocket:
    """A kind of socket. `ipv6` False: IPv4."""

    mark: int
    ipv6: bool
    transport: Transport


def socket_of(check: Check) -> MarkedSocket | None:
    """The kind of socket that `check` needs; None: any process can make it, or it needs none."""
    if not isinstance(check, Networked) or check.source is None or not check.source.mark:
        return None
    match check:
        case PingCheck():
            transport = Transport.ICMP
        case UdpCheck() | DnsCheck():
            transport = Transport.UDP
        case _:
            transport = Transport.TCP
    return MarkedSocket(mark=check.source.mark, ipv6=":" in check.address, transport=transport)


def sockets_of(servers: Iterable[VirtualServer]) -> frozenset[MarkedSocket]:
    """Those of all checks of `servers`."""
    checks = (check for server in servers for one in server.servers for check in one.checks)
    return frozenset(kind for check in checks if (kind := socket_of(check)) is not None)


def count_of(check: Check) -> int:
    """How many sockets one try takes at the most: one for each connection."""
    return len(check.urls) if isinstance(check, HttpCheck) else 1
