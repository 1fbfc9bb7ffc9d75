# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of a DNS_CHECK, and what an answer says (RFC 1035).

Owns the few fields of DNS that tell whether a server answers. Must never raise on what came back.
Why no library: dnspython takes 50 ms and 13 MiB to import, and for question and answer 50 us where
this takes 2, since it reads records that nobody looks at.
"""

from __future__ import annotations

import struct

from lvs_agent.core.health.check import Result, failed, passed

# RFC 1035 section 3.2.2, RFC 3596.
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
NAME_LIMIT = 253
_LABEL_LIMIT = 63
_HEADER = struct.Struct("!6H")
_RESPONSE = 0x8000
_OPCODE = 0x7800
_RECURSION_DESIRED = 0x0100
_TRUNCATED = 0x0200
_CODE = 0x000F
_IN = 1
# RFC 1035 section 4.1.1, RFC 2136 section 2.2.
_CODES = {
    1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
    7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE",
}  # fmt: skip


def encode_name(name: str) -> bytes:
    """`name` as labels; "." is the root. Raises ValueError saying what is wrong with it."""
    labels = [] if name == "." else name.removesuffix(".").split(".")
    if len(name) > NAME_LIMIT:
        raise ValueError(f"must have at most {NAME_LIMIT} characters")
    encoded = bytearray()
    for label in labels:
        if not label.isascii() or not 1 <= len(label) <= _LABEL_LIMIT:
            raise ValueError(
                f"{label!r} must be 1 to {_LABEL_LIMIT} ASCII characters between two dots; write"
                " others as xn--..."
            )
        encoded += bytes([len(label)]) + label.encode()
    return bytes(encoded + b"\0")


def question(name: str, kind: str, number: int) -> bytes:
    """The message that asks for the records `kind` of `name`; `number` is its id."""
    header = _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + encode_name(name) + struct.pack("!2H", TYPES[kind], _IN)


def judge(asked: bytes, data: bytes) -> Result | str:
    """What `data` says to the message `asked`: a result, or why it is no answer to it.

    An answer without records passes, as with keepalived: the server did answer.
    """
    if len(data) < _HEADER.size:
        return f"{len(data)} bytes that are no DNS message"
    number, flags, questions, answers, __, __ = _HEADER.unpack_from(data)
    if number != _HEADER.unpack_from(asked)[0] or not flags & _RESPONSE or flags & _OPCODE:
        return "an answer to another question"
    code = flags & _CODE
    echoed = data[_HEADER.size : len(asked)].lower()
    # A server that could not read the question need not repeat it.
    if (questions or not code) and (questions != 1 or echoed != asked[_HEADER.size :].lower()):
        return "an answer to another question"
    if code:
        return failed(f"answered {_CODES.get(code, f'with error {code}')}")
    cut = ", cut off" if flags & _TRUNCATED else ""
    return passed(f"NOERROR, {answers} answer{'' if answers == 1 else 's'}{cut}")
