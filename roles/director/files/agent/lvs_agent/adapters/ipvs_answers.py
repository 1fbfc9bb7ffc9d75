# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's answers about IPVS, decoded.

Owns the decoding. Must never touch a socket, nor raise on anything that a kernel might send.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from lvs_agent.adapters import ipvs_numbers as n
from lvs_agent.adapters.netlink import ATTRIBUTE, attributes
from lvs_agent.core.ipvs.model import Destination, Endpoint, ServiceKey, ServiceSettings


class Counters(NamedTuple):
    """What a service or destination has done; connections are None for a service."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    active: int | None = None
    inactive: int | None = None


def decode_service(body: bytes) -> tuple[ServiceKey, ServiceSettings, Counters] | None:
    """One answer to `services_request`; None for a kind that is never ours (fwmark, IPv6, SCTP)."""
    found = _nested(body, n.ATTR_SERVICE)
    protocol = n.PROTOCOL_NAMES.get(_u16(found.get(n.SVC_PROTOCOL)))
    if protocol is None or _u16(found.get(n.SVC_AF)) != socket.AF_INET or n.SVC_FWMARK in found:
        return None
    address, port = found.get(n.SVC_ADDR, b"")[:4], found.get(n.SVC_PORT, b"")
    if len(address) != 4 or len(port) != 2:
        return None
    flags = _u32(found.get(n.SVC_FLAGS))
    persistent = bool(flags & n.SVC_F_PERSISTENT)
    netmask = found.get(n.SVC_NETMASK, b"")
    settings = ServiceSettings(
        scheduler=bytes(found.get(n.SVC_SCHED_NAME, b"")).rstrip(b"\0").decode(errors="replace"),
        persistence_timeout_s=_u32(found.get(n.SVC_TIMEOUT)) if persistent else 0,
        persistence_netmask=socket.inet_ntoa(netmask) if len(netmask) == 4 else "255.255.255.255",
        one_packet=bool(flags & n.SVC_F_ONEPACKET),
        scheduler_flags=flags & n.SVC_F_SCHEDULER,
    )
    key = ServiceKey(protocol, socket.inet_ntoa(address), n.PORT.unpack(port)[0])
    return key, settings, _counters(found, n.SVC_STATS64, n.SVC_STATS)


def decode_destination(body: bytes) -> tuple[Endpoint, Destination, Counters] | None:
    """One answer to `destinations_request`; None for one of another address family.

    All answers of a kernel look alike, so the places of the values are learned from the first one
    and checked for each: 3 us instead of 40, and an audit reads ten thousand.
    """
    layout = _layouts.get(len(body))
    if layout is None or int.from_bytes(body, "little") & layout.mask != layout.headers:
        if len(_layouts) >= _LAYOUTS_LIMIT:
            _layouts.clear()
        layout = _learn(body)
        if layout is None:
            return _decode_destination(body)
        _layouts[len(body)] = layout
    (
        (address,), (port,), (method,), (weight,), (upper,), (lower,), (active,), (inactive,),
        (family,), (connections,), (packets_in,), (packets_out,), (bytes_in,), (bytes_out,),
    ) = [read(body, offset) for read, offset in layout.readers]  # fmt: skip
    if family != socket.AF_INET:
        return None
    method &= 0x7
    return (
        Endpoint(socket.inet_ntoa(address), port),
        Destination(weight, n.FORWARDING_NAMES.get(method, str(method)), upper, lower),
        Counters(connections, packets_in, packets_out, bytes_in, bytes_out, active, inactive),
    )


class _Layout(NamedTuple):
    """Where the values of a destination are in an answer; `mask` covers all attribute headers."""

    mask: int
    headers: int
    readers: tuple[tuple[Callable[[bytes, int], tuple[Any, ...]], int], ...]


# One kernel has one or two answer sizes; the bound only guards against a surprise.
_LAYOUTS_LIMIT = 16
_layouts: dict[int, _Layout] = {}
_LEARNED = (
    (n.DEST_ADDR, "=4s"), (n.DEST_PORT, "!H"), (n.DEST_FWD_METHOD, "=I"), (n.DEST_WEIGHT, "=I"),
    (n.DEST_U_THRESH, "=I"), (n.DEST_L_THRESH, "=I"), (n.DEST_ACTIVE, "=I"),
    (n.DEST_INACTIVE, "=I"), (n.DEST_ADDR_FAMILY, "=H"),
)  # fmt: skip


def _learn(body: bytes) -> _Layout | None:
    """The layout of `body`; None when something is missing in it (older kernels)."""
    top = _places(body, n.GENL.size, len(body))
    if set(top) != {n.ATTR_DESTINATION}:
        return None
    inner = _places(body, *top[n.ATTR_DESTINATION])
    statistics = _places(body, *inner.get(n.DEST_STATS64, (0, 0)))
    wanted = [(inner.get(kind, (0, 0)), struct.Struct(layout)) for kind, layout in _LEARNED]
    wanted += [(statistics.get(kind, (0, 0)), struct.Struct("=Q")) for kind in range(1, 6)]
    if any(end - start < structure.size for (start, end), structure in wanted):
        return None
    mask = 0
    for start, _ in (*top.values(), *inner.values(), *statistics.values()):
        mask |= 0xFFFF_FFFF << 8 * (start - ATTRIBUTE.size)
    return _Layout(
        mask,
        int.from_bytes(body, "little") & mask,
        tuple((structure.unpack_from, start) for (start, _), structure in wanted),
    )


def _places(body: bytes, start: int, end: int) -> dict[int, tuple[int, int]]:
    """(start, end) of the payload of each attribute within body[start:end]."""
    found: dict[int, tuple[int, int]] = {}
    while start + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(body, start)
        if length < ATTRIBUTE.size or start + length > end:
            break
        found[kind & 0x3FFF] = start + ATTRIBUTE.size, start + length
        start += (length + 3) & ~3
    return found


def _decode_destination(body: bytes) -> tuple[Endpoint, Destination, Counters] | None:
    """The same, attribute by attribute."""
    found = _nested(body, n.ATTR_DESTINATION)
    address, port = found.get(n.DEST_ADDR, b"")[:4], found.get(n.DEST_PORT, b"")
    family = _u16(found[n.DEST_ADDR_FAMILY]) if n.DEST_ADDR_FAMILY in found else socket.AF_INET
    if family != socket.AF_INET or len(address) != 4 or len(port) != 2:
        return None
    number = _u32(found.get(n.DEST_FWD_METHOD)) & 0x7
    destination = Destination(
        _u32(found.get(n.DEST_WEIGHT)),
        n.FORWARDING_NAMES.get(number, str(number)),
        _u32(found.get(n.DEST_U_THRESH)),
        _u32(found.get(n.DEST_L_THRESH)),
    )
    counters = _counters(found, n.DEST_STATS64, n.DEST_STATS)._replace(
        active=_u32(found.get(n.DEST_ACTIVE)), inactive=_u32(found.get(n.DEST_INACTIVE))
    )
    return Endpoint(socket.inet_ntoa(address), n.PORT.unpack(port)[0]), destination, counters


def _nested(body: bytes, wanted: int) -> dict[int, memoryview | bytes]:
    """The attributes inside attribute `wanted` of a generic netlink message."""
    for kind, payload in attributes(body, n.GENL.size):
        if kind == wanted:
            return dict(attributes(payload))
    return {}


def _integer(layout: str) -> Callable[[memoryview | bytes | None], int]:
    structure = struct.Struct(layout)

    def read(payload: memoryview | bytes | None) -> int:
        if payload is None or len(payload) < structure.size:
            return 0
        value: int = structure.unpack_from(payload)[0]
        return value

    return read


_u16 = _integer("=H")
_u32 = _integer("=I")
_u64 = _integer("=Q")


def _counters(found: dict[int, memoryview | bytes], wide: int, narrow: int) -> Counters:
    """64-bit statistics (Linux 4.1 and later), else the 32-bit ones."""
    number = _u64 if wide in found else _u32
    values = dict(attributes(found.get(wide) or found.get(narrow, b"")))
    return Counters(
        connections=number(values.get(1)),
        packets_in=number(values.get(2)),
        packets_out=number(values.get(3)),
        bytes_in=_u64(values.get(4)),
        bytes_out=_u64(values.get(5)),
    )
