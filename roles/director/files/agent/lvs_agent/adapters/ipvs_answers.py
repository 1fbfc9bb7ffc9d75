# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's answers about IPVS, decoded.

Owns the decoding. Must never touch a socket, nor raise on anything that a kernel might send.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from lvs_agent.adapters import ipvs_numbers as n
from lvs_agent.adapters.netlink import ATTRIBUTE, attributes
from lvs_agent.core.ipvs.model import (
    Destination,
    Endpoint,
    ServiceKey,
    ServiceSettings,
    Tunnel,
    marked,
)


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
    """One answer to `services_request`; None for a kind that is never ours."""
    found = _nested(body, n.ATTR_SERVICE)
    key = _service_key(found)
    if key is None:
        return None
    flags = _u32(found.get(n.SVC_FLAGS))
    persistent = bool(flags & n.SVC_F_PERSISTENT)
    settings = ServiceSettings(
        scheduler=_text(found.get(n.SVC_SCHED_NAME)),
        persistence_timeout_s=_u32(found.get(n.SVC_TIMEOUT)) if persistent else 0,
        persistence_prefix=_prefix(key.family, found.get(n.SVC_NETMASK)),
        persistence_engine=_text(found.get(n.SVC_PE_NAME)) or None,
        one_packet=bool(flags & n.SVC_F_ONEPACKET),
        scheduler_flags=flags & n.SVC_F_SCHEDULER,
    )
    return key, settings, _counters(found, n.SVC_STATS64, n.SVC_STATS)


def _service_key(found: dict[int, memoryview | bytes]) -> ServiceKey | None:
    family = _FAMILIES.get(_u16(found.get(n.SVC_AF)))
    if family is None:
        return None
    if n.SVC_FWMARK in found:
        return marked(_u32(found[n.SVC_FWMARK]), family)
    protocol = n.PROTOCOL_NAMES.get(_u16(found.get(n.SVC_PROTOCOL)))
    address, port = _address(family, found.get(n.SVC_ADDR)), found.get(n.SVC_PORT, b"")
    if protocol is None or address is None or len(port) != 2:
        return None
    return ServiceKey(protocol, address, n.PORT.unpack(port)[0])


_FAMILIES: dict[int, int] = {int(number): family for family, number in n.FAMILIES.items()}
_ADDRESS_BYTES = {4: 4, 6: 16}
_ALL_BITS = {4: 32, 6: 128}
# A netmask that is no prefix: never what we want, and told from all that is.
_NO_PREFIX = -1


def _address(family: int, payload: memoryview | bytes | None) -> str | None:
    """Canonical text; None when it is too short."""
    size = _ADDRESS_BYTES[family]
    if payload is None or len(payload) < size:
        return None
    packed = bytes(payload[:size])
    text = socket.inet_ntop(n.FAMILIES[family], packed)
    # inet_ntop writes ::ffff:1.2.3.4 where `ipaddress`, so the configuration, may not.
    return str(ipaddress.IPv6Address(packed)) if family == 6 and "." in text else text


def _text(payload: memoryview | bytes | None) -> str:
    return bytes(payload or b"").rstrip(b"\0").decode(errors="replace")


def _prefix(family: int, payload: memoryview | bytes | None) -> int | None:
    """The length of a netmask (IPv4), or the length itself (IPv6); None when it is all bits."""
    if payload is None or len(payload) != 4:
        return None
    if family == 6:
        length = _u32(payload)
    else:
        mask = int.from_bytes(payload)
        length = mask.bit_count()
        if mask != (0xFFFF_FFFF << 32 - length) & 0xFFFF_FFFF:
            return _NO_PREFIX
    return None if length == _ALL_BITS[family] else length


