# SPDX-License-Identifier: GPL-3.0-or-later
"""Every receive check of RFC 3768 and RFC 9568: the reason, the counter, and no effect."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.model import PassAuthentication, UnicastPeer, VrrpInstance
from lvs_agent.core.vrrp.packet import CENTISECOND_NS, Advert, Checksum, encode_datagram
from lvs_agent.core.vrrp.reasons import EXPLANATIONS, RejectReason, Remark
from lvs_agent.core.vrrp.receive import (
    Accepted,
    Receiver,
    Rejected,
    advertised_addresses,
    own_advert,
)
from vrrp_builders import S, advert, datagram, instance, instance6, ip, virtual

V2 = instance()
PASS = instance(authentication=PassAuthentication(data=b"zrs66zrs"))
V3 = instance(version=3)
PEER = "10.0.0.2"


def receiver(*instances: VrrpInstance) -> Receiver:
    """Listens for `instances`, whose keys are their places."""
    made = Receiver(instances[0].family)
    made.set_own_addresses([ip("10.0.0.1"), ip("fe80::1")])
    made.configure(dict(enumerate(instances)))
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
            V2, datagram(advert(V2), PEER, "10.0.0.1"), RejectReason.UNICAST, id="unicast"
        ),
        pytest.param(
            V2, datagram(advert(V2), PEER, "224.0.0.19"), RejectReason.DESTINATION, id="group"
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
    for each, count in listening.rejects_of(0).items():
        counted[each] += count
    assert {each: count for each, count in counted.items() if count} == {reason: 1}
    assert not any(listening.seen_by(0).values())


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
    assert not any(listening.rejects_of(0).values())


def test_both_checksum_readings_of_version_3_are_accepted_and_counted() -> None:
    listening = receiver(V3)
    listening.examine(datagram(advert(V3, checksum=Checksum.MESSAGE), PEER))
    for _ in range(2):
        listening.examine(datagram(advert(V3, checksum=Checksum.PSEUDO_HEADER), PEER))
    seen = listening.seen_by(0)
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
    assert listening.seen_by(0)[Remark.ADDRESS_LIST_DIFFERS] == 1


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
    changed = replace(PASS, authentication=PassAuthentication(data=b"changed\0"))
    listening.configure({0: changed})
    assert isinstance(listening.examine(datagram(advert(PASS), PEER)), Rejected)
    assert listening.rejects_of(0)[RejectReason.AUTH_DATA] == 1
    assert listening.seen_by(0)[Checksum.MESSAGE] == 1


def test_removed_instance_hears_nothing() -> None:
    listening = receiver(V2)
    listening.configure({})
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


V6 = instance6()
PEER_6 = "fe80::2"


def datagram_6(of: Advert, source: str = PEER_6, group: str = "ff02::12") -> bytes:
    return encode_datagram(of, ip(source), ip(group))


def reason(result: Accepted | Rejected) -> RejectReason | None:
    """Why a packet was rejected; None: it was not."""
    return result.reason if isinstance(result, Rejected) else None


GOOD_6 = datagram_6(advert(V6))


def test_ipv6_advert_is_accepted_from_its_link_local_source() -> None:
    listening = receiver(V6)
    result = listening.examine(GOOD_6)
    assert isinstance(result, Accepted)
    assert result.event.source == ip(PEER_6)
    assert result.event.advert == own_advert(V6)
    assert result.remarks == ()
    assert listening.seen_by(0)[Checksum.PSEUDO_HEADER] == 1


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        pytest.param(patched(GOOD_6, 7, 254), RejectReason.TTL, id="hop-limit"),
        pytest.param(datagram_6(advert(V6), "fe80::1"), RejectReason.OWN_ADVERT, id="own"),
        pytest.param(
            datagram_6(advert(V6), group="ff02::13"), RejectReason.DESTINATION, id="group"
        ),
        pytest.param(datagram_6(advert(V6), group="fe80::1"), RejectReason.UNICAST, id="unicast"),
        pytest.param(patched(GOOD_6, 42, 101), RejectReason.CHECKSUM, id="checksum"),
        pytest.param(patched(GOOD_6, 40, 0x21), RejectReason.VERSION, id="version-2"),
        pytest.param(patched(GOOD_6, 43, 3), RejectReason.TRUNCATED, id="count-lie"),
        pytest.param(patched(GOOD_6, 41, 52), RejectReason.VIRTUAL_ROUTER_ID, id="vrid"),
        pytest.param(GOOD_2, RejectReason.IP_HEADER, id="ipv4"),
    ],
)
def test_ipv6_reject(packet: bytes, expected: RejectReason) -> None:
    assert reason(receiver(V6).examine(packet)) is expected


def test_ipv4_receiver_rejects_ipv6() -> None:
    assert reason(receiver(V3).examine(GOOD_6)) is RejectReason.IP_HEADER


def test_first_address_that_is_not_link_local_is_remarked_and_strict_mode_rejects_it() -> None:
    other = datagram_6(advert(V6, addresses=ip("2001:db8::100").to_bytes(16, "big")))
    result = receiver(V6).examine(other)
    assert isinstance(result, Accepted)
    assert Remark.FIRST_ADDRESS_NOT_LINK_LOCAL in result.remarks
    strict = receiver(replace(V6, strict_mode=True))
    assert reason(strict.examine(other)) is RejectReason.FIRST_ADDRESS
    assert reason(strict.examine(GOOD_6)) is None


def unicast(*peers: UnicastPeer, **changes: Any) -> VrrpInstance:
    return replace(V3, peers=peers, **changes)


ONE = UnicastPeer(address=PEER)
UNICAST_3 = datagram(advert(V3), PEER, "10.0.0.1")


def test_unicast_advert_of_a_peer_is_accepted_with_any_ttl() -> None:
    listening = receiver(unicast(ONE))
    assert isinstance(listening.examine(UNICAST_3), Accepted)
    assert isinstance(listening.examine(patched(UNICAST_3, 8, 1)), Accepted)


def test_ttl_of_a_peer_has_to_be_within_its_bounds() -> None:
    listening = receiver(unicast(UnicastPeer(address=PEER, min_ttl=250, max_ttl=252)))
    results = [
        reason(listening.examine(patched(UNICAST_3, 8, ttl))) for ttl in (249, 250, 252, 253)
    ]
    assert results == [RejectReason.TTL, None, None, RejectReason.TTL]


def test_multicast_to_a_unicast_instance_and_the_reverse_have_their_reasons() -> None:
    assert reason(receiver(unicast(ONE)).examine(GOOD_3)) is RejectReason.MULTICAST
    assert reason(receiver(V3).examine(UNICAST_3)) is RejectReason.UNICAST


def test_stranger_is_rejected_when_the_source_is_checked() -> None:
    stranger = datagram(advert(V3), "10.0.0.9", "10.0.0.1")
    checked = receiver(unicast(ONE, check_unicast_src=True))
    assert reason(checked.examine(stranger)) is RejectReason.NOT_A_PEER
    assert isinstance(checked.examine(UNICAST_3), Accepted)
    assert isinstance(receiver(unicast(ONE)).examine(stranger), Accepted)


def test_instances_with_different_peers_share_a_virtual_router_id() -> None:
    other = UnicastPeer(address="10.0.0.3")
    listening = receiver(unicast(ONE, name="one"), unicast(other, name="two"))
    names = []
    for source in (PEER, "10.0.0.3"):
        result = listening.examine(datagram(advert(V3), source, "10.0.0.1"))
        assert isinstance(result, Accepted)
        names.append(result.instance)
    assert names == ["one", "two"]
    stranger = datagram(advert(V3), "10.0.0.9", "10.0.0.1")
    assert reason(listening.examine(stranger)) is RejectReason.NOT_A_PEER


def test_multicast_and_unicast_instances_of_one_number_hear_their_own() -> None:
    listening = receiver(replace(V3, name="many"), unicast(ONE, name="one"))
    for packet, name in ((GOOD_3, "many"), (UNICAST_3, "one")):
        result = listening.examine(packet)
        assert isinstance(result, Accepted)
        assert result.instance == name


def test_groups_tell_two_instances_of_one_number_apart() -> None:
    listening = receiver(V3, replace(V3, name="other", mcast_group="224.0.0.19"))
    result = listening.examine(datagram(advert(V3), PEER, "224.0.0.19"))
    assert isinstance(result, Accepted)
    assert result.instance == "other"


DIFFERING = advert(V3, addresses=IPv4Address("10.0.0.101").packed)


def test_skip_check_adv_addr_looks_at_the_list_of_a_master_once() -> None:
    listening = receiver(replace(V3, skip_check_adv_addr=True))
    for _ in range(3):
        listening.examine(datagram(DIFFERING, PEER))
    listening.examine(datagram(replace(DIFFERING, priority=101), PEER))
    assert listening.seen_by(0)[Remark.ADDRESS_LIST_DIFFERS] == 1
    listening.examine(datagram(DIFFERING, "10.0.0.3"))
    assert listening.seen_by(0)[Remark.ADDRESS_LIST_DIFFERS] == 2


def test_strict_version_2_rejects_another_list_unless_the_owner_says_it() -> None:
    listening = receiver(replace(V2, strict_mode=True))
    differing = replace(DIFFERING, version=2)
    assert reason(listening.examine(datagram(differing, PEER))) is RejectReason.ADDRESS_LIST
    owner = datagram(replace(differing, priority=255), PEER)
    assert reason(listening.examine(owner)) is None
    strict_3 = receiver(replace(V3, strict_mode=True))
    assert reason(strict_3.examine(datagram(DIFFERING, PEER))) is None


def test_owner_of_version_3_is_deaf_when_told_so() -> None:
    owner = replace(V3, priority=255, owner_ignore_adverts=True)
    assert reason(receiver(owner).examine(GOOD_3)) is RejectReason.ADDRESS_OWNER


def test_effective_priority_is_on_the_wire_and_zero_resigns() -> None:
    assert own_advert(V3, priority=77).priority == 77
    assert own_advert(V3, priority=77, resign=True).priority == 0


def test_more_ipv6_addresses_than_fit_are_advertised_in_part() -> None:
    many = replace(V6, addresses=tuple(virtual(f"fe80::{n + 1:x}") for n in range(200)))
    assert len(advertised_addresses(many)) == 90 * 16
    assert len(datagram_6(advert(many))) <= 1500


@given(packet=st.binary(max_size=200))
def test_any_bytes_are_rejected_without_an_exception(packet: bytes) -> None:
    assert isinstance(receiver(V2).examine(packet), Rejected)
    assert isinstance(receiver(V6).examine(packet), Rejected)
    assert isinstance(receiver(V6).examine(b"\x60" + packet), Rejected)


@given(packet=st.binary(max_size=100))
def test_any_message_in_ipv6_gives_a_result(packet: bytes) -> None:
    header = GOOD_6[:4] + (len(packet) + 2).to_bytes(2, "big") + GOOD_6[6:40]
    assert isinstance(receiver(V6).examine(header + b"\x31\x33" + packet), Accepted | Rejected)


@given(body=st.binary(max_size=100), first=st.sampled_from([0x21, 0x31]))
def test_any_message_for_us_gives_a_result(body: bytes, first: int) -> None:
    message = bytes([first, 51]) + body
    header = encode_datagram(advert(V2), ip(PEER), ip("224.0.0.18"))[:20]
    packet = header[:2] + (20 + len(message)).to_bytes(2, "big") + header[4:] + message
    assert isinstance(receiver(V2).examine(packet), Accepted | Rejected)
    assert isinstance(receiver(V3).examine(packet), Accepted | Rejected)
