# SPDX-License-Identifier: GPL-3.0-or-later
"""Every receive check of RFC 3768 and RFC 9568: the reason, the counter, and no effect."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.packet import CENTISECOND_NS, Checksum, encode_datagram
from lvs_agent.core.vrrp.reasons import EXPLANATIONS, RejectReason, Remark
from lvs_agent.core.vrrp.receive import (
    Accepted,
    Receiver,
    Rejected,
    advertised_addresses,
    own_advert,
)
from vrrp_builders import S, advert, datagram, instance, ip, virtual

V2 = instance()
PASS = instance(auth_pass=b"zrs66zrs")
V3 = instance(version=3)
PEER = "10.0.0.2"


def receiver(*instances: VrrpInstance) -> Receiver:
    made = Receiver("224.0.0.18")
    made.set_own_address(ip("10.0.0.1"))
    for each in instances:
        made.add(each)
    return made


def patched(packet: bytes, at: int, value: int) -> bytes:
    return packet[:at] + bytes([value]) + packet[at + 1 :]


GOOD_2 = datagram(advert(V2), PEER)
GOOD_3 = datagram(advert(V3), PEER)


@pytest.mark.parametrize(
    ("of", "packet", "reason"),
    [
        pytest.param(V2, b"\x45garbage", RejectReason.IP_HEADER, id="short"),
        pytest.param(V2, patched(GOOD_2, 0, 0x65), RejectReason.IP_HEADER, id="ip-version"),
        pytest.param(V2, patched(GOOD_2, 0, 0x44), RejectReason.IP_HEADER, id="ip-header-length"),
        pytest.param(V2, GOOD_2[:-1], RejectReason.IP_HEADER, id="ip-total-length"),
        pytest.param(V2, datagram(advert(V2), "10.0.0.1"), RejectReason.OWN_ADVERT, id="own"),
        pytest.param(V2, patched(GOOD_2, 8, 254), RejectReason.TTL, id="ttl"),
        pytest.param(
            V2, datagram(advert(V2), PEER, "10.0.0.1"), RejectReason.DESTINATION, id="unicast"
        ),
        pytest.param(
            V2,
            datagram(advert(V2, virtual_router_id=52), PEER),
            RejectReason.VIRTUAL_ROUTER_ID,
            id="vrid",
        ),
        pytest.param(
            V2, datagram(advert(V3), PEER), RejectReason.VERSION, id="version-3-for-version-2"
        ),
        pytest.param(
            V3, datagram(advert(V2), PEER), RejectReason.VERSION, id="version-2-for-version-3"
        ),
        pytest.param(V2, patched(GOOD_2, 20, 0x22), RejectReason.TYPE, id="type"),
        pytest.param(V2, patched(GOOD_2, 23, 2), RejectReason.TRUNCATED, id="count-lie"),
        pytest.param(V2, patched(GOOD_2, 22, 101), RejectReason.CHECKSUM, id="checksum"),
        pytest.param(V3, patched(GOOD_3, 22, 101), RejectReason.CHECKSUM, id="checksum-3"),
        pytest.param(
            V3, datagram(advert(V3, addresses=b""), PEER), RejectReason.COUNT_ZERO, id="count-0"
        ),
        pytest.param(
            V3, datagram(advert(V3, advert_int_ns=0), PEER), RejectReason.INTERVAL_ZERO, id="int-0"
        ),
        pytest.param(
            PASS, datagram(advert(V2), PEER), RejectReason.AUTH_TYPE, id="no-password-wanted-one"
        ),
        pytest.param(
            V2, datagram(advert(PASS), PEER), RejectReason.AUTH_TYPE, id="password-wanted-none"
        ),
        pytest.param(
            V2, datagram(advert(V2, auth_type=2), PEER), RejectReason.AUTH_TYPE, id="auth-header"
        ),
        pytest.param(
            PASS,
            datagram(advert(PASS, auth_data=b"zrs66zrt"), PEER),
            RejectReason.AUTH_DATA,
            id="wrong-password",
        ),
        pytest.param(
            V2,
            datagram(advert(V2, advert_int_ns=2 * S), PEER),
            RejectReason.ADVERT_INTERVAL,
            id="interval-2",
        ),
        pytest.param(
            replace(V2, priority=255),
            datagram(advert(V2), PEER),
            RejectReason.ADDRESS_OWNER,
            id="owner-2",
        ),
    ],
)
def test_reject_is_counted_under_its_reason(
    of: VrrpInstance, packet: bytes, reason: RejectReason
) -> None:
    listening = receiver(of)
    result = listening.examine(packet)
    assert isinstance(result, Rejected)
    assert result.reason is reason
    counted = {**listening.rejects}
    for each, count in listening.rejects_of(51).items():
        counted[each] += count
    assert {each: count for each, count in counted.items() if count} == {reason: 1}
    assert not any(listening.seen_by(51).values())


def test_every_reason_has_an_explanation() -> None:
    assert set(EXPLANATIONS) == {*RejectReason, *Remark}


@pytest.mark.parametrize("of", [V2, PASS, V3, instance(version=3, v3_checksum_as_v2=False)])
def test_own_kind_of_advert_is_accepted_again_and_again(of: VrrpInstance) -> None:
    listening = receiver(of)
    for _ in range(3):
        result = listening.examine(datagram(advert(of), PEER))
        assert isinstance(result, Accepted)
        assert result.event.source == ip(PEER)
        assert result.event.advert == own_advert(of, resign=False)
        assert result.remarks == ()
    assert not any(listening.rejects_of(51).values())


def test_both_checksum_readings_of_version_3_are_accepted_and_counted() -> None:
    listening = receiver(V3)
    listening.examine(datagram(advert(V3, checksum=Checksum.MESSAGE), PEER))
    for _ in range(2):
        listening.examine(datagram(advert(V3, checksum=Checksum.PSEUDO_HEADER), PEER))
    seen = listening.seen_by(51)
    assert (seen[Checksum.MESSAGE], seen[Checksum.PSEUDO_HEADER]) == (1, 2)


def test_version_2_without_authentication_ignores_the_data() -> None:
    listening = receiver(V2)
    assert isinstance(
        listening.examine(datagram(advert(V2, auth_data=b"whatever"), PEER)), Accepted
    )


@pytest.mark.parametrize("of", [V2, V3])
def test_other_address_list_is_accepted_with_a_remark(of: VrrpInstance) -> None:
    listening = receiver(of)
    other = advert(of, addresses=IPv4Address("10.0.0.101").packed)
    result = listening.examine(datagram(other, PEER))
    assert isinstance(result, Accepted)
    assert result.remarks == (Remark.ADDRESS_LIST_DIFFERS,)
    assert listening.seen_by(51)[Remark.ADDRESS_LIST_DIFFERS] == 1


def test_other_order_of_addresses_is_the_same_list() -> None:
    of = instance(addresses=(virtual("10.0.0.100"), virtual("10.0.0.101")))
    listening = receiver(of)
    turned = advertised_addresses(of)[4:] + advertised_addresses(of)[:4]
    result = listening.examine(datagram(advert(of, addresses=turned), PEER))
    assert isinstance(result, Accepted)
    assert result.remarks == ()


def test_other_interval_of_version_3_is_accepted_with_a_remark() -> None:
    listening = receiver(V3)
    result = listening.examine(datagram(advert(V3, advert_int_ns=CENTISECOND_NS), PEER))
    assert isinstance(result, Accepted)
    assert result.remarks == (Remark.ADVERT_INTERVAL_DIFFERS,)


def test_owner_of_version_3_hears_a_second_owner() -> None:
    owner = replace(V3, priority=255)
    result = receiver(owner).examine(datagram(advert(owner), PEER))
    assert isinstance(result, Accepted)
    assert result.remarks == (Remark.DUPLICATE_OWNER,)


def test_changed_settings_are_compared_at_once_and_counters_stay() -> None:
    listening = receiver(PASS)
    listening.examine(datagram(advert(PASS), PEER))
    listening.add(replace(PASS, auth_pass=b"changed"))
    assert isinstance(listening.examine(datagram(advert(PASS), PEER)), Rejected)
    assert listening.rejects_of(51)[RejectReason.AUTH_DATA] == 1
    assert listening.seen_by(51)[Checksum.MESSAGE] == 1


def test_removed_instance_hears_nothing() -> None:
    listening = receiver(V2)
    listening.remove(51)
    result = listening.examine(GOOD_2)
    assert isinstance(result, Rejected)
    assert result.reason is RejectReason.VIRTUAL_ROUTER_ID


def test_more_addresses_than_the_count_field_holds_are_advertised_in_part() -> None:
    many = instance(addresses=tuple(virtual(f"10.1.{n // 200}.{n % 200}") for n in range(400)))
    listening = receiver(many)
    result = listening.examine(datagram(advert(many), PEER))
    assert isinstance(result, Accepted)
    assert len(result.event.advert.addresses) == 255 * 4
    assert result.remarks == ()


@given(packet=st.binary(max_size=200))
def test_any_bytes_are_rejected_without_an_exception(packet: bytes) -> None:
    assert isinstance(receiver(V2).examine(packet), Rejected)


@given(body=st.binary(max_size=100), first=st.sampled_from([0x21, 0x31]))
def test_any_message_for_us_gives_a_result(body: bytes, first: int) -> None:
    message = bytes([first, 51]) + body
    header = encode_datagram(advert(V2), ip(PEER), ip("224.0.0.18"))[:20]
    packet = header[:2] + (20 + len(message)).to_bytes(2, "big") + header[4:] + message
    assert isinstance(receiver(V2).examine(packet), Accepted | Rejected)
    assert isinstance(receiver(V3).examine(packet), Accepted | Rejected)
