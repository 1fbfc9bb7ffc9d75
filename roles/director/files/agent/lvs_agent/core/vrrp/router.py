# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual router knows, and the building blocks of its transitions.

Owns `state`, the timers and the sequence of holds. Must never decide which event leads where: that
is `fsm.py`, the only caller of the methods with a leading underscore. `_enter` alone changes the
state.
"""

from __future__ import annotations

from enum import StrEnum

from lvs_agent.core.actions import Action, SendAdvert, StopAnnouncing
from lvs_agent.core.messages import Hold, InstanceState, LogLine
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.statistics import Statistics, Transition
from lvs_agent.core.vrrp.timers import (
    OWNER_PRIORITY,
    hold_limit_ns,
    master_down_ns,
    next_retry_ns,
    skew_ns,
)

Actions = tuple[Action, ...]


class State(StrEnum):
    """A virtual router's state.

    INIT: the interface has not been heard of yet, or the process is stopping (RFC: Initialize).
    BACKUP: listening for the master's adverts (RFC: Backup). MASTER: advertising and, once the
    kernel process acknowledged, holding the addresses (RFC 9568: Active). FAULT: an interface does
    not work, or the kernel process could not take the addresses (not in the RFCs).
    """

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


class Heard(StrEnum):
    """What became of the last advert heard as BACKUP."""

    NOTHING = "nothing"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"
    RESIGNED = "resigned"


class Router:
    """One instance without its rules. `adopt`: it was MASTER in a process that died."""

    def __init__(self, instance: VrrpInstance, now_ns: int, *, adopt: bool = False) -> None:
        self.instance = instance
        self.statistics = Statistics()
        self.transition = Transition(previous=State.INIT, reason="start", at_ns=now_ns)
        # Who is master as far as this router knows: (address, priority); None if it is ours.
        self.master: tuple[int, int] | None = None
        self.master_interval_ns = instance.advert_int_ns
        self.acknowledged = False
        self._state = State.INIT
        self._adopt = adopt
        self._primary = 0
        # The protocol's timer: Adver_Timer in MASTER, Master_Down_Timer in BACKUP, the retry of a
        # failed takeover in FAULT. `_since_ns` is when it was set.
        self._timer_ns: int | None = None
        self._since_ns = now_ns
        self._hold_by_ns: int | None = None
        # An answer to a Hold of an earlier process must not look like one to ours, so the
        # sequence begins where no earlier one got to: at the clock's microseconds.
        self._sequence = now_ns // 1000
        self._to_announce: tuple[str, ...] = ()
        self._retry_ns = 0
        self._preempt_at_ns: int | None = None
        self._heard = Heard.NOTHING
        self._heard_out = False
        self._last_advert_ns = now_ns
        self._asserted_ns: int | None = None
        self._reannounced_ns: int | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def sequence(self) -> int:
        """The sequence of the last Hold."""
        return self._sequence

    @property
    def deadline_ns(self) -> int | None:
        """When TimerExpired is due; None for never."""
        if self._hold_by_ns is None or self._timer_ns is None:
            return self._timer_ns if self._hold_by_ns is None else self._hold_by_ns
        return min(self._timer_ns, self._hold_by_ns)

    @property
    def skew_ns(self) -> int:
        """Skew_Time with the interval learned from the master (version 3) or our own."""
        return skew_ns(self.instance.version, self.instance.priority, self.master_interval_ns)

    @property
    def master_down_ns(self) -> int:
        """Master_Down_Interval, likewise."""
        return master_down_ns(
            self.instance.version, self.instance.priority, self.master_interval_ns
        )

    # Building blocks: each changes what its name says and returns the actions for it.

    def _enter(self, state: State, reason: str, now_ns: int) -> InstanceState:
        previous, self._state = self._state, state
        self.transition = Transition(previous=previous, reason=reason, at_ns=now_ns)
        if State.MASTER in (previous, state):
            self.statistics.became_master += state is State.MASTER
            self.statistics.released_master += state is not State.MASTER
        self._heard = Heard.NOTHING
        self._heard_out = False
        self._preempt_at_ns = None
        if state is not State.MASTER:
            self.acknowledged = False
            self._hold_by_ns = None
            self._to_announce = ()
        return InstanceState(
            instance=self.instance.name,
            state=state,
            previous=previous,
            priority=self.instance.priority,
            reason=reason,
        )

    def _set_timer(self, delay_ns: int | None, now_ns: int) -> None:
        self._since_ns = now_ns
        self._timer_ns = None if delay_ns is None else now_ns + delay_ns

    def _hold(self, hold: bool, now_ns: int) -> Hold:
        self._sequence += 1
        if hold:
            self.acknowledged = False
            if self._hold_by_ns is None:
                self._hold_by_ns = now_ns + hold_limit_ns(self.instance.advert_int_ns)
        return Hold(instance=self.instance.name, hold=hold, sequence=self._sequence)

    def _advert(self, now_ns: int) -> SendAdvert:
        self._last_advert_ns = now_ns
        return SendAdvert()

    def _all_addresses(self) -> tuple[str, ...]:
        return tuple(address.address for address in self.instance.addresses)

    def _begin(self, reason: str, now_ns: int) -> Actions:
        """Startup (RFC section 6.4.1): the owner is master at once, others listen first."""
        if self.instance.priority == OWNER_PRIORITY:
            return self._become_master(f"{reason}; we own the addresses (priority 255)", now_ns)
        actions = self._become_backup(reason, now_ns)
        if self.instance.preempt_delay_ns:
            self._preempt_at_ns = now_ns + self.instance.preempt_delay_ns
        return actions

    def _become_backup(self, reason: str, now_ns: int) -> Actions:
        if self._state is not State.MASTER:
            self.master = None
            self.master_interval_ns = self.instance.advert_int_ns
        change = self._enter(State.BACKUP, reason, now_ns)
        self._set_timer(self.master_down_ns, now_ns)
        return (change,)

    def _become_master(self, reason: str, now_ns: int) -> Actions:
        """Advert first, then the addresses; the announcement waits for the acknowledgement."""
        change = self._enter(State.MASTER, reason, now_ns)
        self.master = None
        self.master_interval_ns = self.instance.advert_int_ns
        self._asserted_ns = self._reannounced_ns = None
        self._to_announce = self._all_addresses()
        self._set_timer(self.instance.advert_int_ns, now_ns)
        return (self._advert(now_ns), self._hold(True, now_ns), change)

    def _resign(self, state: State, reason: str, now_ns: int) -> Actions:
        """Leave MASTER by our own decision: priority 0 first, then the addresses."""
        change = self._enter(state, reason, now_ns)
        self._set_timer(None, now_ns)
        return (SendAdvert(resign=True), self._hold(False, now_ns), StopAnnouncing(), change)

    def _fail_takeover(self, reason: str, now_ns: int) -> Actions:
        actions = self._resign(State.FAULT, reason, now_ns)
        self.statistics.takeovers_failed += 1
        self._retry_ns = next_retry_ns(self._retry_ns)
        self._set_timer(self._retry_ns, now_ns)
        return actions

    def _log(self, level: str, text: str) -> LogLine:
        where = f"{self.instance.interface}, VRID {self.instance.virtual_router_id}"
        return LogLine(level=level, text=f"vrrp {self.instance.name} ({where}): {text}")
