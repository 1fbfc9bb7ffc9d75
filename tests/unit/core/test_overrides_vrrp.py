# SPDX-License-Identifier: GPL-3.0-or-later
"""The book of what operators want of instances: requests, groups, owners, names, the file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.messages import InstanceOverride
from lvs_agent.core.model import SyncGroup
from lvs_agent.core.overrides_vrrp import (
    OVERRIDES_LIMIT,
    InstanceBook,
    OverrideRefused,
    OverrideState,
    Wish,
    decode,
    in_words,
    parties,
)
from vrrp_builders import config, instance

ONE = InstanceOverride(
    instance="a", state="given_away", owner="alice", reason="kernel", since_s=1000, expires_s=1600
)


def wish(**arguments: Any) -> Wish:
    return Wish.read({"state": "given_away", **arguments})


def test_a_request_is_read_with_its_defaults() -> None:
    read = wish(instance="a")
    assert (read.owner, read.reason, read.expires_s) == ("", "", None)
    assert (read.timeout_s, read.force, read.check) == (30, False, False)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"state": "gone"}, "state has to be one of given_away, held, ordinary"),
        ({"owner": "x" * 201}, "owner is longer than 200"),
        ({"reason": "a\x1b[2J"}, "reason contains characters"),
        ({"expires_s": 0}, "expires_s has to be between 1 and"),
        ({"timeout_s": 3601}, "timeout_s has to be between 1 and 3600, not 3601"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(OverrideRefused, match=part):
        wish(**arguments)


def test_a_repeated_request_changes_nothing_though_it_ends_later() -> None:
    again = wish(owner="alice", reason="kernel", expires_s=900)
    assert not again.changes(ONE)
    assert again.changes(None)
    assert again.changes(replace(ONE, owner="bob"))
    assert wish(owner="alice", reason="kernel").changes(ONE)  # it would never end
    assert wish(state="ordinary").changes(ONE)
    assert not wish(state="ordinary").changes(None)


def test_members_of_a_sync_group_go_together_and_once() -> None:
    group = SyncGroup(name="g", members=("a", "b"))
    of = config(*(_named(name) for name in "abc"), groups=(group,))
    assert parties(of, "b") == parties(of, "g") == (("a", "b"),)
    assert parties(of, "c") == (("c",),)
    assert parties(of, None) == (("a", "b"), ("c",))


def test_an_unknown_instance_and_an_owner_are_refused() -> None:
    of = config(_named("a"), _named("b", priority=255))
    with pytest.raises(OverrideRefused, match="no VRRP instance 'x' here; there are: a, b"):
        parties(of, "x")
    with pytest.raises(OverrideRefused, match="b owns its addresses"):
        parties(of, None)


def _named(name: str, **changes: Any) -> Any:
    return instance(name=name, virtual_router_id=51 + ord(name) - ord("a"), **changes)


def test_an_override_ends_at_its_time_and_not_before() -> None:
    book = InstanceBook([ONE, replace(ONE, instance="b", expires_s=None)])
    assert book.expired(1599) == ()
    assert book.expired(1600) == (ONE,)


def test_a_renamed_instance_keeps_its_override_and_a_removed_one_waits() -> None:
    before = [_named("a"), _named("b")]
    after = [replace(before[0], name="new")]
    book = InstanceBook([ONE, replace(ONE, instance="b"), replace(ONE, instance="elsewhere")])
    found = book.renamed(before, after)
    assert {each.instance for each in found} == {"new", "b", "elsewhere"}
    assert found.state("a") is OverrideState.ORDINARY


def test_the_book_is_bounded() -> None:
    with pytest.raises(OverrideRefused, match="end some first"):
        InstanceBook().set((f"i{n}" for n in range(OVERRIDES_LIMIT + 1)), ONE)


def test_the_file_gives_back_what_was_written() -> None:
    book = InstanceBook([ONE, replace(ONE, instance="ü", state="held", expires_s=None)])
    found, wrong = decode(book.encode())
    assert wrong is None
    assert list(found) == list(book)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"version": 2, "instances": []}',
        b'{"version": 1, "instances": {}}',
        b'{"version": 1, "instances": [{"instance": "a"}]}',
        InstanceBook([replace(ONE, state="ordinary")]).encode(),
        InstanceBook([replace(ONE, owner="\x1b[2J")]).encode(),
        InstanceBook([replace(ONE, expires_s=1 << 60)]).encode(),
    ],
)
def test_a_damaged_file_is_said_to_be_so(content: bytes) -> None:
    found, wrong = decode(content)
    assert list(found) == []
    assert wrong


@given(st.binary(max_size=300))
def test_any_bytes_give_a_book(content: bytes) -> None:
    found, _ = decode(content)
    assert all(in_words(each) for each in found)
