# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator's word does to elections: given away, held, resigned by order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lvs_agent.core.actions import SendAdvert
from lvs_agent.core.events import AdvertReceived, TimerExpired
from lvs_agent.core.messages import (
    HoldApplied,
    InstanceOverride,
    InstanceState,
    MasterHeard,
    StepDown,
)
from lvs_agent.core.model import SyncGroup, VrrpInstance
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import Outputs, VrrpStack
from vrrp_builders import MS, S, advert, config, instance, ip, link

PEER = ip("10.0.0.6")
RESIGN = SendAdvert(resign=True)


class Bench:
    """A stack with a clock; every instance has heard of its interface."""

    def __init__(self, *instances: VrrpInstance, groups: tuple[SyncGroup, ...] = ()) -> None:
        self.now_ns = 1000 * S
        instances = instances or (instance(version=3),)
        self.stack = VrrpStack(config(*instances, groups=groups), self.now_ns)
        self.names = [each.name for each in instances]
        self.stack.link(link(), self.now_ns)

    def override(self, state: str, name: str = "web") -> Outputs:
        override = InstanceOverride(
            instance=name, state=state, owner="alice", reason="", since_s=0, expires_s=None
        )
        return self.stack.override(override, self.now_ns)

    def step_down(self, name: str = "web") -> Outputs:
        order = StepDown(instance=name, reason="by order")
        return self.stack.step_down(order, self.now_ns)

    def hears(self, priority: int, name: str = "web", **changes: Any) -> Outputs:
        of = advert(self.stack.routers[name].instance, priority=priority, **changes)
        return self.stack.handle(name, AdvertReceived(source=PEER, advert=of), self.now_ns)

    def expire(self) -> int:
        """To the next deadline of anybody; gives how long that was."""
        before_ns, due_ns = self.now_ns, self.stack.deadline
        assert due_ns is not None
        self.now_ns = due_ns
        for name in self.names:
            self.stack.handle(name, TimerExpired(), self.now_ns)
        return due_ns - before_ns

    def become_master(self) -> Bench:
        while not all(self.state(name) is State.MASTER for name in self.names):
            self.expire()
        for name in self.names:
            answer = HoldApplied(
                instance=name,
                hold=True,
                sequence=self.stack.routers[name].sequence,
                error=None,
            )
            self.stack.handle(name, answer, self.now_ns)
        return self

    def state(self, name: str = "web") -> State:
        return self.stack.routers[name].state

    def priority(self, name: str = "web") -> int:
        return self.stack.routers[name].priority

    def hold(self) -> Any:
        return self.stack.instance_reports(self.now_ns)[0]["hold"]


def test_given_away_a_master_goes_on_with_the_lowest_priority_until_somebody_is_there() -> None:
    bench = Bench().become_master()
    bench.override("given_away")
    assert (bench.state(), bench.priority()) == (State.MASTER, 1)
    outputs = bench.hears(50)
    assert bench.state() is State.BACKUP
    assert ("web", MasterHeard(instance="web", address="10.0.0.6", priority=50)) in outputs


@pytest.mark.parametrize("state", ["given_away", "held"])
def test_a_backup_takes_over_from_nobody_who_is_there(state: str) -> None:
    bench = Bench(instance(version=3, priority=200))
    bench.override(state)
    for _ in range(20):
        bench.hears(1)
        bench.now_ns += S
        assert bench.state() is State.BACKUP
    bench.become_master()  # silence is another thing


def test_held_while_about_to_preempt_it_waits_for_the_master() -> None:
    bench = Bench(instance(version=3, priority=200))
    for _ in range(3):
        bench.hears(50)  # discarded: the timer runs on
        bench.now_ns += S
    bench.override("held")
    assert bench.expire() > 3 * S


def test_a_held_master_keeps_its_priority_and_its_place() -> None:
    bench = Bench().become_master()
    bench.override("held")
    bench.hears(50)
    assert (bench.state(), bench.priority()) == (State.MASTER, 100)


def test_ordinary_again_it_preempts_by_the_ordinary_rules() -> None:
    bench = Bench(instance(version=3, priority=200))
    bench.override("given_away")
    bench.hears(100)
    bench.override("ordinary")
    assert (bench.priority(), bench.hold()) == (200, None)
    bench.hears(100)
    assert bench.expire() < 4 * S
    assert bench.state() is State.MASTER


def test_resigned_by_order_it_is_back_after_the_lowest_skew_when_nobody_comes() -> None:
    bench = Bench(instance(version=3, advert_int_ns=100 * MS)).become_master()
    assert ("web", RESIGN) in bench.step_down()
    assert bench.state() is State.BACKUP
    # (256 - 1) / 256 of the interval and 50 ms
    assert bench.expire() == 255 * 100 * MS // 256 + 50 * MS
    assert bench.state() is State.MASTER
    assert "nobody took over" in bench.stack.routers["web"].transition.reason


def test_resigned_by_order_it_stays_backup_when_somebody_comes() -> None:
    bench = Bench().become_master()
    bench.override("given_away")
    bench.step_down()
    bench.hears(1)
    assert bench.expire() > 3 * S


def test_who_is_not_master_has_nothing_to_resign_from() -> None:
    bench = Bench()
    assert bench.step_down() == ()
    assert bench.step_down("unknown") == ()


def test_a_sync_group_is_given_away_as_a_whole() -> None:
    members = (
        instance(name="a", version=3, virtual_router_id=1),
        instance(name="b", version=3, virtual_router_id=2),
    )
    bench = Bench(*members, groups=(SyncGroup(name="g", members=("a", "b")),)).become_master()
    bench.override("given_away", "b")
    assert bench.priority("a") == bench.priority("b") == 1
    outputs = bench.step_down("a")
    assert ("a", RESIGN) in outputs
    assert ("b", RESIGN) in outputs
    bench.become_master()  # nobody came


def test_an_owner_is_neither_given_away_nor_held() -> None:
    bench = Bench(instance(version=3, priority=255))
    bench.override("given_away")
    assert (bench.priority(), bench.hold()) == (255, None)
    assert bench.state() is State.MASTER


def test_a_tracker_that_fails_is_fault_still() -> None:
    bench = Bench()
    bench.override("given_away")
    outputs = bench.stack.link(link(running=False), bench.now_ns)
    assert bench.state() is State.FAULT
    assert any(isinstance(action, InstanceState) for _, action in outputs)


def test_a_reload_changes_nothing_about_it() -> None:
    before = instance(version=3, priority=150)
    bench = Bench(before)
    bench.override("given_away")
    bench.stack.configure(config(replace(before, priority=90, name="new")), bench.now_ns)
    assert bench.priority("new") == 1
    assert bench.hold()["state"] == "given_away"
