# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's filters: what the receiver accepts passes them, and rubbish does not.

The programs run here in an interpreter of the few instructions they use; that the kernel runs them
likewise is shown in tests/netns.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.model import AhAuthentication, VrrpInstance
from lvs_agent.core.vrrp import filters
from lvs_agent.core.vrrp.auth import seal
from lvs_agent.core.vrrp.flood import FloodGuard
from lvs_agent.core.vrrp.neighbours import announcement, probe
from lvs_agent.core.vrrp.packet import AH_PROTOCOL, encode
from lvs_agent.core.vrrp.receive import Accepted, Receiver
from vrrp_builders import MS, S, advert, datagram, instance, instance6, ip


def passes(
    program: filters.Program, data: bytes, packet_type: int = 0, link_layer: bytes = b""
) -> bool:
    """Run a program as linux/net/core/filter.c does; reading beyond the end drops the packet."""
    a = x = at = 0
    for _ in range(len(program)):
        code, true, false, constant = program[at]
        at += 1
        width = {0x20: 4, 0x28: 2, 0x30: 1, 0x50: 1}.get(code)
        if width is not None and constant == 0xFFFFF004:
            a = packet_type
        elif code in (0x20, 0x28) and constant >= 0xFFE00000:
            at_mac = constant - 0xFFE00000
            a = int.from_bytes(link_layer[at_mac : at_mac + (width or 0)], "big")
        elif width is not None:
            start = constant + (x if code == 0x50 else 0)
            if start + width > len(data):
                return False
            a = int.from_bytes(data[start : start + width], "big")
        elif code == 0xB1:
            x = (data[constant] & 0xF) * 4
        elif code == 0x15:
            at += true if a == constant else false
        else:
            assert code == 0x06
            return constant > 0
    raise AssertionError("no return")


KINDS = [
    pytest.param(instance(), id="v2"),
    pytest.param(instance(version=3), id="v3"),
    pytest.param(instance6(), id="v6"),
]


def seen(of: VrrpInstance, packet: bytes) -> bytes:
    """What a filter on the raw socket sees of a datagram."""
    return packet[40:] if of.family == 6 else packet


def sent(of: VrrpInstance, **changes: object) -> bytes:
    source, group = ("fe80::2", "ff02::12") if of.family == 6 else ("10.0.0.2", "224.0.0.18")
    return datagram(advert(of, **changes), source, group)


@pytest.mark.parametrize("of", KINDS)
def test_own_virtual_router_passes_and_another_does_not(of: VrrpInstance) -> None:
    program = filters.adverts(of.family, [7, 51, 255])
    assert passes(program, seen(of, sent(of)))
    for vrid in (1, 50, 52, 254):
        assert not passes(program, seen(of, sent(of, virtual_router_id=vrid)))


@pytest.mark.parametrize("of", KINDS)
def test_other_versions_and_types_do_not_pass(of: VrrpInstance) -> None:
    program = filters.adverts(of.family, [51])
    body = seen(of, sent(of))
    at = 0 if of.family == 6 else 20
    known = {0x31} if of.family == 6 else {0x21, 0x31}
    for first in range(256):
        changed = body[:at] + bytes([first]) + body[at + 1 :]
        assert passes(program, changed) == (first in known)


def test_ttl_counts_unless_unicast_instances_listen() -> None:
    packet = bytearray(sent(instance()))
    packet[8] = 254
    assert not passes(filters.adverts(4, [51]), bytes(packet))
    assert passes(filters.adverts(4, [51], routed=True), bytes(packet))


def test_header_with_options_and_authentication_are_looked_behind() -> None:
    packet = sent(instance())
    options = b"\x46" + packet[1:20] + bytes(4) + packet[20:]
    assert passes(filters.adverts(4, [51]), options)
    of = instance(authentication=AhAuthentication(key=b"key"))
    message = encode(advert(of), 0, 0)
    sealed = seal(b"key", message, ip("10.0.0.2"), ip("224.0.0.18"), ttl=255, sequence=1)
    assert sealed[9] == AH_PROTOCOL
    assert passes(filters.adverts(4, [51], authenticated=True), sealed)
    assert not passes(filters.adverts(4, [52], authenticated=True), sealed)


