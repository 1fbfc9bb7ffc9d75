# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one child process: hung, killed, restarted with back-off."""

from __future__ import annotations

import itertools

import pytest
from lvs_agent.core.life import (
    _TABLE,
    ABORT_NS,
    ALIVE,
    HEALTHY_NS,
    KILL_NS,
    MS,
    SECOND,
    Do,
    Event,
    Life,
    Limits,
    ProcessState,
    backoff_ns,
)

LIMITS = Limits(silent_ns=1 * SECOND, start_ns=5 * SECOND, reconfigure_ns=3 * SECOND)


def running(at_ns: int = 0) -> Life:
    life = Life("x", LIMITS)
    life.handle(Event.FORKED, at_ns)
    life.ready(1, at_ns)
    life.beat(at_ns, at_ns)
    return life


def test_beating_child_is_left_alone() -> None:
    life = running()
    for beat in range(1, 100):
        now = beat * 250 * MS
        assert life.due(now) is Do.NOTHING
        life.beat(now, now)
    assert life.state is ProcessState.RUNNING


def test_silent_child_gets_sigabrt_then_sigkill_then_a_complaint() -> None:
    life = running()
    assert life.due(1 * SECOND - 1) is Do.NOTHING
    assert life.due(1 * SECOND) is Do.ABORT
    assert life.due(1 * SECOND + ABORT_NS - 1) is Do.NOTHING
    assert life.due(1 * SECOND + ABORT_NS) is Do.KILL
    assert life.curable
    assert life.due(1 * SECOND + ABORT_NS + KILL_NS) is Do.COMPLAIN
    assert not life.curable


def test_late_words_of_a_condemned_child_do_not_save_it() -> None:
    life = running()
    assert life.due(1 * SECOND) is Do.ABORT
    life.beat(1 * SECOND, 1 * SECOND)
    life.ready(1, 1 * SECOND)
    assert life.due(1 * SECOND + ABORT_NS) is Do.KILL


def test_heartbeat_from_the_future_counts_as_now() -> None:
    life = running()
    life.beat(10**18, 1)
    assert life.last_beat_ns == 1


def test_time_in_which_the_supervisor_stood_still_is_not_held_against_the_child() -> None:
    life = running()
    life.excuse(60 * SECOND)
    assert life.due(60 * SECOND) is Do.NOTHING
    assert life.due(61 * SECOND) is Do.ABORT


def test_child_that_never_becomes_ready_is_hung_after_its_start_limit() -> None:
    life = Life("x", LIMITS)
    life.handle(Event.FORKED, 0)
    life.beat(100, 100)
    assert life.due(5 * SECOND - 1) is Do.NOTHING
    assert life.due(5 * SECOND) is Do.ABORT


def test_child_taking_a_configuration_may_be_silent_longer() -> None:
    life = running()
    life.reconfigure_told(2, 0)
    life.beat(0, 0)
    assert life.due(3 * SECOND - 1) is Do.NOTHING
    life.ready(2, 3 * SECOND - 1)
    assert life.due(4 * SECOND - 2) is Do.NOTHING
    assert life.due(4 * SECOND - 1) is Do.ABORT


def test_ready_with_the_old_generation_does_not_end_the_patience() -> None:
    life = Life("x", LIMITS)
    life.handle(Event.FORKED, 0)
    life.reconfigure_told(2, 0)
    life.ready(1, 0)
    assert life.due(3 * SECOND - 1) is Do.NOTHING


def test_first_respawn_is_immediate_then_delays_double_up_to_five_seconds() -> None:
    delays = [backoff_ns(failures) for failures in range(1, 12)]
    assert delays[:4] == [0, 100 * MS, 200 * MS, 400 * MS]
    assert all(
        later == min(earlier * 2, 5 * SECOND) for earlier, later in itertools.pairwise(delays[1:])
    )
    assert backoff_ns(10**6) == 5 * SECOND


def test_crash_loop_is_slowed_down_and_never_given_up() -> None:
    life = Life("x", LIMITS)
    life.handle(Event.FORKED, 0)
    assert life.handle(Event.DIED, 0) is Do.FORK
    now = 0
    for failures in range(2, 50):
        life.handle(Event.FORKED, now)
        assert life.handle(Event.DIED, now) is Do.NOTHING
        assert life.due(now + backoff_ns(failures) - 1) is Do.NOTHING
        now += backoff_ns(failures)
        assert life.due(now) is Do.FORK


def test_healthy_time_resets_the_back_off() -> None:
    life = Life("x", LIMITS)
    for _ in range(5):
        life.handle(Event.FORKED, 0)
        life.handle(Event.DIED, 0)
    life.handle(Event.FORKED, 0)
    life.ready(1, 0)
    assert life.handle(Event.DIED, HEALTHY_NS) is Do.FORK
    assert life.failures_in_a_row == 1


def test_child_whose_channel_is_lost_is_killed_unless_it_dies_soon() -> None:
    life = running()
    assert life.handle(Event.CHANNEL_LOST, 0) is Do.NOTHING
    assert life.due(ABORT_NS) is Do.KILL
    other = running()
    other.handle(Event.CHANNEL_LOST, 0)
    assert other.handle(Event.DIED, 1) is Do.FORK


@pytest.mark.parametrize("state", sorted(ALIVE))
@pytest.mark.parametrize("event", [Event.READY, Event.DIED, Event.STOP_TOLD])
def test_every_living_state_knows_what_a_living_process_can_do(
    state: ProcessState, event: Event
) -> None:
    exceptions = {(ProcessState.CLOSING, Event.READY), (ProcessState.STOPPING, Event.STOP_TOLD)}
    assert ((state, event) in _TABLE) is ((state, event) not in exceptions)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {ProcessState.DOWN}
    for state, event in itertools.product(ProcessState, Event):
        if (state, event) in _TABLE:
            life = Life("x", LIMITS)
            life.state = state
            _TABLE[state, event](life, 0)
            reached.add(life.state)
    assert reached == set(ProcessState)
