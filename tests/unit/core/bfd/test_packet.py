# SPDX-License-Identifier: GPL-3.0-or-later
"""Control packets as bytes: the layout of RFC 5880 section 4.1, and every way to be refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.bfd.packet import (
    EXPLANATIONS,
    PACKET_BYTES,
    ControlPacket,
    RejectReason,
    State,
    decode,
    diagnostic_text,
    encode,
    microseconds,
)

U32 = st.integers(0, 0xFFFF_FFFF)
PACKETS = st.builds(
    ControlPacket,
    state=st.sampled_from(State),
    diagnostic=st.integers(0, 31),
    multiplier=st.integers(1, 255),
    my_discriminator=st.integers(1, 0xFFFF_FFFF),
    your_discriminator=U32,
    desired_min_tx_us=U32,
    required_min_rx_us=U32,
    required_min_echo_rx_us=U32,
    poll=st.booleans(),
    final=st.booleans(),
    control_plane_independent=st.booleans(),
    demand=st.booleans(),
)
UP = ControlPacket(
    state=State.UP,
    diagnostic=1,
    multiplier=5,
    my_discriminator=0x01020304,
    your_discriminator=0x05060708,
    desired_min_tx_us=10_000,
    required_min_rx_us=20_000,
)
# Version 1, diagnostic 1; Up; multiplier 5; length 24; then the five words.
UP_BYTES = bytes.fromhex("21c00518 01020304 05060708 00002710 00004e20 00000000")


def test_layout_is_the_rfcs() -> None:
    assert encode(UP) == UP_BYTES
    assert decode(UP_BYTES) == UP


@pytest.mark.parametrize(
    ("flag", "bit"),
    [("poll", 0x20), ("final", 0x10), ("control_plane_independent", 0x08), ("demand", 0x02)],
)
def test_each_flag_has_its_bit(flag: str, bit: int) -> None:
    changed = bytearray(UP_BYTES)
    changed[1] |= bit
    flagged = replace(UP, **{flag: True})  # type: ignore[arg-type]
    assert encode(flagged) == changed
    assert decode(bytes(changed)) == flagged


def edited(position: int, value: int) -> bytes:
    changed = bytearray(UP_BYTES)
    changed[position] = value
    return bytes(changed)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", RejectReason.TRUNCATED),
        (UP_BYTES[:-1], RejectReason.TRUNCATED),
        (edited(0, 0x01), RejectReason.VERSION),
        (edited(0, 0x41), RejectReason.VERSION),
        (edited(3, 23), RejectReason.LENGTH_SHORT),
        (edited(3, 0), RejectReason.LENGTH_SHORT),
        (edited(3, 25), RejectReason.LENGTH_LONG),
        (edited(2, 0), RejectReason.MULTIPLIER_ZERO),
        (edited(1, 0xC1), RejectReason.MULTIPOINT),
        (UP_BYTES[:4] + bytes(4) + UP_BYTES[8:], RejectReason.MY_DISCRIMINATOR_ZERO),
        (UP_BYTES[:8] + bytes(4) + UP_BYTES[12:], RejectReason.YOUR_DISCRIMINATOR_ZERO),
        # With the A bit at least two more bytes belong to the packet.
        (edited(1, 0xC4), RejectReason.LENGTH_SHORT),
        (bytes.fromhex("21c4051a") + UP_BYTES[4:] + b"\x01\x02", RejectReason.AUTHENTICATION),
    ],
)
def test_packets_are_refused_for_the_reason(payload: bytes, reason: RejectReason) -> None:
    assert decode(payload) is reason


@pytest.mark.parametrize("state", [State.DOWN, State.ADMIN_DOWN])
def test_first_packets_know_no_discriminator_of_ours(state: State) -> None:
    first = replace(UP, state=state, your_discriminator=0)
    assert decode(encode(first)) == first


def test_bytes_after_the_length_are_ignored() -> None:
    assert decode(UP_BYTES + b"trailer") == UP


def test_every_reason_is_explained() -> None:
    assert EXPLANATIONS.keys() == set(RejectReason)


def test_every_diagnostic_code_has_words() -> None:
    assert len({diagnostic_text(code) for code in range(32)}) == 32


def test_intervals_never_become_zero_or_more_than_32_bits() -> None:
    assert microseconds(999) == 1
    assert microseconds(10_000_000) == 10_000
    assert microseconds(10**18) == 0xFFFF_FFFF


@given(PACKETS)
def test_what_is_encoded_is_decoded(packet: ControlPacket) -> None:
    decoded = decode(encode(packet))
    if packet.your_discriminator or packet.state in (State.DOWN, State.ADMIN_DOWN):
        assert decoded == packet
    else:
        assert decoded is RejectReason.YOUR_DISCRIMINATOR_ZERO


def judge(payload: bytes) -> None:
    """Any bytes: a named rejection, or a packet that says the same when it is encoded again."""
    decoded = decode(payload)
    if isinstance(decoded, ControlPacket):
        again = bytearray(encode(decoded))
        again[3] = payload[3]  # we never send more than 24 bytes
        assert again == payload[:PACKET_BYTES]
    else:
        assert decoded in RejectReason


@given(st.binary(max_size=80))
def test_any_bytes_give_a_packet_or_a_named_rejection(payload: bytes) -> None:
    judge(payload)


@given(PACKETS, st.binary(max_size=28))
def test_every_beginning_and_every_changed_byte_is_judged(
    packet: ControlPacket, tail: bytes
) -> None:
    whole = encode(packet) + tail
    for length in range(len(whole) + 1):
        judge(whole[:length])
    for position in range(PACKET_BYTES):
        for value in (0, 1, 0x7F, 0x80, 0xFF, whole[position] ^ 0x24):
            changed = bytearray(whole)
            changed[position] = value
            judge(bytes(changed))
