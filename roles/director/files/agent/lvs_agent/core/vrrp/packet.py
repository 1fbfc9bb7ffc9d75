# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP messages as bytes: version 2 over IPv4 (RFC 3768, RFC 2338), 3 over both (RFC 9568).

Owns the layout and the checksums. Must never know a configuration or a state: which adverts an
instance accepts is the business of `receive.py`. Decoding network input returns a RejectReason,
it never raises.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from lvs_agent.core.vrrp.reasons import RejectReason

VRRP_PROTOCOL = 112
AH_PROTOCOL = 51
VRRP_TTL = 255
ADVERTISEMENT = 1
AUTH_NONE = 0
AUTH_PASS = 1
AUTH_AH = 2
AUTH_DATA_BYTES = 8
NO_AUTH_DATA = bytes(AUTH_DATA_BYTES)
# The address count is one byte: 255 addresses make 1,056 bytes over IPv4, far below an Ethernet
# MTU. IPv6 routers do not fragment: 1,500 bytes less 40 and 8 of headers hold 90 addresses.
MAX_ADDRESSES = 255
MAX_ADDRESSES_6 = 90
ADDRESS_BYTES = {4: 4, 6: 16}
SECOND_NS = 1_000_000_000
CENTISECOND_NS = 10_000_000
# An Ethernet frame carries at least 46 bytes; some senders count the padding as payload.
_MINIMUM_PAYLOAD = 46
_IP_HEADER_BYTES = 20
_IPV6_HEADER_BYTES = 40

# version and type, VRID, priority, address count, then per version; checksum last.
_HEADER = struct.Struct("!BBBBHH")
_IP_HEADER = struct.Struct("!BBHHHBBHII")
_IPV6_HEADER = struct.Struct("!IHBB16s16s")
# DSCP CS6, "internetwork control" (RFC 4594 section 3.1).
_TYPE_OF_SERVICE = 0xC0
_IPV6_VERSION_CLASS_FLOW = 6 << 28 | _TYPE_OF_SERVICE << 20


