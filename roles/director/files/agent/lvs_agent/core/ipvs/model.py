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
from typing import NamedTuple, TypeVar


class ServiceKey(NamedTuple):
    """What makes a service unique, in one of two ways.

    `protocol` "TCP", "UDP" or "SCTP", address text, port (0: all ports). Or a firewall mark:
    `protocol` MARKED, the family's unspecified address, port 0, and `mark` (`marked` makes one).
    """

    protocol: str
    address: str
    port: int
    mark: int = 0

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4

    def __str__(self) -> str:
        if self.mark:
            return f"mark {self.mark} (IPv{self.family})"
        return f"{self.protocol} {_place(self.address, self.port)}"


MARKED = "FWM"
_UNSPECIFIED = {4: "0.0.0.0", 6: "::"}


def marked(mark: int, family: int) -> ServiceKey:
    """The service of the packets that the firewall marks so, IPv4 or IPv6."""
    return ServiceKey(MARKED, _UNSPECIFIED[family], 0, mark)


class Endpoint(NamedTuple):
    """What makes a destination unique within its service: address text, port (0: as it came)."""

    address: str
    port: int

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4

    def __str__(self) -> str:
        return _place(self.address, self.port)


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Tunnel(NamedTuple):
    """An encapsulation other than plain IP in IP, which is None.

    `kind` "gue" or "gre"; `port` is that of GUE; `checksum` "nocsum", "csum" or "remcsum" (GUE).
    """

    kind: str
    port: int = 0
    checksum: str = "nocsum"

    def __str__(self) -> str:
        port = f" port {self.port}" if self.port else ""
        return f"{self.kind}{port} {self.checksum}"


class Destination(NamedTuple):
    """How a destination takes part. `forwarding`: "DR", "NAT", "TUN", "LOCAL" or "BYPASS".

    A threshold of 0 is no limit (IPVS_DEST_ATTR_U_THRESH, _L_THRESH; linux/ip_vs.h). `tunnel` is
    None for all but TUN.
    """

    weight: int
    forwarding: str
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel: Tunnel | None = None


Pool = Mapping[Endpoint, Destination]


_Of = TypeVar("_Of")


def service_pool(key: ServiceKey, pool: Mapping[Endpoint, _Of]) -> Mapping[Endpoint, _Of]:
    """`pool` as service `key` has it: port 0 becomes the service's own."""
    if key.port == 0 or all(endpoint.port for endpoint in pool):
        return pool
    return {
        endpoint if endpoint.port else Endpoint(endpoint.address, key.port): of
        for endpoint, of in pool.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What SET_SERVICE can change. `persistence_timeout_s` 0: not persistent.

    `persistence_prefix`: clients of one network of that length go to the same destination; None:
    each client by itself. `persistence_engine`: the kernel's module that finds the client in the
    packet ("sip"). `scheduler_flags`: IP_VS_SVC_F_SCHED1 to 3 (SCHEDULER_FLAGS has their names).
    """

    scheduler: str
    persistence_timeout_s: int = 0
    persistence_prefix: int | None = None
    persistence_engine: str | None = None
    one_packet: bool = False
    scheduler_flags: int = 0


# linux/ip_vs.h: IP_VS_SVC_F_SCHED1 (0x8) to SCHED3, and what sh and mh take them for.
SCHEDULER_FLAGS = {
    "flag-1": 0x08, "flag-2": 0x10, "flag-3": 0x20,
    "sh-fallback": 0x08, "sh-port": 0x10,
    "mh-fallback": 0x08, "mh-port": 0x10,
}  # fmt: skip


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