def test_one_sender_alone_passes() -> None:
    mac = bytes.fromhex("00005e000133")
    packet = sent(instance())
    for program in (filters.sent_by(mac), filters.sent_by(mac, filters.adverts(4, [51]))):
        assert passes(program, packet, link_layer=bytes(6) + mac)
        for at in range(6):
            other = mac[:at] + bytes([mac[at] ^ 1]) + mac[at + 1 :]
            assert not passes(program, packet, link_layer=bytes(6) + other)
    other_vrid = sent(instance(), virtual_router_id=52)
    program = filters.sent_by(mac, filters.adverts(4, [51]))
    assert not passes(program, other_vrid, link_layer=bytes(6) + mac)


def test_all_virtual_routers_at_once_fit_into_the_kernels_limit() -> None:
    program = filters.adverts(4, range(1, 256))
    assert len(program) < 4096
    assert all(jump <= 255 for _, true, false, _ in program for jump in (true, false))
    assert passes(program, sent(instance(virtual_router_id=255)))


@given(packet=st.binary(max_size=100))
def test_what_the_receiver_accepts_passes(packet: bytes) -> None:
    for of in (instance(), instance(version=3)):
        receiver = Receiver()
        receiver.configure({0: of})
        for candidate in (packet, sent(of)[:20] + packet, sent(of)):
            if isinstance(receiver.examine(candidate), Accepted):
                assert passes(filters.adverts(4, [51]), candidate)


MAC = bytes.fromhex("020000000001")


def test_claims_are_arp_of_others_about_our_addresses() -> None:
    program = filters.claims(4, ["10.0.0.100", "10.0.0.101"])
    assert passes(program, announcement("10.0.0.100", MAC))
    assert passes(program, announcement("10.0.0.101", MAC))
    assert not passes(program, announcement("10.0.0.100", MAC), packet_type=4)
    assert not passes(program, announcement("10.0.0.102", MAC))
    assert not passes(program, probe("10.0.0.100", MAC))
    assert not passes(program, announcement("fe80::1", MAC))


def test_claims_of_ipv6_are_advertisements_about_our_addresses() -> None:
    ours = ["fe80::100", "2001:db8::1", "2001:db8::2"]
    program = filters.claims(6, ours)
    for address in ours:
        assert passes(program, announcement(address, MAC))
        assert not passes(program, announcement(address, MAC), packet_type=4)
        assert not passes(program, probe(address, MAC))
    for address in ("fe80::101", "2001:db8::3", "2001:db9::1", "2001:db8:0:1::1", "::1"):
        assert not passes(program, announcement(address, MAC))
    assert not passes(program, announcement("10.0.0.100", MAC))


@pytest.mark.parametrize(("family", "other"), [(4, "10.9.0.1"), (6, "2001:db8::ffff")])
def test_too_many_addresses_are_all_let_through(family: int, other: str) -> None:
    pattern = "10.1.{}.{}" if family == 4 else "2001:db8:{}::{}"
    many = filters.claims(family, (pattern.format(n // 250, n % 250) for n in range(2_000)))
    assert len(many) < 4096
    assert passes(many, announcement(other, MAC))


def test_a_flood_is_more_than_two_hundred_in_a_tenth_of_a_second() -> None:
    guard = FloodGuard()
    assert not any(guard.note(20, S + n * 10 * MS) for n in range(10))
    assert not guard.note(200, S + 100 * MS)
    assert guard.note(1, S + 150 * MS)
    assert guard.until_ns == S + 150 * MS + 10 * S
    assert not guard.note(1_000, S + 160 * MS)
    guard.quiet()
    assert guard.until_ns is None
    assert not guard.note(200, 20 * S)
