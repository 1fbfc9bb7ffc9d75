# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one child process, as the supervisor sees it: alive, hung, being killed, coming back.

Owns one table `(state, event) -> next state and what to do`; nothing else changes `state`. Must
never know what the other children do (`supervise.py`) nor touch a process (`proc/supervisor.py`).

A child is judged only by time in which the supervisor itself ran: `excuse` moves every deadline
by the time the whole host, or the supervisor, stood still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

MS = 1_000_000
SECOND = 1_000 * MS

# What a hung child gets to write its traceback after SIGABRT; a stopped one (SIGSTOP) never will.
ABORT_NS = 200 * MS
# SIGKILL works at once, or the process hangs in the kernel (state D) and nobody can help it.
KILL_NS = 2 * SECOND
# The first respawn is immediate; a crash loop is slowed down but never given up.
BACKOFF_FIRST_NS = 100 * MS
BACKOFF_LAST_NS = 5 * SECOND
# A child that lived this long after Ready did not die of its start: the next respawn is immediate.
HEALTHY_NS = 10 * SECOND


class ProcessState(StrEnum):
    """Where a child is in its life."""

    DOWN = "down"  # not forked yet, or dead and waiting for its back-off
    STARTING = "starting"  # forked, not Ready yet
    RUNNING = "running"
    CLOSING = "closing"  # its channel is gone: it is dying, or has to
    ABORTING = "aborting"  # hung; SIGABRT sent, its traceback goes to the journal
    KILLING = "killing"  # SIGKILL sent
    STUCK = "stuck"  # survived SIGKILL: it hangs in the kernel
    STOPPING = "stopping"  # told to stop
    ENDED = "ended"  # dead, and not to come back


