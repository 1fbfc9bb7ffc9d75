# SPDX-License-Identifier: GPL-3.0-or-later
"""Sync groups: instances that are master together or not at all.

Owns the coordination of one group. Must never handle an advert: its members elect as always, and
only the last step is the group's. The rules, looked at after every event of a member:

1. A member becomes master only when every member wants to be: TakeOver goes to all of them at once.
2. A member that stops being master takes the others along: they yield, with priority 0, so that
   the director that won has all of them after the skew time.
3. A member in FAULT makes all FAULT (`stack.py` tells them), and they begin again together.

So no state of a group has a master and a member that is none. What 1 and 2 do not give is progress:
two directors, each preferred in one instance (priorities at cross purposes, or one-way loss), may
both become master and both lose, again and again, in step. After losing soon after a takeover a
group therefore waits for some advert intervals more, as many as its addresses and the number of
failures say: two directors differ in that sooner or later, and one of them comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lvs_agent.core.events import Event, TakeOver, Yield
from lvs_agent.core.messages import GroupState
from lvs_agent.core.model import SyncGroup
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.statistics import Transition

# Gives a member an event, and keeps its actions.
Feed = Callable[[VirtualRouter, Event], None]

# A takeover that is lost within so many Master_Down_Intervals was premature.
_SETTLING_PERIODS = 4
# At most 2**5 intervals are waited: then two of a thousand directors' choices are equal at most.
_DOUBLINGS_MOST = 5
_64_BITS = (1 << 64) - 1


class Coordinator:
    """One sync group. `members` are routers with `grouped` set."""

    def __init__(self, group: SyncGroup, members: Sequence[VirtualRouter], now_ns: int) -> None:
        self.group = group
        self.members = tuple(members)
        self.state = State.INIT
        self.transition = Transition(previous=State.INIT, reason="start", at_ns=now_ns)
        # Takeovers in a row that were lost at once, and when the next may come because of them.
        self.conflicts = 0
        self._became_master_ns: int | None = None
        self._not_before_ns = now_ns

    def update(self, group: SyncGroup, members: Sequence[VirtualRouter]) -> None:
        """Go on with these settings and members."""
        self.group = group
        self.members = tuple(members)

    @property
    def priority(self) -> int:
        """That of the weakest member."""
        return min(member.priority for member in self.members)

    @property
    def wishes(self) -> bool:
        """Every member wants to be master."""
        return all(m.state is State.BACKUP and m.wish is not None for m in self.members)

    @property
    def deadline_ns(self) -> int | None:
        """When `settle` has something to do besides after events; None for never."""
        return self._not_before_ns if self.wishes else None

    def settle(self, now_ns: int, feed: Feed) -> GroupState | None:
        """Bring the members in step; what to tell if the group's state has changed."""
        masters = [member for member in self.members if member.state is State.MASTER]
        if masters and len(masters) < len(self.members):
            self._leave(masters, now_ns, feed)
        elif self.wishes and now_ns >= self._not_before_ns:
            self._became_master_ns = now_ns
            for member in self.members:
                feed(member, TakeOver(reason=f"with sync group {self.group.name}: {member.wish}"))
        return self._note_state(now_ns)

    def _leave(self, masters: Sequence[VirtualRouter], now_ns: int, feed: Feed) -> None:
        loser = next(member for member in self.members if member.state is not State.MASTER)
        why = f"{loser.instance.name} is {loser.state}: {loser.transition.reason}"
        for member in masters:
            feed(member, Yield(reason=f"sync group {self.group.name}: {why}"))
        down_ns = max(member.master_down_ns for member in self.members)
        became_ns, self._became_master_ns = self._became_master_ns, None
        if became_ns is None or now_ns - became_ns > _SETTLING_PERIODS * down_ns:
            self.conflicts = 0
            return
        self.conflicts += 1
        interval_ns = max(member.instance.advert_int_ns for member in self.members)
        self._not_before_ns = now_ns + down_ns + self._intervals() * interval_ns

    def _intervals(self) -> int:
        """How many intervals to wait: spread over ever more as conflicts follow each other."""
        bits = min(self.conflicts + 1, _DOUBLINGS_MOST)
        mixed = self.conflicts
        for member in self.members:
            mixed = _mix(mixed ^ _mix(member.primary))
        return mixed >> (64 - bits)

    def _note_state(self, now_ns: int) -> GroupState | None:
        state, reason = self._judge()
        if state is self.state:
            return None
        previous, self.state = self.state, state
        if state is State.MASTER and self._became_master_ns is None:
            self._became_master_ns = now_ns  # adopted
        self.transition = Transition(previous=previous, reason=reason, at_ns=now_ns)
        return GroupState(
            group=self.group.name,
            state=state,
            previous=previous,
            priority=self.priority,
            reason=reason,
        )

    def _judge(self) -> tuple[State, str]:
        """The group's state is that of its members; of several the first in this order."""
        for state in (State.FAULT, State.INIT, State.BACKUP, State.MASTER):
            for member in self.members:
                if member.state is state:
                    return state, f"{member.instance.name}: {member.transition.reason}"
        raise AssertionError("a sync group has members")


def _mix(value: int) -> int:
    """The finaliser of SplitMix64: every bit of the 64 depends on every bit of `value`."""
    folded = (value ^ value >> 64) & _64_BITS
    folded = (folded + 0x9E3779B97F4A7C15) & _64_BITS
    folded = (folded ^ folded >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
    folded = (folded ^ folded >> 27) * 0x94D049BB133111EB & _64_BITS
    return folded ^ folded >> 31
