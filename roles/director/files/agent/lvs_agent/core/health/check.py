# SPDX-License-Identifier: GPL-3.0-or-later
"""What one check concludes from the outcomes of its tries, and what a real server from its checks.

Owns retries and the verdict. Must never touch a socket or a clock: it is told what a try found and
answers what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

from lvs_agent.core.checks import Check, HttpCheck, TcpCheck

# After an error of our own (no descriptor, no port, no memory). Long enough not to add to the
# shortage, short against any sensible delay_loop.
LOCAL_ERROR_PAUSE_NS = 1_000_000_000


class Outcome(StrEnum):
    """How a try ended. LOCAL_ERROR: this host could not even ask; it says nothing of the server."""

    PASSED = "passed"
    FAILED = "failed"
    LOCAL_ERROR = "local_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of one try; `reason` is for people, at most a few hundred printable characters."""

    outcome: Outcome
    reason: str


class Pause(StrEnum):
    """What to wait for before the next try."""

    DELAY_LOOP = "delay_loop"
    DELAY_BEFORE_RETRY = "delay_before_retry"
    LOCAL_ERROR = "local_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What is known of one check. `checked` False: no verdict yet and `up` is the assumption.

    `failed_tries` counts failures since the last success.
    """

    up: bool = True
    checked: bool = False
    failed_tries: int = 0
    reason: str = "not checked yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The answer to a result: the new state and the pause before the next try."""

    state: CheckState
    pause: Pause


def after(state: CheckState, retry: int, result: Result) -> Step:
    """The step that `result` leads to; `retry` further tries precede the verdict "down".

    A success counts at once and clears the failures. Failures of a server already down are not
    retried early: the next look is after delay_loop.
    """
    match result.outcome:
        case Outcome.PASSED:
            return _passed(result.reason)
        case Outcome.FAILED:
            failed = replace(state, failed_tries=state.failed_tries + 1, reason=result.reason)
            if not state.up:
                return Step(state=failed, pause=Pause.DELAY_LOOP)
            if failed.failed_tries <= retry:
                return Step(state=failed, pause=Pause.DELAY_BEFORE_RETRY)
            return Step(state=replace(failed, up=False, checked=True), pause=Pause.DELAY_LOOP)
        case Outcome.LOCAL_ERROR:
            return Step(state=state, pause=Pause.LOCAL_ERROR)
    assert_never(result.outcome)


@lru_cache(maxsize=256)
def _passed(reason: str) -> Step:
    """The same step for all that pass alike: thousands of servers do, all the time."""
    state = CheckState(up=True, checked=True, failed_tries=0, reason=reason)
    return Step(state=state, pause=Pause.DELAY_LOOP)


class Standing(StrEnum):
    """What the checks of a real server say together."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


def standing(states: Iterable[CheckState]) -> Standing:
    """UP when all checks passed (or there is none), DOWN when one is known to fail, else UNKNOWN.

    One failing check is enough to know, whatever the others still have to find out.
    """
    unknown = False
    for state in states:
        if not state.checked:
            unknown = True
        elif not state.up:
            return Standing.DOWN
    return Standing.UNKNOWN if unknown else Standing.UP


def kind(check: Check) -> str:
    """keepalived's name of the kind of check."""
    match check:
        case TcpCheck():
            return "TCP_CHECK"
        case HttpCheck():
            return "HTTP_GET"
    assert_never(check)


def target(check: Check) -> str:
    """Where the check goes, as "address:port"."""
    return f"{check.address}:{check.port}"
