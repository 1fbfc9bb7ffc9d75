# SPDX-License-Identifier: GPL-3.0-or-later
"""The IPsec Authentication Header around VRRP version 2 (RFC 2338 section 5.3.6.3, RFC 2402).

Owns the layout, the integrity value (HMAC-MD5-96, RFC 2403) and the sequence numbers. Must never
read a clock: the wall clock's time comes from the caller. Decoding returns a RejectReason.

AH keeps strangers out and old packets from being sent again. It hides nothing, and whoever knows
the key can say anything.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lvs_agent.core.vrrp.packet import AH_PROTOCOL, VRRP_PROTOCOL, encode_ipv4_header
from lvs_agent.core.vrrp.reasons import RejectReason

# Next header, length in words less two, reserved, SPI, sequence number, integrity value.
_HEADER = struct.Struct("!BBHII12s")
AH_BYTES = _HEADER.size
_LENGTH_WORDS = AH_BYTES // 4 - 2
_ICV_BYTES = 12
_IP_HEADER_BYTES = 20
# keepalived stops sending above this; what a peer counted beyond it is not followed.
SEQUENCE_END = 0xFFFFFFFD
# Version 2 sends an advert a second, and as many again in answer to losing ones. Quarters of a
# second since 2024 fill the 32 bits in 2058.
_TICK_NS = 250_000_000
_EPOCH_NS = 1_704_067_200_000_000_000
# The directors of one virtual router; only who knows the key gets into the table at all.
_SOURCES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A VRRP message whose integrity value is right, with its sequence number."""

    sequence: int
    message: bytes


def seal(
    key: bytes, message: bytes, source: int, destination: int, *, ttl: int, sequence: int
) -> bytes:
    """An IPv4 datagram with AH around a VRRP message. The SPI is the source, as keepalived has it.

    The identification is covered by the integrity value, so it cannot be left to the kernel, which
    fills in a zero.
    """
    identification = sequence & 0xFFFF or 1
    length = AH_BYTES + len(message)
    header = encode_ipv4_header(
        source, destination, ttl, AH_PROTOCOL, length, identification=identification
    )
    plain = _HEADER.pack(VRRP_PROTOCOL, _LENGTH_WORDS, 0, source, sequence, bytes(_ICV_BYTES))
    icv = _integrity_value(key, header + plain + message)
    return header + plain[:-_ICV_BYTES] + icv + message


def unseal(key: bytes, datagram: bytes) -> Opened | RejectReason:
    """What is inside a whole IPv4 datagram of protocol 51, if `key` made its integrity value."""
    body = _IP_HEADER_BYTES + AH_BYTES
    # Options of the IP header would be covered one by one (RFC 2402 appendix A); VRRP has none.
    if len(datagram) < body or datagram[0] != 0x45:
        return RejectReason.AUTH_HEADER
    following, words, __, spi, sequence, icv = _HEADER.unpack_from(datagram, _IP_HEADER_BYTES)
    source = int.from_bytes(datagram[12:16], "big")
    if following != VRRP_PROTOCOL or words != _LENGTH_WORDS or spi != source:
        return RejectReason.AUTH_HEADER
    total = int.from_bytes(datagram[2:4], "big")
    if not body <= total <= len(datagram):
        return RejectReason.AUTH_HEADER
    covered = datagram[: body - _ICV_BYTES] + bytes(_ICV_BYTES) + datagram[body:total]
    from hmac import compare_digest  # noqa: PLC0415 - see _integrity_value

    if not compare_digest(icv, _integrity_value(key, covered)):
        return RejectReason.AUTH_ICV
    return Opened(sequence=sequence, message=datagram[body:total])


def _integrity_value(key: bytes, datagram: bytes) -> bytes:
    """HMAC-MD5-96 over `datagram` with its mutable fields zero (RFC 2402 section 3.3.3.1.1.1).

    The TTL is mutable too, but keepalived leaves it in where nobody changes it: multicast adverts
    are never forwarded. Ours do the same, or neither would understand the other.
    """
    # Here: it brings OpenSSL's library along, 3.5 MiB that only those pay who use AH.
    import hmac  # noqa: PLC0415

    multicast = datagram[16] >> 4 == 0xE
    ttl = datagram[8:9] if multicast else b"\0"
    covered = (
        datagram[:1]
        + b"\0"  # type of service
        + datagram[2:6]
        + b"\0\0"  # flags and fragment offset
        + ttl
        + datagram[9:10]
        + b"\0\0"  # header checksum
        + datagram[12:]
    )
    return hmac.digest(key, covered, "md5")[:_ICV_BYTES]


class ReplayWindow:
    """The highest sequence number of each source: every packet has to exceed its source's last.

    A source that starts again from a lower number stays rejected until it has overtaken itself, or
    until we are master and it learned our number from us.
    """

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def admit(self, source: int, sequence: int) -> bool:
        """Whether this is no replay; remembered if so. Call only for what `unseal` accepted."""
        if sequence <= self._last.get(source, 0):
            return False
        self._last.pop(source, None)
        if len(self._last) >= _SOURCES:
            del self._last[next(iter(self._last))]
        self._last[source] = sequence
        return True

    @property
    def highest(self) -> int:
        """The highest number of any source; 0 for none."""
        return max(self._last.values(), default=0)


def next_sequence(last: int, seen: int, wall_ns: int) -> int:
    """The sequence number after `last`, above what was `seen`, and not below the wall clock's.

    The clock makes it grow across restarts, when `last` is forgotten: it ticks faster than adverts
    go out. keepalived has one counter for what it sends and receives, so ours has to exceed what
    the master before us sent.
    """
    followed = seen if seen < SEQUENCE_END else 0
    ticks = max(0, wall_ns - _EPOCH_NS) // _TICK_NS
    return min(max(ticks & 0xFFFFFFFF, last + 1, followed + 1), 0xFFFFFFFF)
