# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual router knows, and the building blocks of its transitions.

Owns `state`, the timers and the sequence of holds. Must never decide which event leads where: that
is `mastership.py` and `fsm.py`, the only callers of the methods with a leading underscore. `_enter`
alone changes the state.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from lvs_agent.core.actions import Action, SendAdvert, StopAnnouncing
from lvs_agent.core.messages import Hold, InstanceEvent, InstanceState, LogLine, MasterHeard
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.dual_active import DualActive
from lvs_agent.core.vrrp.statistics import Statistics, Transition
from lvs_agent.core.vrrp.timers import (
    OWNER_PRIORITY,
    hold_limit_ns,
    master_down_ns,
    next_retry_ns,
    skew_ns,
    unheeded_ns,
)

Actions = tuple[Action, ...]


class State(StrEnum):
    """A virtual router's state.

    INIT: the interface has not been heard of yet, or the process is stopping (RFC: Initialize).
    BACKUP: listening for the master's adverts (RFC: Backup). MASTER: advertising and, once the
    kernel process acknowledged, holding the addresses (RFC 9568: Active). FAULT: an interface or a
    tracker does not work, or the kernel process could not take the addresses (not in the RFCs).
    """

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


class Heard(StrEnum):
    """What became of the last advert heard as BACKUP; UNHEEDED: none came since we resigned by
    order."""

    NOTHING = "nothing"
    UNHEEDED = "unheeded"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"
    RESIGNED = "resigned"


