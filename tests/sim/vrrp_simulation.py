# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers on a simulated network: virtual time, a seed, and every fault a network has.

The routers are the real ones, from the bytes of an advert to the state machine; only the clock,
the network and the kernel process are played. A failure is a seed: the same seed, the same run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count

from lvs_agent.core.actions import Announce, SendAdvert
from lvs_agent.core.events import Event, InterfaceUp, Shutdown, TimerExpired
from lvs_agent.core.messages import Hold, HoldApplied, InstanceState, ProcessRestarted
from lvs_agent.core.model import VrrpInstance
from lvs_agent.core.vrrp.fsm import VirtualRouter
from lvs_agent.core.vrrp.packet import encode_datagram
from lvs_agent.core.vrrp.receive import Accepted, Receiver, own_advert
from lvs_agent.core.vrrp.router import State
from vrrp_builders import MS, ip

GROUP = "224.0.0.18"


@dataclass(slots=True)
class Network:
    """What happens to a frame: per receiver lost, doubled, or late by a random delay."""

    loss: float = 0.0
    duplicates: float = 0.0
    delay_ns: tuple[int, int] = (20_000, 200_000)
    # Groups that hear only each other; None: everybody hears everybody.
    groups: list[set[str]] | None = None
    # Asked for each frame and receiver: True loses it.
    drop: Callable[[str, str, bytes], bool] | None = None

    def connects(self, sender: str, receiver: str) -> bool:
        return self.groups is None or any(
            sender in group and receiver in group for group in self.groups
        )


@dataclass(slots=True)
class Kernel:
    """How a node's kernel process answers."""

    delay_ns: tuple[int, int] = (1 * MS, 10 * MS)
    error: str | None = None
    silent: bool = False


@dataclass(slots=True)
class Node:
    """A host. What it did is kept as (time, ...) for the tests to judge."""

    name: str
    instance: VrrpInstance
    address: int
    router: VirtualRouter | None = None
    receiver: Receiver = field(default_factory=lambda: Receiver(GROUP))
    kernel: Kernel = field(default_factory=Kernel)
    kernel_busy_until_ns: int = 0
    frozen_until_ns: int = 0
    inbox: list[bytes] = field(default_factory=list)
    holding: bool = False
    transitions: list[tuple[int, str]] = field(default_factory=list)
    adverts: list[tuple[int, int]] = field(default_factory=list)
    announcements: list[int] = field(default_factory=list)
    acknowledged_at_ns: list[int] = field(default_factory=list)
    life: int = 0


