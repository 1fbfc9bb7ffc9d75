# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of one virtual router (RFC 3768 section 6.4, RFC 9568 section 6.4).

Owns the rules: what each event means in each state (those of MASTER are in `mastership.py`).
`_TABLE` at the end is the only way in; a pair that is not in it is a bug and raises; nothing here
reads a clock, a socket or a random number. The states are described at `router.State`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lvs_agent.core.events import (
    AddressClaimed,
    AdvertReceived,
    AnnouncementNeeded,
    ClockGap,
    Event,
    InterfaceDown,
    InterfaceUp,
    PriorityChanged,
    Reconfigured,
    Shutdown,
    TakeOver,
    TimerExpired,
    Yield,
)
from lvs_agent.core.messages import HoldApplied, ProcessDied, ProcessRestarted, StepDown
from lvs_agent.core.vrrp.mastership import Mastership
from lvs_agent.core.vrrp.router import Actions, Heard, State
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY, seconds


class VirtualRouter(Mastership):
    """One instance."""

    def handle(self, event: Event, now_ns: int) -> Actions:
        """What to do about `event`, in order. Raises KeyError for a pair that cannot occur."""
        return _TABLE[self._state, type(event)](self, event, now_ns)

    # Any state.

    def _ignore(self, event: Event, now_ns: int) -> Actions:
        return ()

    def _shutdown(self, event: Event, now_ns: int) -> Actions:
        if self._state is State.MASTER:
            return self._resign(State.INIT, "stopping", now_ns)
        change = self._enter(State.INIT, "stopping", now_ns)
        self._set_timer(None, now_ns)
        return (self._hold(False, now_ns), *change)

    def _repeat_hold(self, event: Event, now_ns: int) -> Actions:
        """The kernel process is a new one: tell it again. An earlier time limit stays in force."""
        return (self._hold(self._state is State.MASTER, now_ns),)

    def _interface_down(self, event: InterfaceDown, now_ns: int) -> Actions:
        if self._state is State.MASTER or self.adopting:
            # Adopting: the process before was MASTER, and its addresses are still held.
            self._adopt = False
            return self._resign(State.FAULT, event.reason, now_ns)
        # An earlier ha process may have hung as master, see `_first_interface`.
        first: Actions = (self._hold(False, now_ns),) if self._state is State.INIT else ()
        change = self._enter(State.FAULT, event.reason, now_ns)
        self._set_timer(None, now_ns)
        return (*first, *change)

    def _note_interface(self, event: InterfaceUp, now_ns: int) -> Actions:
        self._primary = event.primary
        return ()

    def _overhear(self, event: AdvertReceived, now_ns: int) -> Actions:
        """No candidate answers nothing, but knows how often to expect the master."""
        advert = event.advert
        self._overheard = (advert.advert_int_ns, now_ns) if advert.priority else None
        return ()

    def _idle_priority(self, event: PriorityChanged, now_ns: int) -> Actions:
        self.priority = event.priority
        return ()

    # INIT

    def _first_interface(self, event: InterfaceUp, now_ns: int) -> Actions:
        self._primary = event.primary
        if self._adopt:
            self._adopt = False
            return self._become_master("going on as master, the addresses are held here", now_ns)
        actions = self._begin("start", now_ns)
        if self._state is State.MASTER:
            return actions
        # An earlier ha process may have hung as master: its addresses go now, not when the kernel
        # process has waited for our word in vain. The next master may be about to take them.
        return (self._hold(False, now_ns), *actions)

    def _reconfigure_idle(self, event: Reconfigured, now_ns: int) -> Actions:
        self.instance = event.instance
        self._adjust_priority(event, "")  # told with the next change of state
        return ()

    # BACKUP

    def _backup_advert(self, event: AdvertReceived, now_ns: int) -> Actions:
        advert = event.advert
        self.statistics.adverts_received += 1
        if self._ignores_adverts():
            return ()
        if advert.priority == 0:
            self.statistics.priority_zero_received += 1
            self._heard = Heard.RESIGNED
            self._heard_out = False
            self.wish = None
            self._set_timer(self._patience_ns, now_ns)
            return ()
        news = self._note_master(event)
        if advert.priority >= self.priority:
            self._preempt_at_ns = None
        elif self._may_preempt(now_ns):
            self.statistics.lower_priority_discarded += 1
            self._heard = Heard.DISCARDED
            return news
        self._heard = Heard.ACCEPTED
        self._heard_out = False
        self.wish = None
        self.master_interval_ns = advert.advert_int_ns
        self._set_timer(self._patience_ns, now_ns)
        return news

    def _note_master(self, event: AdvertReceived) -> Actions:
        master = (event.source, event.advert.priority)
        if master == self.master:
            return ()
        heard = self._master_heard(*master)
        return (heard, self._log("info", f"{self.who(master)} is master"))

    def _may_preempt(self, now_ns: int) -> bool:
        """Whether an advert of lower priority is to be discarded; the first starts the delay."""
        if self.priority == OWNER_PRIORITY:
            return True
        if not self.preempts:
            return False
        if self._preempt_at_ns is None:
            self._preempt_at_ns = now_ns + self.instance.preempt_delay_ns
        return now_ns >= self._preempt_at_ns

    def _backup_timer(self, event: TimerExpired, now_ns: int) -> Actions:
        late_ns = now_ns - (self._timer_ns or now_ns)
        self.statistics.count_lateness(late_ns, self.instance.advert_int_ns)
        if late_ns > self.master_interval_ns and not self._heard_out:
            # This process stood still, perhaps with the whole host: silence proves nothing. Hear
            # the master out for one of its intervals before taking its addresses.
            self._heard_out = True
            self.statistics.standstills += 1
            self._set_timer(self._patience_ns, now_ns)
            return (self._log("warning", f"stood still for {seconds(late_ns)}; listening first"),)
        why = self._why_take_over(now_ns)
        if self.grouped:
            self.wish = why
            self._set_timer(None, now_ns)
            return ()
        return self._become_master(why, now_ns)

    def _backup_clock_gap(self, event: ClockGap, now_ns: int) -> Actions:
        """The host slept: what was to be known before proves nothing now. Hear the master out."""
        if event.gap_ns <= self.master_interval_ns:
            return ()
        self._heard_out = True
        self.wish = None
        self.statistics.standstills += 1
        self._set_timer(self._patience_ns, now_ns)
        return ()

    def _why_take_over(self, now_ns: int) -> str:
        silence = seconds(now_ns - self._since_ns)
        if self._heard is Heard.UNHEEDED:
            return f"resigned by order, and nobody took over within {silence}"
        if self.master is None:
            return f"no master heard for {silence}"
        match self._heard:
            case Heard.RESIGNED:
                return f"master {self.who(self.master)} resigned"
            case Heard.DISCARDED:
                return f"preempting {self.who(self.master)}, our priority is {self.priority}"
            case _:
                return f"master {self.who(self.master)} silent for {silence}"

    def _take_over(self, event: TakeOver, now_ns: int) -> Actions:
        return self._become_master(event.reason, now_ns)

    def _reconfigure_backup(self, event: Reconfigured, now_ns: int) -> Actions:
        if self.master is None or event.instance.version == 2:
            self.master_interval_ns = event.instance.advert_int_ns
        before, self.instance = self.priority, event.instance
        news = self._adjust_priority(event, "BACKUP_PRIORITY")
        self._recompute_timer(before, now_ns)
        return news

    def _backup_priority(self, event: PriorityChanged, now_ns: int) -> Actions:
        before = self.priority
        actions = self._change_priority(event, "BACKUP_PRIORITY")
        self._recompute_timer(before, now_ns)
        return actions

    def _recompute_timer(self, before: int, now_ns: int) -> None:
        """The skew follows the priority; what has been waited already counts."""
        if self._timer_ns is not None:
            self._timer_ns = self._since_ns + self._patience_ns
        elif self.priority < before:
            # Wished for with a priority that we have no more: ask the network again.
            self.wish = None
            self._set_timer(self.master_down_ns, now_ns)

    # FAULT

    def _fault_interface_up(self, event: InterfaceUp, now_ns: int) -> Actions:
        self._primary = event.primary
        if self._timer_ns is not None:
            return ()  # the interfaces are fine; it is the failed takeover that waits
        return self._begin(f"it works again, after: {self.transition.reason}", now_ns)

    def _fault_interface_down(self, event: InterfaceDown, now_ns: int) -> Actions:
        if event.reason == self.transition.reason:
            return ()
        return self._interface_down(event, now_ns)

    def _fault_timer(self, event: TimerExpired, now_ns: int) -> Actions:
        self._set_timer(None, now_ns)
        return self._begin(f"trying again after {seconds(self._retry_ns)}", now_ns)


