# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack: who may work, when, with which priority; configuration; names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lvs_agent.core.actions import Action, SendAdvert
from lvs_agent.core.events import AdvertReceived, Event, Shutdown, TimerExpired
from lvs_agent.core.messages import (
    Hold,
    HoldApplied,
    InstanceEvent,
    InstanceState,
    LinkState,
    ProcessDied,
    TrackerState,
)
from lvs_agent.core.model import (
    Config,
    TrackerKind,
    Tracking,
    TrackInterface,
    UnicastPeer,
    VrrpInstance,
)
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import Outputs, VrrpStack
from vrrp_builders import MS, S, advert, config, instance, ip, link, virtual

START = 1000 * S
PEER = ip("10.0.0.6")


class Bench:
    """A stack with a clock."""

    def __init__(self, of: Config, **options: Any) -> None:
        self.now_ns = START
        self.stack = VrrpStack(of, START, **options)

    def link(self, of: LinkState) -> Outputs:
        return self.stack.link(of, self.now_ns)

    def tracker(self, up: bool | None, name: str = "chk", **changes: Any) -> Outputs:
        plain: dict[str, Any] = {"kind": "script", "value": 0, "reason": ""}
        state = TrackerState(name=name, up=up, **(plain | changes))
        return self.stack.tracker(state, self.now_ns)

    def feed(self, event: Event, name: str = "web") -> Outputs:
        return self.stack.handle(name, event, self.now_ns)

    def hears(self, priority: int, name: str = "web") -> Outputs:
        of = advert(self.stack.routers[name].instance, priority=priority)
        return self.feed(AdvertReceived(source=PEER, advert=of), name)

    def expire(self, name: str = "web") -> Outputs:
        due_ns = self.stack.deadline_ns(name)
        assert due_ns is not None
        self.now_ns = max(self.now_ns, due_ns)
        return self.feed(TimerExpired(), name)

    def state(self, name: str = "web") -> State:
        return self.stack.routers[name].state

    def waiting(self) -> object:
        return self.stack.instance_reports(self.now_ns)[0]["waiting_for"]


def backup(*instances: VrrpInstance, **options: Any) -> Bench:
    bench = Bench(config(*(instances or (instance(),)), **options))
    bench.link(link())
    return bench


def master(*instances: VrrpInstance) -> Bench:
    bench = backup(*instances)
    for name, router in bench.stack.routers.items():
        bench.expire(name)
        answer = HoldApplied(instance=name, hold=True, sequence=router.sequence, error=None)
        bench.feed(answer, name)
        assert router.state is State.MASTER
    return bench


def of(outputs: Outputs, kind: type) -> list[Any]:
    return [action for _, action in outputs if isinstance(action, kind)]


def tracking(weight: int, name: str = "chk", kind: str = "script") -> Tracking:
    return Tracking(kind=TrackerKind(kind), name=name, weight=weight)


# Interfaces.


def test_instance_begins_with_its_interface_and_not_before() -> None:
    bench = Bench(config(instance()))
    assert bench.waiting() == ["the first report of interface eth0"]
    assert bench.stack.deadline is None
    bench.link(link("eth1"))
    assert bench.state() is State.INIT
    bench.link(link())
    assert bench.state() is State.BACKUP
    assert bench.stack.deadline == bench.stack.deadline_ns("web") == START + 3_609_375_000


def test_lost_interface_is_fault_and_a_second_report_of_it_nothing() -> None:
    bench = master()
    outputs = bench.link(link(running=False))
    assert of(outputs, SendAdvert) == [SendAdvert(resign=True)]
    assert bench.state() is State.FAULT
    assert bench.link(link(running=False)) == ()
    bench.link(link())
    assert bench.state() is State.BACKUP


def test_source_address_that_is_tracked_and_missing_is_fault() -> None:
    bench = backup(instance(source="10.0.0.50", track_source=True))
    assert bench.state() is State.FAULT
    bench.link(link(sources=("10.0.0.50",)))
    assert bench.state() is State.BACKUP
    untracked = backup(instance(source="10.0.0.50"))
    assert untracked.state() is State.BACKUP
    assert untracked.stack.routers["web"].primary == ip("10.0.0.50")


def test_unicast_without_peers_is_fault_when_so_configured() -> None:
    bench = backup(instance(unicast_fault_no_peer=True))
    assert bench.state() is State.FAULT
    peers = (UnicastPeer(address="10.0.0.6"),)
    assert backup(instance(unicast_fault_no_peer=True, peers=peers)).state() is State.BACKUP


