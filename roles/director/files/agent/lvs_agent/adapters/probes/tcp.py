# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP_CHECK on the network: connect, and close again.

Owns the exchange of one try. Must never decide what a failure means nor when to try again.
"""

from __future__ import annotations

import select
import socket

from lvs_agent.adapters.probes.engine import Done, Engine, Where, failure
from lvs_agent.core.checks import TcpCheck
from lvs_agent.core.health.check import Outcome, Result

_BROKEN = select.EPOLLERR | select.EPOLLHUP
_PASSED = Result(outcome=Outcome.PASSED, reason="connected")


class TcpProbe:
    """The tries of one TCP_CHECK, one at a time; `done` runs once for each."""

    __slots__ = ("_check", "_connection", "_done", "_engine", "_where", "deadline_ns", "listed")

    def __init__(self, engine: Engine, check: TcpCheck, done: Done) -> None:
        self._engine = engine
        self._check = check
        self._done = done
        self._where = Where(check)
        self._connection: socket.socket | None = None
        self.deadline_ns: int | None = None
        self.listed = False

    def start(self) -> None:
        """Begin a try. `done` may run before this returns."""
        opened = self._engine.open(self, self._where)
        if isinstance(opened, Result):
            self._done(opened)
            return
        self._connection = opened
        self._engine.limit(self, self._check.connect_timeout_ns)

    def ready(self, mask: int) -> None:
        """Connected, or broken."""
        connection = self._connection
        if connection is None:
            return
        if mask & _BROKEN:
            number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # HUP without an error: the server closed at once, yet it did accept.
            self._finish(failure(number) if number else _PASSED)
        elif mask & select.EPOLLOUT:
            self._finish(_PASSED)

    def expire(self) -> None:
        """Not connected in time."""
        seconds = self._check.connect_timeout_ns / 1e9
        self._finish(Result(outcome=Outcome.FAILED, reason=f"no connection within {seconds:g} s"))

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        if self._connection is not None:
            # In order: a reset would be an error in the log of many a server. But a fixed source
            # port would rest in TIME_WAIT, and the next check could not have it.
            source = self._where.source
            self._engine.close(self._connection, abort=source is not None and source.port != 0)
            self._connection = None
        self.deadline_ns = None

    def _finish(self, result: Result) -> None:
        self.abandon()
        self._done(result)
