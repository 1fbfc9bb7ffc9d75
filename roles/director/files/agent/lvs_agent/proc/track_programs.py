# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the programs of MISC_CHECKs that name a user, when the health process asks for it.

Owns that nothing runs but what the configuration says, and that every request is answered. The
health process reads what hostile servers send: all that it can do here is to have the configured
programs run, each once at a time and RUNNING_LIMIT of them together, more often than it should.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lvs_agent.adapters.digest import sha256_hex
from lvs_agent.adapters.programs import Program, Programs
from lvs_agent.adapters.script import ScriptResult
from lvs_agent.core.checks import MiscCheck
from lvs_agent.core.health.programs import command_of, name_of
from lvs_agent.core.messages import ProgramEnded, ProgramWanted
from lvs_agent.proc.loop import Loop


class ProgramRunner:
    """`answer` takes what the health process is to get."""

    def __init__(self, loop: Loop, answer: Callable[[ProgramEnded], None]) -> None:
        self._answer = answer
        self._programs = Programs(loop)
        self._by_name: dict[str, Program] = {}
        # By name: the number of the request that is not answered yet.
        self._asked: dict[str, int] = {}

    def configure(self, checks: tuple[MiscCheck, ...]) -> None:
        """Be ready to run exactly these; a run of one that stays goes on."""
        wanted = {name_of(check, sha256_hex): check for check in checks}
        for name in self._by_name.keys() - wanted.keys():
            self._by_name.pop(name).abandon()
            if name in self._asked:
                self._refuse(self._asked.pop(name), "it is no longer in the configuration")
        for name in wanted.keys() - self._by_name.keys():
            command = command_of(wanted[name])
            self._by_name[name] = Program(self._programs, command, partial(self._ended, name))

    def wanted(self, request: ProgramWanted) -> None:
        """Run it, or say why not."""
        program = self._by_name.get(request.check)
        if program is None:
            self._refuse(request.number, "it is not in the configuration")
        elif request.check in self._asked:
            self._refuse(request.number, "it runs already")
        else:
            self._asked[request.check] = request.number
            program.start()

    def _refuse(self, number: int, why: str) -> None:
        result = ScriptResult(exit_code=None, timed_out=False, started=False, words=why)
        self._send(number, result)

    def _ended(self, name: str, result: ScriptResult) -> None:
        self._send(self._asked.pop(name), result)

    def _send(self, number: int, result: ScriptResult) -> None:
        self._answer(
            ProgramEnded(
                number=number,
                exit_code=result.exit_code,
                timed_out=result.timed_out,
                started=result.started,
                words=result.words,
            )
        )

    def forget(self) -> None:
        """Who asked is dead: end what runs for it."""
        self._asked.clear()
        for program in self._by_name.values():
            program.abandon()

    def close(self) -> None:
        """Kill what runs."""
        self._programs.close()