def decode_destination(body: bytes) -> tuple[Endpoint, Destination, Counters] | None:
    """One answer to `destinations_request`; None for one of an unknown address family.

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
    text: str | None = None
    if family == socket.AF_INET:
        text = socket.inet_ntoa(address[:4])
    elif family == socket.AF_INET6:
        text = _address(6, address)
    if text is None:
        return None
    method &= 0x7
    tunnel = None
    if method == _TUN and layout.tunnel:
        tunnel = _tunnel(*[read(body, offset)[0] for read, offset in layout.tunnel])
    return (
        Endpoint(text, port),
        Destination(weight, n.FORWARDING_NAMES.get(method, str(method)), upper, lower, tunnel),
        Counters(connections, packets_in, packets_out, bytes_in, bytes_out, active, inactive),
    )


_TUN = n.FORWARDING["TUN"]
_Reader = tuple[Callable[[bytes, int], tuple[Any, ...]], int]


def _tunnel(kind: int, port: int, flags: int) -> Tunnel | None:
    """The encapsulation; None for plain IP in IP, and what a newer kernel may have by number."""
    name = n.TUNNEL_NAMES.get(kind, str(kind))
    checksum = n.CHECKSUM_NAMES.get(flags, str(flags))
    return None if (kind, port, flags) == (0, 0, 0) else Tunnel(name, port, checksum)


class _Layout(NamedTuple):
    """Where the values of a destination are in an answer; `mask` covers all attribute headers.

    `tunnel` is empty for a kernel before Linux 5.2."""

    mask: int
    headers: int
    readers: tuple[_Reader, ...]
    tunnel: tuple[_Reader, ...]


# One kernel has one or two answer sizes; the bound only guards against a surprise.
_LAYOUTS_LIMIT = 16
_layouts: dict[int, _Layout] = {}
_LEARNED = (
    (n.DEST_PORT, "!H"), (n.DEST_FWD_METHOD, "=I"), (n.DEST_WEIGHT, "=I"),
    (n.DEST_U_THRESH, "=I"), (n.DEST_L_THRESH, "=I"), (n.DEST_ACTIVE, "=I"),
    (n.DEST_INACTIVE, "=I"), (n.DEST_ADDR_FAMILY, "=H"),
)  # fmt: skip


_LEARNED_TUNNEL = ((n.DEST_TUN_TYPE, "=B"), (n.DEST_TUN_PORT, "!H"), (n.DEST_TUN_FLAGS, "=H"))


def _learn(body: bytes) -> _Layout | None:
    """The layout of `body`; None when something is missing in it (older kernels)."""
    top = _places(body, n.GENL.size, len(body))
    if set(top) != {n.ATTR_DESTINATION}:
        return None
    inner = _places(body, *top[n.ATTR_DESTINATION])
    statistics = _places(body, *inner.get(n.DEST_STATS64, (0, 0)))
    start, end = inner.get(n.DEST_ADDR, (0, 0))
    address = struct.Struct("=16s" if end - start >= 16 else "=4s")
    wanted = [((start, end), address)]
    wanted += [(inner.get(kind, (0, 0)), struct.Struct(layout)) for kind, layout in _LEARNED]
    wanted += [(statistics.get(kind, (0, 0)), struct.Struct("=Q")) for kind in range(1, 6)]
    tunnel = [
        (inner[kind], struct.Struct(layout)) for kind, layout in _LEARNED_TUNNEL if kind in inner
    ]
    if len(tunnel) not in (0, len(_LEARNED_TUNNEL)):
        return None
    if any(end - start < structure.size for (start, end), structure in (*wanted, *tunnel)):
        return None
    mask = 0
    for start, __ in (*top.values(), *inner.values(), *statistics.values()):
        mask |= 0xFFFF_FFFF << 8 * (start - ATTRIBUTE.size)
    return _Layout(
        mask,
        int.from_bytes(body, "little") & mask,
        tuple((structure.unpack_from, start) for (start, __), structure in wanted),
        tuple((structure.unpack_from, start) for (start, __), structure in tunnel),
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
    usual = n.FAMILIES[4]  # a kernel before Linux 3.18 does not say
    number = _u16(found[n.DEST_ADDR_FAMILY]) if n.DEST_ADDR_FAMILY in found else usual
    family = _FAMILIES.get(number)
    address = family and _address(family, found.get(n.DEST_ADDR))
    port = found.get(n.DEST_PORT, b"")
    if not address or len(port) != 2:
        return None
    method = _u32(found.get(n.DEST_FWD_METHOD)) & 0x7
    destination = Destination(
        _u32(found.get(n.DEST_WEIGHT)),
        n.FORWARDING_NAMES.get(method, str(method)),
        _u32(found.get(n.DEST_U_THRESH)),
        _u32(found.get(n.DEST_L_THRESH)),
        _tunnel(
            _u8(found.get(n.DEST_TUN_TYPE)),
            _port(found.get(n.DEST_TUN_PORT)),
            _u16(found.get(n.DEST_TUN_FLAGS)),
        )
        if method == _TUN
        else None,
    )
    counters = _counters(found, n.DEST_STATS64, n.DEST_STATS)._replace(
        active=_u32(found.get(n.DEST_ACTIVE)), inactive=_u32(found.get(n.DEST_INACTIVE))
    )
    return Endpoint(address, n.PORT.unpack(port)[0]), destination, counters


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


_u8 = _integer("=B")
_port = _integer("!H")
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
