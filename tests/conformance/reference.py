# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP packets written down a second time, straight from the RFCs, to compare the agent with.

Must never use the agent's codec: a mistake that both sides share would not be seen.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

PROTOCOL = 112
GROUP = {4: "224.0.0.18", 6: "ff02::12"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """An RFC over one IP version. `pseudo_header`: its checksum covers one."""

    rfc: str
    version: int
    family: int
    pseudo_header: bool

    def __str__(self) -> str:
        return f"rfc{self.rfc}" + ("-ipv6" if self.family == 6 else "")


RFC3768 = Standard(rfc="3768", version=2, family=4, pseudo_header=False)
RFC5798 = Standard(rfc="5798", version=3, family=4, pseudo_header=True)
RFC5798_IPV6 = Standard(rfc="5798", version=3, family=6, pseudo_header=True)
RFC9568 = Standard(rfc="9568", version=3, family=4, pseudo_header=False)
RFC9568_IPV6 = Standard(rfc="9568", version=3, family=6, pseudo_header=True)
ALL = (RFC3768, RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6)
VERSION_3 = (RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6)
IPV4 = (RFC3768, RFC5798, RFC9568)
IPV6 = (RFC5798_IPV6, RFC9568_IPV6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A VRRP message by its fields; `interval` in seconds (version 2) or centiseconds.

    `count` and `checksum` None: the right ones. `reserved`: the four bits before the interval.
    """

    standard: Standard
    source: str
    destination: str
    addresses: tuple[str, ...]
    vrid: int = 51
    priority: int = 100
    interval: int = 1
    version: int | None = None
    type: int = 1
    count: int | None = None
    reserved: int = 0
    auth_type: int = 0
    auth_data: bytes = bytes(8)
    checksum: int | None = None

    def but(self, **changes: Any) -> Message:
        """This message with other fields."""
        return replace(self, **changes)

    def wire(self) -> bytes:
        """As on the wire."""
        standard = self.standard
        version = standard.version if self.version is None else self.version
        count = len(self.addresses) if self.count is None else self.count
        head = struct.pack("!BBBB", version << 4 | self.type, self.vrid, self.priority, count)
        if standard.version == 2:
            fifth_and_sixth = struct.pack("!BB", self.auth_type, self.interval)
        else:
            fifth_and_sixth = struct.pack("!H", self.reserved << 12 | self.interval)
        tail = b"".join(ip_address(each).packed for each in self.addresses)
        if standard.version == 2:
            tail += self.auth_data
        checksum = self.checksum
        if checksum is None:
            covered = head + fifth_and_sixth + bytes(2) + tail
            if standard.pseudo_header:
                covered = self.pseudo_header(len(covered)) + covered
            checksum = internet_checksum(covered)
        return head + fifth_and_sixth + struct.pack("!H", checksum) + tail

    def pseudo_header(self, length: int) -> bytes:
        """RFC 8200 section 8.1; for IPv4 the same fields in RFC 793's widths."""
        ends = ip_address(self.source).packed + ip_address(self.destination).packed
        if self.standard.family == 6:
            return ends + struct.pack("!IHBB", length, 0, 0, PROTOCOL)
        return ends + struct.pack("!BBH", 0, PROTOCOL, length)


def internet_checksum(data: bytes) -> int:
    """RFC 1071, word by word."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4_datagram(
    message: bytes, source: str, destination: str, *, ttl: int = 255, protocol: int = PROTOCOL
) -> bytes:
    """`message` in an IPv4 packet without options."""
    ends = ip_address(source).packed + ip_address(destination).packed
    start = struct.pack("!BBHHHBB", 0x45, 0xC0, 20 + len(message), 0, 0, ttl, protocol)
    checksum = internet_checksum(start + bytes(2) + ends)
    return start + struct.pack("!H", checksum) + ends + message


def ipv6_datagram(
    message: bytes, source: str, destination: str, *, hop_limit: int = 255, protocol: int = PROTOCOL
) -> bytes:
    """`message` in an IPv6 packet without extension headers."""
    start = struct.pack("!IHBB", 6 << 28 | 0xC0 << 20, len(message), protocol, hop_limit)
    return start + ip_address(source).packed + ip_address(destination).packed + message


def datagram(sent: Message, *, ttl: int = 255, raw: bytes | None = None) -> bytes:
    """`sent` as an IP packet of its family; `raw` in place of its bytes."""
    message = sent.wire() if raw is None else raw
    if sent.standard.family == 6:
        return ipv6_datagram(message, sent.source, sent.destination, hop_limit=ttl)
    return ipv4_datagram(message, sent.source, sent.destination, ttl=ttl)
