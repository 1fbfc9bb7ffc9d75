# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS as values: services, their destinations, and the operations that change them.

Owns the shapes that the diff, the netlink codec and the ledger share. Must never know netlink
numbers nor decide what is desired.

Keys and destinations are named tuples, not dataclasses: there may be ten thousand of them, they
are hashed and compared in every audit, and a tuple does both in C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class ServiceKey(NamedTuple):
    """What makes a service unique: `protocol` "TCP" or "UDP", IPv4 address text, port."""

    protocol: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port}"


class Endpoint(NamedTuple):
    """What makes a destination unique within its service: IPv4 address text, port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Destination(NamedTuple):
    """How a destination takes part. `forwarding`: "DR", "NAT", "TUN", "LOCAL" or "BYPASS".

    A threshold of 0 is no limit (IPVS_DEST_ATTR_U_THRESH, _L_THRESH; linux/ip_vs.h).
    """

    weight: int
    forwarding: str
    upper_threshold: int = 0
    lower_threshold: int = 0


Pool = Mapping[Endpoint, Destination]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What SET_SERVICE can change. `persistence_timeout_s` 0: not persistent.

    `persistence_netmask`: clients of one such network go to the same destination.
    """

    scheduler: str
    persistence_timeout_s: int = 0
    persistence_netmask: str = "255.255.255.255"
    one_packet: bool = False
    scheduler_flags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service with its destinations."""

    key: ServiceKey
    settings: ServiceSettings
    pool: Pool


@dataclass(frozen=True, slots=True)
class NewService:
    """Create a service without destinations."""

    key: ServiceKey
    settings: ServiceSettings


@dataclass(frozen=True, slots=True)
class SetService:
    """Change a service in place; connections and destinations stay."""

    key: ServiceKey
    settings: ServiceSettings


@dataclass(frozen=True, slots=True)
class DeleteService:
    """Remove a service and all its destinations."""

    key: ServiceKey


@dataclass(frozen=True, slots=True)
class NewDestination:
    """Add a destination."""

    key: ServiceKey
    endpoint: Endpoint
    destination: Destination


@dataclass(frozen=True, slots=True)
class SetDestination:
    """Change a destination in place; its connections stay."""

    key: ServiceKey
    endpoint: Endpoint
    destination: Destination
    before: Destination


@dataclass(frozen=True, slots=True)
class DeleteDestination:
    """Remove a destination; the kernel drops packets of its connections from then on, until it
    is back (net/netfilter/ipvs/ip_vs_core.c, unless net.ipv4.vs.expire_nodest_conn is set)."""

    key: ServiceKey
    endpoint: Endpoint


Operation = (
    NewService | SetService | DeleteService | NewDestination | SetDestination | DeleteDestination
)
