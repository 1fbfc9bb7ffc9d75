# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program's end, a number in a file, and a BFD session say of a real server.

Owns the meaning for MISC_CHECK, FILE_CHECK and BFD_CHECK. Must never run or read anything.
"""

from __future__ import annotations

from lvs_agent.core.checks import FileCheck, MiscCheck
from lvs_agent.core.health.check import WEIGHT_LIMIT, Outcome, Result, failed, passed
from lvs_agent.core.messages import BfdState
from lvs_agent.core.track.file import value_of

# Statuses from here on are weights (misc_dynamic), less this.
_FIRST_WEIGHT_STATUS = 2


def judge_end(check: MiscCheck, exit_code: int | None, description: str, *, ran: bool) -> Result:
    """The result of a run. `exit_code` None: it did not end by itself. `ran` False: it could not
    be started, which is this host's fault."""
    if not ran:
        return Result(outcome=Outcome.LOCAL_ERROR, reason=description)
    if exit_code == 0:
        return passed("exit status 0")
    if check.dynamic and exit_code is not None and exit_code >= _FIRST_WEIGHT_STATUS:
        weight = exit_code - _FIRST_WEIGHT_STATUS
        return Result(
            outcome=Outcome.PASSED,
            reason=f"exit status {exit_code} gives weight {weight}",
            weight=weight,
        )
    return failed(description)


def judge_number(check: FileCheck, content: bytes | None) -> Result:
    """The result of a file's content; None: there is no such file."""
    value, reason = value_of(content)
    if check.weight:
        added = value * check.weight * (-1 if check.reverse else 1)
        # Not more than a weight can be changed by.
        added = max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, added))
        reason += f", which adds {added} to the weight"
        return Result(outcome=Outcome.PASSED, reason=reason, added=added)
    return passed(reason) if (value == 0) is not check.reverse else failed(reason)


def judge_session(state: BfdState | None) -> Result | None:
    """The result of what was told last of a session; None: nothing is known, nothing changes."""
    if state is None:
        return None
    match state.up:
        case True:
            return passed("the session is up")
        case False:
            return failed(state.reason)
    if state.local_error:
        return Result(outcome=Outcome.LOCAL_ERROR, reason=state.reason)
    return None
