# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster a seed stands for.

Owns the choice: version, family, number of hosts and virtual routers, intervals, priorities,
preemption, trackers, sync groups. Must never look at the simulation's own random numbers: the same
seed is the same cluster whatever happens to it.
"""

from __future__ import annotations

import random
from dataclasses import replace

from lvs_agent.core.model import (
    Config,
    GlobalDefs,
    PassAuthentication,
    SyncGroup,
    TrackerKind,
    Tracking,
    VirtualAddress,
    VrrpInstance,
)
from vrrp_builders import MS, S, instance

GROUPS = {4: "224.0.0.18", 6: "ff02::12"}
SCRIPT, FILE = "chk", "drain"
PRIORITIES = (1, 50, 100, 100, 150, 200, 254)
_CENTISECOND_NS = 10 * MS


def cluster(seed: int) -> list[Config]:
    """The configuration of every host."""
    chance = random.Random(f"cluster {seed}")
    version = chance.choice([2, 3, 3, 3])
    hosts = chance.choice([2, 2, 2, 3, 3, 3, 4, 5])
    numbers = chance.choice([1, 1, 1, 1, 2, 2])
    grouped = numbers > 1 and chance.random() < 0.6
    plain = _plain(chance, version)
    owner = chance.choice([None] * 6 + [chance.randrange(hosts)])
    mixed = version == 3 and chance.random() < 0.2
    trackers = _trackers(chance)
    configs = []
    for host in range(hosts):
        own = [_own(chance, plain, number, mixed, trackers) for number in range(numbers)]
        if grouped and chance.random() < 0.8:  # else at cross purposes
            own = [replace(each, priority=own[0].priority) for each in own]
        if owner == host:
            own = [replace(each, priority=255) for each in own]
        members = tuple(each.name for each in own)
        configs.append(
            Config(
                global_defs=GlobalDefs(router_id=None),
                vrrp_instances=tuple(own),
                virtual_servers=(),
                sync_groups=(SyncGroup(name="g", members=members),) if grouped else (),
            )
        )
    return configs


def _plain(chance: random.Random, version: int) -> VrrpInstance:
    """What all hosts have in common."""
    interval_ns = S if version == 2 else chance.choice([10, 20, 50, 100, 200, 500, 1000]) * MS
    family = 6 if version == 3 and chance.random() < 0.3 else 4
    password = PassAuthentication(data=b"zrs66zrs") if version == 2 else None
    preempt = chance.choice([True, True, True, False])
    return instance(
        version=version,
        family=family,
        mcast_group=GROUPS[family],
        advert_int_ns=interval_ns,
        preempt=preempt,
        preempt_delay_ns=chance.choice([0, 0, 0, int(chance.random() * 5 * interval_ns)]),
        authentication=chance.choice([None, password]),
        v3_checksum_as_v2=chance.random() < 0.5,
        down_timer_adverts=chance.choice([3, 3, 3, 3, 4, 5]),
    )


def _own(
    chance: random.Random,
    plain: VrrpInstance,
    number: int,
    mixed: bool,
    trackers: tuple[Tracking, ...],
) -> VrrpInstance:
    """What one host has of a virtual router."""
    interval_ns = plain.advert_int_ns
    if mixed:
        halves = chance.choice([1, 2, 4])
        interval_ns = max(1, interval_ns * halves // 2 // _CENTISECOND_NS) * _CENTISECOND_NS
    different = chance.random() < 0.1
    return replace(
        plain,
        name=f"v{number}",
        interface=f"eth{number}",
        virtual_router_id=51 + number,
        advert_int_ns=interval_ns,
        priority=chance.choice(PRIORITIES),
        preempt=plain.preempt != different,
        addresses=addresses(plain.family, number, chance.choice([1, 1, 2, 3])),
        trackers=trackers,
    )


def _trackers(chance: random.Random) -> tuple[Tracking, ...]:
    """Half of the clusters have none; a script's weight 0 makes FAULT of its failure."""
    if chance.random() < 0.5:
        return ()
    weight = chance.choice([0, -60, 40])
    return (
        Tracking(kind=TrackerKind.SCRIPT, name=SCRIPT, weight=weight),
        Tracking(kind=TrackerKind.FILE, name=FILE, weight=1),
    )


def addresses(family: int, number: int, count: int) -> tuple[VirtualAddress, ...]:
    """`count` virtual addresses; of IPv6 the first is a link-local one."""
    if family == 4:
        texts = [f"10.{number}.0.{100 + each}" for each in range(count)]
    else:
        texts = ["fe80::100", *(f"2001:db8:{number}::{100 + each}" for each in range(count))]
    return tuple(
        VirtualAddress(
            address=text, prefix_length=64 if family == 6 else 24, interface=f"eth{number}"
        )
        for text in texts
    )


def own_address(family: int, number: int, host: int) -> str:
    """The address that a host sends adverts from; the last byte is its number plus one."""
    return f"10.{number}.0.{host + 1}" if family == 4 else f"fe80::{host + 1:x}"
