# SPDX-License-Identifier: GPL-3.0-or-later
"""MISC_CHECK and FILE_CHECK: running a program, reading a number.

Owns the programs that run. Must never decide what a status or a number means
(`core/health/local.py`) nor when to try again.
"""

from __future__ import annotations

from collections import deque

from lvs_agent.adapters import track_file
from lvs_agent.adapters.probes.engine import Done
from lvs_agent.adapters.script import Script, ScriptResult
from lvs_agent.core.checks import FileCheck, MiscCheck
from lvs_agent.core.health.local import judge_end, judge_number
from lvs_agent.core.model import Command
from lvs_agent.proc.loop import Loop

# Programs at a time: starting one takes about 1 ms, and each is a process of its own beside the
# director's real work. Others wait for their turn.
RUNNING_LIMIT = 32


class Programs:
    """The programs of all MISC_CHECKs: those that run, and those that wait."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._waiting: deque[ProgramProbe] = deque()  # each check once, so their number bounds it
        self._running: set[Script] = set()

    def __len__(self) -> int:
        return len(self._running)

    def enter(self, probe: ProgramProbe) -> None:
        """Run `probe` now, or when its turn comes."""
        self._waiting.append(probe)
        self._go_on()

    def leave(self, probe: ProgramProbe) -> None:
        """`probe` need not run any more."""
        if probe in self._waiting:
            self._waiting.remove(probe)

    def gone(self, script: Script) -> None:
        """A program's process is no more."""
        self._running.discard(script)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._running) < RUNNING_LIMIT:
            self._running.add(self._waiting.popleft().run())

    def close(self) -> None:
        """Kill what runs."""
        self._waiting.clear()
        for script in self._running:
            script.kill()


class ProgramProbe:
    """The tries of one MISC_CHECK, one at a time; `done` runs once for each.

    A try is over when the program is, or at its time limit. What is left of it then is killed, and
    the next try waits until it is gone.
    """

    __slots__ = ("_check", "_done", "_programs", "_script", "_wanted")

    def __init__(self, programs: Programs, check: MiscCheck, done: Done) -> None:
        self._programs = programs
        self._check = check
        self._done = done
        self._script: Script | None = None
        # A try has begun and waits for the end of the former one's program.
        self._wanted = False

    def start(self) -> None:
        """Begin a try, or stand in line for it."""
        if self._script is None:
            self._programs.enter(self)
        else:
            self._wanted = True

    def run(self) -> Script:
        """Start the program (`Programs` says when)."""
        check = self._check
        command = Command(
            argv=check.argv, user=None, timeout_ns=check.timeout_ns, secure=check.secure
        )
        script = Script(
            self._programs.loop,
            command,
            (),
            lambda result: self._ended(script, result),
            lambda: self._gone(script),
        )
        self._script = script
        return script

    def _ended(self, script: Script, result: ScriptResult) -> None:
        if self._script is script:
            words = result.describe() if result.started else result.words
            self._done(judge_end(self._check, result.exit_code, words, ran=result.started))

    def _gone(self, script: Script) -> None:
        if self._script is script:
            self._script = None
            if self._wanted:
                self._wanted = False
                self._programs.enter(self)
        self._programs.gone(script)

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        self._wanted = False
        self._programs.leave(self)
        script, self._script = self._script, None
        if script is not None:
            script.end()


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
