# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of MISC_CHECKs: so many at a time, each once at a time.

Owns the runs. Must never decide what the end of one means (`core/health/local.py`) nor when the
next is due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lvs_agent.adapters.script import Script, ScriptResult
from lvs_agent.core.model import Command
from lvs_agent.proc.loop import Loop

# Programs at a time: starting one takes about 1 ms, and each is a process of its own beside the
# director's real work. Others wait for their turn.
RUNNING_LIMIT = 32


class Programs:
    """Those that run, and those that wait."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._waiting: deque[Program] = deque()  # each check once, so their number bounds it
        self._running: set[Script] = set()

    def __len__(self) -> int:
        return len(self._running)

    def enter(self, program: Program) -> None:
        """Run `program` now, or when its turn comes."""
        self._waiting.append(program)
        self._go_on()

    def leave(self, program: Program) -> None:
        """`program` need not run any more."""
        if program in self._waiting:
            self._waiting.remove(program)

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


class Program:
    """The runs of one command, one at a time; `on_result` is called once for each.

    A run is over when the program is, or at its time limit. What is left of it then is killed, and
    the next run waits until it is gone.
    """

    __slots__ = ("_command", "_on_result", "_programs", "_script", "_wanted")

    def __init__(
        self, programs: Programs, command: Command, on_result: Callable[[ScriptResult], None]
    ) -> None:
        self._programs = programs
        self._command = command
        self._on_result = on_result
        self._script: Script | None = None
        # A run is asked for and waits for the end of the former one's program.
        self._wanted = False

    def start(self) -> None:
        """Run it, or stand in line for it. Not before the result of the former run."""
        if self._script is None:
            self._programs.enter(self)
        else:
            self._wanted = True

    def run(self) -> Script:
        """Start the program (`Programs` says when)."""
        script = Script(
            self._programs.loop,
            self._command,
            (),
            self._on_result,
            lambda: self._gone(script),
        )
        self._script = script
        return script

    def _gone(self, script: Script) -> None:
        self._script = None
        if self._wanted:
            self._wanted = False
            self._programs.enter(self)
        self._programs.gone(script)

    def abandon(self) -> None:
        """End the run, if there is one, without a result. It may be started again at once."""
        self._wanted = False
        self._programs.leave(self)
        if self._script is not None:
            self._script.end()