# Any: each handler takes the type of event it is listed under.
_Handler = Callable[[VirtualRouter, Any, int], Actions]
_ANY_STATE: dict[type, _Handler] = {
    Shutdown: VirtualRouter._shutdown,
    ProcessRestarted: VirtualRouter._repeat_hold,
}
# Only a MASTER has a use for these; the others may get one that was on its way.
_FOR_MASTER: dict[type, _Handler] = {
    ProcessDied: VirtualRouter._ignore,
    AnnouncementNeeded: VirtualRouter._ignore,
    AddressClaimed: VirtualRouter._ignore,
    ClockGap: VirtualRouter._ignore,
    StepDown: VirtualRouter._ignore,
    HoldApplied: VirtualRouter._release_applied,
}
_BY_STATE: dict[State, dict[type, _Handler]] = {
    State.INIT: _FOR_MASTER
    | {
        InterfaceUp: VirtualRouter._first_interface,
        InterfaceDown: VirtualRouter._interface_down,
        AdvertReceived: VirtualRouter._overhear,
        Reconfigured: VirtualRouter._reconfigure_idle,
        PriorityChanged: VirtualRouter._idle_priority,
    },
    State.BACKUP: _FOR_MASTER
    | {
        InterfaceUp: VirtualRouter._note_interface,
        InterfaceDown: VirtualRouter._interface_down,
        AdvertReceived: VirtualRouter._backup_advert,
        ClockGap: VirtualRouter._backup_clock_gap,
        TimerExpired: VirtualRouter._backup_timer,
        Reconfigured: VirtualRouter._reconfigure_backup,
        PriorityChanged: VirtualRouter._backup_priority,
        TakeOver: VirtualRouter._take_over,
    },
    State.MASTER: {
        InterfaceUp: VirtualRouter._note_interface,
        InterfaceDown: VirtualRouter._interface_down,
        AdvertReceived: VirtualRouter._master_advert,
        TimerExpired: VirtualRouter._master_timer,
        HoldApplied: VirtualRouter._hold_applied,
        ProcessDied: VirtualRouter._kernel_died,
        AnnouncementNeeded: VirtualRouter._announcement_needed,
        AddressClaimed: VirtualRouter._address_claimed,
        ClockGap: VirtualRouter._master_clock_gap,
        Reconfigured: VirtualRouter._reconfigure_master,
        PriorityChanged: VirtualRouter._master_priority,
        Yield: VirtualRouter._yield,
        StepDown: VirtualRouter._step_down,
    },
    State.FAULT: _FOR_MASTER
    | {
        InterfaceUp: VirtualRouter._fault_interface_up,
        InterfaceDown: VirtualRouter._fault_interface_down,
        AdvertReceived: VirtualRouter._overhear,
        TimerExpired: VirtualRouter._fault_timer,
        Reconfigured: VirtualRouter._reconfigure_idle,
        PriorityChanged: VirtualRouter._idle_priority,
    },
}
_TABLE: dict[tuple[State, type], _Handler] = {
    (state, event): handler
    for state, handlers in _BY_STATE.items()
    for event, handler in (_ANY_STATE | handlers).items()
}
