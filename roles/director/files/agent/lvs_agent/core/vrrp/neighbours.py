# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ethernet frames that tell neighbours where an address is, and ask who else has it.

Owns their bytes: ARP (RFC 826, RFC 5227) and Neighbor Discovery (RFC 4861, RFC 4862). Must never
send. Decoding takes any bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_BROADCAST = b"\xff" * 6
ETHERTYPE_ARP = 0x0806
_ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
_HARDWARE_ETHERNET = 1
_REQUEST = 1

_IPV6 = struct.Struct("!IHBB16s16s")
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
_SOLICITATION = struct.Struct("!BBHI16s")
ICMPV6 = 58
NEIGHBOR_ADVERTISEMENT = 136
_NEIGHBOR_SOLICITATION = 135
# Router, not solicited, override (RFC 4861 section 4.4, RFC 9568 section 6.4.1).
_ROUTER_OVERRIDE = 0b101 << 29
_TARGET_LINK_LAYER_ADDRESS = 2
_ALL_NODES = IPv6Address("ff02::1").packed
_ALL_NODES_MAC = bytes.fromhex("333300000001")
# RFC 4291 section 2.7.1: the last three bytes of the address follow.
_SOLICITED_NODE = IPv6Address("ff02::1:ff00:0").packed[:13]


def announcement(address: str, mac: bytes) -> bytes:
    """The frame that announces `address`, of either family, at `mac` (6 bytes)."""
    return (
        unsolicited_advertisement(address, mac) if ":" in address else gratuitous_arp(address, mac)
    )


def probe(address: str, mac: bytes) -> bytes:
    """The frame that asks who has `address`, of either family, and tells nobody anything."""
    return neighbour_probe(address, mac) if ":" in address else arp_probe(address, mac)


def gratuitous_arp(address: str, mac: bytes) -> bytes:
    """An Ethernet frame: ARP request, broadcast, sender and target both `address`.

    `mac` (6 bytes) is the sender's and the target's (RFC 9568 section 6.4.1; the interface's own
    MAC unless it is a VMAC).
    """
    ip = IPv4Address(address).packed
    return _arp_request(mac, ip, mac, ip)


def arp_probe(address: str, mac: bytes) -> bytes:
    """An ARP request for `address` from nobody (RFC 5227 section 1.1): no cache learns from it."""
    return _arp_request(mac, bytes(4), bytes(6), IPv4Address(address).packed)


def _arp_request(mac: bytes, sender: bytes, target_mac: bytes, target: bytes) -> bytes:
    return _ETHERNET.pack(_BROADCAST, mac, ETHERTYPE_ARP) + _ARP.pack(
        _HARDWARE_ETHERNET, _ETHERTYPE_IPV4, 6, 4, _REQUEST, mac, sender, target_mac, target
    )


def unsolicited_advertisement(address: str, mac: bytes) -> bytes:
    """An Ethernet frame: Neighbor Advertisement to all nodes, from and about `address`."""
    target = IPv6Address(address).packed
    fields = (_ROUTER_OVERRIDE, target, _TARGET_LINK_LAYER_ADDRESS, 1, mac)
    plain = _ADVERTISEMENT.pack(NEIGHBOR_ADVERTISEMENT, 0, 0, *fields)
    return _ETHERNET.pack(_ALL_NODES_MAC, mac, ETHERTYPE_IPV6) + _icmpv6(target, _ALL_NODES, plain)


def neighbour_probe(address: str, mac: bytes) -> bytes:
    """An Ethernet frame: the Neighbor Solicitation of Duplicate Address Detection.

    From the unspecified address, so whoever has `address` tells all nodes (RFC 4862 section 5.4.3).
    """
    target = IPv6Address(address).packed
    plain = _SOLICITATION.pack(_NEIGHBOR_SOLICITATION, 0, 0, 0, target)
    group = _SOLICITED_NODE + target[13:]
    ethernet = _ETHERNET.pack(b"\x33\x33" + group[12:], mac, ETHERTYPE_IPV6)
    return ethernet + _icmpv6(bytes(16), group, plain)


def _icmpv6(source: bytes, destination: bytes, message: bytes) -> bytes:
    """`message`, whose checksum is zero, in IPv6 with hop limit 255 (RFC 4861 section 7.1)."""
    length = len(message)
    # Each part has an even length, so the sum over all words is that of the whole number.
    covered = source + destination + struct.pack("!II", length, ICMPV6) + message
    checksum = ~(int.from_bytes(covered, "big") % 0xFFFF or 0xFFFF) & 0xFFFF
    header = _IPV6.pack(6 << 28, length, ICMPV6, 255, source, destination)
    return header + message[:2] + checksum.to_bytes(2, "big") + message[4:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Somebody's word that `address` is at `mac` ("aa:bb:cc:dd:ee:ff")."""

    address: str
    mac: str


def decode_claim(frame: bytes) -> Claim | None:
    """Who says that he has which address: ARP, or a Neighbor Advertisement; None: anything else."""
    if len(frame) < _ETHERNET.size:
        return None
    __, sender_mac, ethertype = _ETHERNET.unpack_from(frame)
    if ethertype == ETHERTYPE_ARP:
        return _decode_arp(frame)
    if ethertype == ETHERTYPE_IPV6:
        return _decode_advertisement(frame, sender_mac)
    return None


def _decode_arp(frame: bytes) -> Claim | None:
    """A request claims its sender's address as an answer does (RFC 5227 section 2.4); a probe,
    whose sender is 0.0.0.0, claims nothing."""
    if len(frame) < _ETHERNET.size + _ARP.size:
        return None
    hardware, protocol, hardware_bytes, protocol_bytes, __, mac, sender, __, __ = _ARP.unpack_from(
        frame, _ETHERNET.size
    )
    kind = (hardware, protocol, hardware_bytes, protocol_bytes)
    if kind != (_HARDWARE_ETHERNET, _ETHERTYPE_IPV4, 6, 4) or sender == bytes(4):
        return None
    return Claim(address=str(IPv4Address(sender)), mac=mac.hex(":"))


def _decode_advertisement(frame: bytes, sender_mac: bytes) -> Claim | None:
    """The target, at the sender of the frame: that is where its packets come from."""
    at = _ETHERNET.size + _IPV6.size
    if len(frame) < at + _SOLICITATION.size:
        return None
    first, __, following, hop_limit, __, __ = _IPV6.unpack_from(frame, _ETHERNET.size)
    kind, __, __, __, target = _SOLICITATION.unpack_from(frame, at)
    expected = (6, ICMPV6, 255, NEIGHBOR_ADVERTISEMENT)
    if (first >> 28, following, hop_limit, kind) != expected:
        return None
    return Claim(address=str(IPv6Address(target)), mac=sender_mac.hex(":"))
