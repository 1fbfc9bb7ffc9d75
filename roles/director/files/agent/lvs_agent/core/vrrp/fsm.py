# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of one virtual router (RFC 3768 section 6.4, RFC 9568 section 6.4).

Owns the rules: what each event means in each state. `_TABLE` at the end is the only way in; a pair
that is not in it is a bug and raises; nothing here reads a clock, a socket or a random number.
The states are described at `router.State`.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

from lvs_agent.core.actions import Announce, StopAnnouncing
from lvs_agent.core.events import (
    AdvertReceived,
    AnnouncementNeeded,
    ClockGap,
    Event,
    InterfaceDown,
    InterfaceUp,
    Reconfigured,
    Shutdown,
    TimerExpired,
)
from lvs_agent.core.messages import HoldApplied, ProcessDied, ProcessRestarted
from lvs_agent.core.vrrp.router import Actions, Heard, Router, State
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY, hold_limit_ns, master_down_ns, seconds

# After losing adverts the addresses are announced again at most this often: the neighbours'
# caches are to be right within a second, and a flood must not draw bursts.
_REANNOUNCE_NS = 1_000_000_000


class VirtualRouter(Router):
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
        return (self._hold(False, now_ns), change)

    def _repeat_hold(self, event: Event, now_ns: int) -> Actions:
        """The kernel process is a new one: tell it again. An earlier time limit stays in force."""
        return (self._hold(self._state is State.MASTER, now_ns),)

    def _interface_down(self, event: InterfaceDown, now_ns: int) -> Actions:
        if self._state is State.MASTER:
            return self._resign(State.FAULT, event.reason, now_ns)
        change = self._enter(State.FAULT, event.reason, now_ns)
        self._set_timer(None, now_ns)
        return (change,)

    def _note_interface(self, event: InterfaceUp, now_ns: int) -> Actions:
        self._primary = event.primary
        return ()

    # INIT

    def _first_interface(self, event: InterfaceUp, now_ns: int) -> Actions:
        self._primary = event.primary
        if self._adopt:
            self._adopt = False
            return self._become_master("going on as master after a restart of ha", now_ns)
        actions = self._begin("start", now_ns)
        if self._state is State.MASTER:
            return actions
        # An earlier ha process may have hung as master: its addresses go now, not when the kernel
        # process has waited for our word in vain. The next master may be about to take them.
        return (self._hold(False, now_ns), *actions)

    def _reconfigure_idle(self, event: Reconfigured, now_ns: int) -> Actions:
        self.instance = event.instance
        return ()

    # BACKUP

    def _backup_advert(self, event: AdvertReceived, now_ns: int) -> Actions:
        advert = event.advert
        self.statistics.adverts_received += 1
        if advert.priority == 0:
            self.statistics.priority_zero_received += 1
            self._heard = Heard.RESIGNED
            self._set_timer(self.skew_ns, now_ns)
            return ()
        news = self._note_master(event)
        if advert.priority >= self.instance.priority:
            self._preempt_at_ns = None
        elif self._may_preempt(now_ns):
            self.statistics.lower_priority_discarded += 1
            self._heard = Heard.DISCARDED
            return news
        self._heard = Heard.ACCEPTED
        self._heard_out = False
        self.master_interval_ns = advert.advert_int_ns
        self._set_timer(self.master_down_ns, now_ns)
        return news

    def _note_master(self, event: AdvertReceived) -> Actions:
        master = (event.source, event.advert.priority)
        if master == self.master:
            return ()
        self.master = master
        return (self._log("info", f"{_who(master)} is master"),)

    def _may_preempt(self, now_ns: int) -> bool:
        """Whether an advert of lower priority is to be discarded; the first starts the delay."""
        if self.instance.priority == OWNER_PRIORITY:
            return True
        if not self.instance.preempt:
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
            self._set_timer(self.master_interval_ns + self.skew_ns, now_ns)
            return (self._log("warning", f"stood still for {seconds(late_ns)}; listening first"),)
        return self._become_master(self._why_take_over(now_ns), now_ns)

    def _why_take_over(self, now_ns: int) -> str:
        silence = seconds(now_ns - self._since_ns)
        if self.master is None:
            return f"no master heard for {silence}"
        match self._heard:
            case Heard.RESIGNED:
                return f"master {_who(self.master)} resigned"
            case Heard.DISCARDED:
                return f"preempting {_who(self.master)}, our priority is {self.instance.priority}"
            case _:
                return f"master {_who(self.master)} silent for {silence}"

    def _reconfigure_backup(self, event: Reconfigured, now_ns: int) -> Actions:
        if self.master is None or event.instance.version == 2:
            self.master_interval_ns = event.instance.advert_int_ns
        self.instance = event.instance
        self._timer_ns = self._since_ns + self.master_down_ns
        return ()

    # MASTER

    def _master_advert(self, event: AdvertReceived, now_ns: int) -> Actions:
        advert, ours = event.advert, self.instance.priority
        self.statistics.adverts_received += 1
        if advert.priority == 0:
            self.statistics.priority_zero_received += 1
            self._set_timer(self.instance.advert_int_ns, now_ns)
            return (self._advert(now_ns),)
        if (advert.priority, event.source) > (ours, self._primary):
            # One advert more, for the winner: it may not have heard of us (a partition healed), and
            # only a losing advert makes it announce the addresses to the neighbours that are ours.
            return (self._advert(now_ns), *self._lose(event, "advertises", now_ns))
        self.statistics.losing_adverts += 1
        if self._stood_still(now_ns) and not self.instance.preempt and ours != OWNER_PRIORITY:
            # Another took over while this process stood still: with nopreempt it keeps its place.
            return self._lose(event, "took over while we stood still and advertises", now_ns)
        return self._assert_mastership(event, now_ns)

    def _stood_still(self, now_ns: int) -> bool:
        """Whether others must have given us up since our last advert."""
        instance = self.instance
        return now_ns - self._last_advert_ns > master_down_ns(
            instance.version, instance.priority, instance.advert_int_ns
        )

    def _lose(self, event: AdvertReceived, how: str, now_ns: int) -> Actions:
        advert, address = event.advert, IPv4Address(event.source)
        reason = f"{address} {how} priority {advert.priority}, ours is {self.instance.priority}"
        if advert.priority == self.instance.priority:
            reason += "; of equals the higher address wins"
        self.master_interval_ns = advert.advert_int_ns
        backup = self._become_backup(reason, now_ns)
        self.master = (event.source, advert.priority)
        return (self._hold(False, now_ns), StopAnnouncing(), *backup)

    def _assert_mastership(self, event: AdvertReceived, now_ns: int) -> Actions:
        """RFC 9568 section 6.4.3: answer a losing advert, so that its sender and the bridges learn.

        At most one answer in half an interval, so that a flood draws no flood. The announcement
        mends the neighbours' caches after two masters.
        """
        half_ns = self.instance.advert_int_ns // 2
        if self._asserted_ns is not None and now_ns - self._asserted_ns < half_ns:
            return ()
        self._asserted_ns = now_ns
        sender = _who((event.source, event.advert.priority))
        actions: Actions = (self._advert(now_ns),)
        since_ns = self._reannounced_ns
        if self.acknowledged and (since_ns is None or now_ns - since_ns >= _REANNOUNCE_NS):
            self._reannounced_ns = now_ns
            actions += (
                self._log("warning", f"{sender} advertises as master too; we win, and say so"),
                Announce(addresses=self._all_addresses()),
            )
        return actions

    def _master_timer(self, event: TimerExpired, now_ns: int) -> Actions:
        if self._hold_by_ns is not None and self._hold_by_ns <= now_ns:
            limit = seconds(hold_limit_ns(self.instance.advert_int_ns))
            return self._fail_takeover(
                f"the kernel process did not confirm the addresses within {limit}", now_ns
            )
        interval_ns = self.instance.advert_int_ns
        due_ns = now_ns if self._timer_ns is None else self._timer_ns
        self.statistics.count_lateness(now_ns - due_ns, interval_ns)
        stood_still = self._stood_still(now_ns)
        # From the deadline, not from now: lateness must not add up. After a long one, from now.
        self._set_timer(interval_ns, due_ns if now_ns - due_ns < interval_ns else now_ns)
        advert = self._advert(now_ns)
        self.statistics.standstills += stood_still
        if not stood_still or not self.acknowledged:
            return (advert,)
        text = (
            f"stood still for {seconds(now_ns - due_ns)}, no other master heard; announcing again"
        )
        return (advert, self._log("warning", text), Announce(addresses=self._all_addresses()))

    def _hold_applied(self, event: HoldApplied, now_ns: int) -> Actions:
        if event.sequence != self._sequence:
            return ()
        if event.error is not None:
            return self._fail_takeover(f"the addresses could not be set: {event.error}", now_ns)
        self.acknowledged = True
        self._hold_by_ns = None
        self._retry_ns = 0
        announce, self._to_announce = self._to_announce, ()
        return (Announce(addresses=announce),) if announce else ()

    def _release_applied(self, event: HoldApplied, now_ns: int) -> Actions:
        if event.sequence != self._sequence or event.error is None:
            return ()
        return (self._log("error", f"the addresses could not be removed: {event.error}"),)

    def _kernel_died(self, event: ProcessDied, now_ns: int) -> Actions:
        """Its acknowledgement is worth nothing now, and neither is one still on its way."""
        self._sequence += 1
        self.acknowledged = False
        if self._hold_by_ns is None:
            self._hold_by_ns = now_ns + hold_limit_ns(self.instance.advert_int_ns)
        return ()

    def _announcement_needed(self, event: AnnouncementNeeded, now_ns: int) -> Actions:
        return (Announce(addresses=event.addresses),) if self.acknowledged else ()

    def _reconfigure_master(self, event: Reconfigured, now_ns: int) -> Actions:
        """At once an advert: backups learn a longer interval before they miss the old one."""
        before, self.instance = self.instance, event.instance
        self.master_interval_ns = event.instance.advert_int_ns
        self._set_timer(event.instance.advert_int_ns, now_ns)
        actions: Actions = (self._advert(now_ns),)
        if (event.instance.addresses, event.instance.name) != (before.addresses, before.name):
            new = [a.address for a in event.instance.addresses if a not in before.addresses]
            self._to_announce = tuple(dict.fromkeys((*self._to_announce, *new)))
            actions += (self._hold(True, now_ns),)
        return actions

    def _master_clock_gap(self, event: ClockGap, now_ns: int) -> Actions:
        """The host slept: what the monotonic clock missed counts as time since our last advert.

        The advert becomes due at once; adverts received in between are handled before it.
        """
        self._last_advert_ns -= event.gap_ns
        self._timer_ns = now_ns
        return ()

    # FAULT

    def _fault_interface_up(self, event: InterfaceUp, now_ns: int) -> Actions:
        self._primary = event.primary
        if self._timer_ns is not None:
            return ()  # the interfaces are fine; it is the failed takeover that waits
        return self._begin("the interfaces work again", now_ns)

    def _fault_interface_down(self, event: InterfaceDown, now_ns: int) -> Actions:
        if event.reason == self.transition.reason:
            return ()
        return self._interface_down(event, now_ns)

    def _fault_timer(self, event: TimerExpired, now_ns: int) -> Actions:
        self._set_timer(None, now_ns)
        return self._begin(f"trying again after {seconds(self._retry_ns)}", now_ns)


