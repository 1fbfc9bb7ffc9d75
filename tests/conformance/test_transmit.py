# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 7.2 and the IP fields of section 5.1, on the datagram that we hand to the kernel."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address

from conformance.bench import (
    OURS,
    Listener,
    Rejected,
    S,
    active,
    adverts,
    by_standard,
    every_standard,
    message,
    own_datagram,
    own_message,
    settings,
)
from conformance.reference import IPV4, Standard, ipv4_datagram
from lvs_agent.core.events import Reconfigured


@by_standard(*IPV4)
def test_datagram_goes_to_the_group(standard: Standard) -> None:
    sent = own_datagram(settings(standard))
    assert str(ip_address(sent[16:20])) == "224.0.0.18"
    assert str(ip_address(sent[12:16])) == OURS[4]


@by_standard(*IPV4)
def test_ttl_is_255(standard: Standard) -> None:
    assert own_datagram(settings(standard))[8] == 255


@by_standard(*IPV4)
def test_protocol_is_112(standard: Standard) -> None:
    sent = own_datagram(settings(standard))
    assert sent[9] == 112
    version_and_length, _, total = struct.unpack_from("!BBH", sent)
    assert (version_and_length, total) == (0x45, len(sent))


@by_standard(*IPV4)
def test_whole_datagram_is_that_of_the_reference(standard: Standard) -> None:
    """But for identification and header checksum, which the kernel fills (raw(7))."""
    of = settings(standard)
    expected = ipv4_datagram(message(standard, OURS[4]).wire(), OURS[4], "224.0.0.18")
    sent = own_datagram(of)
    assert sent[:10] + sent[12:] == expected[:10] + expected[12:]


@every_standard
def test_changed_settings_are_sent_at_once(standard: Standard) -> None:
    before = settings(standard)
    after = replace(before, priority=120)
    router = active(before)
    router.passes(S // 2)
    assert adverts(router.feed(Reconfigured(instance=after))) == ["advert"]
    assert own_message(before)[2] == 100
    assert own_message(router.core.instance)[2] == 120


@every_standard
def test_what_we_send_is_what_we_accept(standard: Standard) -> None:
    """From the same group, with all checks; only an advert of our own address is refused."""
    of = settings(standard)
    result = Listener(of).takes(own_message(of), message(standard, OURS[standard.family]))
    assert isinstance(result, Rejected)
    assert result.reason.value == "own_advert"
