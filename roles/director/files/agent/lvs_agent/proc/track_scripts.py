# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the track scripts, each at its interval, never twice at the same time.

Owns their timers and processes. Must never decide what a result means: `core/track/script.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.adapters.script import Script, ScriptResult
from lvs_agent.core.messages import TrackerState
from lvs_agent.core.model import TrackScript
from lvs_agent.core.track.script import ScriptTracker, next_start_ns
from lvs_agent.proc.loop import Loop, Timer


class _Job:
    """One script: `running` from its start until its process is gone."""

    __slots__ = ("running", "started_ns", "timer", "tracker")

    def __init__(self, tracker: ScriptTracker) -> None:
        self.tracker = tracker
        self.running: Script | None = None
        self.started_ns = 0
        self.timer: Timer | None = None


class ScriptRunner:
    """`on_state` hears of every change of a script's state."""

    def __init__(self, loop: Loop, on_state: Callable[[TrackerState], None]) -> None:
        self._loop = loop
        self._on_state = on_state
        self._jobs: dict[str, _Job] = {}

    def configure(self, scripts: tuple[TrackScript, ...]) -> None:
        """Run exactly these. One whose command stays the same keeps its state."""
        wanted = {script.name: script for script in scripts}
        for name in list(self._jobs):
            new = wanted.get(name)
            if new is None or new.command != self._jobs[name].tracker.script.command:
                self._drop(self._jobs.pop(name))
        for name, script in wanted.items():
            job = self._jobs.get(name)
            if job is not None:
                job.tracker.update(script)
                continue
            job = self._jobs[name] = _Job(ScriptTracker(script))
            self._start(job)

    def _drop(self, job: _Job) -> None:
        if job.timer is not None:
            job.timer.cancel()
        if job.running is not None:
            job.running.end()

    def _start(self, job: _Job) -> None:
        job.timer = None
        job.started_ns = self._loop.now_ns()
        job.running = Script(
            self._loop,
            job.tracker.script.command,
            (),
            lambda result: self._ended(job, result),
            lambda: self._gone(job),
        )

    def _ended(self, job: _Job, result: ScriptResult) -> None:
        state = job.tracker.finished(ok=result.ok, reason=result.describe())
        if state is not None:
            self._on_state(state)

    def _gone(self, job: _Job) -> None:
        job.running = None
        if self._jobs.get(job.tracker.script.name) is not job:
            return  # it was removed meanwhile
        at_ns = next_start_ns(job.started_ns, job.tracker.script.interval_ns, self._loop.now_ns())
        job.timer = self._loop.call_at(at_ns, lambda: self._start(job))

    def states(self) -> list[TrackerState]:
        """The state of every script."""
        return [job.tracker.state() for job in self._jobs.values()]

    def close(self) -> None:
        """Kill what runs; nothing is started any more."""
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            if job.timer is not None:
                job.timer.cancel()
            if job.running is not None:
                job.running.kill()

    def report(self) -> list[dict[str, object]]:
        """One object per script for the status."""
        return [
            {
                "type": "script",
                "name": job.tracker.script.name,
                "up": job.tracker.up,
                "reason": job.tracker.reason,
                "runs": job.tracker.runs,
                "failures": job.tracker.failures,
                "running": job.running is not None,
            }
            for job in self._jobs.values()
        ]