def _who(router: tuple[int, int]) -> str:
    address, priority = router
    return f"{IPv4Address(address)} (priority {priority})"


# Any: each handler takes the type of event it is listed under.
_Handler = Callable[[VirtualRouter, Any, int], Actions]
_ANY_STATE: dict[type, _Handler] = {
    Shutdown: VirtualRouter._shutdown,
    ProcessRestarted: VirtualRouter._repeat_hold,
}
_BY_STATE: dict[State, dict[type, _Handler]] = {
    State.INIT: {
        InterfaceUp: VirtualRouter._first_interface,
        InterfaceDown: VirtualRouter._interface_down,
        AdvertReceived: VirtualRouter._ignore,
        HoldApplied: VirtualRouter._release_applied,
        ProcessDied: VirtualRouter._ignore,
        AnnouncementNeeded: VirtualRouter._ignore,
        Reconfigured: VirtualRouter._reconfigure_idle,
        ClockGap: VirtualRouter._ignore,
    },
    State.BACKUP: {
        InterfaceUp: VirtualRouter._note_interface,
        InterfaceDown: VirtualRouter._interface_down,
        AdvertReceived: VirtualRouter._backup_advert,
        TimerExpired: VirtualRouter._backup_timer,
        HoldApplied: VirtualRouter._release_applied,
        ProcessDied: VirtualRouter._ignore,
        AnnouncementNeeded: VirtualRouter._ignore,
        Reconfigured: VirtualRouter._reconfigure_backup,
        ClockGap: VirtualRouter._ignore,
    },
    State.MASTER: {
        InterfaceUp: VirtualRouter._note_interface,
        InterfaceDown: VirtualRouter._interface_down,
        AdvertReceived: VirtualRouter._master_advert,
        TimerExpired: VirtualRouter._master_timer,
        HoldApplied: VirtualRouter._hold_applied,
        ProcessDied: VirtualRouter._kernel_died,
        AnnouncementNeeded: VirtualRouter._announcement_needed,
        Reconfigured: VirtualRouter._reconfigure_master,
        ClockGap: VirtualRouter._master_clock_gap,
    },
    State.FAULT: {
        InterfaceUp: VirtualRouter._fault_interface_up,
        InterfaceDown: VirtualRouter._fault_interface_down,
        AdvertReceived: VirtualRouter._ignore,
        TimerExpired: VirtualRouter._fault_timer,
        HoldApplied: VirtualRouter._release_applied,
        ProcessDied: VirtualRouter._ignore,
        AnnouncementNeeded: VirtualRouter._ignore,
        Reconfigured: VirtualRouter._reconfigure_idle,
        ClockGap: VirtualRouter._ignore,
    },
}
_TABLE: dict[tuple[State, type], _Handler] = {
    (state, event): handler
    for state, handlers in _BY_STATE.items()
    for event, handler in (_ANY_STATE | handlers).items()
}
