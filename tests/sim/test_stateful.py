# SPDX-License-Identifier: GPL-3.0-or-later
"""One router, any order of events that its table allows, at any time: Hypothesis looks for one
that breaks the discipline between adverts, holds and announcements.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lvs_agent.core.actions import Announce, SendAdvert
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
from lvs_agent.core.messages import (
    Hold,
    HoldApplied,
    InstanceState,
    ProcessDied,
    ProcessRestarted,
    StepDown,
)
from lvs_agent.core.vrrp import fsm
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.router import State
from sim.cluster import addresses
from sim.invariants import hold_limit_ns
from sim.mutations import MUTATIONS
from vrrp_builders import MS, S, advert, instance

_OURS = 0x0A000002
_LONGEST_INTERVAL_NS = 4095 * 10 * MS
_PRIORITIES = st.sampled_from([1, 99, 100, 101, 254])
_INTERVALS = st.sampled_from([10 * MS, 100 * MS, S, _LONGEST_INTERVAL_NS])
_SPANS = st.sampled_from([0, 1, MS, 30 * MS, 150 * MS, S, 5 * S, 3600 * S])


class OneRouter(RuleBasedStateMachine):
    """Judges by the actions alone, as somebody on the network and in the kernel would."""

    @initialize(
        chosen=st.fixed_dictionaries(
            {
                "priority": st.sampled_from([1, 100, 255]),
                "advert_int_ns": _INTERVALS,
                "preempt": st.booleans(),
                "preempt_delay_ns": st.sampled_from([0, 3 * S]),
                "dual_active_probe_ns": st.sampled_from([0, S]),
            }
        ),
        adopt=st.booleans(),
        grouped=st.booleans(),
        begin=st.sampled_from([State.INIT, State.BACKUP, State.MASTER, State.MASTER]),
    )
    def born(self, chosen: dict[str, Any], adopt: bool, grouped: bool, begin: State) -> None:
        self.now_ns = 1000 * S
        self.settings = instance(version=3, **chosen)
        self.router = VirtualRouter(self.settings, self.now_ns, adopt=adopt)
        self.router.set_grouped(grouped, self.now_ns)
        self.state = State.INIT
        self.sequence = self.router.sequence
        self.held = False  # what the last Hold asked for
        self.acknowledged = False
        self.promised_ns: int | None = None
        self.limit_ns = 0
        self.stopped = False
        if begin is not State.INIT:
            self.interface_up()
        if begin is State.MASTER and self.state is State.BACKUP and not grouped:
            self.expire(late_ns=0)

    def allows(self, event: type) -> bool:
        return (self.router.state, event) in fsm._TABLE

    def give(self, event: Event) -> None:
        """Handle it, and hold every action against the rules."""
        before = self.state
        if isinstance(event, ProcessDied):
            self.acknowledged = False
            if self.state is State.MASTER:
                self.promise()
        if isinstance(event, HoldApplied) and event.sequence == self.sequence:
            self.acknowledged = self.held and event.error is None and self.answer_counts
        actions = self.router.handle(event, self.now_ns)
        resigned = False
        for action in actions:
            match action:
                case SendAdvert(resign=True):
                    resigned = True
                case SendAdvert():
                    self.check_promise()
                case Hold(hold=hold, sequence=sequence):
                    assert sequence > self.sequence
                    self.sequence, self.held, self.acknowledged = sequence, hold, False
                    self.answer_counts = True
                    if hold:
                        self.promise()
                case Announce():
                    assert self.acknowledged, "announced before the kernel confirmed"
                case InstanceState(state=state, previous=previous):
                    assert previous == self.state
                    self.state = State(state)
                case _:
                    pass
        if isinstance(event, ProcessDied) and self.state is State.MASTER:
            self.answer_counts = False
        if self.acknowledged or self.state is not State.MASTER:
            self.promised_ns = None
        if before is State.MASTER and self.state in (State.INIT, State.FAULT):
            assert resigned, "left without a word"
        if self.state is not State.MASTER and before is State.MASTER:
            assert not self.held, "left with the addresses"

    answer_counts = True

    def promise(self) -> None:
        if self.promised_ns is None:
            self.promised_ns = self.now_ns
            self.limit_ns = hold_limit_ns(self.router.instance.advert_int_ns)

    def check_promise(self) -> None:
        """I3, without a slot: no advert once the time for the acknowledgement is over."""
        if not self.acknowledged:
            self.promise()
            assert self.promised_ns is not None
            assert self.now_ns - self.promised_ns <= self.limit_ns

    # Time.

    @rule(span_ns=_SPANS)
    def wait(self, span_ns: int) -> None:
        """Time passes; a timer that is due may come late."""
        self.now_ns += span_ns

    @precondition(lambda self: self.router.deadline_ns is not None)
    @rule(late_ns=st.sampled_from([0, 0, 0, MS, 5 * S]))
    def expire(self, late_ns: int) -> None:
        assert self.router.deadline_ns is not None
        self.now_ns = max(self.now_ns, self.router.deadline_ns + late_ns)
        self.give(TimerExpired())

    @rule(gap_ns=_SPANS)
    def sleep(self, gap_ns: int) -> None:
        self.give(ClockGap(gap_ns=gap_ns))

    # The network.

    @rule(
        priority=st.sampled_from([0, 1, 99, 100, 101, 254, 255]),
        source=st.sampled_from([_OURS - 1, _OURS + 1]),
        interval_ns=_INTERVALS,
    )
    def hear(self, priority: int, source: int, interval_ns: int) -> None:
        heard = replace(advert(self.settings), priority=priority, advert_int_ns=interval_ns)
        self.give(AdvertReceived(source=source, advert=heard))

    @rule()
    def see_claim(self) -> None:
        self.give(AddressClaimed(address="10.0.0.100", mac="02:00:00:00:00:09"))

    # The kernel process.

    @rule(age=st.sampled_from([0, 0, 0, 1, 2]), refused=st.booleans())
    def answer(self, age: int, refused: bool) -> None:
        """To the last question, or to an older one."""
        sequence = self.sequence - age
        error = "EPERM" if refused else None
        self.give(HoldApplied(instance="web", hold=self.held, sequence=sequence, error=error))

    @rule()
    def kernel_dies(self) -> None:
        self.give(ProcessDied(name="kernel"))

    @rule()
    def kernel_is_back(self) -> None:
        self.give(ProcessRestarted(name="kernel"))

    @rule()
    def address_put_back(self) -> None:
        self.give(AnnouncementNeeded(addresses=("10.0.0.100",)))

    # Interfaces, settings, siblings.

    @precondition(lambda self: not self.stopped)
    @rule()
    def interface_up(self) -> None:
        self.give(InterfaceUp(primary=_OURS))

    @precondition(lambda self: not self.stopped)
    @rule(reason=st.sampled_from(["eth0 is down", "chk is down"]))
    def interface_down(self, reason: str) -> None:
        self.give(InterfaceDown(reason=reason))

    @rule(
        priority=_PRIORITIES, interval_ns=_INTERVALS, preempt=st.booleans(), count=st.integers(1, 3)
    )
    def reload(self, priority: int, interval_ns: int, preempt: bool, count: int) -> None:
        self.settings = replace(
            self.settings,
            priority=priority,
            advert_int_ns=interval_ns,
            preempt=preempt,
            addresses=addresses(4, 0, count),
        )
        self.give(Reconfigured(instance=self.settings, priority=priority))

    @rule(priority=_PRIORITIES)
    def weigh(self, priority: int) -> None:
        self.give(PriorityChanged(priority=priority, reason="a tracker"))

    @precondition(lambda self: self.allows(TakeOver) and self.router.wish is not None)
    @rule()
    def take_over(self) -> None:
        self.give(TakeOver(reason="all want to"))

    @precondition(lambda self: self.allows(Yield) and self.router.grouped)
    @rule()
    def yield_(self) -> None:
        self.give(Yield(reason="a sibling lost"))

    # Operators.

    @rule()
    def step_down(self) -> None:
        """By order. It takes over again after an interval and a margin unless it hears somebody."""
        was_master = self.state is State.MASTER
        self.give(StepDown(instance="web", reason="by order"))
        if was_master:
            assert self.state is State.BACKUP
            assert self.router.deadline_ns is not None
            longest_ns = self.router.instance.advert_int_ns + S // 4
            assert self.router.deadline_ns - self.now_ns <= longest_ns

    @rule(overridden=st.booleans())
    def override(self, overridden: bool) -> None:
        self.router.set_overridden(overridden, self.now_ns)

    @rule()
    def stop(self) -> None:
        """Of a removed instance; what is on its way still comes, its interfaces do not."""
        self.give(Shutdown())
        self.stopped = True
        assert self.state is State.INIT

    # What always holds.

    @invariant()
    def what_it_reports_is_what_it_is(self) -> None:
        assert self.router.state is self.state
        assert self.held or self.state is not State.MASTER

    @invariant()
    def timers_are_bounded(self) -> None:
        """The longest are Master_Down_Interval by the longest interval, plus one of standing
        still, and the retry after 30 s. A router that works always waits for something."""
        deadline_ns = self.router.deadline_ns
        if deadline_ns is not None:
            assert deadline_ns <= self.now_ns + 5 * _LONGEST_INTERVAL_NS
        waits = deadline_ns is not None or (self.router.grouped and self.router.wish is not None)
        assert waits or self.state in (State.INIT, State.FAULT)


_SETTINGS = settings(max_examples=150, stateful_step_count=60, deadline=None)
OneRouter.TestCase.settings = _SETTINGS
TestOneRouter = OneRouter.TestCase

# What can be seen of one router alone.
_FOUND_HERE = (
    "no parting advert",
    "addresses kept after losing",
    "the kernel's acknowledgement not awaited",
    "an answer to an older question taken",
)


@pytest.mark.parametrize("name", _FOUND_HERE)
def test_planted_bug_is_found_by_sequences_of_events(name: str) -> None:
    (mutation,) = (each for each in MUTATIONS if each.name == name)
    thorough = settings(
        _SETTINGS, max_examples=1500, database=None, derandomize=True, phases=(Phase.generate,)
    )
    with mutation.planted(), pytest.raises(AssertionError):
        run_state_machine_as_test(OneRouter, settings=thorough)
