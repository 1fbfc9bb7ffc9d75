# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real sessions on a virtual clock and a network that loses, doubles and reorders.

Everything follows from the seed. `Simulation` checks at each packet what holds at all times.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random

from lvs_agent.core.bfd.engine import Engine
from lvs_agent.core.bfd.machine import Finished, SendPacket, StateChanged, TimerExpired
from lvs_agent.core.bfd.packet import (
    PACKET_BYTES,
    SECOND_NS,
    ControlPacket,
    RejectReason,
    State,
    encode,
)
from lvs_agent.core.bfd.session import Session
from lvs_agent.core.model import BfdInstance

MS = 1_000_000
# What an undisturbed packet takes.
DELAY_NS = MS
# Where packets are damaged: anywhere but in the multiplier and the intervals. Those are believed
# until the next packet (RFC 5880 section 6.8.4), and if that one never comes, because its sender
# crashed, for as long as they say, which may be hours.
DAMAGED = (0, 1, *range(3, 12), *range(20, PACKET_BYTES))


@dataclass(slots=True)
class Weather:
    """Shares of packets lost, doubled and corrupted; the most a packet is late."""

    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    late_ns: int = 0


class Side:
    """One system: an engine with one session, as the runner has it."""

    def __init__(self, instance: BfdInstance, random: Random, now_ns: int) -> None:
        self.instance = instance
        self.source = str(instance.source)
        self._random = random
        self.restart(now_ns)

    def restart(self, now_ns: int) -> None:
        """Crash and start: nothing of the session is left."""
        self.engine = Engine(self._random.random)
        self.engine.reconfigure((self.instance,), now_ns)
        self.timers: list[Session] = list(self.engine.configured())
        self.last: dict[int, tuple[int, ControlPacket]] = {}
        self.heard_ns = now_ns

    @property
    def session(self) -> Session:
        """The session of the configuration."""
        (session,) = self.engine.configured()
        return session


class Simulation:
    """`sides` 0 and 1; `blocked` holds the sides that nothing reaches."""

    def __init__(self, instances: tuple[BfdInstance, BfdInstance], seed: int) -> None:
        self.random = Random(seed)
        self.now_ns = 0
        self.weather = Weather()
        self.blocked: set[int] = set()
        self.changes: list[tuple[int, int, State]] = []
        self.sides = [Side(instance, self.random, 0) for instance in instances]
        self._flying: list[tuple[int, int, int, bytes]] = []
        self._number = 0

    def run(self, duration_ns: int) -> None:
        """Let time pass. At one moment packets are handled before timers, as the loop does it."""
        end_ns = self.now_ns + duration_ns
        # Some hundred times as many events as two sessions can have.
        for _ in range(200_000):
            arrival_ns = self._flying[0][0] if self._flying else end_ns + 1
            timer_ns = min((at_ns for at_ns, _, _ in self._deadlines()), default=end_ns + 1)
            following_ns = max(self.now_ns, min(arrival_ns, timer_ns))
            if following_ns > end_ns:
                self.now_ns = end_ns
                return
            self.now_ns = following_ns
            if arrival_ns <= timer_ns:
                _, _, side, payload = heapq.heappop(self._flying)
                self._deliver(side, payload)
            else:
                _, side, session = min(self._deadlines(), key=lambda entry: entry[:2])
                outputs = self.sides[side].engine.handle(session, TimerExpired(), self.now_ns)
                self._perform(side, outputs)
        raise AssertionError("the sessions never rest")

    def _deadlines(self) -> list[tuple[int, int, Session]]:
        return [
            (deadline_ns, number, session)
            for number, side in enumerate(self.sides)
            for session in side.timers
            if (deadline_ns := session.deadline_ns) is not None
        ]

    def _deliver(self, number: int, payload: bytes) -> None:
        side, other = self.sides[number], self.sides[1 - number]
        if number in self.blocked:
            return
        outputs = side.engine.receive(payload, other.source, 255, self.now_ns)
        if not isinstance(outputs, RejectReason):
            side.heard_ns = self.now_ns
            self._perform(number, outputs)

    def _perform(self, number: int, outputs: list[tuple[Session, object]]) -> None:
        side = self.sides[number]
        for session, action in outputs:
            if isinstance(action, SendPacket):
                self._check(side, session, action.packet)
                self._send(1 - number, encode(action.packet))
            elif isinstance(action, StateChanged):
                self.changes.append((self.now_ns, number, action.state))
        finished = {session for session, action in outputs if isinstance(action, Finished)}
        side.timers = list({*side.engine.configured(), *side.timers} - finished)
        side.timers.sort(key=lambda session: session.discriminator)

    def _check(self, side: Side, session: Session, packet: ControlPacket) -> None:
        """Holds for every packet: RFC 5880 sections 6.5, 6.8.3 and 6.8.7."""
        assert not (packet.poll and packet.final)
        assert packet.state is State.UP or packet.desired_min_tx_us >= 1_000_000
        assert packet.your_discriminator or not session.instance.passive
        if packet.final:
            return
        before = side.last.get(session.discriminator)
        side.last[session.discriminator] = (self.now_ns, packet)
        if before is None or before[1].diagnostic != packet.diagnostic:
            return
        at_ns, previous = before
        if previous.state is packet.state:
            gap_ns = self.now_ns - at_ns
            # A state may have been told by a Final in between and left again: then it is news.
            news = any(at_ns <= change_ns for change_ns, _, _ in self.changes)
            assert news or gap_ns >= int(0.75 * session.transmit_interval_ns)

    def _send(self, to: int, payload: bytes) -> None:
        weather, random = self.weather, self.random
        copies = 2 if random.random() < weather.duplication else 1
        for _ in range(copies):
            if random.random() < weather.loss:
                continue
            if random.random() < weather.corruption:
                position = random.choice(DAMAGED)
                changed = payload[position] ^ random.randrange(1, 256)
                payload = payload[:position] + bytes((changed,)) + payload[position + 1 :]
            late_ns = random.randrange(weather.late_ns + 1)
            self._number += 1
            entry = (self.now_ns + DELAY_NS + late_ns, self._number, to, payload)
            heapq.heappush(self._flying, entry)

    # -- what may happen

    def reconfigure(self, number: int, *instances: BfdInstance) -> None:
        """A new configuration, also none."""
        outputs = self.sides[number].engine.reconfigure(instances, self.now_ns)
        if instances:
            self.sides[number].instance = instances[0]
        self._perform(number, list(outputs))

    def restart(self, number: int) -> None:
        """Crash and start."""
        self.sides[number].restart(self.now_ns)

    def calm(self) -> None:
        """No more faults; every session is configured."""
        self.weather, self.blocked = Weather(), set()
        for number, side in enumerate(self.sides):
            self.reconfigure(number, side.instance)

    def both_up(self) -> bool:
        return all(side.session.state is State.UP for side in self.sides)


# Silence of a slow session lasts up to 5 x 1 s, and twice that if both have to find out; then
# two slow packets each way.
SETTLE_NS = 15 * SECOND_NS
