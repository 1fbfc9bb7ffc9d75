# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent probe`: the checks of real servers, once, with what they saw.

Owns the form of the output. Must never tell the running agent anything.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from lvs_agent.cli.one_try import Seen, run
from lvs_agent.cli.probe_session import look
from lvs_agent.config import ConfigRejected
from lvs_agent.config.report import suggestion
from lvs_agent.core.checks import BfdCheck, Check, MiscCheck, NetworkCheck
from lvs_agent.core.health.check import Outcome, kind, target
from lvs_agent.core.health.explain import asks, limits
from lvs_agent.core.model import Config, RealServer, VirtualServer
from lvs_agent.proc import configuration

ALL_PASSED, SOME_FAILED, SOME_NOT_RUN = 0, 1, 2


def probe(
    path: str,
    virtual_name: str,
    real_names: list[str],
    *,
    runtime_directory: Path,
    as_json: bool,
) -> int:
    """Run the checks of the named real servers (none: all) of a virtual server, one by one."""
    try:
        accepted = configuration.load(path).config
        virtual, reals = _chosen(accepted, virtual_name, real_names)
    except (ConfigRejected, LookupError) as error:
        words = error.args[0] if isinstance(error, LookupError) else error
        print(f"{path}: {words}", file=sys.stderr)
        return SOME_NOT_RUN
    checks = [check for real in reals for check in real.checks]
    if os.geteuid() == 0 and any(isinstance(c, MiscCheck) and c.user is None for c in checks):
        print(
            "note: programs that name no user run as root here, not as the agent's user: runuser"
            " -u lvs-agent -- lvs-agent probe ...",
            file=sys.stderr,
        )
    rows = []
    worst = ALL_PASSED
    for real in reals:
        if not as_json:
            print(f"{virtual.name}/{real.name} {real.endpoint}")
            if not real.checks:
                print("  no checks: it counts as up")
        for check in real.checks:
            seen = look(check, runtime_directory) if isinstance(check, BfdCheck) else run(check)
            worst = max(worst, _status(seen))
            if as_json:
                rows.append({"real_server": real.name, **_row(check, seen)})
            else:
                _print(check, seen)
    if as_json:
        print(json.dumps({"virtual_server": virtual.name, "checks": rows}))
    return worst


def _chosen(
    accepted: Config, virtual_name: str, real_names: list[str]
) -> tuple[VirtualServer, list[RealServer]]:
    """Raises LookupError with what to say to the operator."""
    virtuals = {one.name: one for one in accepted.virtual_servers}
    if virtual_name not in virtuals:
        raise LookupError(_missing("virtual server", virtual_name, list(virtuals)))
    virtual = virtuals[virtual_name]
    reals = {one.name: one for one in virtual.real_servers}
    for name in real_names:
        if name not in reals:
            raise LookupError(_missing(f"real server of {virtual_name}", name, list(reals)))
    return virtual, [reals[name] for name in real_names or reals]


def _missing(what: str, name: str, known: list[str]) -> str:
    hint = suggestion(name, known) or f"; there are {', '.join(known[:20]) or 'none'}"
    return f"there is no {what} called {name}{hint}"


def _status(seen: Seen) -> int:
    match seen.result.outcome:
        case Outcome.PASSED:
            return ALL_PASSED
        case Outcome.FAILED:
            return SOME_FAILED
        case Outcome.LOCAL_ERROR:
            return SOME_NOT_RUN


def _print(check: Check, seen: Seen) -> None:
    result = seen.result
    print(f"  {kind(check)} {target(check)}")
    for line in (*asks(check), *_origin(check), limits(check)):
        print(f"    {line}")
    for step in seen.steps:
        print(f"    {step.at_ns / 1e6:9.3f} ms  {step.text}")
    words = {
        Outcome.PASSED: "PASSED",
        Outcome.FAILED: "FAILED",
        Outcome.LOCAL_ERROR: "NOT RUN, by this host's fault; the verdict would stay",
    }[result.outcome]
    print(f"    {seen.took_ns / 1e6:9.3f} ms  {words}: {result.reason}")
    if result.warning is not None:
        print(f"    warning: {result.warning}")


def _origin(check: Check) -> tuple[str, ...]:
    if not isinstance(check, NetworkCheck) or check.source is None:
        return ()
    source = check.source
    parts = [
        *([f"address {source.address}"] if source.address else []),
        *([f"port {source.port}"] if source.port else []),
        *([f"interface {source.interface}"] if source.interface else []),
    ]
    return (f"from {', '.join(parts)}",)


def _row(check: Check, seen: Seen) -> dict[str, Any]:
    return {
        "type": kind(check),
        "target": target(check),
        "outcome": seen.result.outcome.value,
        "reason": seen.result.reason,
        "warning": seen.result.warning,
        "weight": seen.result.weight,
        "added_weight": seen.result.added,
        "took_ms": round(seen.took_ns / 1e6, 3),
        "asks": list(asks(check)),
        "steps": [{"at_ms": round(s.at_ns / 1e6, 3), "text": s.text} for s in seen.steps],
    }