def test_primary_interface_that_is_not_tracked_may_be_down() -> None:
    assert backup(instance(track_primary=False)).state() is State.BACKUP
    bench = Bench(config(instance(track_primary=False)))
    bench.link(link(running=False))
    assert bench.state() is State.BACKUP
    bench.link(link(index=0, running=False, primary=None))
    assert bench.state() is State.FAULT


# Trackers.


def test_fatal_tracker_is_waited_for_and_its_first_result_begins() -> None:
    bench = backup(instance(trackers=(tracking(0),)))
    assert bench.state() is State.INIT
    assert bench.waiting() == ["the first result of script chk"]
    bench.tracker(None)
    assert bench.state() is State.INIT
    bench.tracker(True)
    assert bench.state() is State.BACKUP


def test_fatal_tracker_that_fails_at_first_is_fault() -> None:
    bench = backup(instance(trackers=(tracking(0),)))
    bench.tracker(False, reason="exit status 1")
    assert bench.state() is State.FAULT
    assert bench.stack.routers["web"].transition.reason == "script chk is down (exit status 1)"


def test_failure_of_a_fatal_tracker_makes_a_master_resign() -> None:
    bench = backup(instance(trackers=(tracking(0),)))
    bench.tracker(True)
    bench.expire()
    assert bench.state() is State.MASTER
    outputs = bench.tracker(False)
    assert outputs[0] == ("web", SendAdvert(resign=True))
    assert of(outputs, SendAdvert) == [SendAdvert(resign=True)]
    assert bench.state() is State.FAULT


def test_no_result_replaces_no_result() -> None:
    bench = backup(instance(trackers=(tracking(0),)))
    bench.tracker(True)
    assert bench.tracker(None) == ()
    assert bench.state() is State.BACKUP
    assert bench.stack.handle_all(ProcessDied(name="kernel"), bench.now_ns) == ()


def test_weight_changes_the_effective_priority_and_tells() -> None:
    bench = master(instance(trackers=(tracking(-30),)))
    outputs = bench.tracker(False)
    (event,) = of(outputs, InstanceEvent)
    assert (event.event, event.priority) == ("MASTER_PRIORITY", 70)
    assert event.reason == "script chk is down: -30"
    router = bench.stack.routers["web"]
    assert (router.priority, router.instance.priority) == (70, 100)
    assert bench.state() is State.MASTER
    (event,) = of(bench.tracker(True), InstanceEvent)
    assert (event.event, event.priority) == ("MASTER_PRIORITY", 100)


def test_master_weakened_by_a_tracker_yields_to_what_it_beat_before() -> None:
    bench = master(instance(trackers=(tracking(-30),)))
    bench.hears(90)
    assert bench.state() is State.MASTER
    bench.tracker(False)
    bench.hears(90)
    assert bench.state() is State.BACKUP


def test_backup_overtakes_a_master_that_has_become_weaker() -> None:
    bench = backup()
    for _ in range(5):
        bench.now_ns += S
        bench.hears(120)
    bench.now_ns += S
    bench.hears(90)  # from now on the Master_Down_Timer runs on
    outputs = bench.expire()
    assert bench.now_ns == START + 5 * S + 3_609_375_000
    (change,) = of(outputs, InstanceState)
    assert change.reason == "preempting 10.0.0.6 (priority 90), our priority is 100"


def test_backup_that_recovers_preempts() -> None:
    bench = backup(instance(trackers=(tracking(-30),)))
    bench.tracker(False)
    bench.hears(90)
    deadline = bench.stack.deadline_ns("web")
    bench.now_ns += S
    (event,) = of(bench.tracker(True), InstanceEvent)
    assert (event.event, event.priority) == ("BACKUP_PRIORITY", 100)
    later = bench.stack.deadline_ns("web")
    assert deadline is not None
    assert later is not None
    assert deadline - later == 30 * S // 256  # the skew of the new priority
    bench.hears(90)
    assert bench.stack.deadline_ns("web") == later
    bench.expire()
    assert bench.state() is State.MASTER


def test_effective_priority_decides_between_equals() -> None:
    bench = master(instance(trackers=(tracking(20),)))
    bench.tracker(True)
    bench.hears(119)
    assert bench.state() is State.MASTER
    bench.hears(121)
    assert bench.state() is State.BACKUP


def test_report_names_base_and_effective_priority_and_what_weighs() -> None:
    bench = backup(instance(trackers=(tracking(-30),)))
    bench.tracker(False)
    (report,) = bench.stack.report(bench.now_ns)["instances"]  # type: ignore[misc, index]
    assert (report["priority"], report["base_priority"]) == (70, 100)
    assert report["weights"] == ["script chk is down: -30"]


