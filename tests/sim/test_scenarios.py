# SPDX-License-Identifier: GPL-3.0-or-later
"""What several routers do in one well-known misfortune, and within which time."""

from __future__ import annotations

import pytest
from sim.host import SLOT_NS
from sim.kernel import SLOWEST_NS
from sim.scenario import (
    best,
    down_ns,
    healed,
    masters,
    one_router,
    only_master,
    rightful,
    settled,
    slowest_ns,
    some_hosts,
    trouble,
    way_ns,
)
from vrrp_builders import MS, S

SEEDS = range(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_router_is_the_only_master(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    assert only_master(world) in rightful(world.hosts), world.describe()


@pytest.mark.parametrize("seed", SEEDS)
def test_there_is_one_master_with_nopreempt_as_well(seed: int) -> None:
    only_master(settled(seed, some_hosts(seed, preempt=False)))


@pytest.mark.parametrize("seed", SEEDS)
def test_master_without_power_is_replaced_by_the_next_best_in_its_time(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    old = only_master(world)
    old.power_cut()
    others = [host for host in world.hosts if host is not old]
    # The last advert may be on its way still; of equals the faster clock wins.
    world.run_for(min(down_ns(host) for host in others) + way_ns(world) + SLOT_NS)
    assert best(masters(world)) in rightful(others)


@pytest.mark.parametrize("seed", SEEDS)
def test_stopped_master_is_replaced_within_the_skew_time(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    old = only_master(world)
    old.stop()
    others = [host for host in world.hosts if host is not old]
    skews_ns = [down_ns(host) - 3 * host.instances[0].advert_int_ns for host in others]
    world.run_for(min(skews_ns) + way_ns(world) + SLOT_NS)
    assert best(masters(world)) in rightful(others)
    world.run_for(way_ns(world) + SLOWEST_NS)
    only_master(world)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(8))
def test_loss_never_leaves_the_cluster_unsettled(loss: float, seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    trouble(world, lost=loss)
    world.run_for(300 * world.interval_ns)
    healed(world)
    world.run_for(2 * slowest_ns(world))
    assert only_master(world) in rightful(world.hosts), world.describe()


@pytest.mark.parametrize("seed", SEEDS)
def test_jitter_duplicates_and_reordering_change_nothing(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    before = list(world.watch.history)
    trouble(world, doubled=0.3, late=1.0, late_ns=2 * world.interval_ns)
    world.run_for(200 * world.interval_ns)
    assert world.watch.history == before


@pytest.mark.parametrize("seed", SEEDS)
def test_healed_partition_leaves_one_master_that_announces_itself(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    trouble(world, lost=1.0)
    world.run_for(3 * slowest_ns(world))
    assert masters(world) == world.hosts
    healed(world)
    healed_ns = world.timeline.now_ns
    world.run_for(world.interval_ns + way_ns(world))
    assert masters(world) == [best(world.hosts)], world.describe()
    world.run_for(S)
    assert only_master(world) is best(world.hosts)
    record = world.watch.records[best(world.hosts).index][0]
    assert healed_ns < record.announced_ns <= healed_ns + S


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("seed", range(5))
def test_best_router_that_nobody_hears_sees_the_second_master(seed: int, family: int) -> None:
    """Its adverts are lost one way only; it hears the one that the others elect."""
    hosts = [one_router(priority, version=3, family=family) for priority in (200, 150, 100)]
    world = settled(seed, hosts)
    old, new, third = world.hosts
    trouble(world, (old, new), (old, third), lost=1.0)
    world.run_for(down_ns(new) + 3 * world.interval_ns)
    assert masters(world) == [old, new]
    assert "DUAL_ACTIVE" in world.watch.events[old.index, 0]
    assert "DUAL_ACTIVE" not in world.watch.events.get((new.index, 0), [])
    healed(world)
    world.run_for(world.interval_ns + way_ns(world) + SLOWEST_NS)
    assert only_master(world) is old
    world.run_for(4 * world.interval_ns)
    assert world.watch.events[old.index, 0][-1] == "DUAL_ACTIVE_OVER"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("preempt", [True, False])
@pytest.mark.parametrize("suspended", [True, False])
def test_master_that_stood_still_comes_back_without_a_second_one_staying(
    seed: int, preempt: bool, suspended: bool
) -> None:
    world = settled(seed, some_hosts(seed, preempt=preempt))
    old, length_ns = only_master(world), 2 * slowest_ns(world)
    if suspended:
        old.suspend()
    else:
        old.freeze()
    world.run_for(length_ns)
    assert len(masters(world)) == 2  # the one that stands still believes it still
    if suspended:
        old.resume(length_ns)
    else:
        old.thaw()
    world.run_for(world.interval_ns + way_ns(world))
    (master,) = masters(world)
    assert master in rightful(world.hosts) if preempt else master is not old, world.describe()
    world.run_for(S)
    only_master(world)


@pytest.mark.parametrize("seed", SEEDS)
def test_backup_that_stood_still_does_not_disturb_the_master(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    master = only_master(world)
    before = list(world.watch.history)
    other = next(host for host in world.hosts if host is not master)
    other.freeze()
    world.run_for(10 * slowest_ns(world))
    other.thaw()
    world.run_for(10 * slowest_ns(world))
    assert world.watch.history == before


@pytest.mark.parametrize("seed", SEEDS)
def test_ha_process_that_is_back_within_an_interval_goes_on_as_master(seed: int) -> None:
    world = settled(seed, some_hosts(seed))
    master = only_master(world)
    master.kill_ha()
    world.run_for(5 * MS)
    master.fork_ha(10 * MS)
    world.run_for(SLOWEST_NS + 2 * world.interval_ns)
    assert only_master(world) is master
    since = [state for _, host, _, state in world.watch.history if host != master.index]
    assert since.count("MASTER") == sum(
        state == "MASTER"
        for time_ns, host, _, state in world.watch.history
        if host != master.index and time_ns < master.disturbed_ns
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_advertises_addresses_that_its_kernel_does_not_confirm(seed: int) -> None:
    """I3 is watched all the time; and nobody stays master for longer than it allows."""
    world = settled(seed, some_hosts(seed))
    for host in world.hosts:
        host.kernel.hang(world.fault("scenario"))
        host.kill_ha()
        host.fork_ha(None)
    world.run_for(60 * S)
    assert masters(world) == []


def test_backup_learns_a_longer_interval_from_the_master() -> None:
    """Version 3: one director goes by another interval, and nobody takes over."""
    slow = one_router(150, version=3, advert_int_ns=S)
    fast = one_router(100, version=3, advert_int_ns=100 * MS)
    world = settled(1, [slow, fast])
    before = list(world.watch.history)
    world.run_for(60 * S)
    assert world.watch.history == before
    assert only_master(world).index == 0
