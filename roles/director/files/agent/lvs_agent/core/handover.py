# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving one instance, or one sync group, away: whether another director has it, and what next.

Owns the course. Must never read a clock or tell a router anything: `proc/instance_overrides.py`
does what `look` says.

A VRRP backup is silent, so a master does not know whether there is one. It finds out without
letting go:

1. LOWERED: it advertises priority 1, the lowest. Backups that preempt discard such adverts and take
   over when their Master_Down_Timer expires; the master sees their advert and goes. All this time
   the addresses are somebody's. If none has come within the longest Master_Down_Interval that there
   can be, there is nobody (or nobody who preempts), and that is the end of it.
2. RESIGNED, at once where our own settings say that directors here do not preempt (nopreempt,
   preempt_delay), after LOWERED when it is forced: it resigns with priority 0, which every backup
   heeds, and takes over again when no advert came within the skew time of the lowest priority and a
   margin (`vrrp/timers.py`). So the addresses are nobody's for that long at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from lvs_agent.core.messages import InstanceState, MasterHeard
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.timers import master_down_ns, seconds, unheeded_ns

# For the words between processes, on a host that is busy.
_SLACK_NS = 500_000_000
_LOWEST_PRIORITY = 1


class Next(StrEnum):
    """What `look` wants done."""

    WAIT = "wait"  # until something is heard, or until `deadline_ns`
    RESIGN = "resign"  # with priority 0; then look again
    DONE = "done"  # another director has it, or this one cannot have it
    FAILED = "failed"  # `error` says why; the override is to end


class Handover:
    """One party: `members` are an instance, or all of its sync group."""

    def __init__(
        self, members: Sequence[VrrpInstance], *, force: bool, timeout_ns: int, now_ns: int
    ) -> None:
        self.members = tuple(each.name for each in members)
        self.error = ""
        self._force = force
        self._end_ns = now_ns + timeout_ns
        self._timeout_ns = timeout_ns
        patient = any(not each.preempt or each.preempt_delay_ns for each in members)
        self._lowered_ns = 0 if patient else max(_down_ns(each) for each in members) + _SLACK_NS
        self._resigned_ns = _SLACK_NS + max(
            unheeded_ns(each.version, each.advert_int_ns) for each in members
        )
        self._may_resign = patient or force
        self._resigned = self._let_go = False
        self._until_ns = now_ns + self._lowered_ns

    @property
    def deadline_ns(self) -> int:
        """When `look` has something to say even if nothing is heard."""
        return min(self._until_ns, self._end_ns)

    def look(
        self,
        states: Mapping[str, InstanceState],
        masters: Mapping[str, MasterHeard],
        now_ns: int,
    ) -> Next:
        """`states` of this director's instances, and which other `masters` it knows."""
        found = [states.get(name) for name in self.members]
        ours = any(each is not None and each.state == "MASTER" for each in found)
        if all(self._is_elsewhere(each, masters) for each in found):
            return Next.DONE
        if self._resigned:
            if ours and self._let_go:
                return self._fail("resigned, but no other director took over; taken back")
            self._let_go |= not ours
        if now_ns >= self._end_ns:
            return self._fail(f"not within the time limit of {seconds(self._timeout_ns)}")
        if now_ns < self._until_ns:
            return Next.WAIT
        if not self._resigned and ours and self._may_resign:
            self._resigned = True
            self._until_ns = now_ns + self._resigned_ns
            return Next.RESIGN
        if self._resigned or not ours:
            return self._fail("no other director was heard to be master")
        return self._fail(
            f"no other director took over within {seconds(self._lowered_ns)}, so there is none"
            " that would; it was never let go (force: let go nevertheless, for a moment)"
        )

    @staticmethod
    def _is_elsewhere(state: InstanceState | None, masters: Mapping[str, MasterHeard]) -> bool:
        if state is None or state.state == "MASTER":
            return False
        return state.state != "BACKUP" or state.instance in masters

    def _fail(self, error: str) -> Next:
        self.error = error
        return Next.FAILED


def _down_ns(instance: VrrpInstance) -> int:
    """How long the slowest backup with these settings waits for a master that it knows."""
    return master_down_ns(
        instance.version, _LOWEST_PRIORITY, instance.advert_int_ns, instance.down_timer_adverts
    )
