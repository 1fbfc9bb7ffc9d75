# SPDX-License-Identifier: GPL-3.0-or-later
"""Classic BPF programs that let the kernel drop what cannot be for us, before it costs a wake-up.

Owns the programs as data: (code, jump if true, jump if false, constant) each, linux/filter.h. Must
never attach one, and never drop what `receive.py` would accept.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from lvs_agent.core.vrrp.auth import AH_BYTES
from lvs_agent.core.vrrp.neighbours import (
    ETHERTYPE_ARP,
    ETHERTYPE_IPV6,
    ICMPV6,
    NEIGHBOR_ADVERTISEMENT,
)
from lvs_agent.core.vrrp.packet import ADVERTISEMENT, VRRP_TTL

Instruction = tuple[int, int, int, int]
Program = tuple[Instruction, ...]

# linux/bpf_common.h: class, size and mode of the instructions used.
_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
_LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
_LOAD_BYTE_INDEXED = 0x50  # BPF_LD | BPF_B | BPF_IND
_LOAD_HEADER_LENGTH = 0xB1  # BPF_LDX | BPF_B | BPF_MSH
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
# SKF_AD_OFF + SKF_AD_PKTTYPE; PACKET_OUTGOING (linux/if_packet.h).
_PACKET_TYPE = 0xFFFFF004
_OUTGOING = 4

_EVERYTHING = 0xFFFF
_ACCEPT: Instruction = (_RETURN, 0, 0, _EVERYTHING)
_DROP: Instruction = (_RETURN, 0, 0, 0)
_TTL_OFFSET = 8
_VERSIONS_TYPES = {
    4: (2 << 4 | ADVERTISEMENT, 3 << 4 | ADVERTISEMENT),
    6: (3 << 4 | ADVERTISEMENT,),
}
# The kernel's limit is 4,096 instructions, and old ones charge 20 kB per socket for them.
_MOST_CLAIMS = {4: 1_000, 6: 250}
# SKF_LL_OFF: from the Ethernet header on, which a raw socket does not show otherwise.
_LINK_LAYER = 0xFFE00000
_SENDER_MAC_OFFSET = 6
_ETHERTYPE_OFFSET = 12
_SENDER_ADDRESS_OFFSET = 28
# Behind the Ethernet header: next header; behind the IPv6 header too: ICMPv6 type, target.
_NEXT_HEADER_OFFSET = 20
_ICMPV6_TYPE_OFFSET = 54
_TARGET_OFFSET = 62


def adverts(
    family: int, vrids: Iterable[int], *, authenticated: bool = False, routed: bool = False
) -> Program:
    """For a raw socket: adverts of these virtual_router_ids, in a version and of a type we know.

    `authenticated`: behind an AH. `routed`: unicast instances take any TTL, so it is not looked at.
    An IPv4 raw socket shows a filter the IP header, an IPv6 one what follows it.
    """
    at = AH_BYTES if authenticated else 0
    program: list[Instruction] = []
    if family == 4:
        load = _LOAD_BYTE_INDEXED
        if not routed:
            program += [(_LOAD_BYTE, 0, 0, _TTL_OFFSET), (_JUMP_EQUAL, 1, 0, VRRP_TTL), _DROP]
        program.append((_LOAD_HEADER_LENGTH, 0, 0, 0))
    else:
        load = _LOAD_BYTE
    known = _VERSIONS_TYPES[family]
    program.append((load, 0, 0, at))
    # From the n-th comparison the jump goes over the others and the drop.
    program += [(_JUMP_EQUAL, len(known) - n, 0, value) for n, value in enumerate(known)]
    program.append(_DROP)
    program.append((load, 0, 0, at + 1))
    for vrid in sorted(set(vrids)):
        program += [(_JUMP_EQUAL, 0, 1, vrid), _ACCEPT]
    return (*program, _DROP)


def sent_by(mac: bytes, program: Program | None = None) -> Program:
    """`program`, or everything, but of one sender alone: `mac` has 6 bytes."""
    high, low = int.from_bytes(mac[:4], "big"), int.from_bytes(mac[4:], "big")
    return (
        (_LOAD_WORD, 0, 0, _LINK_LAYER + _SENDER_MAC_OFFSET),
        (_JUMP_EQUAL, 1, 0, high),
        _DROP,
        (_LOAD_HALF, 0, 0, _LINK_LAYER + _SENDER_MAC_OFFSET + 4),
        (_JUMP_EQUAL, 1, 0, low),
        _DROP,
        *(program or (_ACCEPT,)),
    )


def claims(family: int, addresses: Iterable[str]) -> Program:
    """For a packet socket: received ARP (4), or Neighbor Advertisements (6), of somebody who says
    that he has one of `addresses`."""
    wanted = sorted({int(ip_address(address)) for address in addresses})
    ethertype = ETHERTYPE_IPV6 if family == 6 else ETHERTYPE_ARP
    program: list[Instruction] = [
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_JUMP_EQUAL, 0, 1, _OUTGOING),
        _DROP,
        *_only(_LOAD_HALF, _ETHERTYPE_OFFSET, ethertype),
    ]
    if family == 6:
        program += _only(_LOAD_BYTE, _NEXT_HEADER_OFFSET, ICMPV6)
        program += _only(_LOAD_BYTE, _ICMPV6_TYPE_OFFSET, NEIGHBOR_ADVERTISEMENT)
    if len(wanted) > _MOST_CLAIMS[family]:
        return (*program, _ACCEPT)
    if family == 4:
        program.append((_LOAD_WORD, 0, 0, _SENDER_ADDRESS_OFFSET))
    for address in wanted:
        program += _is_address(family, address)
    return (*program, _DROP)


def _only(load: int, offset: int, value: int) -> tuple[Instruction, ...]:
    return ((load, 0, 0, offset), (_JUMP_EQUAL, 1, 0, value), _DROP)


def _is_address(family: int, address: int) -> list[Instruction]:
    """Accept if the claimed address is this one, else go on behind."""
    if family == 4:
        return [(_JUMP_EQUAL, 0, 1, address), _ACCEPT]
    found: list[Instruction] = []
    for word in range(4):
        value = address >> 32 * (3 - word) & 0xFFFFFFFF
        found.append((_LOAD_WORD, 0, 0, _TARGET_OFFSET + 4 * word))
        # Over the remaining pairs and the acceptance.
        found.append((_JUMP_EQUAL, 0, 2 * (3 - word) + 1, value))
    return [*found, _ACCEPT]
