# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP_GET and SSL_GET on the network: for each url connect, send the request, read the answer.

Owns the exchange of one try. Must never decide what a failure means nor when to try again.
connect_timeout bounds the connection, and again everything from there to the complete answer.
"""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING

from lvs_agent.adapters.probes.engine import Done, Engine, Where, failure
from lvs_agent.core.checks import HttpCheck, HttpUrl
from lvs_agent.core.health.body import BodyCheck, body_check
from lvs_agent.core.health.check import Outcome, Result, failed, passed
from lvs_agent.core.health.response import ResponseReader, accepts, ranges, request

if TYPE_CHECKING:
    from lvs_agent.adapters.probes.tls import TlsSession

# One read takes the answer of most status pages.
_READ_BYTES = 16 * 1024
# Reads for one event, so that a server that sends without end leaves room for the others: some
# 4 ms where a pattern is searched.
_READS_AT_ONCE = 4
# Of a path, in a reason for people.
_PATH_CHARACTERS = 100
# Broken counts as writable: the send then says what happened.
_WRITABLE = select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP


class HttpProbe:
    """The tries of one HTTP_GET or SSL_GET, one at a time; `done` runs once for each.

    Urls are fetched one after the other, each over a connection of its own; the first that fails
    ends the try.
    """

    __slots__ = (
        "_body", "_check", "_connection", "_done", "_engine", "_reader", "_requests", "_tls",
        "_unsent", "_url", "_warning", "_where", "deadline_ns", "listed",
    )  # fmt: skip

    def __init__(self, engine: Engine, check: HttpCheck, done: Done) -> None:
        self._engine = engine
        self._check = check
        self._done = done
        self._where = Where(check)
        self._requests = tuple(_request(check, url) for url in check.urls)
        self._url = 0
        self._unsent = b""
        self._connection: socket.socket | None = None
        # None until the connection stands.
        self._reader: ResponseReader | None = None
        self._body: BodyCheck | None = None
        self._tls: TlsSession | None = None
        self._warning: str | None = None
        self.deadline_ns: int | None = None
        self.listed = False

    def start(self) -> None:
        """Begin a try. `done` may run before this returns."""
        self._url = 0
        self._warning = None
        self._connect()

    def digest(self) -> str | None:
        """The MD5 digest of the last body, as far as it came; None where none is asked for."""
        return None if self._body is None else self._body.digest()

    def _connect(self) -> None:
        self._reader = None
        if self._check.tls is not None:
            try:
                self._tls = _session(self._check, self._check.urls[self._url])
                self._tls.receive(b"")
                self._unsent = self._tls.to_send()
            except (OSError, ValueError) as error:
                # A file of certificates that cannot be read.
                reason = error.strerror if isinstance(error, OSError) else None
                self._finish(Result(outcome=Outcome.LOCAL_ERROR, reason=reason or str(error)))
                return
        else:
            self._unsent = self._requests[self._url]
        opened = self._engine.open(self, self._where)
        if isinstance(opened, Result):
            self._finish(opened)
            return
        self._connection = opened
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
            self._body = body_check(self._check.urls[self._url])
            self._reader = ResponseReader(self._body)
            self._engine.limit(self, self._check.connect_timeout_ns)

    def _read(self, connection: socket.socket, reader: ResponseReader, *, ended: bool) -> None:
        """Read all there is; `ended`: the server's end of the stream has arrived already.

        A read that is not filled has emptied the socket (epoll(7)), so no second one has to ask.
        """
        for __ in range(_READS_AT_ONCE):
            data = connection.recv(_READ_BYTES)
            filled = len(data) == _READ_BYTES
            closed = not data or (ended and not filled)
            if self._tls is not None:
                content = self._decrypt(connection, self._tls, data, closed=closed)
                if content is None:
                    return
                data, closed = content, closed or self._tls.closed
            if data:
                reader.feed(data)
            if closed:
                reader.end()
            if self._settled(reader) or not filled:
                return
        self._engine.again(connection)

    def _decrypt(
        self, connection: socket.socket, tls: TlsSession, data: bytes, *, closed: bool
    ) -> bytes | None:
        """The content in `data`; None when the try has ended here."""
        from lvs_agent.adapters.probes.tls import TlsError  # noqa: PLC0415 - OpenSSL

        waiting = not tls.established
        try:
            content = tls.receive(data)
            if waiting and tls.established:
                self._note_certificate(tls)
                tls.send(self._requests[self._url])
        except TlsError as error:
            self._flush(connection, tls)  # the alert that tells the server why
            self._fail(failed(str(error)))
            return None
        self._flush(connection, tls)
        if closed and not tls.established:
            self._fail(failed("closed in the TLS handshake"))
            return None
        return content

    def _flush(self, connection: socket.socket, tls: TlsSession) -> None:
        self._unsent += tls.to_send()
        if self._unsent:
            try:
                self._send(connection)
            except BlockingIOError:
                return  # epoll will tell
            except OSError:
                return  # the read says what happened

    def _note_certificate(self, tls: TlsSession) -> None:
        ahead_ns = self._check.tls.expire_warning_ns if self._check.tls is not None else 0
        certificate = tls.certificate() if ahead_ns and self._warning is None else None
        if certificate is not None:
            from lvs_agent.core.health.certificate import not_after, warning  # noqa: PLC0415

            self._warning = warning(not_after(certificate), time.time(), ahead_ns)

    def _settled(self, reader: ResponseReader) -> bool:
        """Whether what was read ends this url, one way or the other."""
        if reader.error is not None:
            self._fail(failed(reader.error))
        elif reader.status is not None and not self._accepted(reader.status):
            wanted = ranges(self._check.urls[self._url].status_codes)
            self._fail(failed(f"status {reader.status}, wanted {wanted}"))
        elif not reader.done:
            return False
        elif self._body is not None and (problem := self._body.problem()) is not None:
            self._fail(failed(problem))
        else:
            self._next(reader)
        return True

    def _accepted(self, status: int) -> bool:
        return accepts(self._check.urls[self._url].status_codes, status)

    def _next(self, reader: ResponseReader) -> None:
        """This url passed: on to the next one, or the try has passed."""
        if self._url + 1 < len(self._requests):
            self._close(abort=False)
            self._url += 1
            self._connect()
            return
        self._finish(passed(f"status {reader.status}", self._warning))

    def expire(self) -> None:
        """Not connected, or not answered, in time."""
        within = f"within {self._check.connect_timeout_ns / 1e9:g} s"
        if self._reader is None:
            self._fail(failed(f"no connection {within}"))
        elif self._tls is not None and not self._tls.established:
            self._fail(failed(f"no TLS handshake {within}"))
        else:
            self._fail(failed(f"{self._reader.progress()} {within}"))

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        self._close(abort=True)

    def _fail(self, result: Result) -> None:
        """End the try; once a request was sent, the reason names its path."""
        asked = self._reader is not None and (self._tls is None or self._tls.established)
        if asked and result.outcome is Outcome.FAILED:
            path = self._check.urls[self._url].path[:_PATH_CHARACTERS]
            result = failed(f"{path}: {result.reason}")
        self._finish(result)

    def _finish(self, result: Result) -> None:
        self._close(abort=result.outcome is not Outcome.PASSED and self._reader is not None)
        self._done(result)

    def _close(self, *, abort: bool) -> None:
        if self._connection is not None:
            fixed = self._where.source is not None and self._where.source.port != 0
            self._engine.close(self._connection, abort=abort or fixed)
            self._connection = None
        self._tls = None
        self.deadline_ns = None


def _request(check: HttpCheck, url: HttpUrl) -> bytes:
    usual_port = 80 if check.tls is None else 443
    return request(url, check.address, check.port, version=check.version, usual_port=usual_port)


def _session(check: HttpCheck, url: HttpUrl) -> TlsSession:
    """A session for one connection. Raises OSError or ValueError."""
    from lvs_agent.adapters.probes.tls import TlsSession, context  # noqa: PLC0415 - OpenSSL
    from lvs_agent.core.health.tls import server_name  # noqa: PLC0415

    assert check.tls is not None
    name = server_name(check.tls, url) if check.tls.sni else None
    # An address is compared with the certificate and not told (RFC 6066 section 3).
    return TlsSession(context(check.tls), name or (check.address if check.tls.verify else None))
