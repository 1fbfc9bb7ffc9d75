# SPDX-License-Identifier: GPL-3.0-or-later
"""All BFD sessions: which one a packet belongs to, and which stay when the configuration changes.

Owns the tables of sessions. Must never touch a socket: what is to be done comes out as pairs of a
session and an action.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from lvs_agent.core.bfd.machine import (
    Action,
    Disabled,
    Enabled,
    Event,
    Finished,
    PacketReceived,
    Reconfigured,
)
from lvs_agent.core.bfd.packet import RejectReason, decode
from lvs_agent.core.bfd.report import session_report
from lvs_agent.core.bfd.session import Session
from lvs_agent.core.model import BfdInstance

_DISCRIMINATORS = 0xFFFF_FFFF

Output = tuple[Session, Action]


def canonical(address: str) -> str:
    """An IP address as all tables have it; an IPv6 zone ("%eth0") stays. Raises ValueError."""
    return str(ip_address(address))


class Engine:
    """`random` gives numbers in [0, 1): discriminators and jitter come from it.

    RFC 5881 section 3 has one session for two systems on a link, so a neighbour's address is the
    name of a session; the source only says how to reach it.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._by_neighbor: dict[str, Session] = {}
        self._by_discriminator: dict[int, Session] = {}
        self._leaving: set[int] = set()
        self.rejects: Counter[RejectReason] = Counter()

    def configured(self) -> tuple[Session, ...]:
        """The sessions of the configuration, without those that only say goodbye."""
        return tuple(
            session
            for session in self._by_neighbor.values()
            if session.discriminator not in self._leaving
        )

    def reconfigure(self, instances: Iterable[BfdInstance], now_ns: int) -> list[Output]:
        """Make the sessions those of `instances`; what did not change does not notice.

        Raises ValueError, with nothing changed, when two have the same neighbour.
        """
        wanted: dict[str, BfdInstance] = {}
        for instance in instances:
            neighbor = canonical(instance.neighbor)
            if neighbor in wanted:
                names = f"{wanted[neighbor].name} and {instance.name}"
                raise ValueError(f"BFD instances {names} have the same neighbor {neighbor}")
            wanted[neighbor] = instance
        outputs: list[Output] = []
        for neighbor, session in list(self._by_neighbor.items()):
            self._revise(session, wanted.get(neighbor), now_ns, outputs)
        for neighbor, instance in wanted.items():
            if neighbor not in self._by_neighbor:
                self._add(neighbor, instance, now_ns)
        # In the order of the configuration, as people expect the report; who leaves comes last.
        order = {neighbor: self._by_neighbor[neighbor] for neighbor in wanted}
        self._by_neighbor = {**order, **self._by_neighbor}
        return outputs

    def _revise(
        self, session: Session, instance: BfdInstance | None, now_ns: int, outputs: list[Output]
    ) -> None:
        leaving = session.discriminator in self._leaving
        if instance is None:
            if not leaving:
                self._leaving.add(session.discriminator)
                outputs += self.handle(session, Disabled(), now_ns)
        elif _source(instance) != _source(session.instance):
            # Another session to the same neighbour follows at once: no time for a long goodbye.
            if not leaving:
                outputs += self.handle(session, Disabled(), now_ns)
            outputs.append((session, Finished()))
            self._forget(session)
        else:
            if leaving:
                self._leaving.discard(session.discriminator)
                outputs += self.handle(session, Enabled(), now_ns)
            if instance != session.instance:
                outputs += self.handle(session, Reconfigured(instance=instance), now_ns)

    def _add(self, neighbor: str, instance: BfdInstance, now_ns: int) -> None:
        discriminator = 1 + int(self._random() * _DISCRIMINATORS)
        # Ends within one more step than there are sessions.
        while discriminator in self._by_discriminator:
            discriminator = discriminator % _DISCRIMINATORS + 1
        session = Session(instance, discriminator, self._random, now_ns)
        self._by_neighbor[neighbor] = self._by_discriminator[discriminator] = session

    def _forget(self, session: Session) -> None:
        del self._by_neighbor[canonical(session.instance.neighbor)]
        del self._by_discriminator[session.discriminator]
        self._leaving.discard(session.discriminator)

    def handle(self, session: Session, event: Event, now_ns: int) -> list[Output]:
        """`session.handle`; a session that has finished is forgotten."""
        outputs = [(session, action) for action in session.handle(event, now_ns)]
        if any(isinstance(action, Finished) for __, action in outputs):
            self._forget(session)
        return outputs

    def receive(
        self, payload: bytes, source: str, ttl: int | None, now_ns: int
    ) -> list[Output] | RejectReason:
        """A UDP payload from anybody; `source` is canonical. A session may ignore it as well."""
        packet = decode(payload)
        if isinstance(packet, RejectReason):
            return self._reject(packet, source)
        if packet.your_discriminator:
            # From any address: section 6.3 lets it change.
            session = self._by_discriminator.get(packet.your_discriminator)
            if session is None:
                return self._reject(RejectReason.UNKNOWN_DISCRIMINATOR, source)
        else:
            session = self._by_neighbor.get(source)
            if session is None:
                return self._reject(RejectReason.UNKNOWN_NEIGHBOR, source)
        return self.handle(session, PacketReceived(packet=packet, ttl=ttl), now_ns)

    def _reject(self, reason: RejectReason, source: str) -> RejectReason:
        session = self._by_neighbor.get(source)
        (self if session is None else session).rejects[reason] += 1
        return reason

    def report(self, now_ns: int) -> dict[str, object]:
        """`sessions`, and `rejected` of packets that came from no neighbour's address."""
        return {
            "sessions": [session_report(session, now_ns) for session in self.configured()],
            "rejected": {reason.value: count for reason, count in self.rejects.items()},
        }


def _source(instance: BfdInstance) -> str | None:
    return None if instance.source is None else canonical(instance.source)
