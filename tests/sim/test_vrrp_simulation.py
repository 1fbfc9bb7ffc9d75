# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for several routers together, whatever the network does to them."""

from __future__ import annotations

import random
from functools import partial

import pytest
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.timers import hold_limit_ns, master_down_ns
from sim.vrrp_simulation import Network, Simulation
from vrrp_builders import MS, S, instance

SEEDS = range(40)


def cluster(seed: int, **changes: object) -> dict[str, VrrpInstance]:
    """Two or three hosts with random priorities, equal ones included."""
    chance = random.Random(seed)
    version = chance.choice([2, 3])
    interval_ns = S if version == 2 else chance.choice([50 * MS, 200 * MS, S])
    settings = {"version": version, "advert_int_ns": interval_ns, **changes}
    priorities = [chance.choice([50, 100, 100, 150, 254]) for _ in range(chance.choice([2, 3]))]
    return {
        name: instance(priority=priority, **settings)
        for name, priority in zip("abc", priorities, strict=False)
    }


def slowest_ns(instances: dict[str, VrrpInstance]) -> int:
    return max(master_down_ns(i.version, i.priority, i.advert_int_ns) for i in instances.values())


def best(simulation: Simulation) -> str:
    nodes = simulation.nodes.values()
    return max(nodes, key=lambda node: (node.instance.priority, node.address)).name


def rightful(simulation: Simulation) -> set[str]:
    """Who may be master: of equals, the one that was first stays."""
    nodes = simulation.nodes.values()
    highest = max(node.instance.priority for node in nodes)
    return {node.name for node in nodes if node.instance.priority == highest}


def only_master(simulation: Simulation) -> str:
    """The one host that is master and holds the addresses."""
    masters = simulation.masters()
    assert len(masters) == 1, simulation.describe()
    assert simulation.holders() == masters, simulation.describe()
    return masters[0]


def started(seed: int, instances: dict[str, VrrpInstance]) -> Simulation:
    simulation = Simulation(seed, instances)
    for name in instances:
        simulation.at(simulation.random.randint(0, 2 * S), partial(simulation.start, name))
    simulation.run(2 * S + 3 * slowest_ns(instances))
    return simulation


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_router_is_the_only_master(seed: int) -> None:
    simulation = started(seed, cluster(seed))
    assert only_master(simulation) in rightful(simulation), simulation.describe()


@pytest.mark.parametrize("seed", SEEDS)
def test_there_is_one_master_with_nopreempt_as_well(seed: int) -> None:
    only_master(started(seed, cluster(seed, preempt=False)))


@pytest.mark.parametrize("seed", SEEDS)
def test_crashed_master_is_replaced_in_the_protocols_time(seed: int) -> None:
    simulation = started(seed, cluster(seed))
    (old,) = simulation.masters()
    simulation.crash(old)
    simulation.run(slowest_ns(cluster(seed)) + 5 * MS)
    (new,) = simulation.masters()
    assert new != old


@pytest.mark.parametrize("seed", SEEDS)
def test_stopped_master_is_replaced_within_the_skew_time(seed: int) -> None:
    instances = cluster(seed)
    simulation = started(seed, instances)
    simulation.stop(simulation.masters()[0])
    longest = max(i.advert_int_ns for i in instances.values())
    simulation.run(longest)
    assert len(simulation.masters()) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_one_lost_advert_changes_nothing(seed: int) -> None:
    simulation = started(seed, cluster(seed))
    before = {name: list(node.transitions) for name, node in simulation.nodes.items()}
    for _ in range(20):
        lost = [False]

        def drop(sender: str, receiver: str, datagram: bytes, lost: list[bool] = lost) -> bool:
            first, lost[0] = not lost[0], True
            return first

        simulation.network.drop = drop
        simulation.run(simulation.random.randint(3 * S, 5 * S))
    assert {name: node.transitions for name, node in simulation.nodes.items()} == before


@pytest.mark.parametrize("seed", SEEDS)
def test_jitter_duplicates_and_reordering_change_nothing(seed: int) -> None:
    instances = cluster(seed)
    simulation = started(seed, instances)
    before = {name: list(node.transitions) for name, node in simulation.nodes.items()}
    interval_ns = min(i.advert_int_ns for i in instances.values())
    simulation.network = Network(duplicates=0.3, delay_ns=(0, 2 * interval_ns))
    simulation.run(200 * interval_ns)
    assert {name: node.transitions for name, node in simulation.nodes.items()} == before


