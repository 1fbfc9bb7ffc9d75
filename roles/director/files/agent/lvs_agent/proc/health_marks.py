# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks with a firewall mark: their sockets come from the kernel process.

Owns the requests that are not answered yet. Must never mark a socket: that takes a privilege.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from lvs_agent.adapters import marked_sockets
from lvs_agent.adapters.probes.engine import Done, Engine, Exchange, Probe
from lvs_agent.core.checks import NetworkCheck
from lvs_agent.core.health.check import Outcome, Result
from lvs_agent.core.health.marks import MarkedSocket, count_of
from lvs_agent.core.messages import SocketsGiven, SocketsWanted
from lvs_agent.core.wire import Decoder, WireError, encode
from lvs_agent.proc.loop import Loop

# Requests open at a time: the answers to them fit the socket's buffer (net.core.wmem_default,
# 212,992 bytes), and their descriptors are few beside RLIMIT_NOFILE, which bounds those on the way.
_OPEN_LIMIT = 64


class Sockets:
    """`end`: the socket that is for this alone; None: there is nobody to ask. `on_given` runs after
    each answer."""

    def __init__(
        self,
        loop: Loop,
        end: socket.socket | None,
        log: Callable[[str, str], None],
        on_given: Callable[[], None],
    ) -> None:
        self._end = end
        self._log = log
        self._on_given = on_given
        self._there = end is not None
        self.generation = 0
        self._next = loop.now_ns()  # the clock was never so late in an earlier process
        self._waiting: deque[MarkedProbe] = deque()  # each check once, so their number bounds it
        self._asking: dict[int, MarkedProbe] = {}
        if end is not None:
            loop.add_reader(end.fileno(), self._readable)

    def enter(self, probe: MarkedProbe) -> None:
        """Ask for the sockets of `probe` now, or when its turn comes."""
        if not self._there:
            probe.refused("the kernel process, which marks sockets, is being restarted")
            return
        self._waiting.append(probe)
        self._go_on()

    def leave(self, probe: MarkedProbe) -> None:
        """`probe` needs none any more."""
        if probe in self._waiting:
            self._waiting.remove(probe)
        for number in [number for number, one in self._asking.items() if one is probe]:
            del self._asking[number]

    def _go_on(self) -> None:
        assert self._end is not None
        while self._waiting and len(self._asking) < _OPEN_LIMIT:
            probe, number = self._waiting.popleft(), self._next
            self._next += 1
            request = SocketsWanted(
                number=number,
                generation=self.generation,
                mark=probe.kind.mark,
                ipv6=probe.kind.ipv6,
                transport=probe.kind.transport.value,
                count=probe.count,
            )
            try:
                self._end.send(encode(request), socket.MSG_DONTWAIT)
            except OSError as error:
                probe.refused(f"cannot ask for a marked socket: {error.strerror}")
            else:
                self._asking[number] = probe

    def _readable(self) -> None:
        assert self._end is not None
        try:
            packet, sockets = marked_sockets.receive(self._end)
        except BlockingIOError:
            return
        except OSError as error:
            self._log("error", f"marked sockets: {error.strerror}")
            return
        try:
            (message,) = Decoder().feed(packet)
        except (WireError, ValueError) as error:
            marked_sockets.close(sockets)
            self._log("error", f"the kernel process gave sockets: {error}; ignored")
            return
        if isinstance(message, SocketsGiven):
            self._answered(message, sockets)
        else:
            marked_sockets.close(sockets)
        self._go_on()
        self._on_given()

    def _answered(self, message: SocketsGiven, sockets: list[socket.socket]) -> None:
        probe = self._asking.pop(message.number, None)
        if probe is None:
            marked_sockets.close(sockets)  # nobody waits for them any more
        elif message.error is not None:
            probe.refused(message.error)
        else:
            probe.given(sockets)

    def died(self) -> None:
        """The kernel process is gone: it answers no more, and whoever asks now is not heard."""
        self._there = False
        self._fail()

    def restarted(self) -> None:
        """There is another one. What was asked before it was there, it does not know of."""
        self._there = self._end is not None
        self._fail()

    def _fail(self) -> None:
        probes = [*self._asking.values(), *self._waiting]
        self._asking.clear()
        self._waiting.clear()
        for probe in probes:
            probe.refused("the kernel process, which marks sockets, has died")
        if probes:
            self._on_given()


class _Exchanging(Probe, Exchange, Protocol):
    """A probe of the network, which is itself what the engine serves."""


class MarkedProbe:
    """The tries of one check with a mark: its sockets come first, then it goes on as any other."""

    __slots__ = ("_done", "_engine", "_inner", "_sockets", "count", "kind")

    def __init__(
        self, sockets: Sockets, engine: Engine, check: NetworkCheck, kind: MarkedSocket, done: Done
    ) -> None:
        self._sockets = sockets
        self._engine = engine
        self._done = done
        self._inner: _Exchanging | None = None
        self.kind = kind
        self.count = count_of(check)

    def around(self, inner: Probe) -> None:
        """What is to have the sockets; its `done` is `ended`."""
        self._inner = cast("_Exchanging", inner)

    def start(self) -> None:
        """Begin a try; its time limits begin with the sockets."""
        self._sockets.enter(self)

    def given(self, sockets: list[socket.socket]) -> None:
        """The sockets of this try."""
        assert self._inner is not None
        self._engine.give(self._inner, sockets)
        self._inner.start()

    def refused(self, why: str) -> None:
        """There are none: no word about the server."""
        self._done(Result(outcome=Outcome.LOCAL_ERROR, reason=why))

    def ended(self, result: Result) -> None:
        """The try is over."""
        assert self._inner is not None
        self._engine.take_back(self._inner)
        self._done(result)

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        self._sockets.leave(self)
        if self._inner is not None:
            self._inner.abandon()
            self._engine.take_back(self._inner)
