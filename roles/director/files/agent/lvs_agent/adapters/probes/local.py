# SPDX-License-Identifier: GPL-3.0-or-later
"""MISC_CHECK and FILE_CHECK: running a program, reading a number.

Must never decide what a status or a number means (`core/health/local.py`) nor when to try again.
"""

from __future__ import annotations

from lvs_agent.adapters import track_file
from lvs_agent.adapters.probes.engine import Done
from lvs_agent.adapters.programs import Program, Programs
from lvs_agent.adapters.script import ScriptResult
from lvs_agent.core.checks import FileCheck, MiscCheck
from lvs_agent.core.health.check import Result
from lvs_agent.core.health.local import judge_end, judge_number
from lvs_agent.core.health.programs import command_of


def judged(check: MiscCheck, end: ScriptResult) -> Result:
    """What the end of a run says."""
    words = end.describe() if end.started else end.words
    return judge_end(check, end.exit_code, words, ran=end.started)


class ProgramProbe:
    """The tries of one MISC_CHECK, one at a time; `done` runs once for each.

    As for `Program`: a try is over at its time limit at the latest.
    """

    __slots__ = ("_check", "_done", "_program")

    def __init__(self, programs: Programs, check: MiscCheck, done: Done) -> None:
        self._check = check
        self._done = done
        self._program = Program(programs, command_of(check), self._ended)

    def start(self) -> None:
        """Begin a try, or stand in line for it."""
        self._program.start()

    def _ended(self, end: ScriptResult) -> None:
        self._done(judged(self._check, end))

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        self._program.abandon()


class FileProbe:
    """The tries of one FILE_CHECK; each is over at once."""

    __slots__ = ("_check", "_done")

    def __init__(self, check: FileCheck, done: Done) -> None:
        self._check = check
        self._done = done

    def start(self) -> None:
        """Read the file; `done` runs before this returns."""
        self._done(judge_number(self._check, track_file.read(self._check.path)))

    def abandon(self) -> None:
        """There is never anything to end."""
