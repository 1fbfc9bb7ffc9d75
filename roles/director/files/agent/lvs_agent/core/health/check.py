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

from lvs_agent.core.checks import (
    BfdCheck,
    Check,
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    PingCheck,
    SmtpCheck,
    TcpCheck,
    UdpCheck,
)

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
    """The end of one try; `reason` is for people, at most a few hundred printable characters.

    Of a passed one: `weight` takes the place of the configured weight, `added` is added to it
    (None: the check says nothing of weights). `warning`: what is well and soon will not be.
    """

    outcome: Outcome
    reason: str
    weight: int | None = None
    added: int | None = None
    warning: str | None = None


def failed(reason: str) -> Result:
    """The server did not do what was asked of it."""
    return Result(outcome=Outcome.FAILED, reason=reason)


@lru_cache(maxsize=256)
def passed(reason: str, warning: str | None = None) -> Result:
    """The server did. The same one for all that pass alike."""
    return Result(outcome=Outcome.PASSED, reason=reason, warning=warning)


class Pause(StrEnum):
    """What to wait for before the next try."""

    DELAY_LOOP = "delay_loop"
    DELAY_BEFORE_RETRY = "delay_before_retry"
    LOCAL_ERROR = "local_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What is known of one check. `checked` False: no verdict yet and `up` is the assumption.

    `failed_tries` counts failures since the last success. `weight`, `added` and `warning` are
    those of the last success.
    """

    up: bool = True
    checked: bool = False
    failed_tries: int = 0
    reason: str = "not checked yet"
    weight: int | None = None
    added: int | None = None
    warning: str | None = None


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
            return _passed(result)
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
def _passed(result: Result) -> Step:
    """The same step for all that pass alike: thousands of servers do, all the time."""
    state = CheckState(
        up=True,
        checked=True,
        failed_tries=0,
        reason=result.reason,
        weight=result.weight,
        added=result.added,
        warning=result.warning,
    )
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


# IPVS keeps a weight in an int; a negative one is refused (ip_vs_add_dest() in the kernel's
# net/netfilter/ipvs/ip_vs_ctl.c).
WEIGHT_LIMIT = 2**31 - 1


def weight_of(states: Iterable[CheckState], configured: int) -> int | None:
    """The weight that the checks give a real server; None: none says anything of it.

    Of several weights the lowest counts; what is to be added is added to it.
    """
    weights = []
    added = None
    for state in states:
        if state.weight is not None:
            weights.append(state.weight)
        if state.added is not None:
            added = state.added + (added or 0)
    if not weights and added is None:
        return None
    return max(0, min(WEIGHT_LIMIT, min(weights, default=configured) + (added or 0)))


def kind(check: Check) -> str:
    """keepalived's name of the kind of check."""
    match check:
        case TcpCheck():
            return "TCP_CHECK"
        case HttpCheck():
            return "HTTP_GET" if check.tls is None else "SSL_GET"
        case PingCheck():
            return "PING_CHECK"
        case UdpCheck():
            return "UDP_CHECK"
        case DnsCheck():
            return "DNS_CHECK"
        case SmtpCheck():
            return "SMTP_CHECK"
        case MiscCheck():
            return "MISC_CHECK"
        case FileCheck():
            return "FILE_CHECK"
        case BfdCheck():
            return "BFD_CHECK"
    assert_never(check)


def target(check: Check) -> str:
    """What is looked at: "address:port", "[address]:port", an address, a program, a file, or
    "name (address)" of a BFD session."""
    match check:
        case MiscCheck():
            return check.argv[0]
        case FileCheck():
            return check.path
        case BfdCheck():
            return f"{check.name} ({check.neighbor})"
        case _ if not check.port:
            return check.address
        case _ if ":" in check.address:
            return f"[{check.address}]:{check.port}"
        case _:
            return f"{check.address}:{check.port}"
