# SPDX-License-Identifier: GPL-3.0-or-later
"""A second master: what is one, what is none, when it is told and when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from lvs_agent.core.actions import Action, ProbeAddresses, SendAdvert
from lvs_agent.core.events import (
    AddressClaimed,
    AdvertReceived,
    Event,
    InterfaceDown,
    InterfaceUp,
    TimerExpired,
)
from lvs_agent.core.messages import HoldApplied, InstanceEvent, LogLine
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.dual_active import DualActive
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.report import instance_report
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.tracking import standing
from vrrp_builders import MS, S, advert, instance, ip, virtual

OURS, OTHER = ip("10.0.0.5"), ip("10.0.0.6")
CLAIM = AddressClaimed(address="10.0.0.100", mac="02:00:00:00:00:06")


class Bench:
    """A master with a clock; `events` has the names of all that it told, with the time."""

    def __init__(self, of: VrrpInstance, *, preempts: bool = False) -> None:
        self.now_ns = 0
        self.router = VirtualRouter(of, 0)
        self.events: list[tuple[str, int]] = []
        self.feed(InterfaceUp(primary=OURS))
        if preempts:
            self.hears(of.priority - 1)
        self.expire()
        sequence = self.router.sequence
        self.feed(HoldApplied(instance="web", hold=True, sequence=sequence, error=None))
        assert self.router.acknowledged
        self.start_ns = self.now_ns

    def feed(self, event: Event) -> list[Action]:
        actions = list(self.router.handle(event, self.now_ns))
        self.events += [
            (action.event, self.now_ns) for action in actions if isinstance(action, InstanceEvent)
        ]
        return actions

    def hears(self, priority: int, source: int = OTHER, **changes: Any) -> list[Action]:
        of = advert(self.router.instance, priority=priority, **changes)
        return self.feed(AdvertReceived(source=source, advert=of))

    def expire(self) -> list[Action]:
        assert self.router.deadline_ns is not None
        self.now_ns = max(self.now_ns, self.router.deadline_ns)
        return self.feed(TimerExpired())

    def run(self, duration_ns: int) -> list[Action]:
        """Let the timers run."""
        end_ns, actions = self.now_ns + duration_ns, []
        while self.router.deadline_ns is not None and self.router.deadline_ns <= end_ns:
            actions += self.expire()
        self.now_ns = end_ns
        return actions

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def report(self) -> dict[str, Any]:
        of = self.router.instance
        found = instance_report(self.router, standing(of, None, {}, {}), (), None, self.now_ns)
        dual_active = found["dual_active"]
        assert isinstance(dual_active, dict)
        return dual_active


def test_losing_adverts_are_told_once_and_are_dual_active_with_the_second() -> None:
    bench = Bench(instance())
    for _ in range(20):
        bench.run(S)
        bench.hears(99)
    assert bench.names() == ["MASTER_RX_LOWER_PRI", "DUAL_ACTIVE"]
    assert bench.events[1][1] - bench.events[0][1] == S  # within two intervals of the first
    assert bench.router.dual_active.active
    assert bench.report() == {
        "active": True,
        "since_s": 18.0,
        "source": "10.0.0.6 (priority 99)",
    }
    assert bench.router.statistics.dual_active_episodes == 1
    assert bench.router.statistics.losing_adverts == 20


def test_it_is_over_after_three_silent_intervals_of_the_other() -> None:
    bench = Bench(instance(version=3))
    for _ in range(3):
        bench.run(500 * MS)
        bench.hears(99, advert_int_ns=500 * MS)
    last_ns = bench.now_ns
    bench.run(10 * S)
    assert bench.events[-1] == ("DUAL_ACTIVE_OVER", last_ns + 1500 * MS)
    assert not bench.router.dual_active.active
    assert bench.report()["active"] is False
    bench.hears(99)
    assert bench.names()[-1] == "MASTER_RX_LOWER_PRI"  # a new episode


def test_one_losing_advert_and_its_duplicates_are_no_second_master() -> None:
    bench = Bench(instance())
    for _ in range(10):
        bench.hears(99)
        bench.now_ns += 10 * MS
    bench.run(10 * S)
    assert bench.names() == ["MASTER_RX_LOWER_PRI"]


def test_parting_advert_of_the_overtaken_master_is_no_news() -> None:
    bench = Bench(instance(), preempts=True)
    bench.now_ns += MS
    actions = bench.hears(99)
    assert SendAdvert() in actions
    assert not [each for each in actions if isinstance(each, LogLine)]
    bench.run(10 * S)
    assert bench.names() == []
    assert bench.router.statistics.losing_adverts == 1


def test_overtaken_master_that_goes_on_is_dual_active() -> None:
    bench = Bench(instance(), preempts=True)
    for _ in range(4):
        bench.run(S)
        bench.hears(99)
    assert bench.names() == ["MASTER_RX_LOWER_PRI", "DUAL_ACTIVE"]


def test_claimed_address_is_dual_active_at_once() -> None:
    bench = Bench(instance(dual_active_probe_ns=10 * S))
    bench.feed(CLAIM)
    bench.feed(CLAIM)
    assert bench.names() == ["DUAL_ACTIVE"]
    assert bench.router.statistics.address_claims == 2
    assert bench.router.state is State.MASTER
    assert bench.report()["source"] == "02:00:00:00:00:06, which answers for 10.0.0.100"


def test_claim_is_over_after_three_silent_periods() -> None:
    bench = Bench(instance(dual_active_probe_ns=10 * S))
    bench.feed(CLAIM)
    claimed_ns = bench.now_ns
    bench.run(60 * S)
    assert bench.events == [
        ("DUAL_ACTIVE", claimed_ns),
        ("DUAL_ACTIVE_OVER", claimed_ns + 30 * S),
    ]


def test_addresses_are_probed_every_period_while_master() -> None:
    of = instance(dual_active_probe_ns=5 * S, excluded=(virtual("10.0.0.200"),))
    bench = Bench(of)
    probe = ProbeAddresses(addresses=("10.0.0.100", "10.0.0.200"))
    assert probe not in bench.run(5 * S - 1)
    assert bench.run(20 * S).count(probe) == 4
    bench.feed(InterfaceDown(reason="gone"))
    assert bench.router.deadline_ns is None


def test_nothing_is_probed_by_default() -> None:
    actions = Bench(instance()).run(60 * S)
    assert not [each for each in actions if isinstance(each, ProbeAddresses)]


def test_yielding_ends_it() -> None:
    bench = Bench(instance())
    for _ in range(3):
        bench.run(S)
        bench.hears(99)
    bench.hears(200)
    assert bench.names()[-1] == "DUAL_ACTIVE_OVER"
    assert not bench.router.dual_active.active


@pytest.mark.parametrize("state", ["BACKUP", "FAULT"])
def test_claims_are_nothing_to_a_router_that_is_not_master(state: str) -> None:
    bench = Bench(instance())
    if state == "BACKUP":
        bench.hears(200)
    else:
        bench.feed(InterfaceDown(reason="gone"))
    assert bench.feed(CLAIM) == []
    assert bench.names() == []


def test_evidence_of_several_sources_is_over_when_the_last_is_silent() -> None:
    evidence = DualActive()
    assert not evidence.heard("a", 10 * S, 0)
    assert evidence.heard("b", S, S)
    assert not evidence.heard("b", S, 2 * S)
    assert evidence.deadline_ns == 30 * S
    assert evidence.clear()
    assert not evidence.clear()
    assert evidence.deadline_ns is None
