# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP messages as bytes: golden packets, both checksum readings, any input."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lvs_agent.core.vrrp.packet import (
    AUTH_PASS,
    CENTISECOND_NS,
    NO_AUTH_DATA,
    SECOND_NS,
    Advert,
    Checksum,
    decode,
    decode_datagram,
    encode,
    encode_datagram,
)
from lvs_agent.core.vrrp.reasons import RejectReason

SOURCE = int(IPv4Address("192.168.42.1"))
GROUP = int(IPv4Address("224.0.0.18"))
ADDRESS = IPv4Address("192.168.42.99").packed

# Summed by hand: 2133+6401+0001 + c0a8+2a63 = 1_7040 -> 7041, complement 8fbe.
V2 = Advert(
    version=2, virtual_router_id=51, priority=100, advert_int_ns=SECOND_NS, addresses=ADDRESS
)
V2_BYTES = bytes.fromhex("2133640100018fbec0a82a630000000000000000")
# With PASS "1234": 7041 - 1 + 0101 (type 1, 1 s) + 3132 + 3334 = d5a7, complement 2a58.
V2_PASS = Advert(
    version=2,
    virtual_router_id=51,
    priority=100,
    advert_int_ns=SECOND_NS,
    addresses=ADDRESS,
    auth_type=AUTH_PASS,
    auth_data=b"1234\0\0\0\0",
)
V2_PASS_BYTES = bytes.fromhex("2133640101012a58c0a82a633132333400000000")
# 3133+6401+0064 + c0a8+2a63 = 1_80a3 -> 80a4, complement 7f5b.
V3 = Advert(
    version=3,
    virtual_router_id=51,
    priority=100,
    advert_int_ns=100 * CENTISECOND_NS,
    addresses=ADDRESS,
)
V3_BYTES = bytes.fromhex("3133640100647f5bc0a82a63")
# The pseudo-header adds c0a8+2a01 + e000+0012 + 0070 + 000c: 3_4bda -> 4bdd, complement b422.
V3_PSEUDO_BYTES = bytes.fromhex("313364010064b422c0a82a63")


# 3133+6402+0064 + fe80+0100 + 2001+0db8+0100 = 1_c3d2, and of the pseudo-header
# fe80+0001 + ff02+0012 + 0028+0070 = 1_fe2d: 3_c1ff -> c202, complement 3dfd.
V6 = Advert(
    version=3,
    virtual_router_id=51,
    priority=100,
    advert_int_ns=100 * CENTISECOND_NS,
    addresses=IPv6Address("fe80::100").packed + IPv6Address("2001:db8::100").packed,
    checksum=Checksum.PSEUDO_HEADER,
    family=6,
)
SOURCE_6 = int(IPv6Address("fe80::1"))
GROUP_6 = int(IPv6Address("ff02::12"))
V6_BYTES = bytes.fromhex(
    "3133640200643dfdfe80000000000000000000000000010020010db8000000000000000000000100"
)


