# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's language."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.control import (
    WRITING,
    Refusal,
    Verb,
    decode_request,
    failure,
    may,
    success,
    success_raw,
)


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_is_understood(verb: Verb) -> None:
    assert decode_request(json.dumps({"verb": verb}).encode()) is verb


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 4000, "not JSON"),
        (b'"status"', '"verb"'),
        (b'{"verb": 1}', '"verb"'),
        (b'{"verb": "stat"}', "unknown verb 'stat'; known are ping, status"),
        (b'{"verb": "ping", "uid": 0}', "unknown key 'uid'"),
    ],
)
def test_wrong_requests_are_refused_with_the_reason(line: bytes, part: str) -> None:
    answer = decode_request(line)
    assert isinstance(answer, Refusal)
    assert part in answer.error


@given(st.binary(max_size=200))
def test_any_bytes_give_a_verb_or_a_refusal(line: bytes) -> None:
    assert isinstance(decode_request(line), Verb | Refusal)


def test_only_root_and_the_agents_user_may_write() -> None:
    for verb in Verb:
        assert may(verb, uid=0, agent_uid=998)
        assert may(verb, uid=998, agent_uid=998)
        assert may(verb, uid=1000, agent_uid=998) is (verb not in WRITING)


def test_replies_are_one_line_of_json_each() -> None:
    for reply in (success({"a": "x\ny"}), success_raw(b'{"a":1}'), failure("x\ny", [])):
        assert reply.endswith(b"\n")
        assert reply.count(b"\n") == 1
        assert isinstance(json.loads(reply)["ok"], bool)
