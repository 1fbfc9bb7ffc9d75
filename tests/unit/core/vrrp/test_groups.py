# SPDX-License-Identifier: GPL-3.0-or-later
"""Sync groups: master together or not at all, on one director and between two."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from lvs_agent.core.actions import Announce, SendAdvert
from lvs_agent.core.events import AdvertReceived, ClockGap, Event, Shutdown, TimerExpired
from lvs_agent.core.messages import (
    GroupState,
    Hold,
    HoldApplied,
    InstanceState,
    ProcessDied,
    TrackerState,
)
from lvs_agent.core.model import Config, SyncGroup, TrackerKind, Tracking
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import Outputs, VrrpStack
from unit.core.vrrp.group_model import NAMES, Model, settings
from vrrp_builders import MS, S, advert, config, ip, link

START = 1000 * S
BOTH = [State.MASTER] * 2


class Bench:
    """One director with the instances "inside" (eth0) and "outside" (eth1) in the group "both"."""

    def __init__(self, of: Config | None = None, **options: Any) -> None:
        self.now_ns = START
        self.stack = VrrpStack(of or settings((100, 100)), START, **options)

    def up(self) -> Outputs:
        return (*self.link(0), *self.link(1))

    def link(self, number: int, **changes: Any) -> Outputs:
        return self.stack.link(link(f"eth{number}", **changes), self.now_ns)

    def feed(self, name: str, event: Event) -> Outputs:
        return self.stack.handle(name, event, self.now_ns)

    def hears(self, name: str, priority: int) -> Outputs:
        of = advert(self.stack.routers[name].instance, priority=priority)
        return self.feed(name, AdvertReceived(source=ip("10.0.0.6"), advert=of))

    def expire(self, name: str) -> Outputs:
        due_ns = self.stack.deadline_ns(name)
        assert due_ns is not None
        self.now_ns = max(self.now_ns, due_ns)
        return self.feed(name, TimerExpired())

    def acknowledge(self, name: str, error: str | None = None) -> Outputs:
        sequence = self.stack.routers[name].sequence
        answer = HoldApplied(instance=name, hold=True, sequence=sequence, error=error)
        return self.feed(name, answer)

    def states(self) -> list[State]:
        return [router.state for router in self.stack.routers.values()]


def backup(of: Config | None = None, **options: Any) -> Bench:
    bench = Bench(of, **options)
    bench.up()
    return bench


def master(of: Config | None = None) -> Bench:
    bench = backup(of)
    for name in NAMES:
        bench.expire(name)
    for name in NAMES:
        bench.acknowledge(name)
    assert bench.states() == BOTH
    return bench


def said(outputs: Outputs, kind: type) -> list[Any]:
    return [action for _, action in outputs if isinstance(action, kind)]


def adverts(outputs: Outputs) -> list[tuple[str, bool]]:
    return [(name, each.resign) for name, each in outputs if isinstance(each, SendAdvert)]


def tracking(weight: int) -> Tracking:
    return Tracking(kind=TrackerKind.SCRIPT, name="chk", weight=weight)


# Becoming master.


def test_member_waits_until_every_member_wants_to_be_master() -> None:
    bench = backup()
    bench.hears("outside", 90)
    assert bench.expire("inside") == ()
    assert bench.states() == [State.BACKUP] * 2
    outputs = bench.expire("outside")
    assert bench.states() == BOTH
    assert adverts(outputs) == [("inside", False), ("outside", False)]
    (group,) = said(outputs, GroupState)
    assert (group.group, group.previous, group.state) == ("both", "BACKUP", "MASTER")


def test_member_that_hears_a_master_does_not_want_any_more() -> None:
    bench = backup()
    bench.expire("inside")
    bench.hears("inside", 150)
    bench.expire("outside")
    assert bench.states() == [State.BACKUP] * 2


def test_resignation_makes_a_member_want_after_the_skew_time() -> None:
    bench = backup()
    for name in NAMES:
        bench.hears(name, 150)
    for name in NAMES:
        bench.hears(name, 0)
    began_ns = bench.now_ns
    for name in NAMES:
        bench.expire(name)
    assert bench.states() == BOTH
    assert bench.now_ns - began_ns == 609_375_000


def test_owner_in_a_group_waits_for_the_others() -> None:
    bench = backup(settings((255, 100)))
    assert bench.states() == [State.BACKUP] * 2
    bench.hears("inside", 254)
    bench.expire("outside")
    assert bench.states() == BOTH


def test_group_of_owners_is_master_at_once() -> None:
    bench = Bench(settings((255, 255)))
    bench.link(0)
    assert State.MASTER not in bench.states()
    bench.link(1)
    assert bench.states() == BOTH


def test_wish_with_a_priority_that_is_lost_is_wished_again() -> None:
    bench = backup(settings((100, 100), (tracking(-50),)))
    bench.hears("inside", 80)
    bench.expire("inside")
    failed = TrackerState(kind="script", name="chk", up=False, value=0, reason="")
    bench.stack.tracker(failed, bench.now_ns)
    assert [router.priority for router in bench.stack.routers.values()] == [50, 50]
    assert bench.stack.routers["inside"].wish is None
    bench.expire("outside")
    assert bench.states() == [State.BACKUP] * 2


# Leaving.


def test_member_that_loses_takes_the_group_along_and_the_others_resign() -> None:
    bench = master()
    outputs = bench.hears("inside", 150)
    assert bench.states() == [State.BACKUP] * 2
    # The loser's parting advert is an ordinary one; its sibling says priority 0.
    assert adverts(outputs) == [("inside", False), ("outside", True)]
    assert [each.hold for each in said(outputs, Hold)] == [False, False]
    (group,) = said(outputs, GroupState)
    assert group.state == "BACKUP"
    reason = said(outputs, InstanceState)[1].reason
    assert reason == (
        "sync group both: inside is BACKUP: 10.0.0.6 advertises priority 150, ours is 100"
    )
    assert bench.stack.routers["outside"].statistics.group_yields == 1


def test_interface_of_one_member_is_fault_of_all_and_back_together() -> None:
    bench = master()
    outputs = bench.link(0, running=False)
    assert bench.states() == [State.FAULT] * 2
    assert adverts(outputs) == [("inside", True), ("outside", True)]
    assert bench.stack.routers["outside"].transition.reason == (
        "sync group both: inside is in FAULT: interface eth0 is down"
    )
    (group,) = said(outputs, GroupState)
    assert group.state == "FAULT"
    bench.link(1, running=False)
    bench.link(0)
    assert bench.states() == [State.FAULT] * 2
    bench.link(1)
    assert bench.states() == [State.BACKUP] * 2


def test_failed_takeover_of_one_member_is_fault_of_all_until_it_is_tried_again() -> None:
    bench = backup()
    for name in NAMES:
        bench.expire(name)
    outputs = bench.acknowledge("outside", error="Operation not permitted")
    assert bench.states() == [State.FAULT] * 2
    assert adverts(outputs) == [("outside", True), ("inside", True)]
    failed_ns = bench.now_ns
    bench.expire("outside")
    assert bench.now_ns - failed_ns == S
    assert bench.states() == [State.BACKUP] * 2


def test_dead_kernel_process_is_fault_of_all() -> None:
    bench = master()
    bench.stack.handle_all(ProcessDied(name="kernel"), bench.now_ns)
    bench.expire("inside")
    while State.MASTER in bench.states():
        bench.expire("inside")
    assert bench.states() == [State.FAULT] * 2


def test_fatal_tracker_of_the_group_is_fault_of_all() -> None:
    bench = backup(settings((100, 100), (tracking(0),)))
    assert bench.states() == [State.INIT] * 2
    for up, state in ((True, State.BACKUP), (False, State.FAULT), (True, State.BACKUP)):
        result = TrackerState(kind="script", name="chk", up=up, value=0, reason="")
        bench.stack.tracker(result, bench.now_ns)
        assert bench.states() == [state] * 2


def test_stopping_group_resigns_everywhere() -> None:
    bench = master()
    outputs = bench.stack.handle_all(Shutdown(), bench.now_ns)
    assert adverts(outputs) == [("inside", True), ("outside", True)]
    assert bench.states() == [State.INIT] * 2
    (group,) = said(outputs, GroupState)
    assert group.state == "INIT"


def test_members_that_stood_still_with_nopreempt_leave_all_to_the_successor() -> None:
    bench = master(settings((100, 100), preempt=False))
    bench.now_ns += 10 * S
    bench.hears("inside", 50)
    assert bench.states() == [State.BACKUP] * 2


def test_backups_that_stood_still_listen_first() -> None:
    bench = backup()
    for name in NAMES:
        bench.hears(name, 150)
    bench.now_ns += 20 * S
    for name in NAMES:
        bench.feed(name, TimerExpired())
    assert bench.states() == [State.BACKUP] * 2
    bench.hears("inside", 150)
    bench.expire("outside")
    assert bench.states() == [State.BACKUP] * 2


def test_wish_from_before_the_host_slept_counts_no_more() -> None:
    bench = backup()
    bench.hears("inside", 90)
    bench.expire("inside")
    bench.stack.handle_all(ClockGap(gap_ns=60 * S), bench.now_ns)
    assert bench.stack.routers["inside"].wish is None
    bench.now_ns += S
    bench.hears("inside", 150)
    bench.expire("outside")
    assert bench.states() == [State.BACKUP] * 2


def test_losing_advert_for_one_member_announces_the_addresses_of_all() -> None:
    bench = master()
    outputs = bench.hears("inside", 50)
    announced = [(name, each.addresses) for name, each in outputs if isinstance(each, Announce)]
    assert announced == [("inside", ("10.0.0.100",)), ("outside", ("10.1.0.100",))]
    assert bench.states() == BOTH


# Adoption and configuration.


def test_adopted_group_goes_on_when_all_its_interfaces_are_known() -> None:
    bench = Bench(adopt=frozenset(NAMES), restarted=True)
    assert bench.link(0) == ()
    outputs = bench.link(1)
    assert bench.states() == BOTH
    assert adverts(outputs) == [("inside", False), ("outside", False)]
    assert [change.previous for change in said(outputs, InstanceState)] == ["INIT", "INIT"]


def test_group_that_died_halfway_is_not_adopted() -> None:
    bench = Bench(adopt=frozenset({"inside"}), restarted=True)
    bench.up()
    assert bench.states() == [State.BACKUP] * 2


def test_adopted_group_with_a_dead_interface_resigns_everywhere() -> None:
    bench = Bench(adopt=frozenset(NAMES), restarted=True)
    bench.link(0)
    outputs = bench.link(1, running=False)
    assert bench.states() == [State.FAULT] * 2
    assert sorted(adverts(outputs)) == [("inside", True), ("outside", True)]
    assert [each.hold for each in said(outputs, Hold)] == [False, False]


def test_group_that_is_configured_later_brings_its_members_in_step() -> None:
    instances = settings((100, 100)).vrrp_instances
    bench = Bench(config(*instances))
    bench.up()
    bench.expire("inside")
    assert bench.states() == [State.MASTER, State.BACKUP]
    outputs = bench.stack.configure(settings((100, 100)), bench.now_ns)
    assert bench.states() == [State.BACKUP] * 2
    assert adverts(outputs) == [("inside", True)]


def test_member_that_leaves_its_group_elects_alone() -> None:
    bench = backup()
    bench.expire("inside")
    assert bench.states() == [State.BACKUP] * 2
    bench.stack.configure(config(*settings((100, 100)).vrrp_instances), bench.now_ns)
    bench.expire("inside")
    assert bench.states() == [State.MASTER, State.BACKUP]


def test_removed_member_leaves_the_rest_of_the_group_as_it_is() -> None:
    bench = master()
    inside, _ = settings((100, 100)).vrrp_instances
    rest = config(inside, groups=(SyncGroup(name="both", members=("inside",)),))
    outputs = bench.stack.configure(rest, bench.now_ns)
    assert adverts(outputs) == [("outside", True)]
    assert bench.states() == [State.MASTER]


def test_report_has_the_group() -> None:
    bench = master()
    (report,) = bench.stack.group_reports(bench.now_ns)
    assert (report["name"], report["state"]) == ("both", "MASTER")
    assert report["members"] == list(NAMES)
    assert bench.stack.instance_reports(bench.now_ns)[0]["sync_group"] == "both"


# Two directors.

LATENCIES = (50_000, 3 * MS)
PRIORITIES = {
    "ordered": ((150, 150), (100, 100)),
    "equal": ((100, 100), (100, 100)),
    "crossed": ((150, 100), (100, 150)),
}


def pair(priorities: tuple[tuple[int, int], tuple[int, int]], latency_ns: int = MS) -> Model:
    one, two = priorities
    model = Model({"a": settings(one), "b": settings(two)}, latency_ns)
    model.start("a")
    model.start("b")
    return model


@pytest.mark.parametrize("latency_ns", LATENCIES)
@pytest.mark.parametrize("priorities", PRIORITIES.values(), ids=PRIORITIES)
def test_two_directors_that_start_together_agree(
    priorities: tuple[tuple[int, int], tuple[int, int]], latency_ns: int
) -> None:
    model = pair(priorities, latency_ns)
    model.run(60 * S)
    assert len(model.masters()) == 1, model.describe()


def test_directors_at_cross_purposes_stay_with_whom_they_have() -> None:
    model = Model({"a": settings((150, 100)), "b": settings((100, 150))})
    model.start("b")
    model.run(10 * S)
    model.start("a")
    model.run(60 * S)
    assert model.masters() == ["b"]


def test_handover_of_a_group_takes_the_skew_time_in_every_network() -> None:
    model = pair(PRIORITIES["ordered"])
    model.run(10 * S)
    assert model.masters() == ["a"]
    began_ns = model.now_ns
    model.stop("a")
    model.run(620 * MS)
    assert model.masters() == ["b"], f"not within {model.now_ns - began_ns} ns"


def test_preferred_director_takes_a_group_back() -> None:
    model = pair(PRIORITIES["ordered"])
    model.run(10 * S)
    model.crash("a")
    model.run(10 * S)
    assert model.masters() == ["b"]
    model.start("a")
    model.run(10 * S)
    assert model.masters() == ["a"]


def test_adopted_group_causes_no_change_on_the_other_director() -> None:
    model = pair(PRIORITIES["ordered"])
    model.run(10 * S)
    model.crash("a")
    model.run(300 * MS)
    model.start("a", adopt=frozenset(NAMES))
    model.run(10 * S)
    assert model.masters() == ["a"]
    stack = model.directors["b"].stack
    assert stack is not None
    assert [router.statistics.became_master for router in stack.routers.values()] == [0, 0]


@pytest.mark.parametrize(("weight", "within_ns"), [(-60, 3_610 * MS), (0, 620 * MS)])
def test_failed_script_of_the_group_moves_all_of_it_and_back(weight: int, within_ns: int) -> None:
    """Weighted: the backup discards the weaker adverts. Weight 0: the master resigns."""
    model = Model({"a": settings((150, 150), (tracking(weight),)), "b": settings((100, 100))})
    model.start("b")
    model.start("a")
    model.script("a", up=True)
    model.run(10 * S)
    assert model.masters() == ["a"]
    model.script("a", up=False)
    model.run(within_ns)
    assert model.masters() == ["b"], model.describe()
    model.run(10 * S)
    model.script("a", up=True)
    model.run(10 * S)
    assert model.masters() == ["a"]


def test_network_that_fails_for_one_member_alone_moves_nothing() -> None:
    model = pair(PRIORITIES["ordered"])
    model.run(10 * S)
    model.cuts = {("a", 0), ("b", 0)}
    model.run(60 * S)
    assert model.masters() == ["a"]


# What befalls them: for each of two periods one of these.
def _cut(*cuts: tuple[str, int]) -> Callable[[Model], None]:
    return lambda model: model.cuts.update(cuts)


def _link_down(name: str, network: int) -> Callable[[Model], None]:
    return lambda model: model.link(name, network, up=False)


def _no_kernel(name: str) -> Callable[[Model], None]:
    return lambda model: model.kernel_error.update({name: "no"})


FAULTS: dict[str, Callable[[Model], None]] = {
    "none": lambda _: None,
    "first network": _cut(("a", 0), ("b", 0)),
    "second network": _cut(("a", 1), ("b", 1)),
    "both networks": _cut(("a", 0), ("b", 0), ("a", 1), ("b", 1)),
    "a unheard in the first": _cut(("a", 0)),
    "b unheard in the first": _cut(("b", 0)),
    "a unheard": _cut(("a", 0), ("a", 1)),
    "crosswise": _cut(("a", 0), ("b", 1)),
    "a crashes": lambda model: model.crash("a"),
    "b stops": lambda model: model.stop("b"),
    "a has no link": _link_down("a", 0),
    "b has no link": _link_down("b", 1),
    "a cannot hold": _no_kernel("a"),
}


def _mend(model: Model) -> None:
    model.cuts.clear()
    model.kernel_error = dict.fromkeys(model.directors)
    for name, director in model.directors.items():
        if director.stack is None:
            model.start(name)
        for network in (0, 1):
            model.link(name, network, up=True)


@pytest.mark.parametrize(
    ("order", "preempt"), [("ordered", True), ("equal", False), ("crossed", True)]
)
def test_after_any_two_faults_one_director_has_the_whole_group(order: str, preempt: bool) -> None:
    """Every pair of faults; the model checks after every event that no director is split."""
    for first, second in product(FAULTS, FAULTS):
        model = Model(
            {
                name: settings(of, preempt=preempt)
                for name, of in zip("ab", PRIORITIES[order], strict=True)
            }
        )
        model.start("a")
        model.start("b")
        model.run(5 * S)
        FAULTS[first](model)
        model.run(4 * S + 137 * MS)
        FAULTS[second](model)
        model.run(6 * S)
        _mend(model)
        model.run(45 * S)  # the longest back-off after a failed takeover is among it
        assert len(model.masters()) == 1, (first, second, model.describe())
