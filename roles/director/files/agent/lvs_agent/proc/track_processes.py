# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the tracked processes.

Owns when to look: a death is known at once (pidfd), a birth within a second. Must never decide
whether enough of them run: `core/track/process.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from lvs_agent.adapters import process_table
from lvs_agent.core.messages import TrackerState
from lvs_agent.core.model import TrackProcess
from lvs_agent.core.track.process import ProcessTracker, matches
from lvs_agent.proc.loop import Loop

# Reading the names of 300 processes takes 2 ms: cheap enough for once a second.
_SCAN_NS = 1_000_000_000
# Watched at most so many at a time; deaths among the rest are found by the next scan.
_PIDFDS_LIMIT = 4096


class ProcessWatcher:
    """`on_state` hears of every change. Without anything configured it costs nothing."""

    def __init__(self, loop: Loop, on_state: Callable[[TrackerState], None]) -> None:
        self._loop = loop
        self._on_state = on_state
        self._trackers: dict[str, ProcessTracker] = {}
        # By process id: the pidfd, and the names of the trackers that count it.
        self._counted: dict[int, tuple[int, frozenset[str]]] = {}
        self._unwatched: dict[str, int] = {}
        self._scanning = False

    def configure(self, wanted: tuple[TrackProcess, ...]) -> None:
        """Count exactly these."""
        before, self._trackers = self._trackers, {}
        for tracked in wanted:
            tracker = before.get(tracked.name)
            if tracker is None or tracker.tracked.process != tracked.process:
                tracker = ProcessTracker(tracked)
            tracker.update(tracked)
            self._trackers[tracked.name] = tracker
        for pid in list(self._counted):
            self._forget(pid)
        if self._trackers:
            self._scan()
            if not self._scanning:
                self._scanning = True
                self._loop.call_at(self._loop.now_ns() + _SCAN_NS, self._again)

    def _again(self) -> None:
        if not self._trackers:
            self._scanning = False
            return
        self._scan()
        self._loop.call_at(self._loop.now_ns() + _SCAN_NS, self._again)

    def _scan(self) -> None:
        by_whole_name = any(t.tracked.full_command for t in self._trackers.values())
        names = {t.tracked.process.rpartition("/")[2][:15] for t in self._trackers.values()}
        seen: set[int] = set()
        self._unwatched = {}
        for pid, name in process_table.running_names():
            if not by_whole_name and name not in names:
                continue
            running = process_table.running(pid, name)
            if running is None:
                continue
            who = frozenset(n for n, t in self._trackers.items() if matches(t.tracked, running))
            if not who:
                continue
            seen.add(pid)
            known = self._counted.get(pid)
            if known is None:
                self._watch(pid, who)
            elif known[1] != who:
                self._counted[pid] = (known[0], who)
        for pid in self._counted.keys() - seen:
            self._forget(pid)
        self._count()

    def _watch(self, pid: int, who: frozenset[str]) -> None:
        if len(self._counted) < _PIDFDS_LIMIT:
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                return  # it died meanwhile
            self._counted[pid] = (pidfd, who)
            self._loop.add_reader(pidfd, lambda: self._died(pid))
            return
        for name in who:
            self._unwatched[name] = self._unwatched.get(name, 0) + 1

    def _forget(self, pid: int) -> None:
        pidfd, __ = self._counted.pop(pid)
        self._loop.remove_reader(pidfd)
        os.close(pidfd)

    def _died(self, pid: int) -> None:
        self._forget(pid)
        self._count()

    def _count(self) -> None:
        now_ns = self._loop.now_ns()
        for name, tracker in self._trackers.items():
            count = sum(name in who for __, who in self._counted.values())
            state = tracker.counted(count + self._unwatched.get(name, 0), now_ns)
            if state is not None:
                self._on_state(state)
            elif tracker.deadline_ns is not None:
                self._loop.call_at(tracker.deadline_ns, self._count)

    def states(self) -> list[TrackerState]:
        """The state of every tracker."""
        return [tracker.state() for tracker in self._trackers.values()]

    def close(self) -> None:
        """Stop watching."""
        self._trackers = {}
        for pid in list(self._counted):
            self._forget(pid)

    def report(self) -> list[dict[str, object]]:
        """One object per tracker for the status."""
        return [
            {
                "type": "process",
                "name": name,
                "up": tracker.up,
                "count": tracker.count,
                "reason": tracker.state().reason,
            }
            for name, tracker in self._trackers.items()
        ]
