# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for several routers together, whatever befalls them: I1 to I6.

Owns the bounds; each checker says its own and why it is just so. Must never use the core's
arithmetic for a bound: a mistake there would excuse itself.

A checker judges a router only from the last time something befell its host (`disturbed_ns`), and
a way through the network only while no trouble is on it: what a fault itself does is no failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.host import SLOT_NS
from sim.kernel import SLOWEST_NS

if TYPE_CHECKING:
    from lvs_agent.core.model import VrrpInstance
    from sim.host import Host
    from sim.watch import Watch
    from sim.world import World

_SECOND_NS = 1_000_000_000
MASTER = "MASTER"
GROUP_INTERVALS = 32


class Broken(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


@dataclass(slots=True)
class Record:
    """What a virtual router on a host did, as seen from outside."""

    state: str = "off"
    became_ns: int = 0  # when it entered the state
    advert_ns: int = 0  # its last advert
    resigned_ns: int = -1  # its last of priority 0
    heard_ns: int = -1  # the last that it accepted
    zero_ns: int = -1  # the last that it accepted, if it had priority 0
    sequence: int = -1  # of its last Hold
    acknowledged: bool = False  # the kernel process confirmed that Hold
    promised_ns: int | None = None  # since when it advertises what is not confirmed, host's clock
    limit_ns: int = 0  # for how long it may
    announced_ns: int = -1  # its last gratuitous ARP or unsolicited NA


def hold_limit_ns(interval_ns: int) -> int:
    """How long addresses may be promised: one advert interval, at least 100 ms (a netlink batch
    of a thousand addresses takes that), at most one second (a longer black hole helps nobody)."""
    return min(max(interval_ns, _SECOND_NS // 10), _SECOND_NS)


class OneActive:
    """I1: full connectivity and quiet: within 2 * active_down exactly one router is active.

    Bound: twice the greatest Active_Down_Interval that any router goes by at the beginning of the
    quiet (learned intervals included): one until the slowest backup gives up a master that is no
    more, one in which a router that stood still hears the master out, or in which a takeover by
    two of equal skew is settled. A router whose takeover its kernel refused is away until it tries
    again; while all are, the time does not run. From then on there is never a moment without one.
    A sync group that lost a premature takeover waits for up to 32 intervals before the next
    (core/vrrp/groups.py), which comes on top.
    """

    NAME = "I1 one active"

    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch
        self.settled = False

    def bound_ns(self, number: int) -> int:
        """2 * active_down, from now."""
        extra_ns = GROUP_INTERVALS * self._world.interval_ns if self._world.grouped else 0
        return extra_ns + 2 * max(
            (
                max(host.process.down_ns(number), own_down_ns(host, number))
                for host in self._world.hosts
                if host.process is not None
            ),
            default=0,
        )

    def check(self, number: int) -> None:
        """At the end of the bound, and of a whole quiet time."""
        masters = self._watch.masters[number]
        # A handover by preemption has two for the time that an advert takes.
        if len(masters) > 1:
            self._world.run_for(self._world.segments[number].healthy_ns + SLOT_NS)
        if len(masters) != 1:
            names = ", ".join(self._world.hosts[index].name for index in masters) or "nobody"
            raise Broken(self.NAME, f"virtual router {number}: {names} is active after the bound")

    def check_everybody(self, number: int) -> None:
        """Nobody stays in FAULT for a reason that is over; a retry may still be to come."""
        for host in self._world.hosts:
            process = host.process
            state = "off" if process is None else process.state(number)
            retry_ns = None if process is None else process.retry_ns(number)
            if state not in ("BACKUP", MASTER) and not retry_ns:
                raise Broken("I1 everybody is back", f"{host.name}{number} is in {state}")

    def check_addresses(self, number: int) -> None:
        """Once settled: who is active has exactly its addresses, and nobody else has any."""
        for host in self._world.hosts:
            active = host.index in self._watch.masters[number]
            right = host.kernel.configured[number] if active else ()
            if host.kernel.held[number] != right:
                held = ", ".join(host.kernel.held[number]) or "nothing"
                text = f"{host.name}{number} has {held}, active: {active}"
                raise Broken("I1 the active one has the addresses", text)

    def lost(self, number: int) -> None:
        """A master is one no more."""
        if self.settled and not self._watch.masters[number]:
            raise Broken(self.NAME, f"virtual router {number} has none, though nothing happened")


def own_down_ns(host: Host, number: int, other: VrrpInstance | None = None) -> int:
    """Active_Down_Interval of its settings, by the longer of its own interval and that of
    `other`."""
    instance = host.instances[number]
    interval_ns = max(instance.advert_int_ns, (other or instance).advert_int_ns)
    base_ns = _SECOND_NS if instance.version == 2 else interval_ns
    priority = 1 if "given_away" in host.overridden(number) else instance.priority
    return instance.down_timer_adverts * interval_ns + (256 - priority) * base_ns // 256


class BriefDual:
    """I2: two are active no longer than one way through the network and one processing slot.

    Bound: from the first advert that the winner sends over a whole way, the loser steps down
    within the longest healthy delay and one slot. That the winner sends one within its interval
    is `PunctualMaster`; both together bound two masters after a healed partition by T + delay +
    slot, and after a takeover in a whole network, whose first advert goes out at once, by delay
    and slot alone.
    """

    NAME = "I2 brief dual-active"

    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch

    def advert(self, winner: Host, number: int, priority: int) -> None:
        """An advert goes out while several are active."""
        segment = self._world.segments[number]
        for index in self._watch.masters[number]:
            loser = self._world.hosts[index]
            process = loser.process
            if loser is winner or process is None or segment.single is not None:
                continue
            if (priority, winner.sources[number]) < (
                process.priority(number),
                loser.sources[number],
            ):
                continue
            if not (self._hears(winner, loser, number) and self._agree(winner, loser, number)):
                continue
            sent_ns = self._world.timeline.now_ns
            due_ns = sent_ns + segment.healthy_ns + SLOT_NS
            self._world.timeline.at(due_ns, self._check, winner, loser, number, sent_ns)

    def _hears(self, winner: Host, loser: Host, number: int) -> bool:
        return (
            winner.links_up[number]
            and loser.links_up[number]
            and loser.links_known[number]
            and loser.awake
            and self._world.segments[number].whole((winner.index, loser.index))
        )

    def _agree(self, winner: Host, loser: Host, number: int) -> bool:
        """Version 2 drops adverts of another interval, and an owner all."""
        assert winner.process is not None
        assert loser.process is not None
        one, other = winner.process.instance(number), loser.process.instance(number)
        return one.version == 3 or (
            one.advert_int_ns == other.advert_int_ns and other.priority != 255
        )

    def _check(self, winner: Host, loser: Host, number: int, sent_ns: int) -> None:
        record = self._watch.records[loser.index][number]
        still = record.state == MASTER and record.became_ns <= sent_ns
        if still and loser.disturbed_ns < sent_ns:
            raise Broken(
                self.NAME,
                f"{loser.name}{number} is active still, though {winner.name}'s advert of"
                f" {sent_ns / 1e6:.3f} ms wins",
            )


class PunctualMaster:
    """The other half of I2: whoever is active says so once per interval.

    Bound: T and one processing slot: the timer is set from its deadline, so lateness does not add
    up.
    """

    NAME = "I2 punctual master"

    def __init__(self, world: World) -> None:
        self._world = world

    def advert(self, host: Host, number: int, record: Record) -> None:
        """It sends, or ceases to be master."""
        if record.state != MASTER or not host.awake:
            return
        process = host.process
        assert process is not None
        since_ns = max(record.advert_ns, record.became_ns, host.disturbed_ns)
        gap_ns = self._world.timeline.now_ns - since_ns
        if gap_ns > process.instance(number).advert_int_ns + SLOT_NS:
            text = f"{host.name}{number} was silent for {gap_ns / 1e6:.3f} ms"
            raise Broken(self.NAME, text)


class NoEmptyPromise:
    """I3: no advert of a priority above 0 for longer than one interval without a hold that the
    kernel acknowledged.

    Bound: `hold_limit_ns` of the interval at the beginning, and one slot, on the host's monotonic
    clock: while the host sleeps it promises nothing, and its kernel process cannot answer either.
    It runs from the first such advert, or from the news that the kernel process died; an
    acknowledgement counts from when the kernel process gives it.
    """

    NAME = "I3 no empty promise"

    def __init__(self, world: World) -> None:
        self._world = world

    def since(self, host: Host, number: int, record: Record) -> None:
        """From now on nothing is confirmed, if it was until now."""
        if record.promised_ns is None:
            assert host.process is not None
            record.promised_ns = host.local_ns()
            record.limit_ns = hold_limit_ns(host.process.instance(number).advert_int_ns)

    def advert(self, host: Host, number: int, record: Record) -> None:
        """An advert without confirmed addresses."""
        self.since(host, number, record)
        assert record.promised_ns is not None
        promised_ns = host.local_ns() - record.promised_ns
        if promised_ns > record.limit_ns + SLOT_NS:
            raise Broken(
                self.NAME,
                f"{host.name}{number} advertises for {promised_ns / 1e6:.3f} ms what its kernel"
                f" does not confirm; {record.limit_ns / 1e6:.3f} ms are allowed",
            )


class NothingLeft:
    """I4: whoever is not active any more, whether stopped, beaten or newly born, has no address.

    Bound: the slowest answer of a healthy kernel process, and one slot. Power cuts and sweeps are
    played, so what is judged is that the routers ask for the release.
    """

    NAME = "I4 nothing left"

    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch

    def left(self, host: Host, number: int, record: Record) -> None:
        """A router is not master, or not any more."""
        if _healthy(host):
            due_ns = max(
                self._world.timeline.now_ns + SLOWEST_NS + SLOT_NS, host.kernel.busy_until_ns
            )
            self._world.timeline.at(due_ns, self._check, host, number, record, record.became_ns)

    def _check(self, host: Host, number: int, record: Record, left_ns: int) -> None:
        undisturbed = host.disturbed_ns <= left_ns and _healthy(host)
        unchanged = record.became_ns == left_ns and record.state != MASTER
        if undisturbed and unchanged and host.kernel.held[number]:
            held = ", ".join(host.kernel.held[number])
            raise Broken(self.NAME, f"{host.name}{number} is {record.state} and has {held}")


def _healthy(host: Host) -> bool:
    kernel = host.kernel
    return kernel.alive and kernel.hung is None and kernel.slow is None


class SingleFrame:
    """I6: one lost, doubled, late or corrupted advert never changes who is active.

    Judged in quiet times, when nothing else can be the cause; the next two adverts after the one
    in question arrive. Bound: none, no change at all.
    """

    NAME = "I6 single frame"

    def __init__(self, world: World, watch: Watch) -> None:
        self._world = world
        self._watch = watch
        self.on = False

    def changed(self, host: Host, number: int, state: str) -> None:
        """Somebody becomes master, or ceases to be."""
        if self.on:
            raise Broken(self.NAME, f"{host.name}{number} becomes {state}")


class InStep:
    """A sync group has no master beside a member that is none.

    Bound: none: looked at whenever the host has done all that an event led to.
    """

    NAME = "sync group in step"

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def check(self, host: Host) -> None:
        """All or nothing."""
        states = [record.state for record in self._watch.records[host.index]]
        if len({state == MASTER for state in states}) > 1:
            raise Broken(self.NAME, f"{host.name}: {', '.join(states)}")


class NeverNobodys:
    """Who resigns by order of an operator is back when nobody takes over.

    Bound: the skew of priority 1 by its own interval, a quarter of that (at least 50 ms, at most
    250 ms), and a slot: until then it has heard somebody else, or is master again. A sync group may
    have to wait for its turn.
    """

    NAME = "never nobody's"

    def __init__(self, world: World) -> None:
        self._world = world

    def stepped_down(self, host: Host, number: int, record: Record) -> None:
        """It has just resigned."""
        process = host.process
        assert process is not None
        instance, now_ns = process.instance(number), self._world.timeline.now_ns
        interval_ns = instance.advert_int_ns
        base_ns = _SECOND_NS if instance.version == 2 else interval_ns
        margin_ns = min(max(interval_ns // 4, _SECOND_NS // 20), _SECOND_NS // 4)
        due_ns = now_ns + 255 * base_ns // 256 + margin_ns + SLOT_NS + 1
        self._world.timeline.at(due_ns, self._check, host, number, record, now_ns)

    def _check(self, host: Host, number: int, record: Record, since_ns: int) -> None:
        unchanged = record.state == "BACKUP" and record.became_ns == since_ns
        if unchanged and host.disturbed_ns <= since_ns and record.heard_ns < since_ns:
            text = f"{host.name}{number} resigned by order, heard nobody, and waits still"
            raise Broken(self.NAME, text)


class NoOvertaking:
    """A router that is given away or held takes over from nobody who is there.

    Bound: none of the ways to become master leads past an advert of the last interval: silence, and
    the time in which a router that stood still listens, are longer. Priority 0 is no such advert.
    """

    NAME = "no overtaking"

    def __init__(self, world: World) -> None:
        self._world = world

    def taken(self, host: Host, number: int, record: Record) -> None:
        """A router becomes master."""
        if not host.overridden(number) or record.heard_ns < 0 or record.zero_ns >= 0:
            return
        since_ns = self._world.timeline.now_ns - record.heard_ns
        if since_ns < self._world.shortest_ns and host.disturbed_ns < record.heard_ns:
            text = f"{host.name}{number} takes over {since_ns / 1e6:.3f} ms after an advert"
            raise Broken(self.NAME, text)


class Handover:
    """Who stops being master by its own decision says so, and the next one comes after its skew.

    Bounds: the advert of priority 0 goes out in the same turn; a backup that hears it and nothing
    after it is active after its Skew_Time, so that the best of several comes first: not before
    that part of the shortest interval in the run, nor later than that of the longest and a slot. A
    sync group is no faster than its slowest member; the latter bound leaves it out.
    """

    NAME = "handover"

    def __init__(self, world: World) -> None:
        self._world = world

    def left(self, host: Host, number: int, record: Record) -> None:
        """A master is none any more, and not because of another: that would make it a backup."""
        if record.state in ("INIT", "FAULT") and record.resigned_ns != self._world.timeline.now_ns:
            raise Broken(self.NAME, f"{host.name}{number} leaves without priority 0")

    def heard(self, host: Host, number: int, record: Record) -> None:
        """Somebody hears that the master leaves."""
        now_ns = self._world.timeline.now_ns
        if record.state != "BACKUP":
            return
        record.zero_ns = now_ns
        if self._world.grouped:
            return
        skew_ns = self._skew_ns(host, number, self._world.longest_ns)
        due_ns = now_ns + skew_ns + SLOT_NS + 1
        self._world.timeline.at(due_ns, self._check, host, number, record, now_ns)

    def taken(self, host: Host, number: int, record: Record) -> None:
        """A router becomes master."""
        skew_ns = self._skew_ns(host, number, self._world.shortest_ns)
        waited_ns = self._world.timeline.now_ns - record.zero_ns
        if record.zero_ns >= 0 and waited_ns < skew_ns:
            text = f"{host.name}{number} takes over {waited_ns / 1e6:.3f} ms after priority 0"
            raise Broken(self.NAME, text)

    def _skew_ns(self, host: Host, number: int, interval_ns: int) -> int:
        process = host.process
        assert process is not None
        base_ns = _SECOND_NS if process.instance(number).version == 2 else interval_ns
        return (256 - process.priority(number)) * base_ns // 256

    def _check(self, host: Host, number: int, record: Record, heard_ns: int) -> None:
        undisturbed = host.disturbed_ns < heard_ns and record.heard_ns == heard_ns
        if undisturbed and record.state == "BACKUP" and record.became_ns < heard_ns:
            raise Broken(self.NAME, f"{host.name}{number} heard priority 0 and waits still")