class Router:
    """One instance without its rules. `adopt`: it was MASTER in a process that died.

    `priority` is the effective one: with the weights of the trackers, and on the wire. A member of
    a sync group (`grouped`) does not become master by itself: when its time has come, `wish` says
    why, and the group decides.
    """

    def __init__(self, instance: VrrpInstance, now_ns: int, *, adopt: bool = False) -> None:
        self.instance = instance
        self.priority = instance.priority
        self.grouped = False
        self.overridden = False
        self.wish: str | None = None
        self.statistics = Statistics()
        self.dual_active = DualActive()
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
        self._probe_ns: int | None = None
        # An answer to a Hold of an earlier process must not look like one to ours, so the
        # sequence begins where no earlier one got to: at the clock's microseconds.
        self._sequence = now_ns // 1000
        self._to_announce: tuple[str, ...] = ()
        self._retry_ns = 0
        self._preempt_at_ns: int | None = None
        self._heard = Heard.NOTHING
        self._heard_out = False
        # What a master was heard to promise while we were no candidate: (its interval, when).
        self._overheard: tuple[int, int] | None = None
        self._last_advert_ns = now_ns
        self._asserted_ns: int | None = None
        self._reannounced_ns: int | None = None
        # Whom this takeover overtook, until its parting advert: (address, when that is stale).
        self._overtaken: tuple[int, int] | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def adopting(self) -> bool:
        """It will go on as MASTER with the first InterfaceUp."""
        return self._adopt and self._state is State.INIT

    @property
    def retrying(self) -> bool:
        """FAULT only until a failed takeover is tried again."""
        return self._state is State.FAULT and self._timer_ns is not None

    @property
    def primary(self) -> int:
        """The source address of the adverts as an unsigned integer; 0: not known yet."""
        return self._primary

    @property
    def sequence(self) -> int:
        """The sequence of the last Hold."""
        return self._sequence

    @property
    def deadline_ns(self) -> int | None:
        """When TimerExpired is due; None for never."""
        least = self._timer_ns
        if self._state is State.MASTER:
            for time_ns in (self._hold_by_ns, self._probe_ns, self.dual_active.deadline_ns):
                if time_ns is not None and (least is None or time_ns < least):
                    least = time_ns
        return least

    @property
    def skew_ns(self) -> int:
        """Skew_Time with the interval learned from the master (version 3) or our own."""
        return skew_ns(self.instance.version, self.priority, self.master_interval_ns)

    @property
    def master_down_ns(self) -> int:
        """Master_Down_Interval, likewise."""
        return self._down_ns(self.master_interval_ns)

    @property
    def _patience_ns(self) -> int:
        """How long silence is listened to, from what was heard last; never less than the skew of
        our priority, which lets better routers come first."""
        if self._heard_out:
            return self.master_interval_ns + self.skew_ns
        match self._heard:
            case Heard.RESIGNED:
                return self.skew_ns
            case Heard.UNHEEDED:
                return unheeded_ns(self.instance.version, self.master_interval_ns)
            case _:
                return self.master_down_ns

    def _down_ns(self, interval_ns: int) -> int:
        instance = self.instance
        return master_down_ns(
            instance.version, self.priority, interval_ns, instance.down_timer_adverts
        )

    def forget_adoption(self) -> None:
        """Begin like a new router: the process before died too long ago, or not as master."""
        self._adopt = False

    def set_grouped(self, grouped: bool, now_ns: int) -> None:
        """Be, or be no longer, a member of a sync group."""
        self.grouped = grouped
        if not grouped and self.wish is not None:
            self.wish = None
            self._set_timer(self.master_down_ns, now_ns)

    def set_overridden(self, overridden: bool, now_ns: int) -> None:
        """Whether an operator wants this router not to overtake anybody (`core/overrides_vrrp.py`).

        One that was about to preempt waits for the master as if that one's last advert had counted.
        """
        if overridden and not self.overridden and self._heard is Heard.DISCARDED:
            self._heard = Heard.ACCEPTED
            self._preempt_at_ns = self.wish = None
            self._set_timer(self.master_down_ns, now_ns)
        self.overridden = overridden

    @property
    def preempts(self) -> bool:
        """Whether a master of lower priority is to be overtaken. (An owner always does.)"""
        return self.instance.preempt and not self.overridden

    def who(self, router: tuple[int, int]) -> str:
        """(address, priority) for people."""
        address, priority = router
        return f"{self.address_text(address)} (priority {priority})"

    def address_text(self, address: int) -> str:
        """A source address of this instance's adverts for people."""
        return str(IPv6Address(address) if self.instance.family == 6 else IPv4Address(address))

    # Building blocks: each changes what its name says and returns the actions for it.

    def _enter(self, state: State, reason: str, now_ns: int) -> Actions:
        previous, self._state = self._state, state
        self.transition = Transition(previous=previous, reason=reason, at_ns=now_ns)
        if State.MASTER in (previous, state):
            self.statistics.became_master += state is State.MASTER
            self.statistics.released_master += state is not State.MASTER
        self.wish = None
        self._heard = Heard.NOTHING
        self._heard_out = False
        self._preempt_at_ns = None
        self._overtaken = None
        self._overheard = None
        over: Actions = ()
        if state is not State.MASTER:
            self.acknowledged = False
            self._hold_by_ns = self._probe_ns = None
            self._to_announce = ()
            if self.dual_active.clear():
                over = (self._event("DUAL_ACTIVE_OVER", "we are not master any more"),)
        change = InstanceState(
            instance=self.instance.name,
            state=state,
            previous=previous,
            priority=self.priority,
            reason=reason,
        )
        return (change, *over)

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

    def _advert(self, now_ns: int) -> Actions:
        """An advert; none when the addresses should have been confirmed before `now_ns`.

        That can be when this process stood still: what waited in its sockets comes before the
        timer that resigns.
        """
        if self._hold_by_ns is not None and self._hold_by_ns <= now_ns:
            return ()
        self._last_advert_ns = now_ns
        return (SendAdvert(),)

    def _all_addresses(self) -> tuple[str, ...]:
        """Every address that is held, whether the adverts list it or not."""
        instance = self.instance
        return tuple(each.address for each in (*instance.addresses, *instance.excluded))

    def _begin(self, reason: str, now_ns: int) -> Actions:
        """Startup (RFC section 6.4.1): the owner is master at once, others listen first."""
        owner = self.priority == OWNER_PRIORITY
        why = f"{reason}; we own the addresses (priority 255)"
        if owner and not self.grouped:
            return self._become_master(why, now_ns)
        actions = self._become_backup(reason, now_ns)
        if owner:
            self.wish = why
            self._set_timer(None, now_ns)
        elif self.instance.preempt_delay_ns:
            self._preempt_at_ns = now_ns + self.instance.preempt_delay_ns
        return actions

    def _become_backup(self, reason: str, now_ns: int) -> Actions:
        if self._state is not State.MASTER:
            self.master = None
            self.master_interval_ns = self._first_interval_ns(now_ns)
        change = self._enter(State.BACKUP, reason, now_ns)
        self._set_timer(self.master_down_ns, now_ns)
        return change

    def _first_interval_ns(self, now_ns: int) -> int:
        """The interval to wait by until a master is heard: our own, or the longer one of a master
        that was overheard. By our own we would overtake that one at the first lost advert."""
        own_ns = self.instance.advert_int_ns
        interval_ns, at_ns = self._overheard or (own_ns, now_ns)
        return max(own_ns, interval_ns) if now_ns - at_ns <= self._down_ns(interval_ns) else own_ns

    def _become_master(self, reason: str, now_ns: int) -> Actions:
        """Advert first, then the addresses; the announcement waits for the acknowledgement."""
        overtaken = self.master
        change = self._enter(State.MASTER, reason, now_ns)
        if overtaken is not None:
            self._overtaken = (overtaken[0], now_ns + self.master_interval_ns)
        self.master = None
        self.master_interval_ns = self.instance.advert_int_ns
        self._asserted_ns = self._reannounced_ns = None
        self._to_announce = self._all_addresses()
        self._set_timer(self.instance.advert_int_ns, now_ns)
        return (*self._advert(now_ns), self._hold(True, now_ns), *change)

    def _resign(self, state: State, reason: str, now_ns: int) -> Actions:
        """Leave MASTER by our own decision: priority 0 first, then the addresses."""
        change = self._enter(state, reason, now_ns)
        self._set_timer(None, now_ns)
        return (SendAdvert(resign=True), self._hold(False, now_ns), StopAnnouncing(), *change)

    def _fail_takeover(self, reason: str, now_ns: int) -> Actions:
        actions = self._resign(State.FAULT, reason, now_ns)
        self.statistics.takeovers_failed += 1
        self._retry_ns = next_retry_ns(self._retry_ns)
        self._set_timer(self._retry_ns, now_ns)
        return actions

    def _master_heard(self, source: int, priority: int) -> MasterHeard:
        self.master = (source, priority)
        address = self.address_text(source)
        return MasterHeard(instance=self.instance.name, address=address, priority=priority)

    def _event(self, event: str, reason: str) -> InstanceEvent:
        return InstanceEvent(
            instance=self.instance.name, event=event, priority=self.priority, reason=reason
        )

    def _log(self, level: str, text: str) -> LogLine:
        where = f"{self.instance.interface}, VRID {self.instance.virtual_router_id}"
        return LogLine(level=level, text=f"vrrp {self.instance.name} ({where}): {text}")
