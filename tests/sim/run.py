# SPDX-License-Identifier: GPL-3.0-or-later
"""One seed: a cluster, storms of faults, and quiet times in which it has to be well again.

Owns the course of a run. A storm injects a fault every two advert intervals on average, each of
which lasts up to eight, so that several are in effect together. In the quiet after it I1 is
checked, then single frames are lost, doubled, delayed and corrupted for I6. I2, I3 and I4 are
watched all the time. Every eighth seed runs twice, once with the wall clock being set now and
then: nothing may differ (I5).
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from sim.cluster import cluster
from sim.faults import Storm
from sim.host import SLOT_NS, Host
from sim.invariants import GROUP_INTERVALS, Broken, own_down_ns
from sim.kernel import SLOWEST_NS
from sim.network import Fate, Single
from sim.wall import WallClock
from sim.world import World
from vrrp_builders import S

ROUNDS = 3
FAULTS_PER_STORM = 40
SINGLES = 8
_TWIN_EVERY = 8
_SINGLE_KINDS = {
    Fate.LOST: "single frame lost",
    Fate.LOST_AT_SENDER: "single frame lost",
    Fate.DOUBLED: "single frame duplicated",
    Fate.LATE: "single frame reordered",
    Fate.CORRUPTED: "single frame corrupted",
}


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of a seed. `broken` None: every invariant held. `virtual_ns`: simulated time."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    broken: str | None = None
    invariant: str = ""
    trace: list[str] = field(default_factory=list)
    virtual_ns: int = 0
    steps: int = 0


class Run:
    """The course of one seed in one world."""

    def __init__(self, seed: int, *, trace: bool = False, wall_steps: bool = False) -> None:
        self.seed = seed
        self.world = World(seed, cluster(seed), trace=trace)
        self.wall = WallClock(lambda: self.world.timeline.now_ns)
        self._wall_random = random.Random(f"wall clock {seed}") if wall_steps else None

    def complete(self) -> None:
        """All of it. Raises Broken."""
        world = self.world
        for host in world.hosts:
            start_ns = int(world.random.random() * 2 * world.interval_ns)
            world.timeline.at(start_ns, host.start)
        if self._wall_random is not None:
            self._step_wall()
        world.run_for(2 * world.interval_ns + SLOWEST_NS)
        for _ in range(ROUNDS):
            storm = Storm(world)
            for _ in range(FAULTS_PER_STORM):
                world.run_for(int(world.random.expovariate(0.5) * world.interval_ns))
                storm.inject()
            self._quiet(storm)

    def _step_wall(self) -> None:
        """Set the clock by up to an hour, either way, every few intervals."""
        chance, world = self._wall_random, self.world
        assert chance is not None
        self.wall.step(int((chance.random() - 0.5) * 7200 * S))
        world.fault("wall clock step").took_effect()
        next_ns = int(chance.expovariate(0.2) * world.interval_ns)
        world.timeline.at(world.later(next_ns), self._step_wall)

    def _quiet(self, storm: Storm) -> None:
        """No faults any more: I1 within its bound, and I6 from then on."""
        world = self.world
        # Ends of faults may begin others' ends (a hung process is killed, then replaced).
        while storm.over_ns > world.timeline.now_ns:
            world.timeline.run_until(storm.over_ns)
        for segment in world.segments:
            world.timeline.run_until(max(world.timeline.now_ns, segment.busy_until_ns))
        world.note("### quiet from now on")
        for host in world.hosts:
            well = host.running and host.awake and host.kernel.alive
            assert well, world.describe()
        numbers = range(len(world.segments))
        self._wait_for_retry()
        check = world.watch.one_active
        world.run_for(max(check.bound_ns(number) for number in numbers) + SLOT_NS)
        for number in numbers:
            check.check(number)
            check.check_everybody(number)
        check.settled = True
        if self._wait_until_rightful():
            # Everybody has to have heard the one who is active now: what its predecessor said last
            # may have overtaken it, with another interval.
            longest_ns = max(each.advert_int_ns for host in world.hosts for each in host.instances)
            world.run_for(longest_ns + SLOT_NS)
            self._singles()
        for number in numbers:
            check.check(number)
            check.check_addresses(number)
        check.settled = False
        world.watch.corrupted.clear()

    def _wait_for_retry(self) -> None:
        """While all routers of a segment wait for their retry, nobody can be active."""
        world = self.world
        for number in range(len(world.segments)):
            retries = [
                None if host.process is None else host.process.retry_ns(number)
                for host in world.hosts
            ]
            if None not in retries:
                first_ns = min(
                    retry - host.local_ns()
                    for retry, host in zip(retries, world.hosts, strict=True)
                    if retry is not None
                )
                world.run_for(max(0, first_ns) + SLOT_NS)

    def _wait_until_rightful(self) -> bool:
        """Until nobody is about to preempt; False when that takes too long to wait for."""
        world = self.world
        for _ in range(10):
            waits_ns = [self._pending_ns(number) for number in range(len(world.segments))]
            if not any(waits_ns):
                return True
            if max(waits_ns) > 40 * world.interval_ns:
                return False
            world.run_for(max(waits_ns))
        raise Broken("I1 rightful", "a router that may preempt does not\n" + world.describe())

    def _pending_ns(self, number: int) -> int:
        """How long until the last change that is due by itself; 0: none is."""
        world = self.world
        world.watch.one_active.check(number)
        (master,) = world.watch.masters[number]
        longest_ns = 0
        for host in world.hosts:
            process = host.process
            assert process is not None
            retry_ns = process.retry_ns(number)
            settings = process.instance(number)
            # After its retry it goes by the interval of the one that it overhears until then.
            slowest_ns = own_down_ns(host, number, world.hosts[master].instances[number])
            down_ns = 2 * max(process.down_ns(number), slowest_ns) + settings.preempt_delay_ns
            if world.grouped:
                down_ns += GROUP_INTERVALS * world.interval_ns
            if retry_ns is not None:
                longest_ns = max(longest_ns, retry_ns - host.local_ns() + down_ns + SLOT_NS)
            elif self._preempts(host, world.hosts[master], number):
                longest_ns = max(longest_ns, down_ns + SLOT_NS)
        return longest_ns

    def _preempts(self, host: Host, master: Host, number: int) -> bool:
        """Whether `host` is going to take over from a living master."""
        mine, other = host.process, master.process
        assert mine is not None
        assert other is not None
        # A sync group takes over when every member may.
        numbers = range(len(self.world.segments)) if self.world.grouped else (number,)
        return host is not master and all(
            mine.priority(each) > other.priority(each)
            and (
                (mine.instance(each).preempt and not host.overridden(each))
                or mine.priority(each) == 255
            )
            for each in numbers
        )

    def _singles(self) -> None:
        """One frame at a time, far enough from each other to be single."""
        world = self.world
        chance = world.random
        # The reordered ones and their like have to be at rest, before and after.
        apart_ns = (
            3 * max(each.advert_int_ns for host in world.hosts for each in host.instances)
            + 2 * SLOT_NS
        )
        world.watch.single_frame.on = True
        for _ in range(SINGLES):
            number = chance.randrange(len(world.segments))
            segment = world.segments[number]
            world.watch.one_active.check(number)
            (master,) = world.watch.masters[number]
            others = [host.index for host in world.hosts if host.index != master]
            fate = chance.choice(list(Fate))
            segment.single = Single(
                fault=world.fault(_SINGLE_KINDS[fate]),
                fate=fate,
                link=(master, chance.choice(others)),
                late_ns=int(chance.random() * 2 * world.interval_ns),
                bit=chance.random(),
            )
            world.note(f"=== single frame on network {number}: {segment.single.fate}")
            world.run_for(apart_ns + int(chance.random() * world.interval_ns))
        world.watch.single_frame.on = False


def run_seed(seed: int, *, trace: bool = False) -> Result:
    """Run a seed, twice if it is one for I5."""
    twin = seed % _TWIN_EVERY == 0
    result, run = _run(Run(seed, trace=trace, wall_steps=twin))
    if not twin or result.broken is not None:
        return result
    _, other = _run(Run(seed))
    if run.world.watch.history != other.world.watch.history:
        result.broken = "setting the wall clock changed what the routers did"
        result.invariant = "I5 wall clock"
    return result


def _run(run: Run) -> tuple[Result, Run]:
    world = run.world
    result = Result(seed=run.seed, counts=world.counts)
    try:
        with run.wall.installed():
            run.complete()
    except Broken as broken:
        result.broken, result.invariant = str(broken), broken.invariant
    except Exception as error:  # an exception of the core is a failure like any other
        result.broken, result.invariant = f"{type(error).__name__}: {error}", "no exception"
    if result.broken is not None:
        result.broken += "\n" + world.describe()
        world.note(f"!!! {result.broken}")
    result.trace = list(world.trace or ())
    result.virtual_ns = world.timeline.now_ns
    result.steps = world.timeline.steps
    return result, run
