# SPDX-License-Identifier: GPL-3.0-or-later
"""Two directors with a sync group of two instances, each on a network of its own: a small model.

The stacks are the real ones; the networks lose and delay what they are told to. After every event
of a director the group's promise is checked: master in both, or in none.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from lvs_agent.core.actions import SendAdvert
from lvs_agent.core.events import AdvertReceived, Event, Shutdown, TimerExpired
from lvs_agent.core.messages import Hold, HoldApplied, TrackerState
from lvs_agent.core.model import Config, SyncGroup, Tracking
from lvs_agent.core.vrrp.receive import own_advert
from lvs_agent.core.vrrp.router import State
from lvs_agent.core.vrrp.stack import Outputs, VrrpStack
from vrrp_builders import MS, config, instance, ip, link, virtual

NETWORKS = (0, 1)
NAMES = ("inside", "outside")


def settings(
    priorities: tuple[int, int], trackers: tuple[Tracking, ...] = (), **changes: object
) -> Config:
    """The configuration of one director: its priority in each network, the group's trackers."""
    return config(
        *(
            instance(
                name=NAMES[n],
                interface=f"eth{n}",
                virtual_router_id=51 + n,
                version=3,
                advert_int_ns=1000 * MS,
                priority=priorities[n],
                addresses=(virtual(f"10.{n}.0.100", f"eth{n}"),),
                **changes,
            )
            for n in NETWORKS
        ),
        groups=(SyncGroup(name="both", members=NAMES, trackers=trackers),),
    )


class Director:
    """One of them; `stack` None: it has no power."""

    def __init__(self, name: str, of: Config, last: int) -> None:
        self.name = name
        self.config = of
        self.addresses = [f"10.{n}.0.{last}" for n in NETWORKS]
        self.stack: VrrpStack | None = None
        self.life = 0


class Model:
    """`cuts` has (sender, network) of the directions that lose everything."""

    def __init__(self, configs: dict[str, Config], latency_ns: int = MS) -> None:
        self.now_ns = 0
        self.latency_ns = latency_ns
        self.cuts: set[tuple[str, int]] = set()
        self.kernel_error: dict[str, str | None] = dict.fromkeys(configs)
        self.directors = {
            name: Director(name, of, last) for last, (name, of) in enumerate(configs.items(), 1)
        }
        self.changes = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()

    def _at(self, time_ns: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (time_ns, next(self._number), what))

    def run(self, duration_ns: int) -> None:
        end_ns = self.now_ns + duration_ns
        while self._heap and self._heap[0][0] <= end_ns:
            self.now_ns, _, what = heapq.heappop(self._heap)
            what()
        self.now_ns = end_ns

    def start(self, name: str, adopt: frozenset[str] = frozenset()) -> None:
        of = self.directors[name]
        of.life += 1
        of.stack = VrrpStack(of.config, self.now_ns, adopt=adopt, restarted=bool(adopt))
        for n in NETWORKS:
            self.link(name, n, up=True)

    def crash(self, name: str) -> None:
        self.directors[name].stack = None
        self.directors[name].life += 1

    def stop(self, name: str) -> None:
        of = self.directors[name]
        if of.stack is not None:
            self._do(of, of.stack.handle_all(Shutdown(), self.now_ns))
            self.crash(name)

    def link(self, name: str, network: int, *, up: bool) -> None:
        of = self.directors[name]
        if of.stack is not None:
            state = link(f"eth{network}", running=up, primary=of.addresses[network])
            self._do(of, of.stack.link(state, self.now_ns))

    def script(self, name: str, *, up: bool) -> None:
        """The result of the script "chk" on a director."""
        of = self.directors[name]
        assert of.stack is not None
        state = TrackerState(kind="script", name="chk", up=up, value=0, reason="")
        self._do(of, of.stack.tracker(state, self.now_ns))

    def feed(self, of: Director, instance_name: str, event: Event, life: int) -> None:
        if of.stack is not None and of.life == life:
            self._do(of, of.stack.handle(instance_name, event, self.now_ns))

    def _do(self, of: Director, outputs: Outputs) -> None:
        for name, action in outputs:
            if isinstance(action, SendAdvert):
                self._send(of, NAMES.index(name), action.resign)
            elif isinstance(action, Hold):
                error = self.kernel_error[of.name] if action.hold else None
                answer = HoldApplied(
                    instance=name, hold=action.hold, sequence=action.sequence, error=error
                )
                self._later(of, name, answer, MS)
        self.check(of)
        if of.stack is not None:
            for name in NAMES:
                self._arm(of, name)

    def _later(self, of: Director, name: str, event: Event, delay_ns: int) -> None:
        life = of.life
        self._at(self.now_ns + delay_ns, lambda: self.feed(of, name, event, life))

    def _arm(self, of: Director, name: str) -> None:
        assert of.stack is not None
        due_ns, life = of.stack.deadline_ns(name), of.life

        def fire() -> None:
            stack = of.stack
            if stack is None or of.life != life:
                return
            now_due_ns = stack.deadline_ns(name)
            if now_due_ns is not None and now_due_ns <= self.now_ns:
                self._do(of, stack.handle(name, TimerExpired(), self.now_ns))

        if due_ns is not None:
            self._at(max(due_ns, self.now_ns), fire)

    def _send(self, of: Director, network: int, resign: bool) -> None:
        assert of.stack is not None
        router = of.stack.routers[NAMES[network]]
        advert = own_advert(router.instance, resign=resign, priority=router.priority)
        event = AdvertReceived(source=ip(of.addresses[network]), advert=advert)
        if (of.name, network) in self.cuts:
            return
        for other in self.directors.values():
            if other is not of:
                self._later(other, NAMES[network], event, self.latency_ns)

    def check(self, of: Director) -> None:
        """Master in both, or in none."""
        states = self.states(of.name)
        assert len({state is State.MASTER for state in states}) <= 1, self.describe()

    def states(self, name: str) -> list[State]:
        stack = self.directors[name].stack
        return [] if stack is None else [stack.routers[each].state for each in NAMES]

    def masters(self) -> list[str]:
        """The directors that are master of both."""
        return [name for name in self.directors if State.MASTER in self.states(name)]

    def describe(self) -> str:
        seconds = self.now_ns / 1e9
        return f"{seconds:.3f} s: " + ", ".join(f"{n} {self.states(n)}" for n in self.directors)
