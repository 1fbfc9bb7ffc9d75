# SPDX-License-Identifier: GPL-3.0-or-later
"""A BFD_CHECK by hand: what the running agent says of the session.

Owns that question. A session of our own could not be: there is one with each neighbour (RFC 5881,
section 3), and the agent has its port.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lvs_agent.cli.client import AgentError, ClientError, ask
from lvs_agent.cli.one_try import Seen
from lvs_agent.core.checks import BfdCheck
from lvs_agent.core.health.check import Outcome, Result, failed, passed

_TIMEOUT_S = 5.0


def look(check: BfdCheck, runtime_directory: Path) -> Seen:
    """Ask once."""
    began_ns = time.monotonic_ns()
    try:
        result = _judge(check, ask("status", runtime_directory, _TIMEOUT_S)["bfd"])
    except (ClientError, AgentError) as error:
        result = _unknown(str(error))
    return Seen(result=result, took_ns=time.monotonic_ns() - began_ns, steps=(), probe=None)


def _judge(check: BfdCheck, bfd: dict[str, Any]) -> Result:
    for session in bfd.get("sessions", []):
        if session["neighbor"] != check.neighbor:
            continue
        words = f"session {session['state']}: {session['reason']}"
        if session["up"]:
            return passed(words)
        fault = bfd["faults"].get(session["name"])
        return _unknown(fault) if fault else failed(words)
    return _unknown(f"the running agent has no session with {check.neighbor}; reload it")


def _unknown(reason: str) -> Result:
    return Result(outcome=Outcome.LOCAL_ERROR, reason=reason)
