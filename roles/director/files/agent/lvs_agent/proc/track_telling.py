# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the supervisor how the BFD sessions stand, for the checks of the health process.

Owns the timer. Must never decide when a session counts as down (`core/bfd/telling.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.core.bfd.telling import Telling
from lvs_agent.core.messages import BfdState
from lvs_agent.core.model import BfdInstance
from lvs_agent.proc.loop import Loop, Timer


class SessionTeller:
    """`tell` takes each state; `fault` as in `Telling.expire`."""

    def __init__(
        self,
        loop: Loop,
        tell: Callable[[BfdState], None],
        fault: Callable[[str], str | None],
    ) -> None:
        self._loop = loop
        self._tell = tell
        self._fault = fault
        self._telling = Telling()
        self._timer: Timer | None = None

    def configure(self, instances: tuple[BfdInstance, ...]) -> None:
        """Go on with these. To be called before their sessions are: see `changed`."""
        self._telling.configure(instances, self._loop.now_ns())
        self._arm()

    def tell_everything(self) -> None:
        """Say how every session stands."""
        for state in self._telling.states():
            self._tell(state)

    def changed(self, name: str, *, up: bool, reason: str) -> None:
        """A session came up or went down."""
        state = self._telling.changed(name, up=up, reason=reason)
        if state is not None:
            self._tell(state)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_ns = self._telling.deadline_ns
        if deadline_ns is not None:
            self._timer = self._loop.call_at(deadline_ns, self._expire)

    def _expire(self) -> None:
        self._timer = None
        for state in self._telling.expire(self._loop.now_ns(), self._fault):
            self._tell(state)
        self._arm()

    def close(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
