# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's kernel process, played: it takes and gives up addresses, in its own time or never.

Owns the truth about which addresses a host has (`held`). Does what `proc/kernel.py` promises:
answers in the order of asking, keeps the addresses when it dies, waits for ha's word afterwards,
and releases what ha does not confirm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lvs_agent.core.messages import Hold, HoldApplied, ProcessDied, ProcessRestarted
from vrrp_builders import MS, S

if TYPE_CHECKING:
    from sim.host import Host
    from sim.world import Fault

# A netlink batch of a usual configuration on a busy host.
FASTEST_NS, SLOWEST_NS = MS // 5, 15 * MS
# The promises of proc/kernel.py.
_DEAD_MAN_NS = 250 * MS
_ADOPTED_WAIT_NS = 3 * S


class KernelProcess:
    """`held[n]`: the addresses of virtual router n that the host has now."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._world = host.world
        count = len(host.instances)
        self.held: list[tuple[str, ...]] = [()] * count
        self.configured = [_addresses(host, number) for number in range(count)]
        self.wanted = [False] * count
        self._told = [True] * count
        self.alive = False
        # Faults in effect: refuses to add; stands still; takes longer than usual by `slow_ns`.
        self.refusing: Fault | None = None
        self.hung: Fault | None = None
        self.slow: Fault | None = None
        self.slow_ns = 0
        self._life = 0
        # Answers that were on their way when it died or hung are void.
        self._generation = 0
        self.busy_until_ns = 0
        self._backlog: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        # What is being worked on, by number; forgotten when the process dies.
        self._in_work: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}
        self._number = 0

    # Its life.

    def start(self) -> None:
        """With the agent: what an earlier one left is swept."""
        self._fresh()
        self._release(range(len(self.held)))
        self.wanted = [False] * len(self.held)
        self.send_links()

    def _fresh(self) -> None:
        self._generation += 1
        self._life += 1
        self.alive = True
        self.hung = self.slow = self.refusing = None
        self.busy_until_ns = 0
        self._backlog.clear()
        self._in_work.clear()
        self.configured = [_addresses(self._host, n) for n in range(len(self.held))]

    def end(self) -> None:
        """Power cut, or the end of the agent with its sweep: no address stays."""
        self._generation += 1
        self.alive = False
        self._release(range(len(self.held)))

    def die(self) -> None:
        """kill -9: the addresses stay where they are, unanswered questions stay unanswered."""
        self._generation += 1
        self.alive = False
        self._backlog.clear()
        self._in_work.clear()
        self._host.message(self._host.tell_all, ProcessDied(name="kernel"))

    def restart(self) -> None:
        """The supervisor forks a successor."""
        self._fresh()
        self._host.message(self._host.tell_all, ProcessRestarted(name="kernel"))
        self.send_links()
        self._expect_news(_ADOPTED_WAIT_NS)

    def hang(self, fault: Fault) -> None:
        """It stands still in the middle of its work."""
        self.hung = fault
        self._generation += 1
        self.busy_until_ns = 0
        self._backlog = list(self._in_work.values())
        self._in_work.clear()

    def go_on(self) -> None:
        """A hung one wakes and does all that it was asked meanwhile."""
        self.hung = None
        backlog, self._backlog = self._backlog, []
        for work, arguments in backlog:
            self._do(work, *arguments)

    # Work: one thing after the other.

    def _do(self, work: Callable[..., None], *arguments: Any) -> None:
        if not self.alive:
            return  # what a dead process did not read is drained before its successor starts
        if self.hung is not None:
            self._backlog.append((work, arguments))
            return
        world = self._world
        delay_ns = FASTEST_NS + int(world.random.random() * (SLOWEST_NS - FASTEST_NS))
        if self.slow is not None:
            self.slow.took_effect()
            delay_ns += int(world.random.random() * self.slow_ns)
        done_ns = max(self.busy_until_ns, world.timeline.now_ns + delay_ns)
        self.busy_until_ns = done_ns
        self._number += 1
        self._in_work[self._number] = (work, arguments)
        world.timeline.at(done_ns, self._perform, self._generation, self._number)

    def _perform(self, generation: int, number: int) -> None:
        if generation != self._generation:
            return
        if self._host.suspended:
            self._host.when_awake(self._perform, generation, number)
        else:
            work, arguments = self._in_work.pop(number)
            work(*arguments)

    def request(self, number: int, hold: Hold) -> None:
        """ha asks."""
        if self.hung is not None:
            self.hung.took_effect()
        self._do(self._apply, number, hold)

    def _apply(self, number: int, hold: Hold) -> None:
        error = None
        self._told[number] = True
        if hold.hold and self.refusing is not None:
            self.refusing.took_effect()
            error = "EPERM"
        self.wanted[number] = hold.hold and error is None
        self._set(number, self.configured[number] if self.wanted[number] else ())
        answer = HoldApplied(
            instance=hold.instance, hold=hold.hold, sequence=hold.sequence, error=error
        )
        if hold.hold and error is None:
            self._world.watch.acknowledged(self._host, number, hold.sequence)
        self._host.message(self._host.tell, number, answer)

    def reconfigure(self, number: int) -> None:
        """The supervisor has a new configuration; ha is told after us."""
        self._do(self._reconfigure, number, _addresses(self._host, number))

    def _reconfigure(self, number: int, addresses: tuple[str, ...]) -> None:
        self.configured[number] = addresses
        if self.held[number]:
            self._set(number, addresses)

    def send_links(self) -> None:
        """Tell ha how every interface is."""
        for number in range(len(self.held)):
            self.send_link(number)

    def send_link(self, number: int) -> None:
        """Tell ha how an interface is when we get to it."""
        self._do(self._report_link, number)

    def _report_link(self, number: int) -> None:
        self._host.message(self._host.link_reported, number, self._host.links_up[number])

    # ha is gone, or a successor has to speak.

    def ha_died(self) -> None:
        """Nobody advertises what ha does not confirm."""
        intervals = [each.advert_int_ns for each in self._host.instances]
        self._expect_news(max(_DEAD_MAN_NS, *intervals))

    def _expect_news(self, wait_ns: int) -> None:
        self._told = [False] * len(self.held)
        now_ns = self._world.timeline.now_ns
        self._world.timeline.at(now_ns + wait_ns, self._dead_man, self._life)

    def _dead_man(self, life: int) -> None:
        if life != self._life:
            return
        if self._host.suspended:
            self._host.when_awake(self._dead_man, life)
        elif self.hung is not None:
            self._backlog.append((self._dead_man, (life,)))
        else:
            self._release(n for n, told in enumerate(self._told) if not told)
            if self._host.process is None and any(self.held):
                self.ha_died()  # its last Hold was read after the news of its death

    def _release(self, numbers: Any) -> None:
        for number in numbers:
            self._set(number, ())

    def _set(self, number: int, addresses: tuple[str, ...]) -> None:
        if self.held[number] != addresses:
            self.held[number] = addresses
            if self._world.trace is not None:
                self._world.note(f"{self._host.name}{number} kernel: has {addresses or 'nothing'}")


def _addresses(host: Host, number: int) -> tuple[str, ...]:
    return tuple(each.address for each in host.instances[number].addresses)
