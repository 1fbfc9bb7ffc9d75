# SPDX-License-Identifier: GPL-3.0-or-later
"""IPVS operations as generic netlink requests (net/netfilter/ipvs/ip_vs_ctl.c).

Owns the encoding. Must never touch a socket. It is lean: what ten thousand destinations have in
common is packed by one precompiled structure.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import assert_never

from lvs_agent.adapters import ipvs_numbers as n
from lvs_agent.adapters.netlink import NLM_F_DUMP, attribute, message
from lvs_agent.core.ipvs.model import (
    DeleteDestination,
    DeleteService,
    Destination,
    Endpoint,
    NewDestination,
    NewService,
    Operation,
    ServiceKey,
    ServiceSettings,
    SetDestination,
    SetService,
    Tunnel,
)

# IPVS_CMD_ATTR_DEST with address, port and address family; then what NEW and SET say on top of it.
# An IPv4 address takes the first 4 of the 16 bytes of `union nf_inet_addr`; 16s fills up with 0.
_DESTINATION_KEY = struct.Struct("=HH HH16s HH2s2x HHH2x")
_DESTINATION_FULL = struct.Struct("=HH HH16s HH2s2x HHH2x HHI HHI HHI HHI")
_TUNNEL = struct.Struct("=HHB3x HH2s2x HHH2x")
_ALL_BITS = {4: 32, 6: 128}


def request(family: int, command: int, body: bytes, flags: int = 0) -> bytes:
    """One generic netlink request of IPVS."""
    return message(family, flags, n.GENL.pack(command, n.VERSION, 0) + body)


def _packed(address: str) -> tuple[int, bytes]:
    """(address family, bytes) of address text."""
    if ":" in address:
        return socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address)
    return socket.AF_INET, socket.inet_aton(address)


def _key_attributes(key: ServiceKey) -> bytes:
    family, packed = _packed(key.address)
    start = attribute(n.SVC_AF, struct.pack("=H", family))
    if key.mark:
        return start + attribute(n.SVC_FWMARK, struct.pack("=I", key.mark))
    return (
        start
        + attribute(n.SVC_PROTOCOL, struct.pack("=H", n.PROTOCOLS[key.protocol]))
        + attribute(n.SVC_ADDR, packed.ljust(16, b"\0"))
        + attribute(n.SVC_PORT, n.PORT.pack(key.port))
    )


# Consecutive operations share a service: the last ones are at hand. Bounded; a miss costs 2 us.
@lru_cache(maxsize=64)
def _service_key(key: ServiceKey) -> bytes:
    return attribute(n.ATTR_SERVICE, _key_attributes(key))


def _service_full(key: ServiceKey, settings: ServiceSettings) -> bytes:
    flags = settings.scheduler_flags & n.SVC_F_SCHEDULER
    if settings.persistence_timeout_s:
        flags |= n.SVC_F_PERSISTENT
    if settings.one_packet:
        flags |= n.SVC_F_ONEPACKET
    attributes = (
        _key_attributes(key)
        + attribute(n.SVC_SCHED_NAME, settings.scheduler.encode() + b"\0")
        + attribute(n.SVC_FLAGS, struct.pack("=II", flags, n.SVC_F_MASK))
        + attribute(n.SVC_TIMEOUT, struct.pack("=I", settings.persistence_timeout_s))
        + attribute(n.SVC_NETMASK, _netmask(key.family, settings.persistence_prefix))
    )
    if settings.persistence_engine:  # without it the kernel takes a former one away
        attributes += attribute(n.SVC_PE_NAME, settings.persistence_engine.encode() + b"\0")
    return attribute(n.ATTR_SERVICE, attributes)


def _netmask(family: int, prefix: int | None) -> bytes:
    """A mask in network order for IPv4, the prefix length itself for IPv6."""
    length = _ALL_BITS[family] if prefix is None else prefix
    if family == 6:
        return struct.pack("=I", length)
    return ((0xFFFF_FFFF << 32 - length) & 0xFFFF_FFFF).to_bytes(4)


def _destination_key(endpoint: Endpoint) -> bytes:
    family, address = _packed(endpoint.address)
    return _DESTINATION_KEY.pack(
        _DESTINATION_KEY.size, n.ATTR_DESTINATION,
        20, n.DEST_ADDR, address,
        6, n.DEST_PORT, n.PORT.pack(endpoint.port),
        6, n.DEST_ADDR_FAMILY, family,
    )  # fmt: skip


def _destination_full(endpoint: Endpoint, destination: Destination) -> bytes:
    weight, forwarding, upper, lower, tunnel = destination
    family, address = _packed(endpoint[0])
    extra = _tunnel(tunnel) if tunnel is not None else b""
    return _DESTINATION_FULL.pack(
        _DESTINATION_FULL.size + len(extra), n.ATTR_DESTINATION,
        20, n.DEST_ADDR, address,
        6, n.DEST_PORT, n.PORT.pack(endpoint[1]),
        6, n.DEST_ADDR_FAMILY, family,
        8, n.DEST_FWD_METHOD, n.FORWARDING[forwarding],
        8, n.DEST_WEIGHT, weight,
        8, n.DEST_U_THRESH, upper,
        8, n.DEST_L_THRESH, lower,
    ) + extra  # fmt: skip


# One virtual server's real servers usually share theirs.
@lru_cache(maxsize=64)
def _tunnel(tunnel: Tunnel) -> bytes:
    """What the kernel takes as IP in IP when it is not said."""
    return _TUNNEL.pack(
        5, n.DEST_TUN_TYPE, n.TUNNELS[tunnel.kind],
        6, n.DEST_TUN_PORT, n.PORT.pack(tunnel.port),
        6, n.DEST_TUN_FLAGS, n.CHECKSUMS[tunnel.checksum],
    )  # fmt: skip


def encode(family: int, operation: Operation) -> bytes:
    """The request of `operation`."""
    match operation:
        case NewDestination(key=key, endpoint=endpoint, destination=destination):
            body = _service_key(key) + _destination_full(endpoint, destination)
            return request(family, n.NEW_DESTINATION, body)
        case SetDestination(key=key, endpoint=endpoint, destination=destination):
            body = _service_key(key) + _destination_full(endpoint, destination)
            return request(family, n.SET_DESTINATION, body)
        case DeleteDestination(key=key, endpoint=endpoint):
            body = _service_key(key) + _destination_key(endpoint)
            return request(family, n.DELETE_DESTINATION, body)
        case NewService(key=key, settings=settings):
            return request(family, n.NEW_SERVICE, _service_full(key, settings))
        case SetService(key=key, settings=settings):
            return request(family, n.SET_SERVICE, _service_full(key, settings))
        case DeleteService(key=key):
            return request(family, n.DELETE_SERVICE, _service_key(key))
        case _:
            assert_never(operation)


def services_request(family: int) -> bytes:
    """Asks for all services (without their destinations)."""
    return request(family, n.GET_SERVICE, b"", NLM_F_DUMP)


def destinations_request(family: int, key: ServiceKey) -> bytes:
    """Asks for all destinations of one service."""
    return request(family, n.GET_DESTINATION, _service_key(key), NLM_F_DUMP)
