# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's server: many clients, none of which can hold up the supervisor.

Owns the connections and their bounds. Must never know what a verb does; `serve` does it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from lvs_agent.adapters.control_socket import Peer, peer_of
from lvs_agent.core.control import (
    REQUEST_BYTES_LIMIT,
    Refusal,
    Request,
    decode_request,
    failure,
    may,
)
from lvs_agent.proc.loop import Loop

# People, Ansible and a metrics scraper at once; each may cost one status reply of some MB.
CLIENTS_LIMIT = 32
# A client that neither asks nor reads for this long is gone or hostile.
IDLE_NS = 10_000_000_000
_SWEEP_NS = 1_000_000_000
_ACCEPTS_PER_TURN = 8


class Client:
    """One connection. `serve` must call `reply` exactly once, now or later."""

    def __init__(self, server: ControlServer, connection: socket.socket, peer: Peer) -> None:
        self.peer = peer
        self._server = server
        self._connection = connection
        self._received = bytearray()
        self._to_send = memoryview(b"")
        self.serving = False
        self.active_ns = server.loop.now_ns()
        server.loop.add_reader(connection.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = self._connection.recv(REQUEST_BYTES_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        self._next_request()

    def _next_request(self) -> None:
        line, newline, rest = self._received.partition(b"\n")
        if not newline:
            if len(self._received) > REQUEST_BYTES_LIMIT:
                self._refuse(f"the request is longer than {REQUEST_BYTES_LIMIT} bytes")
            return
        self._received = rest
        self.active_ns = self._server.loop.now_ns()
        # One request at a time: what comes meanwhile waits in the kernel's buffer.
        self.serving = True
        self._server.loop.remove_reader(self._connection.fileno())
        request = decode_request(bytes(line))
        if isinstance(request, Refusal):
            self.reply(failure(request.error))
        elif not may(request.verb, uid=self.peer.uid, agent_uid=self._server.agent_uid):
            self.reply(failure(f"{request.verb} is only for root and the agent's own user"))
        else:
            self._server.serve(request, self)

    def _refuse(self, error: str) -> None:
        self._received.clear()
        self.serving = True
        self._server.loop.remove_reader(self._connection.fileno())
        self.reply(failure(error))

    def reply(self, data: bytes) -> None:
        """Send `data`, one line; a client that has gone meanwhile gets nothing."""
        if self not in self._server.clients:
            return
        self._to_send = memoryview(data)
        self.active_ns = self._server.loop.now_ns()
        self._writable()

    def _writable(self) -> None:
        loop, fileno = self._server.loop, self._connection.fileno()
        try:
            while self._to_send:
                sent = self._connection.send(self._to_send)
                self._to_send = self._to_send[sent:]
                self.active_ns = loop.now_ns()
        except BlockingIOError:
            loop.add_writer(fileno, self._writable)
            return
        except OSError:
            self.close()
            return
        loop.remove_writer(fileno)
        self.serving = False
        loop.add_reader(fileno, self._readable)
        if self._received:
            # Through the loop, so that a client with many requests waits its turn.
            loop.call_at(loop.now_ns(), self._pipelined)

    def _pipelined(self) -> None:
        if self in self._server.clients and not self.serving:
            self._next_request()

    @property
    def waiting_for_us(self) -> bool:
        """The request is being worked on, so silence is not the client's fault."""
        return self.serving and not self._to_send

    def close(self) -> None:
        """End the connection."""
        if self in self._server.clients:
            self._server.clients.discard(self)
            self._server.loop.remove_reader(self._connection.fileno())
            self._server.loop.remove_writer(self._connection.fileno())
            self._connection.close()


class ControlServer:
    """Accepts and bounds; `serve(request, client)` answers."""

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        agent_uid: int,
        serve: Callable[[Request, Client], None],
    ) -> None:
        self.loop = loop
        self.agent_uid = agent_uid
        self.serve = serve
        self.clients: set[Client] = set()
        self._listener = listener
        loop.add_reader(listener.fileno(), self._acceptable)
        loop.call_at(loop.now_ns() + _SWEEP_NS, self._sweep)

    def _acceptable(self) -> None:
        for __ in range(_ACCEPTS_PER_TURN):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptors left: let clients wait in the queue until the next sweep.
                self.loop.remove_reader(self._listener.fileno())
                return
            connection.setblocking(False)
            if len(self.clients) >= CLIENTS_LIMIT:
                _turn_away(connection)
                continue
            self.clients.add(Client(self, connection, peer_of(connection)))

    def _sweep(self) -> None:
        now_ns = self.loop.now_ns()
        for client in tuple(self.clients):
            if not client.waiting_for_us and now_ns - client.active_ns > IDLE_NS:
                client.close()
        self.loop.add_reader(self._listener.fileno(), self._acceptable)
        self.loop.call_at(now_ns + _SWEEP_NS, self._sweep)

    def close(self) -> None:
        """End every connection and stop listening."""
        for client in tuple(self.clients):
            client.close()
        self.loop.remove_reader(self._listener.fileno())
        self._listener.close()


def _turn_away(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.send(failure("too many clients; try again"))
