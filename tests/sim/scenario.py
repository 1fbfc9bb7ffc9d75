# SPDX-License-Identifier: GPL-3.0-or-later
"""Worlds for tests of one course of events: a settled cluster, and hands to do things to it.

Owns the building of such a world. Every invariant is watched in it as in the storms.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from lvs_agent.core.model import Config, GlobalDefs, VrrpInstance
from sim.cluster import GROUPS, addresses
from sim.host import SLOT_NS, Host
from sim.network import Trouble
from sim.world import World
from vrrp_builders import MS, S, instance


def one_router(priority: int, **changes: Any) -> Config:
    """A host with one virtual router."""
    family = changes.pop("family", 4)
    return configuration(
        instance(
            name="v0",
            interface="eth0",
            family=family,
            mcast_group=GROUPS[family],
            addresses=addresses(family, 0, 2),
            priority=priority,
            **changes,
        )
    )


def configuration(*instances: VrrpInstance) -> Config:
    """A host with these."""
    return Config(
        global_defs=GlobalDefs(router_id=None), vrrp_instances=instances, virtual_servers=()
    )


def some_hosts(seed: int, **changes: Any) -> list[Config]:
    """Two to four hosts with random priorities, equal ones included, of a random kind."""
    chance = random.Random(f"scenario {seed}")
    version, family = chance.choice([(2, 4), (3, 4), (3, 6)])
    interval_ns = S if version == 2 else chance.choice([50 * MS, 200 * MS, S])
    priorities = [chance.choice([50, 100, 100, 150, 254]) for _ in range(chance.choice([2, 3, 4]))]
    settings = {"version": version, "family": family, "advert_int_ns": interval_ns, **changes}
    return [one_router(priority, **settings) for priority in priorities]


def settled(seed: int, configs: list[Config]) -> World:
    """A world in which these have started and elected one of them."""
    world = World(seed, configs, trace=True)
    for host in world.hosts:
        world.timeline.at(int(world.random.random() * 2 * world.interval_ns), host.start)
    world.run_for(2 * world.interval_ns + 3 * slowest_ns(world))
    only_master(world)
    return world


def down_ns(host: Host) -> int:
    """Its Master_Down_Interval, by its own interval (RFC 3768, RFC 9568, section 6.1)."""
    own = host.instances[0]
    base_ns = S if own.version == 2 else own.advert_int_ns
    return 3 * own.advert_int_ns + (256 - own.priority) * base_ns // 256


def slowest_ns(world: World) -> int:
    """The longest of all."""
    return max(down_ns(host) for host in world.hosts)


def masters(world: World) -> list[Host]:
    """Who is master."""
    return [world.hosts[index] for index in sorted(world.watch.masters[0])]


def only_master(world: World) -> Host:
    """The one host that is master and has the addresses."""
    (master,) = masters(world)
    holders = [host for host in world.hosts if host.kernel.held[0]]
    assert holders == [master], world.describe()
    return master


def best(hosts: Iterable[Host]) -> Host:
    """Who wins among masters."""
    return max(hosts, key=lambda host: (host.instances[0].priority, host.sources[0]))


def rightful(hosts: Iterable[Host]) -> list[Host]:
    """Who may be master: of equals, the one that was first stays."""
    hosts = list(hosts)
    highest = max(host.instances[0].priority for host in hosts)
    return [host for host in hosts if host.instances[0].priority == highest]


def trouble(world: World, *links: tuple[Host, Host], **how: Any) -> Trouble:
    """Something is wrong with these ways, or with all, from now on."""
    pairs = links or [(a, b) for a in world.hosts for b in world.hosts if a is not b]
    found = Trouble(
        fault=world.fault("scenario"),
        links=frozenset((sender.index, receiver.index) for sender, receiver in pairs),
        **how,
    )
    world.segments[0].troubles.append(found)
    return found


def healed(world: World) -> None:
    """The network is whole again."""
    world.segments[0].troubles.clear()


def way_ns(world: World) -> int:
    """The longest way of a frame on the healthy network, and a slot to handle it."""
    return world.segments[0].healthy_ns + SLOT_NS
