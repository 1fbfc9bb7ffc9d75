# SPDX-License-Identifier: GPL-3.0-or-later
"""When a server's certificate ends (X.509 in DER: RFC 5280 section 4.1).

Owns the one field of a certificate that OpenSSL does not tell of one that is not verified. Must
never raise on what a server sent, nor judge trust: that is OpenSSL's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SEQUENCE = 0x30
_VERSION = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
_TIME = re.compile(rb"(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z")
_DAY_S = 86_400


class _Malformed(Exception):
    """These are no such bytes."""


def not_after(certificate: bytes) -> datetime | None:
    """The end of a certificate's validity; None when `certificate` is none."""
    try:
        fields = _content(_content(certificate, _SEQUENCE), _SEQUENCE)
        if fields[:1] == bytes([_VERSION]):
            fields = _element(fields)[2]
        # serialNumber, signature, issuer
        for _field in range(3):
            fields = _element(fields)[2]
        validity = _content(fields, _SEQUENCE)
        kind, text, __ = _element(_element(validity)[2])
        return _time(kind, text)
    except (_Malformed, ValueError, OverflowError):
        return None


def warning(end: datetime | None, now_s: float, ahead_ns: int) -> str | None:
    """What to say when a certificate that ends at `end` does so within `ahead_ns`."""
    if end is None:
        return None
    left_s = end.timestamp() - now_s
    if left_s > ahead_ns / 1e9:
        return None
    when = end.strftime("%Y-%m-%d %H:%M UTC")
    if left_s < 0:
        return f"the certificate expired on {when}"
    return f"the certificate expires on {when}, in {left_s / _DAY_S:.0f} days"


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content, and what follows. Raises _Malformed."""
    if len(data) < 2:
        raise _Malformed
    length, at = data[1], 2
    if length >= 0x80:
        count = length & 0x7F
        # Three bytes of length are 16 MiB, more than TLS lets pass.
        if not 1 <= count <= 3 or len(data) < 2 + count:
            raise _Malformed
        length, at = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < at + length:
        raise _Malformed
    return data[0], data[at : at + length], data[at + length :]


def _content(data: bytes, tag: int) -> bytes:
    found, content, __ = _element(data)
    if found != tag:
        raise _Malformed
    return content


def _time(kind: int, text: bytes) -> datetime:
    found = _TIME.fullmatch(text)
    digits = {_UTC_TIME: 2, _GENERALIZED_TIME: 4}.get(kind)
    if found is None or len(found[1]) != digits:
        raise _Malformed
    year, month, day, hour, minute, second = (int(group) for group in found.groups())
    if digits == 2:
        year += 2000 if year < 50 else 1900  # RFC 5280 section 4.1.2.5.1
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
