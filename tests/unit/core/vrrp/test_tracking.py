# SPDX-License-Identifier: GPL-3.0-or-later
"""What trackers make of an instance: every weight, its bounds, and FAULT."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.messages import LinkState, TrackerState
from lvs_agent.core.model import (
    SyncGroup,
    TrackerKind,
    Tracking,
    TrackInterface,
    VrrpInstance,
)
from lvs_agent.core.vrrp.tracking import Standing, standing
from vrrp_builders import instance, link

KINDS = [TrackerKind.SCRIPT, TrackerKind.PROCESS, TrackerKind.BFD]


def tracked(weight: int, *, reverse: bool = False, kind: str = "script") -> Tracking:
    return Tracking(kind=TrackerKind(kind), name="chk", weight=weight, reverse=reverse)


def state(up: bool | None, *, kind: str = "script", value: int = 0) -> TrackerState:
    return TrackerState(kind=kind, name="chk", up=up, value=value, reason="")


def stand(
    of: VrrpInstance, *states: TrackerState, group: SyncGroup | None = None, **links: LinkState
) -> Standing:
    known = {(each.kind, each.name): each for each in states}
    return standing(of, group, known, links)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("weight", "reverse", "up", "priority"),
    [
        (20, False, True, 120),
        (20, False, False, 100),
        (-20, False, True, 100),
        (-20, False, False, 80),
        (20, True, True, 80),
        (20, True, False, 100),
        (-20, True, True, 100),
        (-20, True, False, 120),
    ],
)
def test_weight_counts_as_long_as_its_sign_says(
    kind: str, weight: int, reverse: bool, up: bool, priority: int
) -> None:
    of = instance(trackers=(tracked(weight, reverse=reverse, kind=kind),))
    found = stand(of, state(up, kind=kind))
    assert (found.priority, found.faults, found.waiting) == (priority, (), ())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("reverse", "bad"), [(False, False), (True, True)])
def test_weight_0_is_fault(kind: str, reverse: bool, bad: bool) -> None:
    of = instance(trackers=(tracked(0, reverse=reverse, kind=kind),))
    assert stand(of, state(not bad, kind=kind)).faults == ()
    found = stand(of, state(bad, kind=kind))
    assert found.faults == (f"{kind} chk is {'up' if bad else 'down'}",)
    assert found.priority == 100


def test_fault_says_what_the_tracker_said() -> None:
    of = instance(trackers=(tracked(0),))
    said = TrackerState(kind="script", name="chk", up=False, value=0, reason="exit status 1")
    assert stand(of, said).faults == ("script chk is down (exit status 1)",)


def test_without_a_result_a_weight_weighs_nothing_and_weight_0_is_waited_for() -> None:
    weighing = instance(trackers=(tracked(-20),))
    assert stand(weighing).priority == stand(weighing, state(None)).priority == 100
    assert stand(weighing).waiting == ()
    fatal = instance(trackers=(tracked(0),))
    for found in (stand(fatal), stand(fatal, state(None))):
        assert (found.waiting, found.faults) == (("script chk",), ())


def test_weights_add_up_and_stay_between_1_and_254() -> None:
    up = state(True)
    assert stand(instance(trackers=(tracked(253), tracked(253))), up).priority == 254
    assert stand(instance(trackers=(tracked(10), tracked(20))), up).priority == 130
    down = state(False)
    assert stand(instance(trackers=(tracked(-253),)), down).priority == 1
    of = instance(priority=254, trackers=(tracked(1),))
    assert stand(of, up).priority == 254


@pytest.mark.parametrize("weight", [-253, 253])
def test_owner_is_never_weighted_but_can_be_fault(weight: int) -> None:
    owner = instance(priority=255, trackers=(tracked(weight),))
    assert stand(owner, state(False)).priority == stand(owner, state(True)).priority == 255
    fatal = instance(priority=255, trackers=(tracked(0),))
    assert stand(fatal, state(False)).faults


@pytest.mark.parametrize(
    ("weight", "reverse", "value", "priority"),
    [
        (1, False, 7, 107),
        (1, False, -7, 93),
        (1, True, 7, 93),
        (-2, False, 7, 86),
        (1, False, 1000, 254),
        (1, False, -253, 1),
        (2, False, 0, 100),
    ],
)
def test_file_weighs_its_number_times_the_weight(
    weight: int, reverse: bool, value: int, priority: int
) -> None:
    of = instance(trackers=(tracked(weight, reverse=reverse, kind="file"),))
    found = stand(of, state(True, kind="file", value=value))
    assert (found.priority, found.faults) == (priority, ())


def test_file_of_great_weight_counts_253_so_that_others_can_take_it_back() -> None:
    of = instance(
        trackers=(
            tracked(1, kind="file"),
            Tracking(kind=TrackerKind.SCRIPT, name="other", weight=-200),
        )
    )
    other = TrackerState(kind="script", name="other", up=False, value=0, reason="")
    assert stand(of, state(True, kind="file", value=100_000), other).priority == 153


@pytest.mark.parametrize(("value", "fault"), [(-253, False), (-254, True), (-100_000, True)])
def test_file_below_minus_253_is_fault(value: int, fault: bool) -> None:
    of = instance(trackers=(tracked(1, kind="file"),))
    assert bool(stand(of, state(True, kind="file", value=value)).faults) is fault


@pytest.mark.parametrize(("reverse", "value"), [(False, 1), (False, -1), (True, 0)])
def test_file_of_weight_0_is_fault_unless_it_says_0(reverse: bool, value: int) -> None:
    of = instance(trackers=(tracked(0, reverse=reverse, kind="file"),))
    assert stand(of, state(True, kind="file", value=value)).faults
    good = 5 if reverse else 0
    assert not stand(of, state(True, kind="file", value=good)).faults


UP = link("eth1")
DOWN, GONE = link("eth1", running=False), link("eth1", index=0, running=False)


@pytest.mark.parametrize(
    ("weight", "reverse", "of_eth1", "priority"),
    [
        (20, False, UP, 120),
        (20, False, DOWN, 100),
        (-20, False, DOWN, 80),
        (-20, False, GONE, 80),
        (-20, True, UP, 100),
        (-20, True, DOWN, 120),
    ],
)
def test_tracked_interface_weighs(
    weight: int, reverse: bool, of_eth1: LinkState, priority: int
) -> None:
    tracking = TrackInterface(interface="eth1", weight=weight, reverse=reverse)
    assert stand(instance(track_interfaces=(tracking,)), eth1=of_eth1).priority == priority


def test_tracked_interface_of_weight_0_is_fault_and_waited_for() -> None:
    of = instance(track_interfaces=(TrackInterface(interface="eth1", weight=0),))
    assert stand(of).waiting == ("tracked interface eth1",)
    assert stand(of, eth1=UP).faults == ()
    assert stand(of, eth1=DOWN).faults == ("tracked interface eth1 is down",)
    assert stand(of, eth1=GONE).faults == ("tracked interface eth1 does not exist",)


def group(**changes: Any) -> SyncGroup:
    return SyncGroup(name="g", members=("web", "sip"), **changes)


def test_members_weights_count_in_a_group_only_with_tracking_weight() -> None:
    of = instance(
        trackers=(tracked(20),),
        track_interfaces=(TrackInterface(interface="eth1", weight=5),),
    )
    assert stand(of, state(True), group=group(), eth1=UP).priority == 100
    assert stand(of, state(True), group=group(tracking_weight=True), eth1=UP).priority == 125


def test_member_of_a_group_is_fault_by_its_own_tracker_all_the_same() -> None:
    of = instance(trackers=(tracked(0),))
    assert stand(of, state(False), group=group()).faults


def test_groups_trackers_count_for_every_member() -> None:
    shared = group(trackers=(tracked(-30),))
    for of in (instance(), instance(name="sip", priority=150)):
        found = stand(of, state(False), group=shared)
        assert found.priority == of.priority - 30
    fatal = group(track_interfaces=(TrackInterface(interface="eth1", weight=0),))
    assert stand(instance(), group=fatal, eth1=DOWN).faults


def test_weights_are_named_for_people() -> None:
    of = instance(trackers=(tracked(-20),))
    assert stand(of, state(False)).reason == "script chk is down: -20"
    assert stand(of, state(True)).reason == "no tracker weighs"


@given(
    priority=st.integers(1, 254),
    weights=st.lists(st.tuples(st.integers(-253, 253), st.booleans(), st.booleans()), max_size=5),
)
def test_priority_is_always_one_of_a_backup(
    priority: int, weights: list[tuple[int, bool, bool]]
) -> None:
    trackers = tuple(
        Tracking(kind=TrackerKind.SCRIPT, name=str(n), weight=weight, reverse=reverse)
        for n, (weight, reverse, _) in enumerate(weights)
    )
    states = [
        TrackerState(kind="script", name=str(n), up=up, value=0, reason="")
        for n, (_, _, up) in enumerate(weights)
    ]
    found = stand(instance(priority=priority, trackers=trackers), *states)
    assert 1 <= found.priority <= 254
    assert bool(found.faults) == any(
        weight == 0 and up == reverse for weight, reverse, up in weights
    )
