# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets that try out a real server: an echo request, a TCP SYN, an ARP request, and tunnels.

Owns their bytes, both ways. Pure. What is read came from the network: nothing here raises for it.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple, Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# IP protocol numbers (IANA), and EtherTypes.
ICMP, IPIP, TCP, IPV6, GRE, ICMPV6 = 1, 4, 6, 41, 47, 58
ETH_IP, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
_HOPS = 64
_ECHO = {4: (ICMP, 8, 0), 6: (ICMPV6, 128, 129)}  # protocol, request, reply (RFC 792, RFC 4443)
_SYN = 0x02
_GRE_CHECKSUM = 0x8000  # RFC 2784, section 2.1


class Answer(NamedTuple):
    """What came back: from `source`, to our TCP `port`, or to echo request `sequence`."""

    source: Address
    port: int | None
    sequence: int | None


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo(source: Address, target: Address, identifier: int, sequence: int) -> bytes:
    """An IP packet with an echo request."""
    protocol, kind, __ = _ECHO[target.version]
    body = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence)
    pseudo = _pseudo(source, target, len(body), protocol) if target.version == 6 else b""
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return _packet(source, target, protocol, body)


def syn(source: Address, target: Address, source_port: int, port: int) -> bytes:
    """An IP packet with the first segment of a TCP connection."""
    body = struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 5 << 4, _SYN, 1024, 0, 0)
    value = checksum(_pseudo(source, target, len(body), TCP) + body)
    return _packet(source, target, TCP, body[:16] + struct.pack("!H", value) + body[18:])


def _pseudo(source: Address, target: Address, length: int, protocol: int) -> bytes:
    """RFC 9293, section 3.1, and RFC 8200, section 8.1."""
    form = "!xBH" if target.version == 4 else "!IxxxB"
    words = (protocol, length) if target.version == 4 else (length, protocol)
    return source.packed + target.packed + struct.pack(form, *words)


def _packet(source: Address, target: Address, protocol: int, body: bytes) -> bytes:
    if target.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, _HOPS)
        return head + source.packed + target.packed + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, _HOPS, protocol, 0)
    head += source.packed + target.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def wrapped(packet: bytes, tunnel: str, checksummed: bool) -> tuple[int | None, bytes]:
    """(IP protocol, payload) of `packet` in a tunnel; protocol None: the payload of a UDP datagram
    (GUE, draft-ietf-intarea-gue, version 0 without options)."""
    version = packet[0] >> 4
    inner = IPIP if version == 4 else IPV6
    if tunnel == "gue":
        return None, struct.pack("!BBH", 0, inner, 0) + packet
    if tunnel == "gre":
        kind = ETH_IP if version == 4 else ETH_IPV6
        if not checksummed:
            return GRE, struct.pack("!HH", 0, kind) + packet
        head = struct.pack("!HHI", _GRE_CHECKSUM, kind, 0)
        value = checksum(head + packet)
        return GRE, head[:4] + struct.pack("!HH", value, 0) + packet
    return inner, packet


def arp_request(mac: bytes, source: Address, target: Address) -> bytes:
    """Who has `target` (RFC 826)."""
    head = struct.pack("!HHBBH", 1, ETH_IP, 6, 4, 1)
    return head + mac + source.packed + b"\0" * 6 + target.packed


def arp_reply(data: bytes) -> tuple[bytes, Address] | None:
    """(MAC, address) that an ARP reply tells."""
    if len(data) < 28 or data[:8] != struct.pack("!HHBBH", 1, ETH_IP, 6, 4, 2):
        return None
    return data[8:14], ipaddress.IPv4Address(data[14:18])


def answer(data: bytes, identifier: int) -> Answer | None:
    """What an IP packet answers, None if it is no answer to us."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        start, protocol = (data[0] & 0xF) * 4, data[9]
        source: Address = ipaddress.IPv4Address(data[12:16])
    elif version == 6 and len(data) >= 40:
        start, protocol = 40, data[6]
        source = ipaddress.IPv6Address(data[8:24])
    else:
        return None
    body = data[start:]
    if protocol == TCP and len(body) >= 20:
        return Answer(source, struct.unpack("!H", body[2:4])[0], None)
    if protocol == _ECHO[version][0] and len(body) >= 8 and body[0] == _ECHO[version][2]:
        found, sequence = struct.unpack("!HH", body[4:8])
        return Answer(source, None, sequence) if found == identifier else None
    return None


def socket_filter(version: int, ports: list[int]) -> bytes:
    """A classic BPF program for packets from the network header on: echo, or TCP to `ports`.

    Without it a busy director's whole traffic would come to the module (linux/filter.h). At most
    250 ports: a jump goes over 255 instructions.
    """
    load_byte, load_half_at_x = 0x30, 0x48
    load_x, constant_x, jump_equal, give = 0xB1, 0x01, 0x15, 0x06
    protocol_at = 9 if version == 4 else 6
    # Jumps count the instructions to skip.
    program = [(load_byte, 0, 0, protocol_at), (jump_equal, len(ports) + 4, 0, _ECHO[version][0])]
    program.append((jump_equal, 0, len(ports) + 2, TCP))
    program.append((load_x, 0, 0, 0) if version == 4 else (constant_x, 0, 0, 40))
    program.append((load_half_at_x, 0, 0, 2))
    for index, port in enumerate(ports):
        program.append((jump_equal, len(ports) - index, 0, port))
    program += [(give, 0, 0, 0), (give, 0, 0, 0xFFFF)]
    return b"".join(struct.pack("=HBBI", *each) for each in program)