@pytest.mark.parametrize("seed", SEEDS)
def test_healed_partition_leaves_one_master_that_announces_itself(seed: int) -> None:
    instances = cluster(seed)
    simulation = started(seed, instances)
    simulation.network.groups = [{name} for name in instances]
    simulation.run(3 * slowest_ns(instances))
    assert simulation.masters() == list(instances)
    simulation.network.groups = None
    healed = simulation.now_ns
    simulation.run(max(i.advert_int_ns for i in instances.values()) + 5 * MS)
    assert simulation.masters() == [best(simulation)], simulation.describe()
    simulation.run(S)
    assert simulation.nodes[best(simulation)].announcements[-1] > healed
    assert simulation.holders() == simulation.masters()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("preempt", [True, False])
def test_frozen_master_comes_back_without_a_second_one_staying(seed: int, preempt: bool) -> None:
    instances = cluster(seed, preempt=preempt)
    simulation = started(seed, instances)
    (old,) = simulation.masters()
    simulation.freeze(old, 2 * slowest_ns(instances))
    simulation.run(2 * slowest_ns(instances) - 1)
    assert len(simulation.masters()) == 2  # the frozen one still believes it
    simulation.run(max(i.advert_int_ns for i in instances.values()))
    masters = simulation.masters()
    assert len(masters) == 1, simulation.describe()
    if preempt:
        assert masters[0] in rightful(simulation)
    else:
        assert masters != [old]
    simulation.run(S)
    assert simulation.holders() == masters
    assert simulation.nodes[masters[0]].announcements


@pytest.mark.parametrize("seed", SEEDS)
def test_frozen_backup_does_not_disturb_the_master(seed: int) -> None:
    instances = cluster(seed)
    simulation = started(seed, instances)
    (master,) = simulation.masters()
    (other, *_) = (name for name in instances if name != master)
    before = len(simulation.nodes[master].transitions)
    simulation.freeze(other, 10 * slowest_ns(instances))
    simulation.run(20 * slowest_ns(instances))
    assert simulation.masters() == [master]
    assert len(simulation.nodes[master].transitions) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_advertises_addresses_that_its_kernel_does_not_confirm(seed: int) -> None:
    instances = cluster(seed)
    simulation = Simulation(seed, instances)
    for name, node in simulation.nodes.items():
        node.kernel.silent = True
        simulation.start(name)
    simulation.run(120 * S)
    for node in simulation.nodes.values():
        limit = hold_limit_ns(node.instance.advert_int_ns)
        # Each spell as master ends, by resignation or by yielding, within the limit.
        spells = zip(node.transitions, node.transitions[1:], strict=False)
        lengths = [end - begin for (begin, state), (end, _) in spells if state == "MASTER"]
        assert all(length <= limit for length in lengths)
        if node.router is not None and node.transitions[-1][1] == "MASTER":
            assert simulation.now_ns - node.transitions[-1][0] <= limit
        assert not node.holding


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_loss_never_leaves_the_cluster_unsettled(loss: float, seed: int) -> None:
    instances = cluster(seed)
    simulation = started(seed, instances)
    simulation.network.loss = loss
    simulation.run(600 * S)
    simulation.network.loss = 0
    simulation.run(2 * slowest_ns(instances))
    assert only_master(simulation) in rightful(simulation), simulation.describe()


def chaos(simulation: Simulation) -> None:
    """One random misfortune."""
    name = simulation.random.choice(list(simulation.nodes))
    node = simulation.nodes[name]
    names = list(simulation.nodes)
    match simulation.random.randrange(8):
        case 0:
            if node.router is None:
                simulation.start(name)
        case 1:
            if node.router is not None:
                simulation.crash(name)
        case 2:
            if node.router is not None and simulation.now_ns >= node.frozen_until_ns:
                simulation.stop(name)
        case 3:
            simulation.freeze(name, simulation.random.randint(1, 20 * S))
        case 4:
            cut = simulation.random.randint(1, len(names))
            simulation.network.groups = [set(names[:cut]), set(names[cut:])]
        case 5:
            simulation.network.groups = None
        case 6:
            simulation.network.loss = simulation.random.choice([0, 0, 0.1, 0.5])
        case _:
            simulation.mend_kernel(name)
            node.kernel.silent = simulation.random.random() < 0.3
            node.kernel.error = simulation.random.choice([None, None, "EPERM"])


@pytest.mark.parametrize("preempt", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_after_any_misfortune_one_master_holds_the_addresses(seed: int, preempt: bool) -> None:
    instances = cluster(seed, preempt=preempt, preempt_delay_ns=seed % 3 * S)
    simulation = started(seed, instances)
    for _ in range(60):
        chaos(simulation)
        simulation.run(simulation.random.randint(1, 6 * S))
    simulation.network = Network()
    for name, node in simulation.nodes.items():
        simulation.mend_kernel(name)
        if node.router is None:
            simulation.start(name)
    # Frozen hosts wake within 20 s, failed takeovers are tried again within 30 s.
    simulation.run(60 * S + 3 * slowest_ns(instances))
    master = only_master(simulation)
    assert not preempt or master in rightful(simulation), simulation.describe()
