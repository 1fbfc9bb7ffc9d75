# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a router that is MASTER (RFC 3768 and RFC 9568 section 6.4.3), and of leaving it.

Owns what each event means in that state. `fsm.py` lists the handlers in its table, and nobody else
calls them.
"""

from __future__ import annotations

from lvs_agent.core.actions import Announce, ProbeAddresses, StopAnnouncing
from lvs_agent.core.events import (
    AddressClaimed,
    AdvertReceived,
    AnnouncementNeeded,
    ClockGap,
    PriorityChanged,
    Reconfigured,
    TimerExpired,
    Yield,
)
from lvs_agent.core.messages import HoldApplied, ProcessDied, StepDown
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.router import Actions, Heard, Router, State
from lvs_agent.core.vrrp.timers import OWNER_PRIORITY, hold_limit_ns, seconds

# After losing adverts the addresses are announced again at most this often: the neighbours'
# caches are to be right within a second, and a flood must not draw bursts.
_REANNOUNCE_NS = 1_000_000_000


class Mastership(Router):
    """One instance with the rules of MASTER."""

    # Adverts of others.

    def _master_advert(self, event: AdvertReceived, now_ns: int) -> Actions:
        advert, ours = event.advert, self.priority
        self.statistics.adverts_received += 1
        if self._ignores_adverts():
            return self._note_rival(event, now_ns) if advert.priority else ()
        if advert.priority == 0:
            self.statistics.priority_zero_received += 1
            self._set_timer(self.instance.advert_int_ns, now_ns)
            return self._advert(now_ns)
        if (advert.priority, event.source) > (ours, self._primary):
            if self.instance.strict_mode:
                return self._lose(event, "advertises", now_ns)
            # One advert more, for the winner: it may not have heard of us (a partition healed), and
            # only a losing advert makes it announce the addresses to the neighbours that are ours.
            # keepalived does so with higher_prio_send_advert; the RFCs do not know it.
            return (*self._advert(now_ns), *self._lose(event, "advertises", now_ns))
        self.statistics.losing_adverts += 1
        if self._stood_still(now_ns) and not self.preempts and ours != OWNER_PRIORITY:
            # Another took over while this process stood still: with nopreempt it keeps its place.
            return self._lose(event, "took over while we stood still and advertises", now_ns)
        if self._is_parting(event.source, now_ns):
            return self._assert_mastership(event, now_ns, parting=True)
        return (*self._assert_mastership(event, now_ns), *self._note_rival(event, now_ns))

    def _ignores_adverts(self) -> bool:
        """An owner may be told to believe nobody; RFC 3768 and RFC 5798 section 7.1 want it so."""
        instance = self.instance
        if self.priority != OWNER_PRIORITY:
            return False
        if not (instance.owner_ignore_adverts or instance.strict_mode):
            return False
        self.statistics.owner_adverts_ignored += 1
        return True

    def _stood_still(self, now_ns: int) -> bool:
        """Whether others must have given us up since our last advert."""
        return now_ns - self._last_advert_ns > self._down_ns(self.instance.advert_int_ns)

    def _lose(self, event: AdvertReceived, how: str, now_ns: int) -> Actions:
        advert, address = event.advert, self.address_text(event.source)
        reason = f"{address} {how} priority {advert.priority}, ours is {self.priority}"
        if advert.priority == self.priority:
            reason += "; of equals the higher address wins"
        self.master_interval_ns = advert.advert_int_ns
        backup = self._become_backup(reason, now_ns)
        heard = self._master_heard(event.source, advert.priority)
        return (self._hold(False, now_ns), StopAnnouncing(), *backup, heard)

    def _is_parting(self, source: int, now_ns: int) -> bool:
        """Whether it is the last word of the master that this takeover has just overtaken."""
        if self._overtaken is None or self._overtaken[0] != source:
            return False
        until_ns, self._overtaken = self._overtaken[1], None
        return now_ns < until_ns

    def _assert_mastership(
        self, event: AdvertReceived, now_ns: int, *, parting: bool = False
    ) -> Actions:
        """RFC 9568 section 6.4.3: answer a losing advert, so that its sender and the bridges learn.

        At most one answer in half an interval, so that a flood draws no flood. The announcement
        mends the neighbours' caches after two masters.
        """
        instance = self.instance
        half_ns = instance.advert_int_ns // 2
        if self._asserted_ns is not None and now_ns - self._asserted_ns < half_ns:
            return ()
        self._asserted_ns = now_ns
        actions: Actions = () if instance.lower_prio_no_advert else self._advert(now_ns)
        since_ns = self._reannounced_ns
        if self.acknowledged and (since_ns is None or now_ns - since_ns >= _REANNOUNCE_NS):
            self._reannounced_ns = now_ns
            if not parting:
                sender = self.who((event.source, event.advert.priority))
                text = f"{sender} advertises as master too, and loses"
                actions += (self._log("warning", text),)
            if instance.garp_lower_prio_repeat:
                repeat = instance.garp_lower_prio_repeat
                actions += (Announce(addresses=self._all_addresses(), repeat=repeat),)
        return actions

    # A second master.

    def _note_rival(self, event: AdvertReceived, now_ns: int) -> Actions:
        """What a losing advert says about a second master, for those who want to be told."""
        advert, source = event.advert, event.source
        rival = self.who((source, advert.priority))
        new = not self.dual_active.episode
        begins = self.dual_active.heard(rival, advert.advert_int_ns, now_ns)
        actions: Actions = ()
        if new:
            actions = (self._event("MASTER_RX_LOWER_PRI", f"{rival} advertises as master too"),)
        return (*actions, *self._dual_active_begins(rival)) if begins else actions

    def _address_claimed(self, event: AddressClaimed, now_ns: int) -> Actions:
        self.statistics.address_claims += 1
        rival = f"{event.mac}, which answers for {event.address}"
        begins = self.dual_active.claimed(rival, self.instance.dual_active_probe_ns, now_ns)
        return self._dual_active_begins(rival) if begins else ()

    def _dual_active_begins(self, rival: str) -> Actions:
        self.statistics.dual_active_episodes += 1
        reason = f"there is a second master: {rival}"
        return (self._event("DUAL_ACTIVE", reason), self._log("error", reason))

    def _dual_active_over(self) -> Actions:
        source = self.dual_active.source
        if not self.dual_active.clear():
            return ()
        reason = f"the second master is silent: {source}"
        return (self._event("DUAL_ACTIVE_OVER", reason), self._log("info", reason))

    # Time.

    def _master_timer(self, event: TimerExpired, now_ns: int) -> Actions:
        if self._hold_by_ns is not None and self._hold_by_ns <= now_ns:
            limit = seconds(hold_limit_ns(self.instance.advert_int_ns))
            return self._fail_takeover(
                f"the kernel process did not confirm the addresses within {limit}", now_ns
            )
        actions: Actions = ()
        if self._timer_ns is not None and self._timer_ns <= now_ns:
            actions = self._advert_due(self._timer_ns, now_ns)
        if self._probe_ns is not None and self._probe_ns <= now_ns:
            self._probe_ns = now_ns + self.instance.dual_active_probe_ns
            actions += (ProbeAddresses(addresses=self._all_addresses()),)
        quiet_ns = self.dual_active.deadline_ns
        if quiet_ns is not None and quiet_ns <= now_ns:
            actions += self._dual_active_over()
        return actions

    def _advert_due(self, due_ns: int, now_ns: int) -> Actions:
        interval_ns = self.instance.advert_int_ns
        self.statistics.count_lateness(now_ns - due_ns, interval_ns)
        stood_still = self._stood_still(now_ns)
        # From the deadline, not from now: lateness must not add up. After a long one, from now.
        self._set_timer(interval_ns, due_ns if now_ns - due_ns < interval_ns else now_ns)
        advert = self._advert(now_ns)
        self.statistics.standstills += stood_still
        if not stood_still or not self.acknowledged:
            return advert
        text = (
            f"stood still for {seconds(now_ns - due_ns)}, no other master heard; announcing again"
        )
        return (*advert, self._log("warning", text), Announce(addresses=self._all_addresses()))

    def _master_clock_gap(self, event: ClockGap, now_ns: int) -> Actions:
        """The host slept: what the monotonic clock missed counts as time since our last advert.

        The advert becomes due at once; adverts received in between are handled before it. But what
        was sent while the host slept is lost: with nopreempt somebody may have the addresses now
        whom our next advert would make yield, so this router listens first, as after a start.
        """
        self._last_advert_ns -= event.gap_ns
        nopreempt = not self.preempts and self.priority != OWNER_PRIORITY
        if nopreempt and self._stood_still(now_ns):
            self.statistics.standstills += 1
            reason = f"this host slept for {seconds(event.gap_ns)}; another may be master by now"
            backup = self._become_backup(reason, now_ns)
            return (self._hold(False, now_ns), StopAnnouncing(), *backup)
        self._timer_ns = now_ns
        return ()

    # The kernel process.

    def _hold_applied(self, event: HoldApplied, now_ns: int) -> Actions:
        if event.sequence != self._sequence:
            return ()
        if event.error is not None:
            return self._fail_takeover(f"the addresses could not be set: {event.error}", now_ns)
        self.acknowledged = True
        self._hold_by_ns = None
        self._retry_ns = 0
        self._plan_probe(now_ns)
        announce, self._to_announce = self._to_announce, ()
        return (Announce(addresses=announce),) if announce else ()

    def _release_applied(self, event: HoldApplied, now_ns: int) -> Actions:
        """In every other state."""
        if event.sequence != self._sequence or event.error is None:
            return ()
        return (self._log("error", f"the addresses could not be removed: {event.error}"),)

    def _plan_probe(self, now_ns: int) -> None:
        """The first probe after one period: the master before us may still let go."""
        period_ns = self.instance.dual_active_probe_ns
        if not period_ns:
            self._probe_ns = None
        elif self._probe_ns is None or self._probe_ns > now_ns + period_ns:
            self._probe_ns = now_ns + period_ns

    def _kernel_died(self, event: ProcessDied, now_ns: int) -> Actions:
        """Its acknowledgement is worth nothing now, and neither is one still on its way."""
        self._sequence += 1
        self.acknowledged = False
        if self._hold_by_ns is None:
            self._hold_by_ns = now_ns + hold_limit_ns(self.instance.advert_int_ns)
        return ()

    def _announcement_needed(self, event: AnnouncementNeeded, now_ns: int) -> Actions:
        return (Announce(addresses=event.addresses),) if self.acknowledged else ()

    # Settings, priority, sync group.

    def _reconfigure_master(self, event: Reconfigured, now_ns: int) -> Actions:
        """At once an advert: backups learn a longer interval before they miss the old one."""
        known = set(self._all_addresses())
        before, self.instance = self.instance, event.instance
        news = self._adjust_priority(event, "MASTER_PRIORITY")
        self.master_interval_ns = event.instance.advert_int_ns
        self._set_timer(event.instance.advert_int_ns, now_ns)
        if self.acknowledged:
            self._plan_probe(now_ns)
        actions = self._advert(now_ns)
        if _held(event.instance) != _held(before):
            new = [address for address in self._all_addresses() if address not in known]
            self._to_announce = tuple(dict.fromkeys((*self._to_announce, *new)))
            actions += (self._hold(True, now_ns),)
        return (*actions, *news)

    def _adjust_priority(self, event: Reconfigured, name: str) -> Actions:
        before, priority = self.priority, event.priority
        self.priority = event.instance.priority if priority is None else priority
        return (self._event(name, "configured"),) if self.priority != before else ()

    def _master_priority(self, event: PriorityChanged, now_ns: int) -> Actions:
        return self._change_priority(event, "MASTER_PRIORITY")

    def _change_priority(self, event: PriorityChanged, name: str) -> Actions:
        text = f"effective priority {self.priority} -> {event.priority}: {event.reason}"
        self.priority = event.priority
        self.statistics.priority_changes += 1
        return (self._event(name, event.reason), self._log("info", text))

    def _yield(self, event: Yield, now_ns: int) -> Actions:
        """Out of step with the sync group: resign, so that the others' new master comes soon."""
        self.statistics.group_yields += 1
        resigned = self._resign(State.BACKUP, event.reason, now_ns)
        self._set_timer(self.master_down_ns, now_ns)
        return resigned

    def _step_down(self, event: StepDown, now_ns: int) -> Actions:
        """By order of an operator; but the addresses are not to be nobody's because of it."""
        resigned = self._resign(State.BACKUP, event.reason, now_ns)
        self._heard = Heard.UNHEEDED
        self._set_timer(self._patience_ns, now_ns)
        return resigned


def _held(instance: VrrpInstance) -> tuple[object, ...]:
    """All that the kernel process keeps for the instance while it is master."""
    return (
        instance.name,
        instance.addresses,
        instance.excluded,
        instance.routes,
        instance.rules,
        instance.accept,
        instance.promote_secondaries,
        instance.vmac,
    )
