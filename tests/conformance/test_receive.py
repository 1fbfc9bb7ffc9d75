# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 7.1, and what section 5 says of received fields: every check, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conformance.bench import (
    OURS,
    VIRTUAL,
    Accepted,
    Listener,
    Rejected,
    S,
    by_standard,
    every_standard,
    every_version_3,
    message,
    settings,
)
from conformance.reference import (
    RFC3768,
    RFC5798,
    RFC5798_IPV6,
    RFC9568,
    RFC9568_IPV6,
    Message,
    Standard,
)
from lvs_agent.core.model import PassAuthentication

OTHER = {4: ("10.0.0.200",), 6: ("fe80::200",)}
SECRET = PassAuthentication(data=b"secret\0\0")


def rejected(listener: Listener, result: Accepted | Rejected, reason: str) -> None:
    """`result` is a rejection for `reason`, counted under it and under nothing else."""
    assert isinstance(result, Rejected)
    assert result.reason.value == reason
    assert listener.rejects() == {reason: 1}


@every_standard
def test_good_advert_is_accepted(standard: Standard) -> None:
    listener = Listener(settings(standard))
    sent = message(standard, priority=77)
    result = listener.hears(sent)
    assert isinstance(result, Accepted)
    assert result.event.advert.priority == 77
    assert result.event.advert.advert_int_ns == S
    assert listener.rejects() == {}


@every_standard
def test_good_advert_counts_as_no_error(standard: Standard) -> None:
    listener = Listener(settings(standard))
    listener.hears(message(standard))
    assert listener.rejects() == {}
    assert set(listener.remarks()) <= {"message", "pseudo_header"}


@every_standard
@pytest.mark.parametrize("ttl", [0, 1, 64, 254])
def test_other_ttl_is_discarded(standard: Standard, ttl: int) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard), ttl=ttl), "ttl")


@every_standard
def test_other_destination_is_discarded(standard: Standard) -> None:
    """Neither our own address nor another group will do."""
    other_group = {4: "224.0.0.19", 6: "ff02::13"}[standard.family]
    for destination, reason in ((OURS[standard.family], "unicast"), (other_group, "destination")):
        listener = Listener(settings(standard))
        rejected(listener, listener.hears(message(standard, destination=destination)), reason)


@every_standard
@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 15])
def test_other_version_is_discarded(standard: Standard, version: int) -> None:
    listener = Listener(settings(standard))
    result = listener.hears(message(standard, version=version))
    if version == standard.version:
        assert isinstance(result, Accepted)
    else:
        rejected(listener, result, "version")


@every_standard
@pytest.mark.parametrize("kind", [0, 2, 3, 15])
def test_other_type_is_discarded(standard: Standard, kind: int) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, type=kind)), "type")


@every_standard
def test_any_truncation_is_discarded(standard: Standard) -> None:
    sent = message(standard)
    whole = sent.wire()
    for length in range(len(whole)):
        result = Listener(settings(standard)).takes(whole[:length], sent)
        assert isinstance(result, Rejected), f"{length} of {len(whole)} bytes"
        assert result.reason.value in ("truncated", "checksum")


@every_standard
def test_missing_addresses_are_discarded(standard: Standard) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, count=3)), "truncated")


@every_standard
def test_any_flipped_bit_is_discarded(standard: Standard) -> None:
    """The checksum's own field included: nothing of the message may change on the way."""
    sent = message(standard)
    whole = sent.wire()
    for at in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[at // 8] ^= 1 << at % 8
        result = Listener(settings(standard)).takes(bytes(damaged), sent)
        assert isinstance(result, Rejected), f"bit {at}"


@every_standard
def test_unknown_vrid_is_discarded(standard: Standard) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, vrid=52)), "virtual_router_id")


@by_standard(RFC3768)
def test_owner_of_version_2_discards_adverts(standard: Standard) -> None:
    listener = Listener(settings(standard, priority=255))
    rejected(listener, listener.hears(message(standard)), "address_owner")


