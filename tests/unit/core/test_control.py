# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's language."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.control import (
    ARGUMENTS,
    WRITING,
    Refusal,
    Request,
    Verb,
    decode_request,
    failure,
    may,
    success,
    success_raw,
)


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_is_understood(verb: Verb) -> None:
    assert decode_request(json.dumps({"verb": verb}).encode()) == Request(verb=verb)


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
        (b'{"verb": "ping", "arguments": []}', "not an object"),
        (b'{"verb": "ping", "arguments": {"x": 1}}', "unknown argument 'x' of ping; it takes none"),
    ],
)
def test_wrong_requests_are_refused_with_the_reason(line: bytes, part: str) -> None:
    answer = decode_request(line)
    assert isinstance(answer, Refusal)
    assert part in answer.error


def test_arguments_are_of_the_types_that_the_verb_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARGUMENTS, Verb.PING, {"times": (int, type(None)), "loud": (bool,)})

    def decoded(**arguments: object) -> Request | Refusal:
        return decode_request(json.dumps({"verb": "ping", "arguments": arguments}).encode())

    for good in ({"times": 3}, {"times": None, "loud": True}, {}):
        assert decoded(**good) == Request(verb=Verb.PING, arguments=good)
    assert decoded(times=True) == Refusal(error="argument times of ping is not int or null")
    assert decoded(loud=1) == Refusal(error="argument loud of ping is not bool")
    assert decoded(loud=[]) == Refusal(error="argument loud of ping is not bool")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_request_or_a_refusal(line: bytes) -> None:
    assert isinstance(decode_request(line), Request | Refusal)


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
