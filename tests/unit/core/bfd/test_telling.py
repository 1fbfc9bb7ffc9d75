# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks are told of BFD sessions: a new one is given time, one that was up is not."""

from __future__ import annotations

import pytest
from lvs_agent.core.bfd.packet import SECOND_NS
from lvs_agent.core.bfd.telling import PATIENCE_NS, Telling
from lvs_agent.core.messages import BfdState
from unit.core.bfd.bfd_examples import instance

NEIGHBOR = "192.0.2.2"


def state(up: bool | None, reason: str, *, local_error: bool = False) -> BfdState:
    return BfdState(neighbor=NEIGHBOR, up=up, reason=reason, local_error=local_error)


UNKNOWN = state(None, "no session with 192.0.2.2 yet")
NEVER = state(False, "no session with 192.0.2.2 within 10 s")


def sound(_: str) -> None:
    """This host could have every session."""


@pytest.fixture
def telling() -> Telling:
    fresh = Telling()
    fresh.configure((instance(),), 0)
    return fresh


def test_nothing_is_known_of_a_new_session_until_its_time_is_over(telling: Telling) -> None:
    assert telling.states() == (UNKNOWN,)
    assert telling.deadline_ns == PATIENCE_NS
    assert telling.expire(PATIENCE_NS - 1, sound) == []
    assert telling.expire(PATIENCE_NS, sound) == [NEVER]
    assert telling.states() == (NEVER,)
    assert telling.deadline_ns is None
    assert telling.expire(9 * PATIENCE_NS, sound) == []


def test_session_that_sends_seldom_has_the_time_of_three_packets() -> None:
    slow = Telling()
    slow.configure((instance(idle_tx_ns=20 * SECOND_NS),), 5)
    assert slow.deadline_ns == 60 * SECOND_NS + 5


def test_up_and_then_down_are_told_at_once(telling: Telling) -> None:
    up = telling.changed("peer", up=True, reason="the neighbour says Init")
    assert up == state(True, "the neighbour says Init")
    assert telling.deadline_ns is None
    down = telling.changed("peer", up=False, reason="nothing received for 0.250 s")
    assert down == state(False, "nothing received for 0.250 s")
    assert telling.states() == (down,)


def test_late_session_counts_when_it_comes(telling: Telling) -> None:
    telling.expire(PATIENCE_NS, sound)
    assert telling.changed("peer", up=True, reason="there") == state(True, "there")


def test_fault_of_this_host_blames_nobody_and_gives_time_anew(telling: Telling) -> None:
    told = telling.expire(PATIENCE_NS, lambda name: f"{name} has no port")
    assert told == [state(None, "peer has no port", local_error=True)]
    assert telling.deadline_ns == 2 * PATIENCE_NS
    assert telling.expire(2 * PATIENCE_NS, lambda name: f"{name} has no port") == []
    assert telling.expire(3 * PATIENCE_NS, sound) == [NEVER]


def test_reload_leaves_unchanged_and_renamed_sessions_as_they_are(telling: Telling) -> None:
    telling.changed("peer", up=True, reason="there")
    telling.configure((instance(name="other", min_tx_ns=1),), 7)
    assert telling.states() == (state(True, "there"),)
    assert telling.changed("peer", up=False, reason="gone") is None
    assert telling.changed("other", up=False, reason="gone") == state(False, "gone")


def test_session_with_another_source_begins_anew_and_its_first_down_is_no_news(
    telling: Telling,
) -> None:
    telling.changed("peer", up=True, reason="there")
    telling.configure((instance(source="192.0.2.9"),), 7)
    assert telling.changed("peer", up=False, reason="not there yet") is None
    assert telling.states() == (UNKNOWN,)
    assert telling.deadline_ns == PATIENCE_NS + 7


def test_removed_session_is_forgotten(telling: Telling) -> None:
    telling.configure((), 1)
    assert telling.states() == ()
    assert telling.deadline_ns is None
