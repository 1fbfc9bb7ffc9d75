# SPDX-License-Identifier: GPL-3.0-or-later
"""One try of one check, outside the agent, by the agent's own probes.

Owns the loop around it, and the notes of what the engine did. Must never judge.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from lvs_agent.adapters.probes.engine import Engine, Exchange, Probe, Where
from lvs_agent.adapters.probes.making import make
from lvs_agent.adapters.programs import Programs
from lvs_agent.core.checks import NetworkCheck, ProbedCheck
from lvs_agent.core.health.check import Result, failed
from lvs_agent.proc.loop import Loop

_TURN_NS = 10_000_000
# Beyond the check's own limits, which end it: for a program that ignores SIGTERM, and a busy host.
_GRACE_NS = 10_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happened on the network, `at_ns` after the start."""

    at_ns: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The end of a try, how long it took, what happened before; what was asked by, if anything."""

    result: Result
    took_ns: int
    steps: tuple[Step, ...]
    probe: Probe | None


class _NotingEngine(Engine):
    """The engine, with notes."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self._began_ns = self.now_ns()

    def _note(self, text: str) -> None:
        self.steps.append(Step(at_ns=self.now_ns() - self._began_ns, text=text))

    def open(self, exchange: Exchange, where: Where) -> socket.socket | Result:
        opened = super().open(exchange, where)
        if isinstance(opened, Result):
            self._note(f"cannot begin: {opened.reason}")
        else:
            host, port = opened.getsockname()[:2]
            self._note(f"begins from {f'[{host}]' if ':' in host else host}:{port}")
        return opened

    def limit(self, exchange: Exchange, timeout_ns: int) -> None:
        super().limit(exchange, timeout_ns)
        self._note(f"waits for at most {timeout_ns / 1e9:g} s")

    def close(self, connection: socket.socket, *, abort: bool) -> None:
        self._note("ends by a reset" if abort else "ends")
        super().close(connection, abort=abort)


def run(check: ProbedCheck) -> Seen:
    """Run `check` once."""
    loop, engine = Loop(), _NotingEngine()
    programs = Programs(loop)
    results: list[Result] = []
    probe = make(check, engine, programs, results.append)
    loop.add_reader(engine.fileno(), lambda: _serve(engine))
    began_ns = loop.now_ns()
    last_ns = began_ns + _longest_ns(check)
    probe.start()
    while not results and loop.now_ns() < last_ns:
        loop.turn(_TURN_NS)
        engine.expire()
    took_ns = loop.now_ns() - began_ns
    if not results:
        probe.abandon()
        results.append(failed("no end within its limits"))
    # What a program at its time limit left is killed 2 s later.
    while len(programs) and loop.now_ns() < last_ns:
        loop.turn(_TURN_NS)
    programs.close()
    engine.stop()
    loop.close()
    return Seen(result=results[0], took_ns=took_ns, steps=tuple(engine.steps), probe=probe)


def _serve(engine: Engine) -> None:
    engine.serve()


def _longest_ns(check: ProbedCheck) -> int:
    if isinstance(check, NetworkCheck):
        urls = len(getattr(check, "urls", ())) or 1
        return 2 * urls * check.connect_timeout_ns + _GRACE_NS
    return getattr(check, "timeout_ns", 0) + _GRACE_NS
