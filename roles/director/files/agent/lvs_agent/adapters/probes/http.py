# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP_GET on the network: for each url connect, send the request, read the answer.

Owns the exchange of one try. Must never decide what a failure means nor when to try again.
connect_timeout bounds the connection, and again everything from there to the complete answer.
"""

from __future__ import annotations

import select
import socket

from lvs_agent.adapters.probes.engine import Done, Engine, failure
from lvs_agent.core.checks import HttpCheck
from lvs_agent.core.health.check import Outcome, Result
from lvs_agent.core.health.response import ResponseReader, accepts, ranges, request

# One read takes the answer of most status pages.
_READ_BYTES = 16 * 1024
# Of a path, in a reason for people.
_PATH_CHARACTERS = 100
# Broken counts as writable: the send then says what happened.
_WRITABLE = select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP


class HttpProbe:
    """The tries of one HTTP_GET, one at a time; `done` runs once for each.

    Urls are fetched one after the other, each over a connection of its own; the first that fails
    ends the try.
    """

    __slots__ = (
        "_address", "_check", "_connection", "_done", "_engine", "_reader", "_requests", "_unsent",
        "_url", "deadline_ns", "listed",
    )  # fmt: skip

    def __init__(self, engine: Engine, check: HttpCheck, done: Done) -> None:
        self._engine = engine
        self._check = check
        self._done = done
        self._address = (check.address, check.port)
        self._requests = tuple(request(url, check.address, check.port) for url in check.urls)
        self._url = 0
        self._unsent = b""
        self._connection: socket.socket | None = None
        # None until the connection stands.
        self._reader: ResponseReader | None = None
        self.deadline_ns: int | None = None
        self.listed = False

    def start(self) -> None:
        """Begin a try. `done` may run before this returns."""
        self._url = 0
        self._connect()

    def _connect(self) -> None:
        opened = self._engine.open(self, self._address)
        if isinstance(opened, Result):
            self._finish(opened)
            return
        self._connection = opened
        self._reader = None
        self._unsent = self._requests[self._url]
        self._engine.limit(self, self._check.connect_timeout_ns)

    def ready(self, mask: int) -> None:
        """Connected, writable, readable or broken: go on from where the exchange is."""
        connection = self._connection
        if connection is None:
            return
        try:
            if self._unsent and mask & _WRITABLE:
                self._send(connection)
            if self._reader is not None and mask & ~select.EPOLLOUT:
                self._read(connection, self._reader, ended=bool(mask & select.EPOLLRDHUP))
        except BlockingIOError:
            return  # epoll will tell
        except OSError as error:
            self._fail(failure(error.errno or 0))

    def _send(self, connection: socket.socket) -> None:
        sent = connection.send(self._unsent, socket.MSG_NOSIGNAL)
        self._unsent = self._unsent[sent:]
        if self._reader is None:
            # That the send went through is the proof of the connection: no getsockopt needed.
            self._reader = ResponseReader()
            self._engine.limit(self, self._check.connect_timeout_ns)

    def _read(self, connection: socket.socket, reader: ResponseReader, *, ended: bool) -> None:
        """Read all there is; `ended`: the server's end of the stream has arrived already.

        A read that is not filled has emptied the socket (epoll(7)), so no second one has to ask.
        The reader's bounds end the loop.
        """
        while True:
            data = connection.recv(_READ_BYTES)
            if data:
                reader.feed(data)
            if not data or (ended and len(data) < _READ_BYTES):
                reader.end()
            if reader.error is not None:
                self._fail(_failed(reader.error))
            elif reader.status is not None and not self._accepted(reader.status):
                wanted = ranges(self._check.urls[self._url].status_codes)
                self._fail(_failed(f"status {reader.status}, wanted {wanted}"))
            elif reader.done:
                self._next()
            elif len(data) == _READ_BYTES:
                continue
            return

    def _accepted(self, status: int) -> bool:
        return accepts(self._check.urls[self._url].status_codes, status)

    def _next(self) -> None:
        """This url passed: on to the next one, or the try has passed."""
        if self._url + 1 < len(self._requests):
            self._close(abort=False)
            self._url += 1
            self._connect()
            return
        assert self._reader is not None
        reason = f"status {self._reader.status}"
        self._finish(Result(outcome=Outcome.PASSED, reason=reason))

    def expire(self) -> None:
        """Not connected, or not answered, in time."""
        within = f"within {self._check.connect_timeout_ns / 1e9:g} s"
        if self._reader is None:
            self._fail(_failed(f"no connection {within}"))
        else:
            self._fail(_failed(f"{self._reader.progress()} {within}"))

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        self._close(abort=True)

    def _fail(self, result: Result) -> None:
        """End the try; once a request was sent, the reason names its path."""
        if self._reader is not None and result.outcome is Outcome.FAILED:
            path = self._check.urls[self._url].path[:_PATH_CHARACTERS]
            result = _failed(f"{path}: {result.reason}")
        self._finish(result)

    def _finish(self, result: Result) -> None:
        self._close(abort=result.outcome is not Outcome.PASSED and self._reader is not None)
        self._done(result)

    def _close(self, *, abort: bool) -> None:
        if self._connection is not None:
            self._engine.close(self._connection, abort=abort)
            self._connection = None
        self.deadline_ns = None


def _failed(reason: str) -> Result:
    return Result(outcome=Outcome.FAILED, reason=reason)
