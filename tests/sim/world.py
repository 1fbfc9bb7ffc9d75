# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated cluster: two to five directors, their networks, one clock, one seed.

Owns what everything else in here shares. The routers are the real ones, from the bytes of an
advert to the state machine; the network, the kernel process and the supervisor are played.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass

from lvs_agent.core.model import Config
from sim.host import Host
from sim.network import Segment
from sim.timeline import Timeline
from sim.watch import Watch

_CENTISECOND_NS = 10_000_000
# A replay shows everything: a run of the usual length has some ten thousand lines.
_TRACE_LINES = 200_000


class World:
    """`configs[h]`: the configuration of host h; all have the same virtual routers."""

    def __init__(self, seed: int, configs: list[Config], *, trace: bool = False) -> None:
        self.random = random.Random(seed)
        self.timeline = Timeline()
        self.trace: deque[str] | None = deque(maxlen=_TRACE_LINES) if trace else None
        self.counts: Counter[str] = Counter()
        intervals = [each.advert_int_ns for config in configs for each in config.vrrp_instances]
        self.interval_ns = max(intervals)
        # A reload makes half of the longest of one, in whole centiseconds, or twice as much.
        half_ns = self.interval_ns // 2 // _CENTISECOND_NS * _CENTISECOND_NS
        self.shortest_ns = min(*intervals, max(half_ns, _CENTISECOND_NS))
        self.longest_ns = 2 * self.interval_ns
        self.grouped = bool(configs[0].sync_groups)
        numbers = range(len(configs[0].vrrp_instances))
        self.watch = Watch(self, len(configs), len(numbers))
        self.hosts = [Host(self, index, config) for index, config in enumerate(configs)]
        self.segments = [Segment(self, number, min(intervals)) for number in numbers]

    def run_for(self, duration_ns: int) -> None:
        """Let time pass."""
        self.timeline.run_until(self.timeline.now_ns + duration_ns)

    def later(self, delay_ns: int) -> int:
        """The time `delay_ns` from now."""
        return self.timeline.now_ns + delay_ns

    # Faults.

    def fault(self, kind: str) -> Fault:
        """A fault that counts once it took effect."""
        return Fault(self, kind)

    # For people.

    def note(self, text: str) -> None:
        """A line of the trace, if there is one."""
        if self.trace is not None:
            self.trace.append(f"{self.timeline.now_ns / 1e6:13.3f} ms  {text}")

    def describe(self) -> str:
        """Every host in a line."""
        return "\n".join(self._describe(host) for host in self.hosts)

    def _describe(self, host: Host) -> str:
        process = host.process
        parts = [host.name]
        for number, instance in enumerate(host.instances):
            state = "off" if process is None else process.state(number)
            priority = instance.priority if process is None else process.priority(number)
            parts.append(
                f"[{number}: v{instance.version} priority {priority} interval"
                f" {instance.advert_int_ns // 1_000_000} ms preempt {instance.preempt}"
                f" delay {instance.preempt_delay_ns // 1_000_000} ms: {state},"
                f" has {len(host.kernel.held[number])}]"
            )
        flags = {"frozen": host.frozen, "suspended": host.suspended, "running": host.running}
        return " ".join(parts + [name for name, on in flags.items() if on])


@dataclass(slots=True, eq=False)
class Fault:
    """One injected event; counted when it changes something for the first time."""

    world: World
    kind: str
    counted: bool = False

    def took_effect(self) -> None:
        """It did what it is there for."""
        if not self.counted:
            self.counted = True
            self.world.counts[self.kind] += 1
