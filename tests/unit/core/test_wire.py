# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames between the agent's processes: what goes in comes out, nonsense is refused."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core import wire
from lvs_agent.core.messages import (
    AddressesLost,
    Hold,
    HoldApplied,
    LinkState,
    Ready,
    Reconfigure,
    Stop,
)

MESSAGES = (
    Ready(generation=3),
    Stop(),
    Hold(instance="VI_1", hold=True, sequence=7),
    HoldApplied(instance="VI_1", hold=True, sequence=7, error=None),
    LinkState(interface="eth0", index=2, running=True, primary="10.0.0.1", mac=None),
    AddressesLost(instance="ü", addresses=("10.0.0.9", "10.0.0.8")),
    Reconfigure(generation=4, config=b"\0 \xff\0\0"),
    Reconfigure(generation=5, config=b""),
)


def frame(value: object) -> bytes:
    text = json.dumps(value).encode()
    return struct.pack("!I", len(text)) + text


@given(st.integers(min_value=1, max_value=40))
def test_messages_survive_any_chunking(size: int) -> None:
    stream = b"".join(wire.encode(message) for message in MESSAGES)
    decoder = wire.Decoder()
    received = []
    for start in range(0, len(stream), size):
        received += decoder.feed(stream[start : start + size])
    assert tuple(received) == MESSAGES


@pytest.mark.parametrize(
    "value",
    [
        ["Hold", {"instance": "VI_1", "hold": 1, "sequence": 7}],  # an int is not a bool
        ["Hold", {"instance": "VI_1", "hold": True, "sequence": True}],  # nor a bool an int
        ["Hold", {"instance": "VI_1", "hold": True}],
        ["Hold", {"instance": "VI_1", "hold": True, "sequence": 1, "extra": 1}],
        ["AddressesLost", {"instance": "VI_1", "addresses": [1]}],
        ["Exec", {}],
        {"Hold": {}},
        ["Stop", []],
        None,
    ],
)
def test_a_frame_that_is_no_message_is_refused(value: object) -> None:
    with pytest.raises(wire.WireError):
        wire.Decoder().feed(frame(value))


@pytest.mark.parametrize(
    ("name", "body", "raw"),
    [
        ("Stop", {}, b"\0"),  # has no field of bytes
        ("Reconfigure", {"generation": 1}, b""),
        ("Reconfigure", {"generation": 1, "config": "text"}, b""),
    ],
)
def test_bytes_go_where_they_belong_and_nowhere_else(name: str, body: object, raw: bytes) -> None:
    text = json.dumps([name, body]).encode() + raw
    with pytest.raises(wire.WireError):
        wire.Decoder().feed(struct.pack("!I", len(text)) + text)


def test_a_frame_larger_than_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(wire.WireError, match="exceeds"):
        wire.Decoder().feed(struct.pack("!I", wire.FRAME_LIMIT + 1))


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_a_wire_error(data: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        wire.Decoder().feed(data)