@every_version_3
def test_owner_of_version_3_hears_adverts(standard: Standard) -> None:
    listener = Listener(settings(standard, priority=255))
    assert isinstance(listener.hears(message(standard, priority=254)), Accepted)
    assert "duplicate_owner" not in listener.remarks()


@every_version_3
def test_strict_mode_makes_an_owner_deaf(standard: Standard) -> None:
    listener = Listener(settings(standard, priority=255, strict_mode=True))
    rejected(listener, listener.hears(message(standard, priority=254)), "address_owner")
    others = Listener(settings(standard, priority=254, strict_mode=True))
    assert isinstance(others.hears(message(standard)), Accepted)


@every_version_3
def test_second_owner_is_remarked(standard: Standard) -> None:
    listener = Listener(settings(standard, priority=255))
    assert isinstance(listener.hears(message(standard, priority=255)), Accepted)
    assert listener.remarks()["duplicate_owner"] == 1


@every_version_3
def test_count_0_is_discarded(standard: Standard) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, addresses=())), "count_zero")


@every_version_3
@pytest.mark.parametrize("reserved", [1, 8, 15])
def test_reserved_bits_are_ignored(standard: Standard, reserved: int) -> None:
    result = Listener(settings(standard)).hears(message(standard, reserved=reserved))
    assert isinstance(result, Accepted)
    assert result.event.advert.advert_int_ns == S


@every_version_3
def test_interval_0_is_discarded(standard: Standard) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, interval=0, reserved=15)), "interval_zero")


@by_standard(RFC3768)
@pytest.mark.parametrize("interval", [0, 2, 255])
def test_other_interval_of_version_2_is_discarded(standard: Standard, interval: int) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, interval=interval)), "advert_interval")


@every_version_3
def test_other_interval_of_version_3_is_remarked(standard: Standard) -> None:
    listener = Listener(settings(standard))
    result = listener.hears(message(standard, interval=50))
    assert isinstance(result, Accepted)
    assert result.event.advert.advert_int_ns == S // 2
    assert listener.remarks()["advert_interval_differs"] == 1


@by_standard(RFC3768)
@pytest.mark.parametrize("auth_type", [2, 3, 255])
def test_unknown_authentication_type_is_discarded(standard: Standard, auth_type: int) -> None:
    listener = Listener(settings(standard))
    rejected(listener, listener.hears(message(standard, auth_type=auth_type)), "auth_type")


@by_standard(RFC3768)
def test_other_authentication_type_is_discarded(standard: Standard) -> None:
    plain, passing = settings(standard), settings(standard, authentication=SECRET)
    with_password = message(standard, auth_type=1, auth_data=SECRET.data)
    listener = Listener(plain)
    rejected(listener, listener.hears(with_password), "auth_type")
    listener = Listener(passing)
    rejected(listener, listener.hears(message(standard)), "auth_type")


@by_standard(RFC3768)
def test_right_password_is_accepted(standard: Standard) -> None:
    listener = Listener(settings(standard, authentication=SECRET))
    sent = message(standard, auth_type=1, auth_data=SECRET.data)
    assert isinstance(listener.hears(sent), Accepted)


@by_standard(RFC3768)
def test_wrong_password_is_discarded(standard: Standard) -> None:
    listener = Listener(settings(standard, authentication=SECRET))
    sent = message(standard, auth_type=1, auth_data=b"secreT\0\0")
    rejected(listener, listener.hears(sent), "auth_data")


@by_standard(RFC3768)
def test_authentication_data_of_type_0_is_ignored(standard: Standard) -> None:
    listener = Listener(settings(standard))
    assert isinstance(listener.hears(message(standard, auth_data=b"whatever")), Accepted)


