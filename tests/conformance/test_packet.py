# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 5: the message that we send, byte by byte against the reference codec."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from conformance import reference
from conformance.bench import (
    OURS,
    Accepted,
    Listener,
    S,
    by_standard,
    every_standard,
    every_version_3,
    message,
    own_message,
    settings,
)
from conformance.reference import RFC3768, RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6, Standard
from lvs_agent.core.model import PassAuthentication


def as_ours(standard: Standard, **changes: object) -> bytes:
    """The reference's bytes for what `settings` sends."""
    return message(standard, OURS[standard.family], **changes).wire()


@every_standard
def test_advert_tells_what_the_instance_is(standard: Standard) -> None:
    of = settings(standard, virtual_router_id=7, priority=33, advert_int_ns=4 * S)
    interval = 4 if standard.version == 2 else 400
    assert own_message(of) == as_ours(standard, vrid=7, priority=33, interval=interval)


@every_standard
def test_version_and_type_are_in_the_first_byte(standard: Standard) -> None:
    assert own_message(settings(standard))[0] == {"3768": 0x21}.get(standard.rfc, 0x31)


@every_standard
def test_every_priority_survives_the_wire(standard: Standard) -> None:
    of = settings(standard)
    for priority in range(1, 256):
        assert own_message(replace(of, priority=priority))[2] == priority
        result = Listener(of).hears(message(standard, priority=priority))
        assert isinstance(result, Accepted)
        assert result.event.advert.priority == priority


@every_standard
@pytest.mark.parametrize("count", [1, 2, 20])
def test_count_is_the_number_of_addresses(standard: Standard, count: int) -> None:
    first = "fe80::" if standard.family == 6 else "10.0.1."
    addresses = [f"{first}{n + 1}" for n in range(count)]
    sent = own_message(settings(standard, virtual=addresses))
    assert sent[3] == count
    size = 4 if standard.family == 4 else 16
    assert len(sent) == 8 + count * size + (8 if standard.version == 2 else 0)


@every_version_3
def test_reserved_bits_are_0(standard: Standard) -> None:
    assert own_message(settings(standard))[4] >> 4 == 0


@every_version_3
def test_longest_interval_leaves_the_reserved_bits_0(standard: Standard) -> None:
    sent = own_message(settings(standard, advert_int_ns=4095 * S // 100))
    assert sent[4:6] == b"\x0f\xff"


@every_standard
@pytest.mark.parametrize(
    ("seconds", "centiseconds"), [(1, 100), (3, 300), (40, 4000)], ids=["1s", "3s", "40s"]
)
def test_interval_is_in_its_unit(standard: Standard, seconds: int, centiseconds: int) -> None:
    sent = own_message(settings(standard, advert_int_ns=seconds * S))
    if standard.version == 2:
        assert sent[5] == seconds
    else:
        assert int.from_bytes(sent[4:6], "big") == centiseconds


@by_standard(RFC3768)
def test_authentication_type_is_the_instances(standard: Standard) -> None:
    plain = own_message(settings(standard))
    secret = PassAuthentication(data=b"secret\0\0")
    passing = own_message(settings(standard, authentication=secret))
    assert (plain[4], passing[4]) == (0, 1)
    assert passing[-8:] == b"secret\0\0"


@by_standard(RFC3768)
def test_without_authentication_the_data_is_zero(standard: Standard) -> None:
    assert own_message(settings(standard))[-8:] == bytes(8)


@by_standard(RFC3768, RFC9568)
def test_checksum_covers_the_message(standard: Standard) -> None:
    sent = own_message(settings(standard))
    assert reference.internet_checksum(sent) == 0
    if standard.version == 2:
        password = settings(standard, authentication=PassAuthentication(data=b"12345678"))
        assert reference.internet_checksum(own_message(password)) == 0


@by_standard(RFC5798, RFC5798_IPV6, RFC9568_IPV6)
def test_checksum_covers_the_pseudo_header(standard: Standard) -> None:
    sent = own_message(settings(standard))
    header = message(standard, OURS[standard.family]).pseudo_header(len(sent))
    assert 112 in header
    assert reference.internet_checksum(header + sent) == 0
    assert reference.internet_checksum(sent) != 0


@every_standard
def test_checksum_field_counts_as_0(standard: Standard) -> None:
    """Other contents, another checksum: each as the reference has it from a field of 0."""
    for priority in (1, 100, 254):
        sent = own_message(settings(standard, priority=priority))
        assert sent[6:8] == as_ours(standard, priority=priority)[6:8]


@every_standard
def test_addresses_follow_in_configured_order(standard: Standard) -> None:
    of = settings(standard)
    size = 4 if standard.family == 4 else 16
    sent = own_message(of)
    found = [str(ip_address(sent[at : at + size])) for at in (8, 8 + size)]
    assert found == [each.address for each in of.addresses]
    turned = own_message(replace(of, addresses=of.addresses[::-1]))
    assert turned[8 : 8 + size] == sent[8 + size : 8 + 2 * size]


@by_standard(RFC5798_IPV6, RFC9568_IPV6)
def test_first_ipv6_address_is_link_local(standard: Standard) -> None:
    sent = own_message(settings(standard))
    assert ip_address(sent[8:24]).is_link_local