class Simulation:
    """`instances` by name of the host; hosts get 10.0.0.1 and so on in that order."""

    def __init__(self, seed: int, instances: dict[str, VrrpInstance]) -> None:
        self.random = random.Random(seed)
        self.now_ns = 0
        self.network = Network()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()
        self.nodes = {
            name: Node(name=name, instance=instance, address=ip(f"10.0.0.{last}"))
            for last, (name, instance) in enumerate(instances.items(), 1)
        }

    # Time.

    def at(self, time_ns: int, callback: Callable[[], None]) -> None:
        """Run `callback` at `time_ns`; equal times in the order of the calls."""
        heapq.heappush(self._heap, (time_ns, next(self._number), callback))

    def run(self, duration_ns: int) -> None:
        """Let time pass."""
        end_ns = self.now_ns + duration_ns
        while self._heap and self._heap[0][0] <= end_ns:
            self.now_ns, _, callback = heapq.heappop(self._heap)
            callback()
        self.now_ns = end_ns

    # What can be done to a host.

    def start(self, name: str) -> None:
        """The agent starts; addresses left by one that crashed are swept."""
        node = self.nodes[name]
        assert node.router is None
        node.life += 1
        node.holding = False
        node.router = VirtualRouter(node.instance, self.now_ns)
        node.receiver.add(node.instance)
        node.receiver.set_own_address(node.address)
        self._feed(node, InterfaceUp(primary=node.address))

    def stop(self, name: str) -> None:
        """Orderly end."""
        node = self.nodes[name]
        self._feed(node, Shutdown())
        node.holding = False
        self._gone(node)

    def crash(self, name: str) -> None:
        """The power is cut."""
        self.nodes[name].holding = False
        self._gone(self.nodes[name])

    def _gone(self, node: Node) -> None:
        node.router = None
        node.inbox.clear()
        node.life += 1

    def mend_kernel(self, name: str) -> None:
        """The kernel process is replaced by one that works; the supervisor says so."""
        node = self.nodes[name]
        node.kernel = Kernel()
        self._tell(node, ProcessRestarted(name="kernel"), node.life)

    def _tell(self, node: Node, event: Event, life: int) -> None:
        """A message of another process; a frozen one reads it when it goes on."""
        if self.now_ns < node.frozen_until_ns:
            self.at(node.frozen_until_ns, lambda: self._tell(node, event, life))
        elif life == node.life:
            self._feed(node, event)

    def freeze(self, name: str, duration_ns: int) -> None:
        """The process stands still; what arrives waits in its socket."""
        node, until_ns = self.nodes[name], self.now_ns + duration_ns
        node.frozen_until_ns = until_ns
        self.at(until_ns, lambda: self._thaw(node, until_ns))

    def _thaw(self, node: Node, until_ns: int) -> None:
        if node.frozen_until_ns != until_ns or node.router is None:
            return
        waiting, node.inbox = node.inbox, []
        for datagram in waiting:  # sockets before timers, as the event loop does
            self._receive(node, datagram)
        self._tick(node, node.life)

    # What hosts do.

    def _feed(self, node: Node, event: Event) -> None:
        router = node.router
        if router is None:
            return
        for action in router.handle(event, self.now_ns):
            match action:
                case SendAdvert(resign=resign):
                    self._multicast(node, resign)
                case Hold():
                    self._kernel(node, action)
                case Announce():
                    node.announcements.append(self.now_ns)
                case InstanceState(state=state):
                    node.transitions.append((self.now_ns, state))
                case _:
                    pass
        self._arm(node)

    def _arm(self, node: Node) -> None:
        router, life = node.router, node.life
        if router is not None and router.deadline_ns is not None:
            self.at(max(router.deadline_ns, self.now_ns), lambda: self._tick(node, life))

    def _tick(self, node: Node, life: int) -> None:
        router = node.router
        if router is None or life != node.life or self.now_ns < node.frozen_until_ns:
            return
        if router.deadline_ns is not None and router.deadline_ns <= self.now_ns:
            self._feed(node, TimerExpired())

    def _multicast(self, node: Node, resign: bool) -> None:
        advert = own_advert(node.instance, resign=resign)
        node.adverts.append((self.now_ns, advert.priority))
        datagram = encode_datagram(advert, node.address, ip(GROUP))
        for other in self.nodes.values():
            if other is node or not self.network.connects(node.name, other.name):
                continue
            if self.network.drop is not None and self.network.drop(node.name, other.name, datagram):
                continue
            copies = 1 + (self.random.random() < self.network.duplicates)
            for _ in range(copies):
                if self.random.random() >= self.network.loss:
                    self._deliver(other, datagram)

    def _deliver(self, node: Node, datagram: bytes) -> None:
        life = node.life

        def arrive() -> None:
            if node.router is None or life != node.life:
                return
            if self.now_ns < node.frozen_until_ns:
                node.inbox.append(datagram)
            else:
                self._receive(node, datagram)

        self.at(self.now_ns + self.random.randint(*self.network.delay_ns), arrive)

    def _receive(self, node: Node, datagram: bytes) -> None:
        result = node.receiver.examine(datagram)
        assert isinstance(result, Accepted), result
        self._feed(node, result.event)

    def _kernel(self, node: Node, hold: Hold) -> None:
        if node.kernel.silent:
            return
        life, error = node.life, node.kernel.error if hold.hold else None

        def apply() -> None:
            if life != node.life:
                return
            if error is None:
                node.holding = hold.hold
            if hold.hold and error is None:
                node.acknowledged_at_ns.append(self.now_ns)
            answer = HoldApplied(
                instance=hold.instance, hold=hold.hold, sequence=hold.sequence, error=error
            )
            self._tell(node, answer, life)

        # In the order of asking: the kernel process reads one channel.
        answer_ns = self.now_ns + self.random.randint(*node.kernel.delay_ns)
        node.kernel_busy_until_ns = max(node.kernel_busy_until_ns, answer_ns)
        self.at(node.kernel_busy_until_ns, apply)

    # What is seen.

    def masters(self) -> list[str]:
        """The hosts whose state is MASTER."""
        return [
            node.name
            for node in self.nodes.values()
            if node.router is not None and node.router.state is State.MASTER
        ]

    def holders(self) -> list[str]:
        """The hosts that have the addresses."""
        return [node.name for node in self.nodes.values() if node.holding]

    def describe(self) -> str:
        """For a failure's message."""
        return "; ".join(
            f"{node.name} {IPv4Address(node.address)} priority {node.instance.priority}"
            f" {node.router.state if node.router else 'off'} holding={node.holding}"
            for node in self.nodes.values()
        )