@every_standard
def test_same_addresses_in_another_order_are_the_same(standard: Standard) -> None:
    listener = Listener(settings(standard))
    addresses = VIRTUAL[standard.family][::-1]
    if standard.family == 6:
        # The first stays first: it has to be link-local.
        addresses = (VIRTUAL[6][0], "2001:db8::2", VIRTUAL[6][1])
        listener = Listener(settings(standard, virtual=(*VIRTUAL[6], "2001:db8::2")))
    assert isinstance(listener.hears(message(standard, addresses=addresses)), Accepted)
    assert "address_list_differs" not in listener.remarks()


@every_standard
def test_other_addresses_are_remarked(standard: Standard) -> None:
    listener = Listener(settings(standard))
    result = listener.hears(message(standard, addresses=OTHER[standard.family]))
    assert isinstance(result, Accepted)
    assert listener.remarks()["address_list_differs"] == 1


@by_standard(RFC3768)
def test_strict_mode_discards_other_addresses_of_version_2(standard: Standard) -> None:
    listener = Listener(settings(standard, strict_mode=True))
    other = message(standard, addresses=OTHER[4])
    rejected(listener, listener.hears(other), "address_list")
    assert isinstance(listener.hears(other, priority=255), Accepted)


@by_standard(RFC5798_IPV6, RFC9568_IPV6)
def test_first_address_that_is_not_link_local_is_remarked(standard: Standard) -> None:
    listener = Listener(settings(standard))
    turned = message(standard, addresses=VIRTUAL[6][::-1])
    assert isinstance(listener.hears(turned), Accepted)
    assert listener.remarks()["first_address_not_link_local"] == 1
    listener.hears(message(standard))
    assert listener.remarks()["first_address_not_link_local"] == 1


@by_standard(RFC5798_IPV6, RFC9568_IPV6)
def test_strict_mode_discards_a_first_address_that_is_not_link_local(standard: Standard) -> None:
    listener = Listener(settings(standard, strict_mode=True))
    turned = message(standard, addresses=VIRTUAL[6][::-1])
    rejected(listener, listener.hears(turned), "first_address")
    assert isinstance(listener.hears(message(standard)), Accepted)


@by_standard(RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6)
def test_addresses_have_the_family_of_the_packet(standard: Standard) -> None:
    result = Listener(settings(standard)).hears(message(standard))
    assert isinstance(result, Accepted)
    assert len(result.event.advert.addresses) == 2 * (4 if standard.family == 4 else 16)


@by_standard(RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6)
def test_message_of_the_other_family_is_no_advert_of_ours(standard: Standard) -> None:
    """Its length and its checksum are those of other addresses."""
    other = {4: VIRTUAL[6], 6: VIRTUAL[4]}[standard.family]
    listener = Listener(settings(standard))
    result = listener.hears(message(standard, addresses=other))
    assert isinstance(result, Rejected)
    assert result.reason.value in ("length", "truncated", "checksum")


BROKEN: dict[str, Callable[[Standard], dict[str, Any]]] = {
    "ttl": lambda standard: {"ttl": 254},
    "version": lambda standard: {"version": 5 - standard.version},
    "type": lambda standard: {"type": 2},
    "truncated": lambda standard: {"count": 9},
    "checksum": lambda standard: {"checksum": 1},
    "virtual_router_id": lambda standard: {"vrid": 52},
}


@every_standard
@pytest.mark.parametrize("reason", BROKEN)
def test_failed_check_has_no_effect(standard: Standard, reason: str) -> None:
    """Before and after it, the same good advert is accepted in the same way."""
    listener = Listener(settings(standard))
    good: Message = message(standard)
    before = listener.hears(good)
    assert isinstance(listener.hears(good, **BROKEN[reason](standard)), Rejected)
    assert listener.hears(good) == before


@every_standard
@pytest.mark.parametrize("reason", BROKEN)
def test_failed_check_is_counted(standard: Standard, reason: str) -> None:
    listener = Listener(settings(standard))
    for _ in range(3):
        listener.hears(message(standard), **BROKEN[reason](standard))
    assert listener.rejects() == {reason: 3}
