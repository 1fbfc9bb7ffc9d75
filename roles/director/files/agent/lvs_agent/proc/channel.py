# SPDX-License-Identifier: GPL-3.0-or-later
"""A two-way message channel between two of the agent's processes, on a Unix socket.

Owns buffering. Must never interpret a message. Sending never blocks: what the socket does not
take is kept, up to a bound, and goes out when the peer reads.

Supervisor and child speak over SOCK_STREAM, a new pair for every child. Children speak to each
other over SOCK_SEQPACKET pairs that outlive them (the supervisor keeps both ends): a child that
dies in the middle of a send leaves no half frame behind for its successor to stumble over.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from lvs_agent.core.messages import Message
from lvs_agent.core.wire import FRAME_LIMIT, Decoder, WireError, encode
from lvs_agent.proc.loop import Loop

# A peer that lets two of the largest messages pile up has stopped reading: it is hung.
BACKLOG_LIMIT = 2 * FRAME_LIMIT
_READ_BYTES = 256 * 1024
# Small frames leave together: one system call for many verdicts. A packet of this size fits the
# default send buffer (net.core.wmem_default, 212,992 bytes).
_SEND_BYTES = 64 * 1024


class Channel:
    """One end. `on_closed` runs once, when the peer is gone, hung or speaks nonsense."""

    def __init__(
        self,
        loop: Loop,
        end: socket.socket,
        on_message: Callable[[Message], None],
        on_closed: Callable[[str], None],
    ) -> None:
        end.setblocking(False)
        self._loop = loop
        self._socket = end
        self._decoder = Decoder()
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._on_message = on_message
        self._on_closed = on_closed
        self._open = True
        loop.add_reader(end.fileno(), self._readable)

    def send(self, message: Message) -> None:
        """Queue `message`; a channel that is closed drops it (its peer is gone)."""
        if not self._open:
            return
        if self._backlog_bytes > BACKLOG_LIMIT:
            self._fail("the peer does not read")
            return
        waiting = bool(self._backlog)
        frame = encode(message)
        self._backlog.append(frame)
        self._backlog_bytes += len(frame)
        if not waiting:
            self._writable()

    def _writable(self) -> None:
        try:
            while self._backlog:
                self._send_some()
        except BlockingIOError:
            self._loop.add_writer(self._socket.fileno(), self._writable)
            return
        except OSError as error:
            self._fail(str(error))
            return
        self._loop.remove_writer(self._socket.fileno())

    def _send_some(self) -> None:
        """One send(2) of as many whole frames as fit _SEND_BYTES; the rest of one stays first."""
        chunk = [self._backlog.popleft()]
        size = len(chunk[0])
        while self._backlog and size + len(self._backlog[0]) <= _SEND_BYTES:
            size += len(self._backlog[0])
            chunk.append(self._backlog.popleft())
        data = b"".join(chunk)
        sent = 0
        try:
            sent = self._socket.send(data)
        finally:
            self._backlog_bytes -= sent
            if sent < size:
                self._backlog.appendleft(data[sent:])

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(str(error))
            return
        if not data:
            self._fail("closed")
            return
        try:
            received = self._decoder.feed(data)
        except WireError as error:
            self._fail(str(error))
            return
        for message in received:
            self._on_message(message)

    def drain(self) -> None:
        """Read what a dead peer left behind, its last words; `on_closed` runs at the end of it."""
        for __ in range(BACKLOG_LIMIT // _READ_BYTES):
            if not self._open:
                return
            self._readable()

    def flush(self) -> None:
        """Send the backlog with blocking writes, each at most one second; for the last words."""
        if not self._open or not self._backlog:
            return
        self._socket.settimeout(1)
        try:
            while self._backlog:
                self._send_some()
        except OSError:
            pass  # the peer is gone or hung: nobody is left to tell
        finally:
            self._socket.setblocking(False)

    def _fail(self, reason: str) -> None:
        if self._open:
            self.close()
            self._on_closed(reason)

    def close(self) -> None:
        """Close this end; `on_closed` does not run."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
