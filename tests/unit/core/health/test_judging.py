# SPDX-License-Identifier: GPL-3.0-or-later
"""Ping replies, UDP answers, exit statuses, numbers in files: what each says of a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.checks import FileCheck, HttpUrl, MiscCheck, Reply, Tls
from lvs_agent.core.health import ping, udp
from lvs_agent.core.health.check import WEIGHT_LIMIT, Outcome, Result, failed, passed
from lvs_agent.core.health.local import judge_end, judge_number, judge_session
from lvs_agent.core.health.tls import server_name
from lvs_agent.core.messages import BfdState

PACE = {"retry": 0, "delay_before_retry_ns": 0, "delay_loop_ns": 10**9}


@pytest.mark.parametrize(("family", "reply"), [(4, 0), (6, 129)])
def test_an_echo_reply_is_that_of_its_request(family: int, reply: int) -> None:
    asked = ping.echo_request(family, 70_000, b"12345678")
    # The kernel has put checksum and identifier in.
    data = bytes([reply, 0, 9, 9, 8, 8]) + asked[6:]
    assert ping.judge(family, asked, data) == passed("answered")
    assert isinstance(ping.judge(family, asked, data[:-1]), str)
    assert isinstance(ping.judge(family, asked, bytes([3]) + data[1:]), str)
    other = ping.echo_request(family, 70_001, b"12345678")
    assert isinstance(ping.judge(family, other, data), str)


@given(st.binary(max_size=100))
def test_any_bytes_are_judged_as_a_ping(data: bytes) -> None:
    asked = ping.echo_request(4, 1, b"12345678")
    assert isinstance(ping.judge(4, asked, data), Result | str)


def reply(pattern: str = "", mask: str = "", minimum: int = 0, maximum: int = 255) -> Reply:
    return Reply(
        minimum=minimum, maximum=maximum, pattern=bytes.fromhex(pattern), mask=bytes.fromhex(mask)
    )


@pytest.mark.parametrize(
    ("wanted", "data", "outcome"),
    [
        (None, b"x", Outcome.PASSED),
        (reply(), b"", Outcome.PASSED),
        (reply(minimum=1), b"", Outcome.FAILED),
        (reply(maximum=2), b"abc", Outcome.FAILED),
        (reply("8000", "f0ff"), b"\x8f\0more", Outcome.PASSED),
        (reply("8000", "f0ff"), b"\x9f\0", Outcome.FAILED),
        (reply("8000", "f0ff"), b"\x8f\1", Outcome.FAILED),
        (reply("8000", "f0ff"), b"\x80", Outcome.FAILED),
    ],
)
def test_udp_answers(wanted: Reply | None, data: bytes, outcome: Outcome) -> None:
    assert udp.judge(wanted, data).outcome is outcome


@given(st.binary(max_size=300), st.binary(max_size=10))
def test_what_begins_with_the_pattern_passes_whatever_the_masked_bits(
    data: bytes, flips: bytes
) -> None:
    start = data[: len(flips)]
    mask = bytes(~flip & 0xFF for flip in flips[: len(start)])
    pattern = bytes(byte ^ flip for byte, flip in zip(start, flips, strict=False))
    wanted = Reply(minimum=0, maximum=300, pattern=pattern, mask=mask)
    assert udp.judge(wanted, data).outcome is Outcome.PASSED


def misc(*, dynamic: bool) -> MiscCheck:
    return MiscCheck(argv=("/x",), timeout_ns=1, dynamic=dynamic, secure=False, **PACE)


@pytest.mark.parametrize("dynamic", [False, True])
def test_exit_statuses(dynamic: bool) -> None:
    def end(code: int | None) -> Result:
        return judge_end(misc(dynamic=dynamic), code, "words", ran=True)

    assert end(0) == passed("exit status 0")
    assert end(1) == end(None) == failed("words")
    weights = [end(code).weight for code in range(2, 256)]
    assert weights == (list(range(254)) if dynamic else [None] * 254)
    assert (end(2).outcome is Outcome.PASSED) is dynamic


def test_a_program_that_cannot_run_says_nothing_of_the_server() -> None:
    result = judge_end(misc(dynamic=True), None, "/x: no such file", ran=False)
    assert result == Result(outcome=Outcome.LOCAL_ERROR, reason="/x: no such file")


def number(content: bytes | None, weight: int = 0, *, reverse: bool = False) -> Result:
    check = FileCheck(name="f", path="/f", weight=weight, reverse=reverse, **PACE)
    return judge_number(check, content)


@pytest.mark.parametrize("content", [b"0\n", b"", None, b"rubbish"])
def test_nothing_and_nought_are_well_unless_reversed(content: bytes | None) -> None:
    assert number(content).outcome is Outcome.PASSED
    assert number(content, reverse=True).outcome is Outcome.FAILED


def test_any_other_number_is_ill_unless_reversed() -> None:
    assert number(b"-3").outcome is Outcome.FAILED
    assert number(b"7", reverse=True).outcome is Outcome.PASSED


@given(st.binary(max_size=70), st.integers(-(2**31 - 1), 2**31 - 1), st.booleans())
def test_a_number_with_a_weight_is_added_within_bounds(
    content: bytes, weight: int, reverse: bool
) -> None:
    result = number(content, weight, reverse=reverse)
    if weight:
        assert result.outcome is Outcome.PASSED
        assert result.added is not None
        assert abs(result.added) <= WEIGHT_LIMIT
    else:
        assert result.added is None


def test_the_number_times_the_weight_is_added() -> None:
    assert number(b"3", 10).added == 30
    assert number(b"3", 10, reverse=True).added == -30


def test_a_session_passes_fails_or_says_nothing() -> None:
    def judged(up: bool | None, *, local_error: bool = False) -> Result | None:
        return judge_session(
            BfdState(neighbor="10.0.0.3", up=up, reason="words", local_error=local_error)
        )

    assert judged(True) == passed("the session is up")
    assert judged(False) == failed("words")
    assert judged(None) is judge_session(None) is None
    ours = Result(outcome=Outcome.LOCAL_ERROR, reason="words")
    assert judged(None, local_error=True) == ours


@pytest.mark.parametrize(
    ("sni_name", "virtualhost", "name"),
    [
        ("a.example", "b.example", "a.example"),
        (None, "b.example", "b.example"),
        (None, "b.example:8443", "b.example"),
        (None, "10.0.0.1", None),
        (None, "10.0.0.1:8443", None),
        (None, "[2001:db8::1]:8443", None),
        (None, None, None),
    ],
)
def test_the_name_for_tls(sni_name: str | None, virtualhost: str | None, name: str | None) -> None:
    url = HttpUrl(path="/", status_codes=((200, 200),), virtualhost=virtualhost)
    assert server_name(Tls(server_name=sni_name), url) == name
