# SPDX-License-Identifier: GPL-3.0-or-later
"""Ethernet frames, taken apart and put together: ARP, ICMP, neighbour discovery, plain IP.

Must never use the agent's codec, for the same reason as `reference.py`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from conformance.reference import internet_checksum

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, UDP, ICMPV6, VRRP = 1, 17, 58, 112
SOLICITATION, ADVERTISEMENT, ROUTER_ADVERTISEMENT = 135, 136, 134
BROADCAST = b"\xff" * 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """An Ethernet frame. What is not there is 0 or empty; `ttl` is the hop limit over IPv6."""

    destination: bytes
    source: bytes
    kind: int
    payload: bytes
    protocol: int = 0
    ttl: int = 0
    traffic_class: int = 0
    ip_source: str = ""
    ip_destination: str = ""
    body: bytes = b""

    @property
    def vrrp(self) -> bool:
        return self.protocol == VRRP

    @property
    def icmp_type(self) -> int | None:
        """Of ICMP or ICMPv6."""
        return self.body[0] if self.protocol in (ICMP, ICMPV6) and self.body else None


def parse(data: bytes) -> Frame:
    """A received frame."""
    destination, source, kind = data[:6], data[6:12], int.from_bytes(data[12:14], "big")
    payload = data[14:]
    plain = Frame(destination=destination, source=source, kind=kind, payload=payload)
    if kind == IPV4 and len(payload) >= 20:
        header, total = (payload[0] & 15) * 4, int.from_bytes(payload[2:4], "big")
        return Frame(
            destination=destination,
            source=source,
            kind=kind,
            payload=payload,
            protocol=payload[9],
            ttl=payload[8],
            traffic_class=payload[1],
            ip_source=str(ip_address(payload[12:16])),
            ip_destination=str(ip_address(payload[16:20])),
            body=payload[header:total],
        )
    if kind == IPV6 and len(payload) >= 40:
        length = int.from_bytes(payload[4:6], "big")
        return Frame(
            destination=destination,
            source=source,
            kind=kind,
            payload=payload,
            protocol=payload[6],
            ttl=payload[7],
            traffic_class=int.from_bytes(payload[:2], "big") >> 4 & 0xFF,
            ip_source=str(ip_address(payload[8:24])),
            ip_destination=str(ip_address(payload[24:40])),
            body=payload[40 : 40 + length],
        )
    return plain


def ethernet(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    return destination + source + kind.to_bytes(2, "big") + payload


def arp_request(source: bytes, source_ip: str, target_ip: str) -> bytes:
    """RFC 826, broadcast."""
    ends = source + ip_address(source_ip).packed + bytes(6) + ip_address(target_ip).packed
    return ethernet(BROADCAST, source, ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arp:
    """The fields of an ARP packet over Ethernet and IPv4."""

    operation: int
    sender_mac: bytes
    sender: str
    target_mac: bytes
    target: str


def arp(frame: Frame) -> Arp | None:
    """The ARP packet in a frame, if there is one."""
    if frame.kind != ARP or len(frame.payload) < 28:
        return None
    packet = frame.payload
    return Arp(
        operation=int.from_bytes(packet[6:8], "big"),
        sender_mac=packet[8:14],
        sender=str(ip_address(packet[14:18])),
        target_mac=packet[18:24],
        target=str(ip_address(packet[24:28])),
    )


def ipv4(
    *, macs: tuple[bytes, bytes], ends: tuple[str, str], protocol: int, body: bytes, ttl: int = 64
) -> bytes:
    """A frame from and to `macs` and `ends`, both (source, destination)."""
    addresses = b"".join(ip_address(each).packed for each in ends)
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(body), 0, 0, ttl, protocol)
    checksum = internet_checksum(start + bytes(2) + addresses)
    packet = start + struct.pack("!H", checksum) + addresses + body
    return ethernet(macs[1], macs[0], IPV4, packet)


def ipv6(
    *, macs: tuple[bytes, bytes], ends: tuple[str, str], protocol: int, body: bytes, ttl: int = 255
) -> bytes:
    """The same over IPv6."""
    addresses = b"".join(ip_address(each).packed for each in ends)
    start = struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl)
    return ethernet(macs[1], macs[0], IPV6, start + addresses + body)


def echo_request(*, macs: tuple[bytes, bytes], ends: tuple[str, str]) -> bytes:
    """A ping of either family."""
    if ":" in ends[0]:
        return ipv6(
            macs=macs, ends=ends, protocol=ICMPV6, body=icmpv6(128, struct.pack("!HH", 7, 1), ends)
        )
    rest = struct.pack("!HH", 7, 1)
    checksum = internet_checksum(b"\x08\0\0\0" + rest)
    return ipv4(
        macs=macs, ends=ends, protocol=ICMP, body=b"\x08\0" + checksum.to_bytes(2, "big") + rest
    )


def is_echo_reply(frame: Frame) -> bool:
    return (frame.protocol, frame.icmp_type) in ((ICMP, 0), (ICMPV6, 129))


def icmpv6(kind: int, rest: bytes, ends: tuple[str, str]) -> bytes:
    """An ICMPv6 message with its checksum (RFC 4443 section 2.3)."""
    addresses = b"".join(ip_address(each).packed for each in ends)
    message = bytes([kind, 0, 0, 0]) + rest
    header = addresses + struct.pack("!IHBB", len(message), 0, 0, ICMPV6)
    return message[:2] + internet_checksum(header + message).to_bytes(2, "big") + message[4:]


def solicited_node(address: str) -> tuple[str, bytes]:
    """The group of an address (RFC 4291 section 2.7.1), and its MAC (RFC 2464 section 7)."""
    last = ip_address(address).packed[-3:]
    group = ip_address(bytes.fromhex("ff0200000000000000000001ff") + last)
    return str(group), b"\x33\x33\xff" + last


def solicitation(source: bytes, source_ip: str, target: str) -> bytes:
    """A neighbour solicitation with the source's MAC (RFC 4861 section 4.3)."""
    group, mac = solicited_node(target)
    rest = bytes(4) + ip_address(target).packed + b"\x01\x01" + source
    ends = (source_ip, group)
    body = icmpv6(SOLICITATION, rest, ends)
    return ipv6(macs=(source, mac), ends=ends, protocol=ICMPV6, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4)."""

    kind: int
    router: bool
    solicited: bool
    override: bool
    target: str
    link_layer: bytes


def neighbour(frame: Frame) -> Neighbour | None:
    """The neighbour message in a frame, if there is one; it has one option at most here."""
    if frame.icmp_type not in (SOLICITATION, ADVERTISEMENT) or len(frame.body) < 24:
        return None
    flags = frame.body[4]
    return Neighbour(
        kind=frame.body[0],
        router=bool(flags & 0x80),
        solicited=bool(flags & 0x40),
        override=bool(flags & 0x20),
        target=str(ip_address(frame.body[8:24])),
        link_layer=frame.body[26:32],
    )
