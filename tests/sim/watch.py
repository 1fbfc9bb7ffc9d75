# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees everything that simulated routers do, remembers what the invariants need, and asks them.

Owns the records. Must never judge: that is `invariants.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvs_agent.core.events import Event
from lvs_agent.core.messages import Hold, ProcessDied
from sim.core_port import in_words
from sim.invariants import (
    MASTER,
    BriefDual,
    Broken,
    Handover,
    InStep,
    NeverNobodys,
    NoEmptyPromise,
    NoOvertaking,
    NothingLeft,
    OneActive,
    PunctualMaster,
    Record,
    SingleFrame,
)

if TYPE_CHECKING:
    from sim.host import Host
    from sim.world import World


class Watch:
    """Sees everything that routers do, keeps `records[host][number]`, and asks the checkers."""

    def __init__(self, world: World, hosts: int, numbers: int) -> None:
        self.world = world
        self.records = [[Record() for _ in range(numbers)] for _ in range(hosts)]
        # Hosts that are master, by virtual router.
        self.masters: list[list[int]] = [[] for _ in range(numbers)]
        # Every change of state: what I5 compares, what I6 wants unchanged.
        self.history: list[tuple[int, int, int, str]] = []
        # What people were told, by host and virtual router.
        self.events: dict[tuple[int, int], list[str]] = {}
        self.corrupted: set[bytes] = set()
        self.one_active = OneActive(world, self)
        self.brief_dual = BriefDual(world, self)
        self.punctual = PunctualMaster(world)
        self.no_empty_promise = NoEmptyPromise(world)
        self.nothing_left = NothingLeft(world, self)
        self.single_frame = SingleFrame(world, self)
        self.in_step = InStep(self)
        self.handover = Handover(world)
        self.never_nobodys = NeverNobodys(world)
        self.no_overtaking = NoOvertaking(world)

    def advert(self, host: Host, number: int, priority: int) -> None:
        """`host` sends an advert (now, and before it can reach anybody)."""
        record = self.records[host.index][number]
        if priority:
            self.punctual.advert(host, number, record)
            if not record.acknowledged:
                self.no_empty_promise.advert(host, number, record)
            if len(self.masters[number]) > 1:
                self.brief_dual.advert(host, number, priority)
        else:
            record.resigned_ns = self.world.timeline.now_ns
        record.advert_ns = self.world.timeline.now_ns

    def state(self, host: Host, number: int, state: str) -> None:
        """`host` changes its state."""
        now_ns = self.world.timeline.now_ns
        record = self.records[host.index][number]
        before, record.state = record.state, state
        if before == MASTER:
            self.punctual.advert(host, number, record)
            self.handover.left(host, number, record)
        elif state == MASTER:
            self.handover.taken(host, number, record)
            if before == "BACKUP":  # else it goes on as master after a restart of its process
                self.no_overtaking.taken(host, number, record)
        record.zero_ns = -1
        record.became_ns = now_ns
        self.history.append((now_ns, host.index, number, state))
        if state == MASTER and before != MASTER:
            self.masters[number].append(host.index)
            self.single_frame.changed(host, number, state)
        elif state != MASTER:
            record.promised_ns = None
            record.acknowledged = False
            self.nothing_left.left(host, number, record)
            if before == MASTER:
                self.masters[number].remove(host.index)
                self.one_active.lost(number)
                self.single_frame.changed(host, number, state)

    def asked(self, host: Host, number: int, hold: Hold) -> None:
        """`host` asks its kernel process."""
        record = self.records[host.index][number]
        record.sequence = hold.sequence
        record.acknowledged = False
        if hold.hold:
            self.no_empty_promise.since(host, number, record)
        else:
            record.promised_ns = None

    def acknowledged(self, host: Host, number: int, sequence: int) -> None:
        """The kernel process has set the addresses, and says so."""
        record = self.records[host.index][number]
        if record.sequence == sequence:
            record.acknowledged = True
            record.promised_ns = None

    def stepped_down(self, host: Host, number: int) -> None:
        """`host` was told to resign, and has done so."""
        record = self.records[host.index][number]
        if record.state == "BACKUP" and not self.world.grouped:
            self.never_nobodys.stepped_down(host, number, record)

    def told(self, host: Host, event: Event) -> None:
        """The process learns something about another one."""
        if type(event) is ProcessDied:
            for number, record in enumerate(self.records[host.index]):
                record.acknowledged = False
                # Neither is an answer still on its way worth anything.
                record.sequence = -1
                if record.state == MASTER:
                    self.no_empty_promise.since(host, number, record)

    def announced(self, host: Host, number: int) -> None:
        """`host` tells the neighbours that the addresses are here."""
        record = self.records[host.index][number]
        if record.state != MASTER or not record.acknowledged:
            raise Broken(
                "I3 announce after acknowledgement",
                f"{host.name}{number} announces addresses that nobody confirmed",
            )
        record.announced_ns = self.world.timeline.now_ns

    def process_born(self, host: Host) -> None:
        """A new ha process: what the last one promised ended with it."""
        now_ns = self.world.timeline.now_ns
        self.records[host.index] = [
            Record(state="INIT", became_ns=now_ns) for _ in self.records[host.index]
        ]

    def process_gone(self, host: Host) -> None:
        """The process is no more."""
        for number, record in enumerate(self.records[host.index]):
            if record.state == MASTER:
                self.masters[number].remove(host.index)
            record.state = "off"

    def examined(self, host: Host, number: int, datagram: bytes, *, taken: bool) -> None:
        """An advert passed the receive checks, or did not. Ours are well-formed: only corruption
        explains a rejection, and in version 2 another interval or an owner."""
        if taken == (datagram not in self.corrupted):
            if taken:
                self._heard(host, number, datagram)
            return
        if taken or host.instances[number].version == 3:
            verb, frame = "accepts" if taken else "rejects", in_words(datagram)
            raise Broken("I6 corrupted frames only", f"{host.name}{number} {verb} {frame}")

    def _heard(self, host: Host, number: int, datagram: bytes) -> None:
        record = self.records[host.index][number]
        record.heard_ns = self.world.timeline.now_ns
        record.zero_ns = -1
        if datagram[42 if datagram[0] >> 4 == 6 else 22] == 0:
            self.handover.heard(host, number, record)

    def event(self, host: Host, number: int, event: str) -> None:
        """Something that is told to people."""
        self.events.setdefault((host.index, number), []).append(event)
        if event == "DUAL_ACTIVE" and self.one_active.settled:
            text = f"{host.name}{number} sees a second master where there is none"
            raise Broken("dual-active detection", text)

    def turn_over(self, host: Host) -> None:
        """`host` has done all that an event led to."""
        if self.world.grouped:
            self.in_step.check(host)
