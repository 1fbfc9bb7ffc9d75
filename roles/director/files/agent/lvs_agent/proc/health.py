# SPDX-License-Identifier: GPL-3.0-or-later
"""The health process: runs every check on time and tells the kernel process the verdicts.

Owns the meeting of schedule, probes and board. Must never decide what a result means (that is in
`core/health`) nor touch IPVS: when it dies, the kernel process goes on with the last verdicts.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from lvs_agent.adapters.probes.engine import Engine, Probe, connection_limit
from lvs_agent.adapters.probes.making import make
from lvs_agent.adapters.programs import Programs
from lvs_agent.core.checks import BfdCheck, Check, FileCheck, MiscCheck
from lvs_agent.core.health.board import Board, Change, Watched, is_paused
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
from lvs_agent.core.messages import (
    BfdState,
    Message,
    ProcessDied,
    ProcessRestarted,
    ProgramEnded,
    Suspended,
    VerdictsComplete,
)
from lvs_agent.core.model import Config
from lvs_agent.core.suspend import Suspension
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Child, Start
from lvs_agent.proc.health_files import FileNews
from lvs_agent.proc.health_log import HealthLog
from lvs_agent.proc.health_programs import RequestProbe, Requests
from lvs_agent.proc.health_sessions import SessionNews, SessionProbe
from lvs_agent.proc.loop import Loop, Timer


class Job:
    """A check at work: its probe and its place in time. `slot_ns`: one of its regular turns.

    A job is itself what its probe calls at the end of a try (10,000 closures are 2 MiB).
    """

    __slots__ = (
        "_done", "last_ns", "paused", "probe", "removed", "slot_ns", "started_ns", "warned",
        "watched",
    )  # fmt: skip

    def __init__(self, watched: Watched, slot_ns: int, done: Callable[[Job, Result], None]) -> None:
        self._done = done
        self.watched = watched
        self.slot_ns = slot_ns
        self.started_ns = 0
        self.last_ns: int | None = None
        self.removed = False
        self.paused = False
        self.warned: str | None = None
        self.probe: Probe | None = None

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
        self._programs = Programs(loop)
        # The clock was never so late in an earlier process.
        self._requests = Requests(self.supervisor.send, loop.now_ns())
        self._files = FileNews(loop, self._run_now)
        self._sessions = SessionNews()
        # Of the BFD_CHECKs, by neighbour: of 65,536 jobs nobody is to be searched for at each word.
        self._told: dict[str, list[Job]] = {}
        self._limit = connection_limit()
        self._board = Board(restarted=start.restarted)
        self._jobs: dict[Watched, Job] = {}
        self._queue: Queue[Job] = Queue()
        self._suspension = Suspension()
        self._resuming: Timer | None = None
        self._timer: Timer | None = None
        self._tries = 0
        self._health_log = HealthLog(loop, self.log)
        loop.add_reader(self._engine.fileno(), self._serve)
        self._apply(start.config)

    # -- configuration

    def _apply(self, config: Config) -> None:
        self.config = config
        self._suspension.configure(config)
        self._sessions.configure(config.bfd_instances)
        difference = self._board.configure(config, self.generation)
        for watched in difference.removed:
            job = self._jobs.pop(watched)
            job.removed = True
            if isinstance(watched.check, BfdCheck):
                jobs = self._told[watched.check.neighbor]
                jobs.remove(job)
                if not jobs:
                    del self._told[watched.check.neighbor]
            if job.probe is not None:
                job.probe.abandon()
        if difference.removed:
            self._queue.drop(lambda job: job.removed)
        now_ns = self.loop.now_ns()
        done = self._done
        for watched in difference.added:
            self._add(watched, now_ns, len(difference.added), done)
        for change in difference.changes:
            if change.text is not None:
                self.supervisor.send(change.verdict)
            self._log_change(change)
        self._resume_soon()  # a paused check may have become somebody else's too
        self._remind_of_the_dead()
        self._tell_everything()
        self._arm()

    def _add(
        self, watched: Watched, now_ns: int, count: int, done: Callable[[Job, Result], None]
    ) -> None:
        check, index = watched.check, watched.index
        if isinstance(check, MiscCheck):
            done = self._program_done
        job = Job(watched, now_ns + phase_ns(index, check.delay_loop_ns), done)
        self._jobs[watched] = job
        within_ns = check.warmup_ns
        if isinstance(check, BfdCheck):
            job.probe = SessionProbe(self._sessions, check, job)
            self._told.setdefault(check.neighbor, []).append(job)
        elif isinstance(check, MiscCheck) and check.user is not None:
            job.probe = RequestProbe(self._requests, check, job)
        else:
            job.probe = make(check, self._engine, self._programs, job)
        if isinstance(check, FileCheck):
            self._files.add(check)
            within_ns = 0  # there is nobody to be spared
        if within_ns is None:
            within_ns = warmup_ns(count, check.delay_loop_ns)
        self._queue.push(now_ns + phase_ns(index, within_ns), job)

    def _run_now(self, wanted: Callable[[Check], bool]) -> None:
        """Run the wanted checks out of turn. FILE_CHECKs only: they are never in flight."""
        self._queue.drop(lambda job: wanted(job.watched.check))
        now_ns = self.loop.now_ns()
        for job in self._jobs.values():
            if wanted(job.watched.check):
                self._queue.push(now_ns, job)
        self._arm()

    def _remind_of_the_dead(self) -> None:
        """The track process may hear of some virtual servers for the first time, since they are
        told to somebody now; what it hears nothing of counts as up."""
        for verdict in self._board.verdicts():
            if verdict.checked and not verdict.up:
                self.supervisor.send(replace(verdict, repeated=True))

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
        for __ in range(STARTS_AT_ONCE):
            if len(self._engine) >= self._limit:
                return
            job = self._queue.pop_due(now_ns)
            if job is None:
                return
            self._start(job, now_ns)

    def _start(self, job: Job, now_ns: int) -> None:
        if is_paused(job.watched.users, self._suspension.names):
            job.paused = True
            self._push(job, Pause.DELAY_LOOP, now_ns)
            return
        job.started_ns = now_ns
        self._tries += 1
        if job.probe is not None:
            job.probe.start()

    def _push(self, job: Job, pause: Pause, now_ns: int) -> None:
        """Its next turn; a BFD_CHECK has one whenever its session is another."""
        if not isinstance(job.watched.check, BfdCheck):
            self._queue.push(self._due_ns(job, pause, now_ns), job)

    def _heard(self, state: BfdState) -> None:
        self._sessions.told(state)
        now_ns = self.loop.now_ns()
        for job in self._told.get(state.neighbor, ()):
            self._start(job, now_ns)

    def _suspend(self, names: tuple[str, ...], suspended: bool) -> None:
        """Leave out the checks that only suspended virtual servers ask for (ha_suspend)."""
        self._suspension.told(names, suspended)
        if not suspended:
            self._resume_soon()

    def _resume_soon(self) -> None:
        if self._resuming is None:
            self._resuming = self.loop.call_at(self.loop.now_ns(), self._resume)

    def _resume(self) -> None:
        """What was left out and is wanted again runs soon: its verdict is as old as the pause."""
        self._resuming = None
        jobs = [
            job
            for job in self._jobs.values()
            if job.paused and not is_paused(job.watched.users, self._suspension.names)
        ]
        if not jobs:
            return
        for job in jobs:
            job.paused = False
        wanted = set(jobs)
        self._queue.drop(lambda job: job in wanted)
        now_ns = self.loop.now_ns()
        for job in jobs:
            within_ns = warmup_ns(len(jobs), job.watched.check.delay_loop_ns)
            self._queue.push(now_ns + phase_ns(job.watched.index, within_ns), job)
        self._arm()

    def _done(self, job: Job, result: Result) -> None:
        """A try ended: next turn, verdicts, log."""
        now_ns = self.loop.now_ns()
        before = job.watched.state
        pause, changes = self._board.settle(job.watched, result)
        self._push(job, pause, now_ns)
        if result.outcome is Outcome.LOCAL_ERROR:
            self._health_log.local_error(_name(job), result.reason)
        else:
            job.last_ns = now_ns - job.started_ns
        if changes:
            self._tell(changes)
        if result.warning is not None or before.warning is not None:
            self._log_warning(job, result)
        if result.outcome is Outcome.FAILED and job.watched.check.log_failures:
            state, name = job.watched.state, _name(job)
            self._health_log.line(
                "warning", f"{name}: try {state.failed_tries} failed: {result.reason}"
            )

    def _program_done(self, job: Job, result: Result) -> None:
        """As `_done`; a program's end comes from the loop itself, so nobody arms after it."""
        self._done(job, result)
        self._arm()

    def _tell(self, changes: list[Change]) -> None:
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
        if change.text is not None:
            self._health_log.line("info" if change.verdict.up else "warning", change.text)

    def _log_warning(self, job: Job, result: Result) -> None:
        """Once for each warning; a certificate's days count down."""
        if result.outcome is Outcome.PASSED and result.warning != job.warned:
            job.warned = result.warning
            if result.warning is not None:
                self._health_log.line("warning", f"{_name(job)}: {result.warning}")

    # -- messages

    def handle(self, message: Message) -> None:
        """A new kernel or track process is told everything; a BFD session decides its checks."""
        match message:
            case ProcessRestarted(name="kernel"):
                self._tell_everything()
            case ProcessRestarted(name="track"):
                for verdict in self._board.verdicts():
                    self.supervisor.send(replace(verdict, repeated=True))
            case BfdState():
                self._heard(message)
            case ProgramEnded():
                self._requests.answered(message)
            case ProcessDied(name="track"):
                self._requests.lost()
            case ProcessRestarted() | ProcessDied():
                return
            case _:
                self.log("warning", f"unexpected message {type(message).__name__}")

    def reconfigure(self, config: Config) -> None:
        """Unchanged checks go on as if nothing had happened."""
        tls = sys.modules.get("lvs_agent.adapters.probes.tls")
        if tls is not None:
            tls.context.cache_clear()  # the files of certificates may be others now
        self._apply(config)

    def _from_kernel(self, message: Message) -> None:
        match message:
            case Suspended(virtual_servers=names, suspended=suspended):
                self._suspend(names, suspended)
            case _:
                name = type(message).__name__
                self.log("warning", f"unexpected message {name} of the kernel process")

    def _kernel_closed(self, reason: str) -> None:
        # Verdicts no longer reach anybody: the supervisor is to start all this anew.
        self.log("error", f"channel to the kernel process: {reason}")
        self.finish()

    def stop(self) -> None:
        """Let go of everything in flight; the verdicts stay with the kernel process."""
        for job in self._jobs.values():
            if job.probe is not None:
                job.probe.abandon()
        self._programs.close()
        self._kernel.flush()
        self.finish()

    def supervisor_gone(self) -> None:
        """Nobody is left to check for."""
        self.stop()

    def report(self, *, brief: bool) -> dict[str, object]:
        """`checks`: one object for each distinct check; `health`: the process itself."""
        return {
            "checks": [] if brief else [_row(job) for job in self._jobs.values()],
            "health": {
                "connections": len(self._engine),
                "connection_limit": self._limit,
                "tries": self._tries,
                "local_errors": self._health_log.local_errors,
            },
        }


def _name(job: Job) -> str:
    return f"{kind(job.watched.check)} {target(job.watched.check)}"


def _row(job: Job) -> dict[str, object]:
    state = job.watched.state
    return {
        "target": target(job.watched.check),
        "type": kind(job.watched.check),
        "up": state.up,
        "checked": state.checked,
        "reason": state.reason,
        "warning": state.warning,
        "failed_tries": state.failed_tries,
        "paused": job.paused,
        "last_ms": None if job.last_ns is None else round(job.last_ns / 1e6, 3),
        "users": [server.name for server in job.watched.users],
    }


def main(supervisor: socket.socket, kernel: socket.socket, start: Start) -> None:
    """Run until Stop or until the supervisor is gone."""
    loop = Loop()
    Health(loop, supervisor, kernel, start).run()
    loop.close()
