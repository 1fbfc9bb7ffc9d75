# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the sockets of checks with a firewall mark, for the health process.

Owns that only marks and kinds of the configuration are made. The health process reads what hostile
servers send: with what it gets here it can send packets with these marks, and no others.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

from lvs_agent.adapters import marked_sockets
from lvs_agent.core.health.marks import MarkedSocket, Transport, sockets_of
from lvs_agent.core.messages import SocketsGiven, SocketsWanted
from lvs_agent.core.model import Config
from lvs_agent.core.wire import Decoder, WireError, encode
from lvs_agent.proc.loop import Loop

# Requests served in one go: others of this process wait meanwhile, some 0.1 ms for each.
_AT_ONCE = 16
# Requests that may wait for a reload: as many as the health process has open at a time.
_EARLY_LIMIT = 64
_PACKET_BYTES = 4096


class SocketMaker:
    """`end`: the socket that is for this alone; None: nobody will ask."""

    def __init__(
        self,
        loop: Loop,
        end: socket.socket | None,
        config: Config,
        generation: int,
        log: Callable[[str, str], None],
    ) -> None:
        self._end = end
        self._log = log
        self._generation = generation
        self._kinds = sockets_of(config.virtual_servers)
        self._early: deque[SocketsWanted] = deque(maxlen=_EARLY_LIMIT)
        if end is not None:
            loop.add_reader(end.fileno(), self._readable)

    def reconfigure(self, config: Config, generation: int) -> None:
        """Go by another configuration; the health process may have been quicker."""
        self._generation = generation
        self._kinds = sockets_of(config.virtual_servers)
        early, self._early = self._early, deque(maxlen=_EARLY_LIMIT)
        for request in early:
            self._wanted(request)

    def _readable(self) -> None:
        assert self._end is not None
        for __ in range(_AT_ONCE):
            try:
                packet = self._end.recv(_PACKET_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            try:
                messages = Decoder().feed(packet)
            except WireError as error:
                self._log("error", f"the health process asked for sockets: {error}; ignored")
                continue
            for message in messages:
                if isinstance(message, SocketsWanted):
                    self._wanted(message)

    def _wanted(self, request: SocketsWanted) -> None:
        if request.generation > self._generation:
            self._early.append(request)
            return
        if not 1 <= request.count <= marked_sockets.SOCKETS_LIMIT:
            self._answer(request.number, [], f"not {request.count} sockets at a time")
            return
        kind = self._kind(request)
        if kind is None:
            self._answer(request.number, [], f"no such check has the mark {request.mark}")
            return
        made: list[socket.socket] = []
        error = None
        try:
            made.extend(marked_sockets.make(kind) for __ in range(request.count))
        except OSError as failure:
            error = f"no socket with the mark {kind.mark}: {failure.strerror}"
        self._answer(request.number, [] if error else made, error)
        marked_sockets.close(made)

    def _kind(self, request: SocketsWanted) -> MarkedSocket | None:
        try:
            transport = Transport(request.transport)
        except ValueError:
            return None
        kind = MarkedSocket(mark=request.mark, ipv6=request.ipv6, transport=transport)
        return kind if kind in self._kinds else None

    def _answer(self, number: int, sockets: list[socket.socket], error: str | None) -> None:
        assert self._end is not None
        packet = encode(SocketsGiven(number=number, error=error))
        try:
            marked_sockets.send(self._end, packet, sockets)
        except OSError as failure:
            # It does not read what it asked for: hung, and the supervisor sees to it.
            self._log("error", f"cannot give sockets to the health process: {failure.strerror}")
