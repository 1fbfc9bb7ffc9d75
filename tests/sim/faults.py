# SPDX-License-Identifier: GPL-3.0-or-later
"""Every misfortune of the simulated cluster, and when it ends.

Owns the kinds, their frequency and their length. One method, one kind: it returns False when the
world does not allow it at the moment (nothing to crash), and then nothing happened.

What counts as one fault: one injected event that changed something. A spell of network trouble
(loss, delay, doubling, partition) counts once, and only if a frame suffered from it; a kernel
process that refuses, hangs or is slow counts once, and only if it was asked meanwhile. A reload
counts once per virtual router and host that goes by it. Ends and repairs (a host that boots, a
partition that heals) are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lvs_agent.core.events import AnnouncementNeeded
from lvs_agent.core.model import VrrpInstance
from sim.cluster import PRIORITIES, addresses
from sim.kernel import SLOWEST_NS
from sim.network import Link, Trouble
from vrrp_builders import MS, S

if TYPE_CHECKING:
    from sim.host import Host
    from sim.world import World

_HEARTBEAT_NS = 250 * MS
_CENTISECOND_NS = 10 * MS


class Storm:
    """Injects faults into `world`; `over_ns`: when the last one of them has ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self.over_ns = 0
        # Until then an operator goes from host to host with a new interval of version 2.
        self._intervals_agree_ns = 0
        tracked = bool(world.hosts[0].trackers)
        self._kinds: list[Callable[[], bool]] = [
            kind
            for kind, weight in (
                (self.loss, 6),
                (self.delay, 4),
                (self.doubling, 3),
                (self.partition, 5),
                (self.one_way, 6),
                (self.power_cut, 5),
                (self.agent_stop, 4),
                (self.ha_crash, 6),
                (self.ha_hang, 2),
                (self.kernel_death, 4),
                (self.kernel_hang, 3),
                (self.kernel_refuses, 2),
                (self.kernel_slow, 3),
                (self.freeze, 8),
                (self.suspend, 3),
                (self.interface_down, 5),
                (self.reload_priority, 6),
                (self.reload_interval, 3),
                (self.reload_addresses, 3),
                (self.reload_preempt, 3),
                (self.reload_delay, 3),
                (self.address_removed, 3),
                (self.overridden, 6),
                (self.step_down, 4),
                (self.script_fails, 5 if tracked else 0),
                (self.file_changes, 5 if tracked else 0),
            )
            for _ in range(weight)
        ]

    def inject(self) -> None:
        """One fault. Something is always possible; ten tries find it nearly always."""
        for _ in range(10):
            if self._random.choice(self._kinds)():
                return

    # Helpers.

    def _for(self, least: float, most: float) -> int:
        """A random duration, in advert intervals."""
        share = least + (most - least) * self._random.random()
        return int(share * self._world.interval_ns)

    def _ends(self, delay_ns: int, work: Callable[..., None], *arguments: object) -> None:
        """`work` ends a fault `delay_ns` from now."""
        time_ns = self._world.later(delay_ns)
        self.over_ns = max(self.over_ns, time_ns + SLOWEST_NS)
        self._world.timeline.at(time_ns, work, *arguments)

    def _inflict(self, kind: str, text: str) -> None:
        self._world.note(f"=== {kind}: {text}")
        self._world.fault(kind).took_effect()

    def _host(self, fits: Callable[[Host], bool]) -> Host | None:
        hosts = [host for host in self._world.hosts if fits(host)]
        return self._random.choice(hosts) if hosts else None

    def _number(self) -> int:
        return self._random.randrange(len(self._world.segments))

    # The network.

    def _links(self) -> frozenset[Link]:
        """Some ways: all, to or from one host, or a single one."""
        count = len(self._world.hosts)
        every = [(a, b) for a in range(count) for b in range(count) if a != b]
        one = self._random.randrange(count)
        match self._random.randrange(5):
            case 0 | 1:
                return frozenset(every)
            case 2:
                return frozenset(link for link in every if link[0] == one)
            case 3:
                return frozenset(link for link in every if link[1] == one)
            case _:
                return frozenset([self._random.choice(every)])

    def _trouble(self, kind: str, links: frozenset[Link], **how: float | int) -> bool:
        number = self._number()
        segment = self._world.segments[number]
        if len(segment.troubles) >= 3:
            return False  # more of it would only be silence
        trouble = Trouble(fault=self._world.fault(kind), links=links)
        for name, value in how.items():
            setattr(trouble, name, value)
        segment.troubles.append(trouble)
        if self._world.trace is not None:
            ways = ", ".join(f"{'abcde'[a]}->{'abcde'[b]}" for a, b in sorted(links))
            self._world.note(f"=== {kind} on network {number}: {ways} {how}")
        self._ends(self._for(0.5, 6), self._trouble_over, number, trouble)
        return True

    def _trouble_over(self, number: int, trouble: Trouble) -> None:
        self._world.segments[number].troubles.remove(trouble)
        self._world.note(f"--- {trouble.fault.kind} on network {number} over")

    def loss(self) -> bool:
        return self._trouble("loss", self._links(), lost=self._random.choice([0.1, 0.3, 0.6, 0.9]))

    def delay(self) -> bool:
        """Late by up to two intervals, so that frames overtake each other."""
        late_ns = self._for(0.5, 2)
        return self._trouble("delay and reordering", self._links(), late=0.7, late_ns=late_ns)

    def doubling(self) -> bool:
        return self._trouble("duplication", self._links(), doubled=0.6)

    def _cut(self) -> tuple[list[int], list[int]]:
        numbers = list(range(len(self._world.hosts)))
        self._random.shuffle(numbers)
        at = self._random.randrange(1, len(numbers))
        return numbers[:at], numbers[at:]

    def partition(self) -> bool:
        ours, theirs = self._cut()
        links = frozenset(way for a in ours for b in theirs for way in ((a, b), (b, a)))
        return self._trouble("partition", links, lost=1.0)

    def one_way(self) -> bool:
        ours, theirs = self._cut()
        links = frozenset((a, b) for a in ours for b in theirs)
        return self._trouble("one-way partition", links, lost=1.0)

    # Hosts and processes.

    def power_cut(self) -> bool:
        host = self._host(lambda host: host.running)
        if host is None:
            return False
        self._inflict("power cut", host.name)
        host.power_cut()
        self._ends(self._for(0.5, 8), self._boot, host)
        return True

    def _boot(self, host: Host) -> None:
        self._world.note(f"--- {host.name} starts")
        host.start()

    def agent_stop(self) -> bool:
        host = self._host(lambda host: host.process is not None and host.awake)
        if host is None:
            return False
        self._inflict("agent stopped", host.name)
        host.stop()
        self._ends(self._for(0.5, 6), self._boot, host)
        return True

    def ha_crash(self) -> bool:
        """Forked again within milliseconds as a rule; sometimes too late to be adopted."""
        host = self._host(lambda host: host.process is not None and not host.suspended)
        if host is None:
            return False
        dead_ns = self._for(0.2, 4) if self._random.random() < 0.3 else self._delay(20 * MS)
        self._inflict("ha process crash", f"{host.name} for {dead_ns / MS:.3f} ms")
        host.kill_ha()
        # The last heartbeat was sent at any moment of its period.
        silent_ns = dead_ns + self._delay(_HEARTBEAT_NS)
        self._ends(dead_ns, host.fork_ha, silent_ns)
        return True

    def _delay(self, most_ns: int) -> int:
        return MS // 10 + int(self._random.random() * most_ns)

    def ha_hang(self) -> bool:
        """The supervisor kills it after a while; its successor does not adopt."""
        host = self._host(lambda host: host.process is not None and host.awake)
        if host is None:
            return False
        self._inflict("ha process hangs", host.name)
        host.freeze()
        self._ends(self._for(1, 6), self._kill_hung, host, host.process)
        return True

    def _kill_hung(self, host: Host, process: object) -> None:
        if host.process is process and host.running:
            self._world.note(f"--- {host.name}: the hung ha process is killed")
            host.kill_ha()
            self._ends(self._delay(20 * MS), host.fork_ha, None)

    def freeze(self) -> bool:
        host = self._host(lambda host: host.process is not None and host.awake)
        if host is None:
            return False
        length_ns = self._for(0.2, 8)
        self._inflict("freeze", f"{host.name} for {length_ns / MS:.3f} ms")
        host.freeze()
        self._ends(length_ns, self._thaw, host, host.process)
        return True

    def _thaw(self, host: Host, process: object) -> None:
        if host.process is process and host.frozen:
            self._world.note(f"--- {host.name} goes on")
            host.thaw()

    def suspend(self) -> bool:
        host = self._host(lambda host: host.running and not host.suspended)
        if host is None:
            return False
        length_ns = self._for(0.2, 8)
        self._inflict("host suspended", f"{host.name} for {length_ns / MS:.3f} ms")
        host.suspend()
        self._ends(length_ns, self._resume, host, host.suspensions, length_ns)
        return True

    def _resume(self, host: Host, suspensions: int, length_ns: int) -> None:
        if host.suspended and host.suspensions == suspensions:
            self._world.note(f"--- {host.name} resumes")
            host.resume(length_ns)

    def interface_down(self) -> bool:
        number = self._number()
        host = self._host(lambda host: host.running and host.links_up[number])
        if host is None:
            return False
        self._inflict("interface down", f"{host.name}{number}")
        self._set_link(host, number, False)
        self._ends(self._for(0.1, 5), self._set_link, host, number, True)
        return True

    def _set_link(self, host: Host, number: int, up: bool) -> None:
        self._world.note(f"--- {host.name}{number}: interface {up=}")
        host.disturb()
        host.links_up[number] = up
        host.kernel.send_link(number)

    # The kernel process.

    def kernel_death(self) -> bool:
        host = self._host(lambda host: host.kernel.alive and not host.suspended)
        if host is None:
            return False
        self._inflict("kernel process death", host.name)
        host.disturb()
        host.kernel.die()
        self._ends(self._for(0.02, 2), self._restart_kernel, host)
        return True

    def _restart_kernel(self, host: Host) -> None:
        if host.suspended:
            host.when_awake(self._restart_kernel, host)
        elif host.running and not host.kernel.alive:
            self._world.note(f"--- {host.name}: the kernel process is back")
            host.disturb()
            host.kernel.restart()

    def kernel_hang(self) -> bool:
        host = self._host(lambda host: host.kernel.alive and host.kernel.hung is None)
        if host is None:
            return False
        fault = self._world.fault("kernel process silent")
        self._world.note(f"=== {fault.kind}: {host.name}")
        host.disturb()
        host.kernel.hang(fault)
        killed = self._random.random() < 0.5
        self._ends(self._for(0.3, 5), self._kernel_wakes, host, fault, killed)
        return True

    def _kernel_wakes(self, host: Host, fault: object, killed: bool) -> None:
        if host.kernel.hung is not fault:
            return
        host.disturb()
        if killed and not host.suspended:
            self._world.note(f"--- {host.name}: the hung kernel process is replaced")
            host.kernel.die()
            self._ends(self._delay(20 * MS), self._restart_kernel, host)
        else:
            self._world.note(f"--- {host.name}: the kernel process goes on")
            host.kernel.go_on()

    def kernel_refuses(self) -> bool:
        host = self._host(lambda host: host.kernel.alive and host.kernel.refusing is None)
        if host is None:
            return False
        fault = self._world.fault("kernel refuses addresses")
        self._world.note(f"=== {fault.kind}: {host.name}")
        host.disturb()
        host.kernel.refusing = fault
        self._ends(self._for(0.5, 4), self._kernel_mended, host, fault)
        return True

    def kernel_slow(self) -> bool:
        host = self._host(lambda host: host.kernel.alive and host.kernel.slow is None)
        if host is None:
            return False
        fault = self._world.fault("kernel process slow")
        self._world.note(f"=== {fault.kind}: {host.name}")
        host.disturb()
        host.kernel.slow = fault
        host.kernel.slow_ns = self._for(0.2, 3)
        self._ends(self._for(1, 6), self._kernel_mended, host, fault)
        # What was asked at the last moment takes its time.
        self.over_ns += host.kernel.slow_ns
        return True

    def _kernel_mended(self, host: Host, fault: object) -> None:
        kernel = host.kernel
        if fault in (kernel.refusing, kernel.slow):
            self._world.note(f"--- {host.name}: the kernel process works well again")
            host.disturb()
            kernel.refusing = None if kernel.refusing is fault else kernel.refusing
            kernel.slow = None if kernel.slow is fault else kernel.slow

    def address_removed(self) -> bool:
        """Somebody removes an address by hand; the kernel process puts it back and says so."""
        number = self._number()
        host = self._host(
            lambda host: (
                host.kernel.alive
                and host.kernel.hung is None
                and not host.suspended
                and bool(host.kernel.held[number])
            )
        )
        if host is None:
            return False
        self._inflict("address removed by hand", f"{host.name}{number}")
        held = host.kernel.held[number]
        host.message(host.tell, number, AnnouncementNeeded(addresses=held[:1]))
        return True

    # Configuration.

    def _reload(self, kind: str, change: Callable[[VrrpInstance], VrrpInstance]) -> bool:
        """One instance of a host, or all of its sync group."""
        number = self._number()
        host = self._host(lambda host: host.process is not None)
        if host is None:
            return False
        every = self._world.grouped and self._random.random() < 0.8
        after = tuple(
            change(each) if every or at == number else each
            for at, each in enumerate(host.instances)
        )
        return self._reload_host(kind, host, after)

    def _reload_host(self, kind: str, host: Host, after: tuple[VrrpInstance, ...]) -> bool:
        if after == host.instances:
            return False
        self._inflict(kind, host.name)
        host.reload(after)
        return True

    def reload_priority(self) -> bool:
        priority = self._random.choice([*PRIORITIES, 255])
        owner = any(each.priority == 255 for host in self._world.hosts for each in host.instances)
        if priority == 255 and owner:
            return False  # two owners are a wrong configuration
        return self._reload("reload: priority", lambda i: replace(i, priority=priority))

    def reload_interval(self) -> bool:
        """Version 3 learns it; with version 2 all hosts have to change, one after the other."""
        if self._world.hosts[0].instances[0].version == 3:
            share = self._random.choice([0.5, 1, 2])
            steps = max(1, int(share * self._world.interval_ns) // _CENTISECOND_NS)
            interval_ns = steps * _CENTISECOND_NS
            return self._reload(
                "reload: advert_int", lambda i: replace(i, advert_int_ns=interval_ns)
            )
        if self._world.timeline.now_ns < self._intervals_agree_ns:
            return False  # one operator at a time
        interval_ns = self._random.choice([1, 2]) * S
        self._intervals_agree_ns = self._world.later(2 * self._world.interval_ns)
        for host in self._world.hosts:
            self._ends(self._for(0, 1.5), self._reload_interval_of, host, interval_ns)
        return True

    def _reload_interval_of(self, host: Host, interval_ns: int) -> None:
        after = tuple(replace(each, advert_int_ns=interval_ns) for each in host.instances)
        self._reload_host("reload: advert_int", host, after)

    def reload_addresses(self) -> bool:
        count = self._random.randrange(1, 5)
        return self._reload(
            "reload: addresses",
            lambda i: replace(i, addresses=addresses(i.family, int(i.name[1:]), count)),
        )

    def reload_preempt(self) -> bool:
        return self._reload("reload: nopreempt", lambda i: replace(i, preempt=not i.preempt))

    def reload_delay(self) -> bool:
        delay_ns = self._random.choice([0, self._for(0, 6)])
        return self._reload(
            "reload: preempt_delay", lambda i: replace(i, preempt_delay_ns=delay_ns)
        )

    # Operators.

    def overridden(self) -> bool:
        """Given away, held, or neither any more: until another order, quiet times included."""
        number = self._number()
        host = self._host(lambda host: host.running)
        if host is None:
            return False
        state = self._random.choice(["given_away", "held", "ordinary"])
        if host.overrides.get(number, "ordinary") == state:
            return False
        self._inflict(f"instance {state}", f"{host.name}{number}")
        host.override(number, state)
        return True

    def step_down(self) -> bool:
        """A master is told to resign."""
        number = self._number()
        host = self._host(
            lambda host: (
                host.process is not None
                and host.awake
                and host.process.state(number) == "MASTER"
                and all(each.priority != 255 for each in host.instances)
            )
        )
        if host is None:
            return False
        self._inflict("master told to resign", f"{host.name}{number}")
        host.step_down(number)
        return True

    # Trackers.

    def script_fails(self) -> bool:
        """The script's weight goes, or the instance is in FAULT, until it succeeds again."""
        host = self._host(
            lambda host: bool(host.trackers) and host.trackers[0].up is True and host.running
        )
        if host is None:
            return False
        self._inflict("tracked script fails", host.name)
        host.track(up=False)
        self._ends(self._for(0.3, 6), self._script_succeeds, host)
        return True

    def _script_succeeds(self, host: Host) -> None:
        self._world.note(f"--- {host.name}: the tracked script succeeds")
        host.track(up=True)

    def file_changes(self) -> bool:
        """Any effective priority from 1 to 254."""
        host = self._host(lambda host: bool(host.trackers) and host.running)
        if host is None:
            return False
        value = self._random.choice([0, -100, -60, -20, 20, 60, 100])
        if host.trackers[1].value == value:
            return False
        self._inflict("tracked file changes", f"{host.name}: {value}")
        host.track(value=value)
        return True
