# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames for neighbours: golden bytes, and any bytes as ARP."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.vrrp.neighbours import (
    Claim,
    announcement,
    arp_probe,
    decode_claim,
    gratuitous_arp,
    probe,
    unsolicited_advertisement,
)

MAC = bytes.fromhex("020000000001")


def test_gratuitous_arp_is_a_broadcast_request_for_its_own_address() -> None:
    assert gratuitous_arp("10.0.0.100", MAC).hex(" ") == (
        "ff ff ff ff ff ff 02 00 00 00 00 01 08 06"
        " 00 01 08 00 06 04 00 01"
        " 02 00 00 00 00 01 0a 00 00 64"
        " 02 00 00 00 00 01 0a 00 00 64"
    )


def test_probe_tells_nobody_an_address() -> None:
    assert arp_probe("10.0.0.100", MAC).hex(" ") == (
        "ff ff ff ff ff ff 02 00 00 00 00 01 08 06"
        " 00 01 08 00 06 04 00 01"
        " 02 00 00 00 00 01 00 00 00 00"
        " 00 00 00 00 00 00 0a 00 00 64"
    )


def test_advertisement_goes_to_all_nodes_as_router_unsolicited_and_overriding() -> None:
    frame = unsolicited_advertisement("fe80::100", MAC)
    assert frame[:54].hex(" ") == (
        "33 33 00 00 00 01 02 00 00 00 00 01 86 dd"
        " 60 00 00 00 00 20 3a ff"
        " fe 80 00 00 00 00 00 00 00 00 00 00 00 00 01 00"
        " ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01"
    )
    assert frame[54:56] == b"\x88\0"
    assert frame[58:].hex(" ") == (
        "a0 00 00 00 fe 80 00 00 00 00 00 00 00 00 00 00 00 00 01 00 02 01 02 00 00 00 00 01"
    )


def test_probe_of_ipv6_goes_to_the_solicited_node_from_nobody() -> None:
    frame = probe("2001:db8::12:3456", MAC)
    assert frame[:54].hex(" ") == (
        "33 33 ff 12 34 56 02 00 00 00 00 01 86 dd"
        " 60 00 00 00 00 18 3a ff"
        " 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        " ff 02 00 00 00 00 00 00 00 00 00 01 ff 12 34 56"
    )
    assert frame[54:56] == b"\x87\0"
    assert frame[58:].hex() == "00000000" + "20010db8000000000000000000123456"


addresses_6 = st.binary(min_size=16, max_size=16).map(lambda raw: str(IPv6Address(raw)))
macs = st.binary(min_size=6, max_size=6)


@given(address=addresses_6, mac=macs)
def test_checksum_agrees_with_the_rfc_1071_sum(address: str, mac: bytes) -> None:
    for frame in (announcement(address, mac), probe(address, mac)):
        covered = frame[22:54] + struct.pack("!II", len(frame) - 54, 58) + frame[54:]
        total = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        assert total == 0xFFFF


@given(raw=st.integers(1, 2**32 - 1), mac=macs)
def test_what_is_announced_is_claimed(raw: int, mac: bytes) -> None:
    address = str(IPv4Address(raw))
    frame = announcement(address, mac)
    assert decode_claim(frame) == Claim(address=address, mac=mac.hex(":"))
    assert decode_claim(frame + bytes(18)) == Claim(address=address, mac=mac.hex(":"))
    assert all(decode_claim(frame[:cut]) is None for cut in range(len(frame)))
    assert decode_claim(arp_probe(address, mac)) is None


@given(address=addresses_6, mac=macs)
def test_what_is_announced_over_ipv6_is_claimed(address: str, mac: bytes) -> None:
    frame = announcement(address, mac)
    assert decode_claim(frame) == Claim(address=address, mac=mac.hex(":"))
    for cut in range(len(frame)):
        assert decode_claim(frame[:cut]) is None or cut >= 78  # without the option
    assert decode_claim(probe(address, mac)) is None
    for at, value in ((14, 0x40), (20, 17), (21, 254), (54, 135)):
        assert decode_claim(frame[:at] + bytes([value]) + frame[at + 1 :]) is None


@given(frame=st.binary(max_size=100), ethertype=st.sampled_from([b"\x08\x06", b"\x86\xdd"]))
def test_any_bytes_are_a_claim_or_none(frame: bytes, ethertype: bytes) -> None:
    assert isinstance(decode_claim(frame), Claim | None)
    assert isinstance(decode_claim(bytes(12) + ethertype + frame), Claim | None)