ALIVE = frozenset(ProcessState) - {ProcessState.DOWN, ProcessState.ENDED}
LISTENING = frozenset({ProcessState.STARTING, ProcessState.RUNNING, ProcessState.STOPPING})
# Killed by us because it hung: nobody knows for how long it had not done its work.
CONDEMNED = frozenset({ProcessState.ABORTING, ProcessState.KILLING, ProcessState.STUCK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a child may be silent: usually, while it starts, while it takes a configuration."""

    silent_ns: int
    start_ns: int
    reconfigure_ns: int


class Event(StrEnum):
    """What happens to a child."""

    FORKED = "forked"
    READY = "ready"
    DIED = "died"
    DEADLINE = "deadline"
    STOP_TOLD = "stop told"
    STOP_LATE = "stop late"  # its part of the stop sequence took too long
    CHANNEL_LOST = "channel lost"  # nobody can speak with it any more


class Do(StrEnum):
    """What the supervisor is to do about it."""

    NOTHING = "nothing"
    FORK = "fork"
    ABORT = "abort"  # SIGABRT
    KILL = "kill"  # SIGKILL
    COMPLAIN = "complain"  # it survived SIGKILL


class Life:
    """One child. Times are monotonic nanoseconds; `deadline_ns` None: nothing is waited for."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.state = ProcessState.DOWN
        self.deadline_ns: int | None = None
        self.last_beat_ns: int | None = None
        self.ready_generation: int | None = None
        self.ready_since_ns: int | None = None
        self.forks = 0
        self.failures_in_a_row = 0
        self._reconfiguring = False
        self._told_generation: int | None = None

    @property
    def alive(self) -> bool:
        """There is a process."""
        return self.state in ALIVE

    @property
    def listening(self) -> bool:
        """There is a process that can be spoken to."""
        return self.state in LISTENING

    def handle(self, event: Event, now_ns: int) -> Do:
        """Apply `event`. Raises KeyError on one that cannot be in this state: a bug of ours."""
        return _TABLE[self.state, event](self, now_ns)

    def beat(self, at_ns: int, now_ns: int) -> None:
        """The child was in its event loop at `at_ns` (a time in the future counts as now)."""
        self.last_beat_ns = min(at_ns, now_ns)
        if self.state is ProcessState.RUNNING and not self._reconfiguring:
            self.deadline_ns = self.last_beat_ns + self.limits.silent_ns

    def ready(self, generation: int, now_ns: int) -> None:
        """The child has configuration `generation` in force."""
        self.ready_generation = generation
        if generation == self._told_generation:
            self._reconfiguring = False
        self.handle(Event.READY, now_ns)

    def reconfigure_told(self, generation: int, now_ns: int) -> None:
        """Parsing a large document keeps a child from its event loop: be patient until Ready."""
        self._told_generation = generation
        self._reconfiguring = True
        if self.state is ProcessState.RUNNING:
            self.deadline_ns = now_ns + self.limits.reconfigure_ns

    def excuse(self, stall_ns: int) -> None:
        """The supervisor itself stood still for `stall_ns`; do not hold it against the child."""
        if self.deadline_ns is not None:
            self.deadline_ns += stall_ns

    def due(self, now_ns: int) -> Do:
        """What the passing of time asks for."""
        if self.deadline_ns is None or now_ns < self.deadline_ns:
            return Do.NOTHING
        return self.handle(Event.DEADLINE, now_ns)

    @property
    def curable(self) -> bool:
        """It beats, or something with a deadline is being done about it."""
        return self.state is not ProcessState.STUCK

    # The handlers of the table.

    def _forked(self, now_ns: int) -> Do:
        self.forks += 1
        self.last_beat_ns = self.ready_generation = self.ready_since_ns = None
        self._reconfiguring = False
        self._told_generation = None
        return self._enter(ProcessState.STARTING, now_ns + self.limits.start_ns)

    def _is_ready(self, now_ns: int) -> Do:
        if self.ready_since_ns is None:
            self.ready_since_ns = now_ns
        limits = self.limits
        patience_ns = limits.reconfigure_ns if self._reconfiguring else limits.silent_ns
        return self._enter(ProcessState.RUNNING, now_ns + patience_ns)

    def _died(self, now_ns: int) -> Do:
        lived = self.ready_since_ns is not None and now_ns - self.ready_since_ns >= HEALTHY_NS
        self.failures_in_a_row = 1 if lived else self.failures_in_a_row + 1
        wait_ns = backoff_ns(self.failures_in_a_row)
        self._enter(ProcessState.DOWN, now_ns + wait_ns)
        return Do.NOTHING if wait_ns else Do.FORK

    def _ended(self, now_ns: int) -> Do:
        del now_ns
        return self._enter(ProcessState.ENDED, None)

    def _back_off_over(self, now_ns: int) -> Do:
        self.deadline_ns = now_ns + BACKOFF_LAST_NS  # should the fork fail, try again
        return Do.FORK

    def _hung(self, now_ns: int) -> Do:
        self._enter(ProcessState.ABORTING, now_ns + ABORT_NS)
        return Do.ABORT

    def _kill(self, now_ns: int) -> Do:
        self._enter(ProcessState.KILLING, now_ns + KILL_NS)
        return Do.KILL

    def _closing(self, now_ns: int) -> Do:
        return self._enter(ProcessState.CLOSING, now_ns + ABORT_NS)

    def _stuck(self, now_ns: int) -> Do:
        del now_ns
        self._enter(ProcessState.STUCK, None)
        return Do.COMPLAIN

    def _stopping(self, now_ns: int) -> Do:
        del now_ns
        return self._enter(ProcessState.STOPPING, None)  # the stop sequence has the deadline

    def _ignore(self, now_ns: int) -> Do:
        del now_ns
        return Do.NOTHING

    def _enter(self, state: ProcessState, deadline_ns: int | None) -> Do:
        self.state = state
        self.deadline_ns = deadline_ns
        return Do.NOTHING


def backoff_ns(failures_in_a_row: int) -> int:
    """The wait before respawn number `failures_in_a_row`: 0, 0.1 s, doubling up to 5 s."""
    if failures_in_a_row <= 1:
        return 0
    return min(BACKOFF_FIRST_NS << min(failures_in_a_row - 2, 16), BACKOFF_LAST_NS)


_S, _E = ProcessState, Event
_TABLE: dict[tuple[ProcessState, Event], Callable[[Life, int], Do]] = {
    (_S.DOWN, _E.FORKED): Life._forked,
    (_S.DOWN, _E.DEADLINE): Life._back_off_over,
    (_S.DOWN, _E.STOP_TOLD): Life._ended,
    (_S.STARTING, _E.READY): Life._is_ready,
    (_S.STARTING, _E.DIED): Life._died,
    (_S.STARTING, _E.DEADLINE): Life._hung,
    (_S.STARTING, _E.STOP_TOLD): Life._stopping,
    (_S.STARTING, _E.CHANNEL_LOST): Life._closing,
    (_S.RUNNING, _E.READY): Life._is_ready,
    (_S.RUNNING, _E.DIED): Life._died,
    (_S.RUNNING, _E.DEADLINE): Life._hung,
    (_S.RUNNING, _E.STOP_TOLD): Life._stopping,
    (_S.RUNNING, _E.CHANNEL_LOST): Life._closing,
    (_S.CLOSING, _E.DIED): Life._died,
    (_S.CLOSING, _E.DEADLINE): Life._kill,
    (_S.CLOSING, _E.STOP_TOLD): Life._stopping,
    # What a condemned child still says was said before it hung, or comes too late.
    (_S.ABORTING, _E.READY): Life._ignore,
    (_S.ABORTING, _E.DIED): Life._died,
    (_S.ABORTING, _E.DEADLINE): Life._kill,
    (_S.ABORTING, _E.STOP_TOLD): Life._kill,
    (_S.ABORTING, _E.STOP_LATE): Life._kill,
    (_S.ABORTING, _E.CHANNEL_LOST): Life._ignore,
    (_S.KILLING, _E.READY): Life._ignore,
    (_S.KILLING, _E.DIED): Life._died,
    (_S.KILLING, _E.DEADLINE): Life._stuck,
    (_S.KILLING, _E.STOP_TOLD): Life._ignore,
    (_S.KILLING, _E.STOP_LATE): Life._ignore,
    (_S.KILLING, _E.CHANNEL_LOST): Life._ignore,
    (_S.STUCK, _E.READY): Life._ignore,
    (_S.STUCK, _E.DIED): Life._died,
    (_S.STUCK, _E.STOP_TOLD): Life._ignore,
    (_S.STUCK, _E.STOP_LATE): Life._ignore,
    (_S.STUCK, _E.CHANNEL_LOST): Life._ignore,
    (_S.STOPPING, _E.READY): Life._ignore,
    (_S.STOPPING, _E.DIED): Life._ended,
    (_S.STOPPING, _E.STOP_LATE): Life._kill,
    # It closes its channel by exiting; if it does not exit, STOP_LATE comes.
    (_S.STOPPING, _E.CHANNEL_LOST): Life._ignore,
    (_S.ENDED, _E.FORKED): Life._forked,
    (_S.ENDED, _E.STOP_TOLD): Life._ignore,
    (_S.ENDED, _E.STOP_LATE): Life._ignore,
}
