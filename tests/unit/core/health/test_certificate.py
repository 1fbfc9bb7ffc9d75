# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a certificate's validity, read from DER as cryptography reads it, and its warning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from check_servers import Authority
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.health.certificate import not_after, warning

DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def der(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    issued = Authority(tmp_path_factory.mktemp("ca")).issue("www.example.org")
    return to_der(issued)


def to_der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("days", [-10, 5, 100, 365 * 40])
def test_the_end_is_read(tmp_path: Path, days: int) -> None:
    data = to_der(Authority(tmp_path).issue("a.example", first_day=-20, last_day=days))
    assert not_after(data) == x509.load_der_x509_certificate(data).not_valid_after_utc


@given(data=st.data())
def test_any_bytes_give_a_time_or_none(der: bytes, data: st.DataObject) -> None:
    spoiled = bytearray(der[: data.draw(st.integers(0, len(der)))])
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=5)
    ):
        if at < len(spoiled):
            spoiled[at] = byte
    assert isinstance(not_after(bytes(spoiled)), datetime | None)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_give_none_or_a_time(data: bytes) -> None:
    assert isinstance(not_after(data), datetime | None)


def test_only_what_ends_soon_is_warned_of() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    second = now.timestamp()
    assert warning(now + timedelta(days=15), second, 14 * DAY_NS) is None
    soon = warning(now + timedelta(days=3), second, 14 * DAY_NS)
    assert soon == "the certificate expires on 2030-01-04 00:00 UTC, in 3 days"
    gone = warning(now - timedelta(days=3), second, 14 * DAY_NS)
    assert gone == "the certificate expired on 2029-12-29 00:00 UTC"
    assert warning(None, second, 14 * DAY_NS) is None
