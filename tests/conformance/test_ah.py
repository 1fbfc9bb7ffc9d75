# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 2338's authentication type 2, which RFC 3768 keeps reserved for it."""

from __future__ import annotations

import hashlib
import hmac

from conformance.bench import (
    HIGHER,
    OURS,
    Accepted,
    Listener,
    by_standard,
    number,
    own_message,
    settings,
)
from conformance.reference import RFC3768, Standard
from lvs_agent.core.model import AhAuthentication
from lvs_agent.core.vrrp.auth import seal

KEY = b"0123456789abcdef"
GROUP = "224.0.0.18"
# RFC 2402 section 2: next header, length, reserved, SPI, sequence number, integrity value.
ICV = slice(20 + 12, 20 + 24)


def sealed(message: bytes, source: str, sequence: int) -> bytes:
    return seal(KEY, message, number(source), number(GROUP), ttl=255, sequence=sequence)


@by_standard(RFC3768)
def test_authentication_header_is_type_2(standard: Standard) -> None:
    """IP, AH with HMAC-MD5-96 (RFC 2403) over all that does not change on the way, VRRP.

    The TTL of multicast is taken as one of these, as keepalived does.
    """
    of = settings(standard, authentication=AhAuthentication(key=KEY))
    message = own_message(of)
    assert message[4] == 2
    datagram = sealed(message, OURS[4], 7)
    assert (datagram[9], datagram[20]) == (51, 112)
    assert datagram[44:] == message
    covered = bytearray(datagram)
    covered[ICV] = bytes(12)
    covered[1] = covered[6] = covered[7] = covered[10] = covered[11] = 0
    expected = hmac.new(KEY, bytes(covered), hashlib.md5).digest()[:12]
    assert datagram[ICV] == expected


@by_standard(RFC3768)
def test_altered_authentication_header_is_discarded(standard: Standard) -> None:
    of = settings(standard, authentication=AhAuthentication(key=KEY))
    datagram = sealed(own_message(of), HIGHER[4], 7)
    for at in (*range(24, 32), *range(32, 44), *range(44, len(datagram))):
        altered = bytearray(datagram)
        altered[at] ^= 1
        assert not isinstance(Listener(of).receiver.examine(bytes(altered)), Accepted), at
    assert isinstance(Listener(of).receiver.examine(datagram), Accepted)


@by_standard(RFC3768)
def test_replayed_authentication_header_is_discarded(standard: Standard) -> None:
    of = settings(standard, authentication=AhAuthentication(key=KEY))
    listener = Listener(of)
    first, second = (sealed(own_message(of), HIGHER[4], number) for number in (7, 8))
    assert isinstance(listener.receiver.examine(second), Accepted)
    assert not isinstance(listener.receiver.examine(first), Accepted)
    assert not isinstance(listener.receiver.examine(second), Accepted)