def test_tracked_interface_of_weight_0_is_fault_when_it_fails() -> None:
    bench = Bench(config(instance(track_interfaces=(TrackInterface(interface="eth1", weight=0),))))
    bench.link(link())
    assert bench.state() is State.INIT
    bench.link(link("eth1"))
    assert bench.state() is State.BACKUP
    bench.link(link("eth1", running=False))
    assert bench.state() is State.FAULT


# Delays.


def test_startup_delay_keeps_everybody_in_init() -> None:
    bench = backup(startup_delay_ns=10 * S)
    assert bench.state() is State.INIT
    assert bench.waiting() == ["10.000 s after the start (startup_delay, delay_after_boot)"]
    assert bench.hears(50) == ()
    bench.expire()
    assert bench.now_ns == START + 10 * S
    assert bench.state() is State.BACKUP


def test_startup_delay_is_not_for_an_agent_that_runs_already() -> None:
    bench = Bench(config(instance(), startup_delay_ns=10 * S), restarted=True)
    bench.link(link())
    assert bench.state() is State.BACKUP


@pytest.mark.parametrize(("up_s", "wait_s"), [(5, 25), (29, 1), (31, 0)])
def test_delay_after_boot_counts_from_the_boot(up_s: int, wait_s: int) -> None:
    settings = config(instance(), delay_after_boot_ns=30 * S)
    bench = Bench(settings, since_boot_ns=up_s * S)
    bench.link(link())
    if wait_s:
        assert bench.state() is State.INIT
        bench.expire()
    assert bench.state() is State.BACKUP
    assert bench.now_ns - START == wait_s * S


def test_instance_that_comes_with_a_reload_is_not_delayed() -> None:
    bench = backup(startup_delay_ns=10 * S)
    bench.expire()
    both = config(instance(), instance(name="sip", virtual_router_id=52), startup_delay_ns=10 * S)
    bench.stack.configure(both, bench.now_ns)
    assert bench.state("sip") is State.BACKUP


# Adoption.


def test_adopted_master_goes_on_at_once() -> None:
    bench = Bench(config(instance()), adopt=frozenset({"web"}), restarted=True)
    outputs = bench.link(link())
    assert bench.state() is State.MASTER
    assert outputs[0] == ("web", SendAdvert())


def test_adoption_is_too_late_after_a_master_down_interval() -> None:
    waiting = instance(trackers=(tracking(0),))
    bench = Bench(config(waiting), adopt=frozenset({"web"}), restarted=True)
    bench.link(link())
    assert bench.state() is State.INIT
    bench.now_ns += 4 * S
    bench.tracker(True)
    assert bench.state() is State.BACKUP


@pytest.mark.parametrize(("up", "priority"), [(True, 110), (False, 100)])
def test_adopted_master_goes_on_with_the_weights_that_it_had(up: bool, priority: int) -> None:
    weighed = instance(trackers=(tracking(10),))
    bench = Bench(config(weighed), adopt=frozenset({"web"}), restarted=True)
    bench.link(link())
    assert bench.state() is State.INIT
    assert bench.waiting() == ["the first result of script chk"]
    bench.tracker(up)
    assert bench.state() is State.MASTER
    assert bench.stack.routers["web"].priority == priority
    fresh = Bench(config(weighed))
    fresh.link(link())
    assert fresh.state() is State.BACKUP, "nobody waits for what a backup may weigh"


def test_adopted_master_whose_interface_is_gone_resigns_and_releases() -> None:
    bench = Bench(config(instance()), adopt=frozenset({"web"}), restarted=True)
    outputs = bench.link(link(running=False))
    assert of(outputs, SendAdvert) == [SendAdvert(resign=True)]
    (hold,) = of(outputs, Hold)
    assert not hold.hold
    bench.link(link())
    assert bench.state() is State.BACKUP


# Configuration.


def test_reload_keeps_the_state_under_another_name() -> None:
    bench = master()
    outputs = bench.stack.configure(config(instance(name="shop", priority=150)), bench.now_ns)
    assert {name for name, _ in outputs} == {"shop"}
    assert list(bench.stack.routers) == ["shop"]
    assert bench.state("shop") is State.MASTER
    assert bench.stack.routers["shop"].priority == 150


def test_reload_keeps_the_effective_priority() -> None:
    bench = master(instance(trackers=(tracking(-30),)))
    bench.tracker(False)
    changed = instance(trackers=(tracking(-30),), addresses=(virtual("10.0.0.101"),))
    bench.stack.configure(config(changed), bench.now_ns)
    assert bench.stack.routers["web"].priority == 70
    bench.stack.configure(config(replace(changed, trackers=())), bench.now_ns)
    assert bench.stack.routers["web"].priority == 100


