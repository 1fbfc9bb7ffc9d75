# SPDX-License-Identifier: GPL-3.0-or-later
"""The authentication header: golden bytes, any damage, replays, and numbers that only grow."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.model import AhAuthentication, UnicastPeer
from lvs_agent.core.vrrp.auth import (
    AH_BYTES,
    SEQUENCE_END,
    Opened,
    ReplayWindow,
    next_sequence,
    seal,
    unseal,
)
from lvs_agent.core.vrrp.packet import encode
from lvs_agent.core.vrrp.reasons import RejectReason
from lvs_agent.core.vrrp.receive import Accepted, Receiver, Rejected
from vrrp_builders import S, advert, datagram, instance, ip

KEY = b"secret\0\0"
SOURCE, GROUP, PEER = ip("10.0.0.2"), ip("224.0.0.18"), ip("10.0.0.1")
AH = instance(authentication=AhAuthentication(key=KEY))
MESSAGE = encode(advert(AH), 0, 0)


def sealed(
    sequence: int = 7, key: bytes = KEY, *, message: bytes = MESSAGE, source: int = SOURCE
) -> bytes:
    return seal(key, message, source, GROUP, ttl=255, sequence=sequence)


def test_layout_and_integrity_value() -> None:
    packet = sealed()
    header = "45c0" + f"{20 + 24 + len(MESSAGE):04x}" + "00070000ff330000" + "0a000002e0000012"
    assert packet[:20].hex() == header
    assert packet[20:32].hex() == "70040000" + "0a000002" + "00000007"
    assert packet[44:] == MESSAGE
    # HMAC as RFC 2104 writes it, over the packet without what routers change.
    covered = bytearray(packet[:32] + bytes(12) + MESSAGE)
    covered[1] = 0
    pad = KEY.ljust(64, b"\0")
    inner = hashlib.md5(bytes(b ^ 0x36 for b in pad) + covered).digest()
    outer = hashlib.md5(bytes(b ^ 0x5C for b in pad) + inner).digest()
    assert packet[32:44] == outer[:12]
    assert hmac.compare_digest(unseal(KEY, packet).message, MESSAGE)  # type: ignore[union-attr]


def test_ttl_of_unicast_may_change_on_the_way_and_that_of_multicast_may_not() -> None:
    unicast = bytearray(seal(KEY, MESSAGE, SOURCE, PEER, ttl=255, sequence=7))
    multicast = bytearray(sealed())
    unicast[8] = multicast[8] = 250
    assert isinstance(unseal(KEY, bytes(unicast)), Opened)
    assert unseal(KEY, bytes(multicast)) is RejectReason.AUTH_ICV


@given(
    message=st.binary(min_size=8, max_size=200),
    sequence=st.integers(0, 2**32 - 1),
    key=st.binary(min_size=1, max_size=64),
)
def test_what_is_sealed_opens(message: bytes, sequence: int, key: bytes) -> None:
    opened = unseal(key, sealed(sequence, key, message=message))
    assert opened == Opened(sequence=sequence, message=message)


@given(bit=st.integers(0, 8 * (44 + len(MESSAGE)) - 1))
def test_a_flipped_bit_is_noticed_unless_routers_may_flip_it(bit: int) -> None:
    damaged = bytearray(sealed())
    damaged[bit // 8] ^= 1 << bit % 8
    # Type of service, flags and fragment offset, header checksum.
    mutable = bit // 8 in (1, 6, 7, 10, 11)
    assert isinstance(unseal(KEY, bytes(damaged)), Opened if mutable else RejectReason)


def test_cut_at_every_byte_is_a_reason() -> None:
    packet = sealed()
    for cut in range(len(packet)):
        assert isinstance(unseal(KEY, packet[:cut]), RejectReason)


@given(packet=st.binary(max_size=200))
def test_any_bytes_open_or_give_a_reason(packet: bytes) -> None:
    assert isinstance(unseal(KEY, packet), Opened | RejectReason)
    assert isinstance(unseal(KEY, b"\x45" + packet), Opened | RejectReason)


def listening() -> Receiver:
    receiver = Receiver()
    receiver.configure({0: AH})
    return receiver


def reason(result: Accepted | Rejected) -> RejectReason | None:
    return result.reason if isinstance(result, Rejected) else None


def test_an_advert_counts_once() -> None:
    receiver = listening()
    assert isinstance(receiver.examine(sealed(8)), Accepted)
    for sequence in (8, 7, 0):
        assert reason(receiver.examine(sealed(sequence))) is RejectReason.REPLAY
    assert isinstance(receiver.examine(sealed(9)), Accepted)
    assert receiver.rejects_of(0)[RejectReason.REPLAY] == 3
    # Every source counts for itself.
    assert isinstance(receiver.examine(sealed(3, source=ip("10.0.0.3"))), Accepted)
    assert receiver.highest_sequence(0) == 9


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        pytest.param(sealed(key=b"wrong"), RejectReason.AUTH_ICV, id="other-password"),
        pytest.param(datagram(advert(AH), "10.0.0.2"), RejectReason.AUTH_TYPE, id="no-header"),
        pytest.param(
            sealed(message=encode(advert(instance()), 0, 0)), RejectReason.AUTH_TYPE, id="type-0"
        ),
        pytest.param(sealed(message=MESSAGE[:7]), RejectReason.TRUNCATED, id="short"),
        pytest.param(sealed()[:44], RejectReason.IP_HEADER, id="cut"),
        pytest.param(sealed(message=b""), RejectReason.TRUNCATED, id="empty"),
    ],
)
def test_reject(packet: bytes, expected: RejectReason) -> None:
    assert reason(listening().examine(packet)) is expected


def test_a_forged_number_does_not_shut_the_sender_out() -> None:
    receiver = listening()
    receiver.examine(sealed(2**32 - 1, key=b"wrong"))
    assert isinstance(receiver.examine(sealed(1)), Accepted)


def test_instance_without_authentication_rejects_the_header() -> None:
    receiver = Receiver()
    receiver.configure({0: instance()})
    assert reason(receiver.examine(sealed())) is RejectReason.AUTH_TYPE


def test_unicast_instance_accepts_a_sealed_advert_of_its_peer() -> None:
    receiver = Receiver()
    of = instance(
        authentication=AhAuthentication(key=KEY), peers=(UnicastPeer(address="10.0.0.2"),)
    )
    receiver.configure({0: of})
    packet = seal(KEY, MESSAGE, SOURCE, PEER, ttl=64, sequence=1)
    assert isinstance(receiver.examine(packet), Accepted)


@given(
    last=st.integers(0, SEQUENCE_END), seen=st.integers(0, SEQUENCE_END), wall=st.integers(0, 2**64)
)
def test_numbers_only_grow_and_exceed_what_was_seen(last: int, seen: int, wall: int) -> None:
    number = next_sequence(last, seen, wall)
    assert number <= 0xFFFFFFFF
    assert number > last
    assert number > seen or seen == SEQUENCE_END


def test_a_restart_begins_above_what_went_out_before() -> None:
    number, started_ns = 0, 1_800_000_000 * S
    for second in range(100):
        for half in range(2):  # an advert, and the answer to a losing one
            number = next_sequence(number, 0, started_ns + second * S + half * S // 2)
    assert next_sequence(0, 0, started_ns + 100 * S) > number


def test_a_clock_that_was_never_set_counts_from_one() -> None:
    assert [next_sequence(last, 0, 5 * S) for last in (0, 1)] == [1, 2]


def test_the_table_of_sources_is_bounded() -> None:
    window = ReplayWindow()
    for source in range(1_000):
        assert window.admit(source, 5)
    assert len(window._last) == 64
    assert AH_BYTES == 24
