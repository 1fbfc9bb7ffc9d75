# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP_CHECK on the network: connect, and hold the conversation that the core knows.

Owns the exchange of one try. Must never decide what a word means (`core/health/smtp.py`) nor when
to try again. connect_timeout bounds the connection, and again the whole conversation.
"""

from __future__ import annotations

import select
import socket

from lvs_agent.adapters.probes.engine import Done, Engine, Where, failure
from lvs_agent.core.checks import SmtpCheck
from lvs_agent.core.health.check import Outcome, Result, failed, passed
from lvs_agent.core.health.smtp import SmtpDialogue

# More than a greeting; the dialogue's own limit is near.
_READ_BYTES = 16 * 1024
_PASSED = passed("greeted, and accepted HELO")


class DialogueProbe:
    """The tries of one SMTP_CHECK, one at a time; `done` runs once for each."""

    __slots__ = (
        "_check", "_connection", "_dialogue", "_done", "_engine", "_unsent", "_where",
        "deadline_ns", "listed",
    )  # fmt: skip

    def __init__(self, engine: Engine, check: SmtpCheck, done: Done) -> None:
        self._engine = engine
        self._check = check
        self._done = done
        self._where = Where(check)
        self._connection: socket.socket | None = None
        # None until the connection stands.
        self._dialogue: SmtpDialogue | None = None
        self._unsent = b""
        self.deadline_ns: int | None = None
        self.listed = False

    def start(self) -> None:
        """Begin a try. `done` may run before this returns."""
        self._dialogue = None
        self._unsent = b""
        opened = self._engine.open(self, self._where)
        if isinstance(opened, Result):
            self._done(opened)
            return
        self._connection = opened
        self._engine.limit(self, self._check.connect_timeout_ns)

    def ready(self, mask: int) -> None:
        """Connected, writable, readable or broken."""
        connection = self._connection
        if connection is None:
            return
        if self._dialogue is None:
            number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._finish(failure(number))
                return
            self._dialogue = SmtpDialogue(self._check.helo_name or socket.gethostname())
            self._engine.limit(self, self._check.connect_timeout_ns)
        try:
            if self._unsent and mask & select.EPOLLOUT:
                self._send(connection)
            if mask & ~select.EPOLLOUT:
                self._converse(connection, self._dialogue)
        except BlockingIOError:
            return  # epoll will tell
        except OSError as error:
            self._finish(failure(error.errno or 0))

    def _converse(self, connection: socket.socket, dialogue: SmtpDialogue) -> None:
        while self._connection is not None:  # until it is empty; the dialogue has a limit
            data = connection.recv(_READ_BYTES)
            if data:
                self._unsent += dialogue.feed(data)
            else:
                dialogue.end()
            if self._unsent:
                self._send(connection)
            if dialogue.error is not None:
                self._finish(failed(dialogue.error))
            elif dialogue.done:
                self._finish(_PASSED)

    def _send(self, connection: socket.socket) -> None:
        sent = connection.send(self._unsent, socket.MSG_NOSIGNAL)
        self._unsent = self._unsent[sent:]

    def expire(self) -> None:
        """Not connected, or not through the conversation, in time."""
        within = f"within {self._check.connect_timeout_ns / 1e9:g} s"
        what = "no connection" if self._dialogue is None else self._dialogue.progress()
        self._finish(failed(f"{what} {within}"))

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        self._close(abort=True)

    def _finish(self, result: Result) -> None:
        fixed = self._where.source is not None and self._where.source.port != 0
        self._close(abort=fixed or result.outcome is not Outcome.PASSED)
        self._done(result)

    def _close(self, *, abort: bool) -> None:
        if self._connection is not None:
            self._engine.close(self._connection, abort=abort)
            self._connection = None
        self.deadline_ns = None