def test_unicast_instances_that_share_a_vrid_keep_their_states() -> None:
    one = instance(peers=(UnicastPeer(address="10.0.0.6"),))
    bench = master(one)
    two = instance(name="sip", peers=(UnicastPeer(address="10.0.0.7"),))
    outputs = bench.stack.configure(config(two, one), bench.now_ns)
    assert of(outputs, SendAdvert) == []
    assert bench.state() is State.MASTER
    assert bench.state("sip") is State.BACKUP
    # The names are exchanged; who is who, the peers tell.
    bench.stack.configure(config(replace(two, name="web"), replace(one, name="sip")), bench.now_ns)
    assert bench.state("sip") is State.MASTER
    assert bench.state() is State.BACKUP


def test_unchanged_reload_does_nothing() -> None:
    bench = master()
    assert bench.stack.configure(config(instance()), bench.now_ns) == ()


def test_removed_instance_resigns_releases_and_is_reported() -> None:
    bench = master(instance(), instance(name="sip", virtual_router_id=52))
    outputs = bench.stack.configure(config(instance()), bench.now_ns)
    assert {name for name, _ in outputs} == {"sip"}
    kinds = [type(action) for _, action in outputs]
    assert kinds[:2] == [SendAdvert, Hold]
    (event,) = of(outputs, InstanceEvent)
    assert event.event == "DELETED"
    assert list(bench.stack.routers) == ["web"]


def test_name_that_moves_to_another_virtual_router_is_retired_first() -> None:
    bench = master()
    moved = config(instance(virtual_router_id=52))
    first = bench.stack.retire(moved, bench.now_ns)
    assert of(first, SendAdvert) == [SendAdvert(resign=True)]
    assert not bench.stack.routers
    second = bench.stack.configure(moved, bench.now_ns)
    assert of(second, InstanceState)[0].state == "BACKUP"


def test_new_fatal_tracker_does_not_stop_a_running_instance() -> None:
    bench = master()
    bench.stack.configure(config(instance(trackers=(tracking(0),))), bench.now_ns)
    assert bench.state() is State.MASTER
    bench.tracker(False)
    assert bench.state() is State.FAULT


def test_reload_with_another_priority_tells_it() -> None:
    for bench, name in ((backup(), "BACKUP_PRIORITY"), (master(), "MASTER_PRIORITY")):
        outputs = bench.stack.configure(config(instance(priority=50)), bench.now_ns)
        (event,) = of(outputs, InstanceEvent)
        assert (event.event, event.priority) == (name, 50)


def test_tracker_that_was_removed_is_waited_for_when_it_comes_back() -> None:
    tracked = config(instance(trackers=(tracking(0),)))
    bench = backup(*tracked.vrrp_instances)
    bench.tracker(True)
    bench.stack.configure(config(), bench.now_ns)
    bench.stack.configure(tracked, bench.now_ns)
    assert bench.waiting() == ["the first result of script chk"]


def test_result_that_comes_before_its_configuration_counts() -> None:
    bench = backup()
    bench.tracker(False)
    bench.stack.configure(config(instance(trackers=(tracking(0),))), bench.now_ns)
    assert bench.state() is State.FAULT


def test_routers_are_in_the_documents_order_after_a_reload() -> None:
    one, two = instance(name="b", virtual_router_id=2), instance(name="a", virtual_router_id=1)
    bench = backup(one)
    bench.stack.configure(config(two, one), bench.now_ns)
    assert list(bench.stack.routers) == ["a", "b"]
    assert [r["name"] for r in bench.stack.instance_reports(bench.now_ns)] == ["a", "b"]


# The end, and time.


def test_nothing_begins_after_shutdown() -> None:
    bench = master()
    outputs = bench.stack.handle_all(Shutdown(), bench.now_ns)
    assert of(outputs, SendAdvert) == [SendAdvert(resign=True)]
    assert bench.link(link(running=False)) == bench.link(link()) == ()
    assert bench.state() is State.INIT
    assert bench.stack.deadline is None


def test_early_alarm_changes_nothing() -> None:
    bench = backup()
    bench.now_ns += 10 * MS
    assert bench.feed(TimerExpired()) == ()
    assert bench.state() is State.BACKUP


def test_outputs_carry_the_instances_name() -> None:
    bench = backup(instance(), instance(name="sip", virtual_router_id=52))
    outputs: list[tuple[str, Action]] = [*bench.expire("sip")]
    assert {name for name, _ in outputs} == {"sip"}
    assert bench.state("web") is State.BACKUP
