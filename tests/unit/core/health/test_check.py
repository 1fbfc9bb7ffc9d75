# SPDX-License-Identifier: GPL-3.0-or-later
"""One check's verdict from its tries, and a real server's from its checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.health.check import (
    CheckState,
    Outcome,
    Pause,
    Result,
    Standing,
    Step,
    after,
    standing,
)

PASSED = Result(outcome=Outcome.PASSED, reason="status 200")
FAILED = Result(outcome=Outcome.FAILED, reason="connection refused")
LOCAL = Result(outcome=Outcome.LOCAL_ERROR, reason="Too many open files")

UP = CheckState(up=True, checked=True, reason="status 200")
DOWN = CheckState(up=False, checked=True, failed_tries=3, reason="connection refused")


def run(state: CheckState, retry: int, *results: Result) -> Step:
    step = Step(state=state, pause=Pause.DELAY_LOOP)
    for result in results:
        step = after(step.state, retry, result)
    return step


@pytest.mark.parametrize("start", [UP, CheckState()])
def test_a_server_goes_down_only_after_the_last_retry(start: CheckState) -> None:
    step = run(start, 2, FAILED, FAILED)
    assert (step.state.up, step.pause) == (True, Pause.DELAY_BEFORE_RETRY)
    step = after(step.state, 2, FAILED)
    assert (step.state.up, step.state.checked) == (False, True)
    assert step.pause is Pause.DELAY_LOOP
    assert step.state.failed_tries == 3


def test_without_retries_the_first_failure_is_the_verdict() -> None:
    assert run(UP, 0, FAILED).state.up is False


def test_a_success_between_failures_starts_the_count_anew() -> None:
    step = run(UP, 1, FAILED, PASSED, FAILED)
    assert (step.state.up, step.pause) == (True, Pause.DELAY_BEFORE_RETRY)


def test_a_dead_server_is_looked_at_every_delay_loop_and_back_at_the_first_success() -> None:
    step = run(DOWN, 5, FAILED)
    assert (step.state.up, step.pause) == (False, Pause.DELAY_LOOP)
    step = after(step.state, 5, PASSED)
    assert step == Step(state=UP, pause=Pause.DELAY_LOOP)


@pytest.mark.parametrize("state", [UP, DOWN, CheckState(), CheckState(failed_tries=1)])
def test_errors_of_this_host_change_nothing(state: CheckState) -> None:
    assert after(state, 0, LOCAL) == Step(state=state, pause=Pause.LOCAL_ERROR)


@given(
    retry=st.integers(0, 5),
    results=st.lists(st.sampled_from([PASSED, FAILED, LOCAL]), max_size=40),
)
def test_down_means_more_than_retry_failures_since_the_last_success(
    retry: int, results: list[Result]
) -> None:
    state, failures, up = CheckState(), 0, True
    for result in results:
        state = after(state, retry, result).state
        match result.outcome:
            case Outcome.PASSED:
                failures, up = 0, True
            case Outcome.FAILED:
                failures += 1
                up = failures <= retry
            case Outcome.LOCAL_ERROR:
                pass
        assert state.up is up
        assert state.failed_tries == failures


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], Standing.UP),
        ([UP, UP], Standing.UP),
        ([UP, DOWN], Standing.DOWN),
        ([CheckState(), DOWN], Standing.DOWN),
        ([UP, CheckState()], Standing.UNKNOWN),
    ],
)
def test_a_server_is_up_when_all_its_checks_are(
    states: list[CheckState], expected: Standing
) -> None:
    assert standing(states) is expected
