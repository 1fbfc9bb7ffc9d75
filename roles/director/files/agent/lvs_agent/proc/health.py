# SPDX-License-Identifier: GPL-3.0-or-later
"""The health process: runs every check on time and tells the kernel process the verdicts.

Owns the meeting of schedule, probes and board. Must never decide what a result means (that is in
`core/health`) nor touch IPVS: when it dies, the kernel process goes on with the last verdicts.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import assert_never

from lvs_agent.adapters.probes.engine import Engine, connection_limit
from lvs_agent.adapters.probes.http import HttpProbe
from lvs_agent.adapters.probes.tcp import TcpProbe
from lvs_agent.config import ConfigRejected, load
from lvs_agent.core.checks import HttpCheck, TcpCheck
from lvs_agent.core.health.board import Board, Change, Watched
from lvs_agent.core.health.check import (
    LOCAL_ERROR_PAUSE_NS,
    Outcome,
    Pause,
    Result,
    kind,
    target,
)
from lvs_agent.core.health.schedule import (
    STARTS_AT_ONCE,
    Queue,
    next_slot_ns,
    on_grid_ns,
    phase_ns,
    warmup_ns,
)
from lvs_agent.core.messages import Message, ProcessDied, ProcessRestarted, VerdictsComplete
from lvs_agent.core.model import Config
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.loop import Loop, Timer

# Lines of the journal a second: a rack that dies is told line by line, a site that dies in a sum.
# systemd-journald drops what exceeds 10,000 lines in 30 s.
_LINES_PER_SECOND = 200
_SECOND_NS = 1_000_000_000
# Between two lines about errors of our own: they come in swarms and all say the same.
_LOCAL_ERROR_LINE_NS = 60 * _SECOND_NS


class Job:
    """A check at work: its probe and its place in time. `slot_ns`: one of its regular turns.

    A job is itself what its probe calls at the end of a try (10,000 closures are 2 MiB).
    """

    __slots__ = ("_done", "last_ns", "probe", "removed", "slot_ns", "started_ns", "watched")

    def __init__(self, watched: Watched, slot_ns: int, done: Callable[[Job, Result], None]) -> None:
        self._done = done
        self.watched = watched
        self.slot_ns = slot_ns
        self.started_ns = 0
        self.last_ns: int | None = None
        self.removed = False
        self.probe: TcpProbe | HttpProbe | None = None

    def __call__(self, result: Result) -> None:
        self._done(self, result)


class Health(Child):
    """The process; see `main`."""

    def __init__(
        self, loop: Loop, supervisor: socket.socket, kernel: socket.socket, start: Start
    ) -> None:
        super().__init__(loop, supervisor, start)
        self._kernel = Channel(loop, kernel, self._from_kernel, self._kernel_closed)
        self._engine = Engine()
        self._limit = connection_limit()
        self._board = Board(restarted=start.restarted)
        self._jobs: dict[Watched, Job] = {}
        self._queue: Queue[Job] = Queue()
        self._timer: Timer | None = None
        self._tries = 0
        self._local_errors = 0
        self._local_error_line_ns: int | None = None
        self._lines = 0
        self._lines_since_ns = 0
        self._unsaid = 0
        loop.add_reader(self._engine.fileno(), self._serve)
        self._apply(start.config)

    # -- configuration

    def _apply(self, config: Config) -> None:
        self.config = config
        difference = self._board.configure(config, self.generation)
        for watched in difference.removed:
            job = self._jobs.pop(watched)
            job.removed = True
            if job.probe is not None:
                job.probe.abandon()
        if difference.removed:
            self._queue.drop(lambda job: job.removed)
        now_ns = self.loop.now_ns()
        done = self._done
        for watched in difference.added:
            self._add(watched, now_ns, len(difference.added), done)
        for change in difference.changes:
            self._log_change(change)
        self._tell_everything()
        self._arm()

    def _add(
        self, watched: Watched, now_ns: int, count: int, done: Callable[[Job, Result], None]
    ) -> None:
        check, index = watched.check, watched.index
        job = Job(watched, now_ns + phase_ns(index, check.delay_loop_ns), done)
        match check:
            case TcpCheck():
                job.probe = TcpProbe(self._engine, check, job)
            case HttpCheck():
                job.probe = HttpProbe(self._engine, check, job)
            case _:
                assert_never(check)
        self._jobs[watched] = job
        self._queue.push(now_ns + phase_ns(index, warmup_ns(count, check.delay_loop_ns)), job)

    def _tell_everything(self) -> None:
        for verdict in self._board.verdicts():
            self._kernel.send(verdict)
        self._kernel.send(VerdictsComplete(generation=self.generation))

    # -- checks

    def _arm(self) -> None:
        """Have `_tick` run when the next check or deadline is due."""
        times = (self._queue.next_ns(), self._engine.next_deadline_ns())
        wake_ns = min((at_ns for at_ns in times if at_ns is not None), default=None)
        if wake_ns is None:
            return
        wake_ns = on_grid_ns(max(wake_ns, self.loop.now_ns()))
        if self._timer is not None:
            if self._timer.deadline_ns <= wake_ns:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(wake_ns, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._engine.expire()
        self._start_due()
        self._arm()

    def _serve(self) -> None:
        self._engine.serve()
        self._arm()

    def _start_due(self) -> None:
        """Start what is due, a portion at a time; what has to wait is tried at the next tick."""
        now_ns = self.loop.now_ns()
        for _ in range(STARTS_AT_ONCE):
            if len(self._engine) >= self._limit:
                return
            job = self._queue.pop_due(now_ns)
            if job is None:
                return
            job.started_ns = now_ns
            self._tries += 1
            if job.probe is not None:
                job.probe.start()

    def _done(self, job: Job, result: Result) -> None:
        """A try ended: next turn, verdicts, log."""
        now_ns = self.loop.now_ns()
        pause, changes = self._board.settle(job.watched, result)
        self._queue.push(self._due_ns(job, pause, now_ns), job)
        if result.outcome is Outcome.LOCAL_ERROR:
            self._note_local_error(job, result, now_ns)
        else:
            job.last_ns = now_ns - job.started_ns
        for change in changes:
            self._kernel.send(change.verdict)
            self.supervisor.send(change.verdict)
            self._log_change(change)

    def _due_ns(self, job: Job, pause: Pause, now_ns: int) -> int:
        check = job.watched.check
        match pause:
            case Pause.DELAY_LOOP:
                return next_slot_ns(job.slot_ns, check.delay_loop_ns, now_ns)
            case Pause.DELAY_BEFORE_RETRY:
                return now_ns + check.delay_before_retry_ns
            case Pause.LOCAL_ERROR:
                return now_ns + LOCAL_ERROR_PAUSE_NS
        assert_never(pause)

    # -- log

    def _log_change(self, change: Change) -> None:
        if change.text is None:
            return
        now_ns = self.loop.now_ns()
        if now_ns - self._lines_since_ns >= _SECOND_NS:
            self._lines, self._lines_since_ns = 0, now_ns
        self._lines += 1
        if self._lines <= _LINES_PER_SECOND:
            self.log("info" if change.verdict.up else "warning", change.text)
            return
        if not self._unsaid:
            self.loop.call_at(self._lines_since_ns + _SECOND_NS, self._log_unsaid)
        self._unsaid += 1

    def _log_unsaid(self) -> None:
        self.log("warning", f"{self._unsaid} more real servers went up or down: see lvsctl status")
        self._unsaid = 0

    def _note_local_error(self, job: Job, result: Result, now_ns: int) -> None:
        self._local_errors += 1
        last_ns = self._local_error_line_ns
        if last_ns is not None and now_ns - last_ns < _LOCAL_ERROR_LINE_NS:
            return
        self._local_error_line_ns = now_ns
        check = job.watched.check
        self.log(
            "error",
            f"{kind(check)} {target(check)} cannot run on this host: {result.reason}"
            f" ({self._local_errors} times so far); real servers keep their verdicts",
        )

    # -- messages

    def handle(self, message: Message) -> None:
        """A new kernel process is told everything; the rest is not for us."""
        match message:
            case ProcessRestarted(name="kernel"):
                self._tell_everything()
            case ProcessRestarted() | ProcessDied():
                return
            case _:
                self.log("warning", f"unexpected message {type(message).__name__}")

    def reconfigure(self, document: str) -> None:
        """Apply a document: unchanged checks go on as if nothing had happened."""
        try:
            config = load(document)
        except ConfigRejected as error:
            self.log("error", f"configuration not applied: {error}")
            return
        self._apply(config)

    def _from_kernel(self, message: Message) -> None:
        self.log("warning", f"unexpected message {type(message).__name__} of the kernel process")

    def _kernel_closed(self, reason: str) -> None:
        # Verdicts no longer reach anybody: the supervisor is to start all this anew.
        self.log("error", f"channel to the kernel process: {reason}")
        self.finish()

    def stop(self) -> None:
        """Let go of everything in flight; the verdicts stay with the kernel process."""
        for job in self._jobs.values():
            if job.probe is not None:
                job.probe.abandon()
        self._kernel.flush()
        self.finish()

    def supervisor_gone(self) -> None:
        """Nobody is left to check for."""
        self.stop()

    def report(self) -> dict[str, object]:
        """`checks`: one object for each distinct check; `health`: the process itself."""
        return {
            "checks": [_row(job) for job in self._jobs.values()],
            "health": {
                "connections": len(self._engine),
                "connection_limit": self._limit,
                "tries": self._tries,
                "local_errors": self._local_errors,
            },
        }


def _row(job: Job) -> dict[str, object]:
    state = job.watched.state
    return {
        "target": target(job.watched.check),
        "type": kind(job.watched.check),
        "up": state.up,
        "checked": state.checked,
        "reason": state.reason,
        "failed_tries": state.failed_tries,
        "last_ms": None if job.last_ns is None else round(job.last_ns / 1e6, 3),
        "users": [server.name for server in job.watched.users],
    }


def main(supervisor: socket.socket, kernel: socket.socket, start: Start) -> None:
    """Run until Stop or until the supervisor is gone."""
    loop = Loop()
    Health(loop, supervisor, kernel, start).run()
    loop.close()