class Checksum(StrEnum):
    """What a checksum covers. Version 2 is always MESSAGE, IPv6 always PSEUDO_HEADER.

    RFC 5798 reads both ways for version 3 over IPv4; RFC 9568 section 5.2.8 settled on MESSAGE.
    """

    MESSAGE = "message"
    PSEUDO_HEADER = "pseudo_header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An ADVERTISEMENT. `addresses` is as on the wire: ADDRESS_BYTES of its family each.

    `advert_int_ns` is a multiple of one second (version 2) or of a centisecond (version 3).
    The auth fields exist in version 2 only; version 3 has AUTH_NONE and NO_AUTH_DATA.
    """

    version: int
    virtual_router_id: int
    priority: int
    advert_int_ns: int
    addresses: bytes
    auth_type: int = AUTH_NONE
    auth_data: bytes = NO_AUTH_DATA
    checksum: Checksum = Checksum.MESSAGE
    family: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IpPayload:
    """The parts of a datagram that VRRP looks at. Addresses are unsigned integers.

    `ttl` is IPv6's hop limit, `protocol` VRRP_PROTOCOL, AH_PROTOCOL or any other.
    """

    source: int
    destination: int
    ttl: int
    message: bytes
    protocol: int = VRRP_PROTOCOL
    family: int = 4


def encode(advert: Advert, source: int, destination: int) -> bytes:
    """The VRRP message. The addresses enter the checksum when it covers the pseudo-header."""
    count = len(advert.addresses) // ADDRESS_BYTES[advert.family]
    start = (advert.version << 4 | ADVERTISEMENT, advert.virtual_router_id, advert.priority, count)
    if advert.version == 2:
        interval = advert.auth_type << 8 | advert.advert_int_ns // SECOND_NS
        tail = advert.addresses + advert.auth_data
    else:
        interval = advert.advert_int_ns // CENTISECOND_NS & 0x0FFF
        tail = advert.addresses
    message = _HEADER.pack(*start, interval, 0) + tail
    extra = 0
    if advert.checksum is Checksum.PSEUDO_HEADER:
        extra = _pseudo_header_sum(source, destination, len(message))
    checksum = ~_sum(message, extra) & 0xFFFF
    return message[:6] + checksum.to_bytes(2, "big") + message[8:]


def decode(message: bytes, source: int, destination: int, family: int = 4) -> Advert | RejectReason:
    """The advert in an IP payload of any content, or why it is none."""
    if len(message) < _HEADER.size:
        return RejectReason.TRUNCATED
    version_type, vrid, priority, count, interval, __ = _HEADER.unpack_from(message)
    version = version_type >> 4
    # Version 2 is a protocol of IPv4 alone (RFC 3768).
    if version != 3 and (version != 2 or family != 4):
        return RejectReason.VERSION
    if version_type & 0x0F != ADVERTISEMENT:
        return RejectReason.TYPE
    end = _HEADER.size + ADDRESS_BYTES[family] * count
    length = end + AUTH_DATA_BYTES if version == 2 else end
    if len(message) < length:
        return RejectReason.TRUNCATED
    if len(message) > max(length, _MINIMUM_PAYLOAD):
        return RejectReason.LENGTH
    checksum = _checksum_reading(message[:length], version, family, source, destination)
    if checksum is None:
        return RejectReason.CHECKSUM
    addresses = message[_HEADER.size : end]
    if version == 2:
        return Advert(
            version=2,
            virtual_router_id=vrid,
            priority=priority,
            advert_int_ns=(interval & 0xFF) * SECOND_NS,
            addresses=addresses,
            auth_type=interval >> 8,
            auth_data=message[end:length],
        )
    if count == 0:
        return RejectReason.COUNT_ZERO
    interval &= 0x0FFF  # the upper four bits are reserved and ignored (RFC 9568 section 5.2.6)
    if interval == 0:
        return RejectReason.INTERVAL_ZERO
    return Advert(
        version=3,
        virtual_router_id=vrid,
        priority=priority,
        advert_int_ns=interval * CENTISECOND_NS,
        addresses=addresses,
        checksum=checksum,
        family=family,
    )


def _checksum_reading(
    message: bytes, version: int, family: int, source: int, destination: int
) -> Checksum | None:
    """Which reading makes the checksum right; None if none does that the family allows."""
    if family == 4 and _sum(message) == 0xFFFF:
        return Checksum.MESSAGE
    if version == 3:
        extra = _pseudo_header_sum(source, destination, len(message))
        if _sum(message, extra) == 0xFFFF:
            return Checksum.PSEUDO_HEADER
    return None


def _sum(data: bytes, extra: int = 0) -> int:
    """The ones' complement sum of `data` (even length, not all zero) in 16-bit words.

    2**16 leaves 1 modulo 0xFFFF, so the sum of the words is the whole number's remainder; a sum
    that is not zero folds to 0xFFFF where the remainder is 0 (RFC 1071).
    """
    if len(data) % 2:
        data += b"\0"
    return (int.from_bytes(data, "big") + extra) % 0xFFFF or 0xFFFF


def _pseudo_header_sum(source: int, destination: int, length: int) -> int:
    """What RFC 8200 section 8.1, and RFC 5798 for IPv4, puts before the message.

    Whole addresses, whatever their length, for the reason that `_sum` gives.
    """
    return source + destination + VRRP_PROTOCOL + length


def encode_datagram(advert: Advert, source: int, destination: int, *, ttl: int = VRRP_TTL) -> bytes:
    """`advert` in a datagram of its family for a socket that takes whole datagrams.

    Left 0 for the kernel to fill in IPv4: identification and header checksum (raw(7)).
    """
    message = encode(advert, source, destination)
    if advert.family == 6:
        return encode_ipv6_header(source, destination, ttl, VRRP_PROTOCOL, len(message)) + message
    return encode_ipv4_header(source, destination, ttl, VRRP_PROTOCOL, len(message)) + message


def encode_ipv4_header(
    source: int, destination: int, ttl: int, protocol: int, length: int, *, identification: int = 0
) -> bytes:
    """20 bytes for a payload of `length` bytes; the checksum is the kernel's business."""
    total = _IP_HEADER_BYTES + length
    return _IP_HEADER.pack(
        *(0x45, _TYPE_OF_SERVICE, total, identification, 0, ttl, protocol, 0, source, destination)
    )


def encode_ipv6_header(
    source: int, destination: int, hop_limit: int, next_header: int, length: int
) -> bytes:
    """40 bytes for a payload of `length` bytes."""
    return _IPV6_HEADER.pack(
        _IPV6_VERSION_CLASS_FLOW,
        length,
        next_header,
        hop_limit,
        source.to_bytes(16, "big"),
        destination.to_bytes(16, "big"),
    )


def decode_datagram(datagram: bytes) -> IpPayload | None:
    """The payload of a whole IPv4 or IPv6 datagram; None when it is neither.

    IPv6 extension headers are not read: raw(7) sockets hand out what follows them.
    """
    if len(datagram) < _IP_HEADER_BYTES:
        return None
    if datagram[0] >> 4 == 6:
        return _decode_ipv6(datagram)
    first, __, total, __, __, ttl, protocol, __, source, destination = _IP_HEADER.unpack_from(
        datagram
    )
    header = (first & 0x0F) * 4
    if first >> 4 != 4 or header < _IP_HEADER_BYTES or not header <= total <= len(datagram):
        return None
    return IpPayload(
        source=source,
        destination=destination,
        ttl=ttl,
        message=datagram[header:total],
        protocol=protocol,
    )


def _decode_ipv6(datagram: bytes) -> IpPayload | None:
    if len(datagram) < _IPV6_HEADER_BYTES:
        return None
    __, length, protocol, hop_limit, source, destination = _IPV6_HEADER.unpack_from(datagram)
    end = _IPV6_HEADER_BYTES + length
    if len(datagram) < end:
        return None
    return IpPayload(
        source=int.from_bytes(source, "big"),
        destination=int.from_bytes(destination, "big"),
        ttl=hop_limit,
        message=datagram[_IPV6_HEADER_BYTES:end],
        protocol=protocol,
        family=6,
    )


def address_text(address: int, family: int) -> str:
    """An address that is held as an integer, for people."""
    return str(IPv6Address(address) if family == 6 else IPv4Address(address))
