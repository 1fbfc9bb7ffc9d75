# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of real servers (BFD_CHECK) are told of the BFD sessions, and when.

Owns the time between the begin of a session and the word that it does not come up. Must never
touch a session: it hears of them, and answers what to tell.

A session that was up and goes down is told at once. One that never was up is not known for a
while: this process may be new, and a pool must not lose its servers by that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lvs_agent.core.bfd.packet import SECOND_NS
from lvs_agent.core.messages import BfdState
from lvs_agent.core.model import BfdInstance

# A neighbour that lost the session with an earlier process is back within three of its packets,
# which are a second apart; a busy host, or one that boots, gets some more.
PATIENCE_NS = 10 * SECOND_NS
# Our own packets may be further apart (idle_tx): so many may be lost.
_PACKETS = 3


@dataclass(slots=True)
class _Session:
    """`due_ns`: when it is to be up; None: it has been, or was told to be down."""

    instance: BfdInstance
    state: BfdState
    due_ns: int | None


class Telling:
    """All sessions of the configuration, by their names there."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def configure(self, instances: Iterable[BfdInstance], now_ns: int) -> None:
        """Go on with these; one with the same neighbour and source is the same session."""
        before = {_ends(one.instance): one for one in self._sessions.values()}
        self._sessions = {}
        for instance in instances:
            known = before.get(_ends(instance))
            if known is None:
                text = f"no session with {instance.neighbor} yet"
                state = BfdState(neighbor=instance.neighbor, up=None, reason=text)
                known = _Session(instance, state, now_ns + patience_ns(instance))
            known.instance = instance
            self._sessions[instance.name] = known

    def states(self) -> tuple[BfdState, ...]:
        """All there is to be told."""
        return tuple(one.state for one in self._sessions.values())

    @property
    def deadline_ns(self) -> int | None:
        """When `expire` may have something to tell; None: never."""
        times = (one.due_ns for one in self._sessions.values())
        return min((due_ns for due_ns in times if due_ns is not None), default=None)

    def changed(self, name: str, *, up: bool, reason: str) -> BfdState | None:
        """A session came up, or is not up (any more); what to tell now."""
        session = self._sessions.get(name)
        if session is None or (session.due_ns is not None and not up):
            return None
        session.due_ns = None
        return self._tell(session, up, reason)

    def expire(self, now_ns: int, fault: Callable[[str], str | None]) -> list[BfdState]:
        """What to tell of sessions that did not come up in time.

        `fault(name)`: why this host could not have one, None if it could: for a mistake here no
        real server is to blame, so that is not known yet either.
        """
        told = []
        for name, session in self._sessions.items():
            if session.due_ns is None or now_ns < session.due_ns:
                continue
            patience = patience_ns(session.instance)
            ours = fault(name)
            if ours is not None:
                session.due_ns = now_ns + patience
                state = self._tell(session, None, ours, local_error=True)
            else:
                session.due_ns = None
                neighbor, seconds = session.instance.neighbor, patience / SECOND_NS
                text = f"no session with {neighbor} within {seconds:g} s"
                state = self._tell(session, False, text)
            if state is not None:
                told.append(state)
        return told

    @staticmethod
    def _tell(
        session: _Session, up: bool | None, reason: str, *, local_error: bool = False
    ) -> BfdState | None:
        """The new state; None if it is the one told last."""
        neighbor = session.instance.neighbor
        state = BfdState(neighbor=neighbor, up=up, reason=reason, local_error=local_error)
        if state == session.state:
            return None
        session.state = state
        return state


def patience_ns(instance: BfdInstance) -> int:
    """How long a new session may take to come up."""
    return max(PATIENCE_NS, _PACKETS * instance.idle_tx_ns)


def _ends(instance: BfdInstance) -> tuple[str, str | None]:
    return instance.neighbor, instance.source
