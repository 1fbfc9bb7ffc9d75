# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS questions and answers: right on good ones, and no bytes make it raise."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.health.check import Result, failed, passed
from lvs_agent.core.health.dns import TYPES, encode_name, judge, question

ASKED = question("www.example.org", "A", 0x1234)


def answer(*, number: int = 0x1234, flags: int = 0x8180, answers: int = 1) -> bytes:
    header = struct.pack("!6H", number, flags, 1, answers, 0, 0)
    return header + ASKED[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0\1" * answers


def test_the_question_is_that_of_rfc_1035() -> None:
    assert question(".", "SOA", 7) == bytes.fromhex("0007 0100 0001 0000 0000 0000 00 0006 0001")
    assert ASKED[12:] == b"\3www\7example\3org\0\0\1\0\1"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (answer(), passed("NOERROR, 1 answer")),
        (answer(answers=2), passed("NOERROR, 2 answers")),
        (answer(answers=0), passed("NOERROR, 0 answers")),
        (answer(flags=0x8380), passed("NOERROR, 1 answer, cut off")),
        (answer(flags=0x8182), failed("answered SERVFAIL")),
        (answer(flags=0x8183), failed("answered NXDOMAIN")),
        (answer(flags=0x8185), failed("answered REFUSED")),
        (answer(flags=0x818F), failed("answered with error 15")),
        (struct.pack("!6H", 0x1234, 0x8181, 0, 0, 0, 0), failed("answered FORMERR")),
        (answer(number=0x1235), "an answer to another question"),
        (answer(flags=0x0100), "an answer to another question"),
        (answer(flags=0xA180), "an answer to another question"),
        (answer().replace(b"example", b"exbmple"), "an answer to another question"),
        (answer().replace(b"example", b"EXAMPLE"), passed("NOERROR, 1 answer")),
        (struct.pack("!6H", 0x1234, 0x8180, 0, 0, 0, 0), "an answer to another question"),
        (b"\x12\x34", "2 bytes that are no DNS message"),
        (ASKED, "an answer to another question"),
    ],
)
def test_answers(data: bytes, expected: Result | str) -> None:
    assert judge(ASKED, data) == expected


@given(st.binary(max_size=600))
def test_any_bytes_are_judged(data: bytes) -> None:
    assert isinstance(judge(ASKED, data), Result | str)
    assert isinstance(judge(ASKED, ASKED[:2] + data), Result | str)


@given(st.sampled_from(sorted(TYPES)), st.integers(0, 65535), st.integers(0, 15))
def test_the_code_alone_decides(kind: str, number: int, code: int) -> None:
    asked = question("a.b", kind, number)
    judged = judge(asked, asked[:2] + struct.pack("!H", 0x8000 | code) + asked[4:])
    assert isinstance(judged, Result)
    assert (judged.outcome == "passed") is (code == 0)


@pytest.mark.parametrize("name", ["a..b", "." * 3, "x" * 64, "é.fr", "a." * 127 + "abc"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"must"):
        encode_name(name)


def test_a_dot_at_the_end_makes_no_difference() -> None:
    assert encode_name("example.org.") == encode_name("example.org")
