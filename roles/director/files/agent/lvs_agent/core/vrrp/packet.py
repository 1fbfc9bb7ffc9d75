# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP messages over IPv4 as bytes: version 2 (RFC 3768, RFC 2338's PASS) and 3 (RFC 9568).

Owns the layout and the checksums. Must never know a configuration or a state: which adverts an
instance accepts is the business of `receive.py`. Decoding network input returns a RejectReason,
it never raises.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

from lvs_agent.core.vrrp.reasons import RejectReason

VRRP_PROTOCOL = 112
VRRP_TTL = 255
ADVERTISEMENT = 1
AUTH_NONE = 0
AUTH_PASS = 1
AUTH_DATA_BYTES = 8
NO_AUTH_DATA = bytes(AUTH_DATA_BYTES)
# The address count is one byte. 255 addresses make 1,056 bytes, far below an Ethernet MTU.
MAX_ADDRESSES = 255
SECOND_NS = 1_000_000_000
CENTISECOND_NS = 10_000_000
# An Ethernet frame carries at least 46 bytes; some senders count the padding as payload.
_MINIMUM_PAYLOAD = 46
_IP_HEADER_BYTES = 20

# version and type, VRID, priority, address count, then per version; checksum last.
_HEADER = struct.Struct("!BBBBHH")
_IP_HEADER = struct.Struct("!BBHHHBBHII")
# DSCP CS6, "internetwork control" (RFC 4594 section 3.1).
_TYPE_OF_SERVICE = 0xC0


class Checksum(StrEnum):
    """What a checksum covers. Version 2 is always MESSAGE.

    RFC 5798 reads both ways for version 3 over IPv4; RFC 9568 section 5.2.8 settled on MESSAGE.
    """

    MESSAGE = "message"
    PSEUDO_HEADER = "pseudo_header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """An ADVERTISEMENT. `addresses` is as on the wire: 4 bytes each, in the sender's order.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class IpPayload:
    """The parts of an IPv4 datagram that VRRP looks at. Addresses are unsigned integers."""

    source: int
    destination: int
    ttl: int
    message: bytes


def encode(advert: Advert, source: int, destination: int) -> bytes:
    """The VRRP message. The addresses enter the checksum when it covers the pseudo-header."""
    count = len(advert.addresses) // 4
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


def decode(message: bytes, source: int, destination: int) -> Advert | RejectReason:
    """The advert in an IP payload of any content, or why it is none."""
    if len(message) < _HEADER.size:
        return RejectReason.TRUNCATED
    version_type, vrid, priority, count, interval, _ = _HEADER.unpack_from(message)
    version = version_type >> 4
    if version not in (2, 3):
        return RejectReason.VERSION
    if version_type & 0x0F != ADVERTISEMENT:
        return RejectReason.TYPE
    end = _HEADER.size + 4 * count
    length = end + AUTH_DATA_BYTES if version == 2 else end
    if len(message) < length:
        return RejectReason.TRUNCATED
    if len(message) > max(length, _MINIMUM_PAYLOAD):
        return RejectReason.LENGTH
    checksum = _checksum_reading(message[:length], version, source, destination)
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
    )


def _checksum_reading(
    message: bytes, version: int, source: int, destination: int
) -> Checksum | None:
    """Which reading makes the checksum right; None if neither does."""
    if _sum(message) == 0xFFFF:
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
    return source + destination + VRRP_PROTOCOL + length


def encode_datagram(advert: Advert, source: int, destination: int) -> bytes:
    """`advert` in an IPv4 datagram for a socket with IP_HDRINCL.

    Left 0 for the kernel to fill: identification and header checksum (raw(7)).
    """
    message = encode(advert, source, destination)
    length = _IP_HEADER_BYTES + len(message)
    return (
        _IP_HEADER.pack(
            0x45,
            _TYPE_OF_SERVICE,
            length,
            0,
            0,
            VRRP_TTL,
            VRRP_PROTOCOL,
            0,
            source,
            destination,
        )
        + message
    )


def decode_datagram(datagram: bytes) -> IpPayload | None:
    """The payload of what a raw IPv4 socket received; None when it is no whole IPv4 datagram."""
    if len(datagram) < _IP_HEADER_BYTES:
        return None
    first, _, total, _, _, ttl, _, _, source, destination = _IP_HEADER.unpack_from(datagram)
    header = (first & 0x0F) * 4
    if first >> 4 != 4 or header < _IP_HEADER_BYTES or not header <= total <= len(datagram):
        return None
    return IpPayload(
        source=source, destination=destination, ttl=ttl, message=datagram[header:total]
    )
