# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration as the agent works with it: complete, checked, frozen.

Owns the shapes only. Must never hold a default (they are in `schema.py`) or a rule (they are in
`config_rules.py`): a value of these types exists only after `config.load` accepted a document.
Durations are integer nanoseconds, addresses canonical text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDefs:
    """What holds for the whole agent. `router_id` None: the host's name."""

    router_id: str | None
    vrrp_mcast_group4: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class VirtualAddress:
    """A virtual IP address as the kernel gets it (`struct ifaddrmsg`, rtnetlink(7))."""

    address: str
    prefix_length: int
    interface: str
    broadcast: str | None = None
    label: str | None = None
    scope: str = "global"


@dataclass(frozen=True, slots=True, kw_only=True)
class VrrpInstance:
    """A virtual router. `auth_pass` is the 8 bytes on the wire; None for no authentication."""

    name: str
    interface: str
    virtual_router_id: int
    priority: int
    version: int
    advert_int_ns: int
    auth_pass: bytes | None
    preempt: bool
    preempt_delay_ns: int
    mcast_group4: str
    addresses: tuple[VirtualAddress, ...]
    garp_master_repeat: int
    garp_master_delay_ns: int
    garp_master_refresh_ns: int
    v3_checksum_as_v2: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck:
    """TCP_CHECK. Equal checks are one probe, whoever asks for them."""

    address: str
    port: int
    connect_timeout_ns: int
    retry: int
    delay_before_retry_ns: int
    delay_loop_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUrl:
    """One request; `status_codes` are inclusive (first, last) ranges, sorted, disjoint."""

    path: str
    status_codes: tuple[tuple[int, int], ...]
    virtualhost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """HTTP_GET. Equal checks are one probe, whoever asks for them."""

    address: str
    port: int
    connect_timeout_ns: int
    retry: int
    delay_before_retry_ns: int
    delay_loop_ns: int
    urls: tuple[HttpUrl, ...]


Check = TcpCheck | HttpCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """A real server of one virtual server; up when all `checks` pass, or when it has none."""

    name: str
    address: str
    port: int
    weight: int
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SorryServer:
    """The server that answers while every real server is dead."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServer:
    """An IPVS service. `protocol` is "TCP" or "UDP", `forwarding` "DR"."""

    name: str
    address: str
    port: int
    protocol: str
    scheduler: str
    forwarding: str
    persistence_timeout_s: int
    real_servers: tuple[RealServer, ...]
    sorry_server: SorryServer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything. Tuples keep the document's order; names are unique within each."""

    global_defs: GlobalDefs
    vrrp_instances: tuple[VrrpInstance, ...]
    virtual_servers: tuple[VirtualServer, ...]