def words(data: bytes) -> int:
    """RFC 1071's sum, word by word: another way than the code under test goes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_version_2_golden_bytes() -> None:
    assert encode(V2, SOURCE, GROUP).hex() == V2_BYTES.hex()
    assert decode(V2_BYTES, SOURCE, GROUP) == V2


def test_version_2_with_password_golden_bytes() -> None:
    assert encode(V2_PASS, SOURCE, GROUP).hex() == V2_PASS_BYTES.hex()
    assert decode(V2_PASS_BYTES, SOURCE, GROUP) == V2_PASS


def test_version_3_golden_bytes_in_both_checksum_readings() -> None:
    pseudo = replace(V3, checksum=Checksum.PSEUDO_HEADER)
    assert encode(V3, SOURCE, GROUP).hex() == V3_BYTES.hex()
    assert encode(pseudo, SOURCE, GROUP).hex() == V3_PSEUDO_BYTES.hex()
    assert decode(V3_BYTES, SOURCE, GROUP) == V3
    assert decode(V3_PSEUDO_BYTES, SOURCE, GROUP) == pseudo


def test_ipv6_golden_bytes() -> None:
    assert encode(V6, SOURCE_6, GROUP_6).hex() == V6_BYTES.hex()
    assert decode(V6_BYTES, SOURCE_6, GROUP_6, 6) == V6
    datagram = encode_datagram(V6, SOURCE_6, GROUP_6)
    header = "6c000000" + f"{len(V6_BYTES):04x}" + "70ff"
    addresses = IPv6Address(SOURCE_6).packed + IPv6Address(GROUP_6).packed
    assert datagram == bytes.fromhex(header) + addresses + V6_BYTES
    packet = decode_datagram(datagram)
    assert packet is not None
    assert (packet.source, packet.destination, packet.ttl) == (SOURCE_6, GROUP_6, 255)
    assert (packet.message, packet.protocol, packet.family) == (V6_BYTES, 112, 6)


def test_ipv6_knows_neither_version_2_nor_a_sum_without_pseudo_header() -> None:
    assert decode(V2_BYTES, SOURCE_6, GROUP_6, 6) is RejectReason.VERSION
    bare = V6_BYTES[:6] + bytes(2) + V6_BYTES[8:]
    bare = bare[:6] + (~words(bare) & 0xFFFF).to_bytes(2, "big") + bare[8:]
    assert decode(bare, SOURCE_6, GROUP_6, 6) is RejectReason.CHECKSUM


def test_sent_ttl_is_that_of_the_caller() -> None:
    assert encode_datagram(V3, SOURCE, GROUP, ttl=64)[8] == 64
    assert encode_datagram(V6, SOURCE_6, GROUP_6, ttl=64)[7] == 64


def test_pseudo_header_is_no_reading_of_version_2() -> None:
    total = words(V2_BYTES[:6] + bytes(2) + V2_BYTES[8:])
    extra = words(struct.pack("!IIHH", SOURCE, GROUP, 112, len(V2_BYTES)))
    wrong = ~((total + extra) % 0xFFFF) & 0xFFFF
    forged = V2_BYTES[:6] + wrong.to_bytes(2, "big") + V2_BYTES[8:]
    assert decode(forged, SOURCE, GROUP) is RejectReason.CHECKSUM


def test_reserved_bits_of_version_3_are_ignored() -> None:
    message = bytearray(V3_BYTES)
    message[4] |= 0xF0
    message[6:8] = (~words(bytes(message[:6]) + bytes(2) + bytes(message[8:])) & 0xFFFF).to_bytes(2)
    assert decode(bytes(message), SOURCE, GROUP) == V3


def corrected(message: bytes) -> bytes:
    """`message` with the right checksum over itself."""
    total = words(message[:6] + bytes(2) + message[8:])
    return message[:6] + (~total & 0xFFFF).to_bytes(2, "big") + message[8:]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(b"", RejectReason.TRUNCATED, id="empty"),
        pytest.param(V2_BYTES[:7], RejectReason.TRUNCATED, id="short-header"),
        pytest.param(V2_BYTES[:-1], RejectReason.TRUNCATED, id="no-auth-data"),
        pytest.param(V3_BYTES[:-1], RejectReason.TRUNCATED, id="half-address"),
        pytest.param(
            corrected(V3_BYTES[:3] + b"\x02" + V3_BYTES[4:]), RejectReason.TRUNCATED, id="count-lie"
        ),
        pytest.param(V3_BYTES + bytes(35), RejectReason.LENGTH, id="tail"),
        pytest.param(b"\x41" + V3_BYTES[1:], RejectReason.VERSION, id="version-4"),
        pytest.param(b"\x32" + V3_BYTES[1:], RejectReason.TYPE, id="type-2"),
        pytest.param(V3_BYTES[:-1] + b"\0", RejectReason.CHECKSUM, id="checksum"),
        pytest.param(V2_BYTES[:6] + b"\0\0" + V2_BYTES[8:], RejectReason.CHECKSUM, id="unset"),
        pytest.param(
            corrected(bytes.fromhex("3133640000640000")), RejectReason.COUNT_ZERO, id="count-0"
        ),
        pytest.param(
            corrected(bytes.fromhex("3133640100000000c0a82a63")),
            RejectReason.INTERVAL_ZERO,
            id="interval-0",
        ),
    ],
)
def test_reject(message: bytes, reason: RejectReason) -> None:
    assert decode(message, SOURCE, GROUP) is reason


def test_padding_to_the_ethernet_minimum_is_tolerated() -> None:
    assert decode(V3_BYTES.ljust(46, b"\0"), SOURCE, GROUP) == V3


def test_datagram_has_the_header_that_receivers_demand() -> None:
    datagram = encode_datagram(V3, SOURCE, GROUP)
    assert datagram.hex() == ("45c0002000000000ff700000c0a82a01e0000012" + V3_BYTES.hex())
    packet = decode_datagram(datagram)
    assert packet is not None
    assert (packet.source, packet.destination, packet.ttl) == (SOURCE, GROUP, 255)
    assert packet.message == V3_BYTES


def test_datagram_with_options_is_read_behind_them() -> None:
    datagram = encode_datagram(V3, SOURCE, GROUP)
    with_options = (
        b"\x46" + datagram[1:2] + (len(datagram) + 4).to_bytes(2) + datagram[4:20] + bytes(4)
    )
    packet = decode_datagram(with_options + datagram[20:])
    assert packet is not None
    assert packet.message == V3_BYTES


addresses_4 = st.integers(min_value=0, max_value=2**32 - 1)
adverts_2 = st.builds(
    Advert,
    version=st.just(2),
    virtual_router_id=st.integers(0, 255),
    priority=st.integers(0, 255),
    advert_int_ns=st.integers(0, 255).map(lambda s: s * SECOND_NS),
    addresses=st.integers(0, 255).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
    auth_type=st.integers(0, 255),
    auth_data=st.binary(min_size=8, max_size=8),
    checksum=st.just(Checksum.MESSAGE),
)
adverts_3 = st.builds(
    Advert,
    version=st.just(3),
    virtual_router_id=st.integers(0, 255),
    priority=st.integers(0, 255),
    advert_int_ns=st.integers(1, 4095).map(lambda cs: cs * CENTISECOND_NS),
    addresses=st.integers(1, 255).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
    auth_type=st.just(0),
    auth_data=st.just(NO_AUTH_DATA),
    checksum=st.sampled_from(Checksum),
)
addresses_6 = st.integers(min_value=0, max_value=2**128 - 1)
adverts_6 = st.builds(
    Advert,
    version=st.just(3),
    virtual_router_id=st.integers(0, 255),
    priority=st.integers(0, 255),
    advert_int_ns=st.integers(1, 4095).map(lambda cs: cs * CENTISECOND_NS),
    addresses=st.integers(1, 90).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n)),
    checksum=st.just(Checksum.PSEUDO_HEADER),
    family=st.just(6),
)


@given(advert=adverts_6, source=addresses_6, group=addresses_6)
def test_what_is_encoded_for_ipv6_decodes_to_itself(
    advert: Advert, source: int, group: int
) -> None:
    message = encode(advert, source, group)
    assert decode(message, source, group, 6) == advert
    datagram = encode_datagram(advert, source, group)
    packet = decode_datagram(datagram)
    assert packet is not None
    assert (packet.message, packet.source, packet.destination) == (message, source, group)
    pseudo = source.to_bytes(16, "big") + group.to_bytes(16, "big")
    assert words(pseudo + struct.pack("!II", len(message), 112) + message) == 0xFFFF


def test_ipv6_cut_at_every_byte_is_truncated_or_no_datagram() -> None:
    datagram = encode_datagram(V6, SOURCE_6, GROUP_6)
    for cut in range(len(datagram)):
        assert decode_datagram(datagram[:cut]) is None
    for cut in range(len(V6_BYTES)):
        assert decode(V6_BYTES[:cut], SOURCE_6, GROUP_6, 6) is RejectReason.TRUNCATED


@given(packet=st.binary(max_size=120))
def test_any_bytes_behind_an_ipv6_header_decode_to_something(packet: bytes) -> None:
    assert isinstance(decode(packet, SOURCE_6, GROUP_6, 6), Advert | RejectReason)
    decode_datagram(b"\x60" + packet)
    decode_datagram(encode_datagram(V6, SOURCE_6, GROUP_6)[:40] + packet)


@given(advert=st.one_of(adverts_2, adverts_3), source=addresses_4, group=addresses_4)
def test_what_is_encoded_decodes_to_itself(advert: Advert, source: int, group: int) -> None:
    # One pseudo-header in 65,535 adds nothing to the sum; then both readings are one.
    length = 8 + len(advert.addresses)
    assume(advert.checksum is Checksum.MESSAGE or (source + group + 112 + length) % 0xFFFF)
    message = encode(advert, source, group)
    assert decode(message, source, group) == advert
    packet = decode_datagram(encode_datagram(advert, source, group))
    assert packet is not None
    assert (packet.message, packet.source, packet.destination) == (message, source, group)


@given(advert=st.one_of(adverts_2, adverts_3), source=addresses_4, group=addresses_4)
def test_checksum_agrees_with_the_rfc_1071_sum(advert: Advert, source: int, group: int) -> None:
    message = encode(advert, source, group)
    if advert.checksum is Checksum.PSEUDO_HEADER:
        message += struct.pack("!IIHH", source, group, 112, len(message))
    assert words(message) == 0xFFFF


@given(message=st.binary(max_size=1200), source=addresses_4, group=addresses_4)
def test_any_bytes_decode_to_an_advert_or_a_reason(message: bytes, source: int, group: int) -> None:
    assert isinstance(decode(message, source, group), Advert | RejectReason)
    decode_datagram(message)


@given(
    advert=st.one_of(adverts_2, adverts_3),
    data=st.data(),
)
def test_a_damaged_advert_never_raises_and_a_flipped_bit_is_noticed(
    advert: Advert, data: st.DataObject
) -> None:
    message = bytearray(encode(replace(advert, checksum=Checksum.MESSAGE), SOURCE, GROUP))
    bit = data.draw(st.integers(0, 8 * len(message) - 1))
    message[bit // 8] ^= 1 << bit % 8
    damaged = decode(bytes(message), SOURCE, GROUP)
    assert isinstance(damaged, RejectReason) or damaged.checksum is Checksum.PSEUDO_HEADER


@given(advert=st.one_of(adverts_2, adverts_3), cut=st.integers(min_value=1, max_value=1100))
def test_a_cut_advert_is_truncated(advert: Advert, cut: int) -> None:
    message = encode(advert, SOURCE, GROUP)
    assume(cut <= len(message))
    assert decode(message[:-cut], SOURCE, GROUP) is RejectReason.TRUNCATED
