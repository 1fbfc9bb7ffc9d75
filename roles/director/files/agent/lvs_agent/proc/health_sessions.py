# SPDX-License-Identifier: GPL-3.0-or-later
"""What the track process says of BFD sessions, for the BFD_CHECKs.

Owns the last word on each session. Must never decide what it means (`core/health/local.py`).
"""

from __future__ import annotations

from lvs_agent.adapters.probes.engine import Done
from lvs_agent.core.checks import BfdCheck
from lvs_agent.core.health.local import judge_session
from lvs_agent.core.messages import BfdState
from lvs_agent.core.model import BfdInstance


class SessionNews:
    """By neighbour: there is one session with each."""

    def __init__(self) -> None:
        self._wanted: frozenset[str] = frozenset()
        self._states: dict[str, BfdState] = {}

    def configure(self, instances: tuple[BfdInstance, ...]) -> None:
        """Remember words about these only: what others say more is no use, and would add up."""
        self._wanted = frozenset(one.neighbor for one in instances)
        self._states = {key: one for key, one in self._states.items() if key in self._wanted}

    def told(self, state: BfdState) -> None:
        """The newest word."""
        if state.neighbor in self._wanted:
            self._states[state.neighbor] = state

    def of(self, neighbor: str) -> BfdState | None:
        """The last word on the session with `neighbor`."""
        return self._states.get(neighbor)


class SessionProbe:
    """The tries of one BFD_CHECK: each is over at once, or nothing is known and it has none."""

    __slots__ = ("_done", "_neighbor", "_news")

    def __init__(self, news: SessionNews, check: BfdCheck, done: Done) -> None:
        self._news = news
        self._neighbor = check.neighbor
        self._done = done

    def start(self) -> None:
        """Judge the last word; `done` runs before this returns, if at all."""
        result = judge_session(self._news.of(self._neighbor))
        if result is not None:
            self._done(result)

    def abandon(self) -> None:
        """There is never anything to end."""
