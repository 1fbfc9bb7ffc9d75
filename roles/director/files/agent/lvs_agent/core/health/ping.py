# SPDX-License-Identifier: GPL-3.0-or-later
"""The echo request of a PING_CHECK and its reply (RFC 792, RFC 4443 section 4).

Owns the few bytes. The kernel's ICMP sockets put in identifier and checksum and pass on only
replies with this identifier (ping_rcv() in the kernel's net/ipv4/ping.c). Must never raise on what
came back.
"""

from __future__ import annotations

import struct

from lvs_agent.core.health.check import Result, passed

_ECHO = struct.Struct("!BBHHH")
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}
# So that a reply that comes after its try is not taken for that of the next one.
_MARK_BYTES = 8
_PASSED = passed("answered")


def echo_request(family: int, sequence: int, mark: bytes) -> bytes:
    """The message; `mark` is _MARK_BYTES bytes of this try's own."""
    return _ECHO.pack(_REQUEST[family], 0, 0, 0, sequence & 0xFFFF) + mark[:_MARK_BYTES]


def judge(family: int, asked: bytes, data: bytes) -> Result | str:
    """What `data` says to the message `asked`: a result, or why it is no answer to it."""
    if len(data) < _ECHO.size:
        return f"{len(data)} bytes that are no echo reply"
    if data[:2] != bytes([_REPLY[family], 0]) or data[6:] != asked[6:]:
        return "a reply to another request"
    return _PASSED
