# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of all probes in flight: one edge-triggered epoll, one list of deadlines.

Owns descriptors and deadlines. Must never judge a server: a probe says what it found, and whoever
started it draws the conclusion. It waits for nothing itself: the event loop watches `fileno`.

An epoll of its own inside the loop's epoll saves system calls, which is what a check costs: one
epoll_ctl for a connection instead of four, and everything ready is served in one wake-up.
"""

from __future__ import annotations

import errno
import heapq
import os
import resource
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from lvs_agent.adapters import marked_sockets
from lvs_agent.core.checks import NetworkCheck, Source
from lvs_agent.core.health.check import Outcome, Result

# Shortages of this host, and its own refusal to send (packet filter, sandbox): no word about the
# server. An unreachable route is not among them: IPVS could not reach the server either.
LOCAL_ERRORS = frozenset(
    {
        errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC,
        errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN, errno.EPERM, errno.EACCES,
        errno.ENODEV, errno.EAFNOSUPPORT,
    }
)  # fmt: skip

# Connections at a time. A dead server holds one for connect_timeout (5 s): 4,096 still let 800
# checks a second through when all servers are dead, and cost about 16 MiB of kernel memory.
CONNECTION_LIMIT = 4096
# Descriptors left to the rest of the process (channels, epoll, standard streams) and to spare.
_RESERVED_DESCRIPTORS = 64
# Events served in one call: about 4 ms of work, so that heartbeats are never late.
_EVENTS_PER_CALL = 128

_FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_STREAM = socket.SOCK_STREAM | _FLAGS
# linux/in.h: the port is chosen at connect(2), so that it need be unique for each server only.
_IP_BIND_ADDRESS_NO_PORT = 24
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
# struct linger {1, 0}: close(2) resets the connection.
_ABORT = struct.pack("ii", 1, 0)

Done = Callable[[Result], None]


class Exchange(Protocol):
    """What the engine serves: a probe with an open connection."""

    # When to give up, monotonic nanoseconds; None while no connection is open.
    deadline_ns: int | None
    # Whether the engine's list of deadlines has an entry for it.
    listed: bool

    def ready(self, mask: int) -> None:
        """Events on the connection: an epoll mask."""

    def expire(self) -> None:
        """The deadline passed."""


class Probe(Protocol):
    """The tries of one check, one at a time; `done` of its making runs once for each."""

    def start(self) -> None:
        """Begin a try. `done` may run before this returns."""

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""


class Where:
    """Where a check goes, and where from, as the socket calls want it. `kind` and `protocol` as
    socket(2); a TCP connection unless told otherwise."""

    __slots__ = ("address", "family", "kind", "protocol", "source")

    def __init__(
        self, check: NetworkCheck, kind: int = socket.SOCK_STREAM, protocol: int = 0
    ) -> None:
        self.family = socket.AF_INET6 if ":" in check.address else socket.AF_INET
        self.kind = _STREAM if kind == socket.SOCK_STREAM else kind | _FLAGS
        self.protocol = protocol
        self.address = (check.address, check.port)
        self.source = check.source


def connection_limit() -> int:
    """Connections allowed at a time by CONNECTION_LIMIT and RLIMIT_NOFILE; at least one."""
    soft, __ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return CONNECTION_LIMIT
    return max(1, min(CONNECTION_LIMIT, soft - _RESERVED_DESCRIPTORS))


class Engine:
    """Connections in flight."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._exchanges: dict[int, Exchange] = {}
        self._given: dict[Exchange, list[socket.socket]] = {}
        self._deadlines: list[tuple[int, int, Exchange]] = []
        self._listed = 0

    def fileno(self) -> int:
        """Readable when `serve` has something to do."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._exchanges)

    def open(self, exchange: Exchange, where: Where) -> socket.socket | Result:
        """Begin a connection; a Result when that failed at once."""
        try:
            connection = self._socket(exchange, where)
        except OSError as error:
            return _no_socket(where, error.errno or 0)
        if where.source is not None:
            try:
                _bind(connection, where.family, where.source)
            except OSError as error:
                connection.close()
                return failure(error.errno or 0)
        number = connection.connect_ex(where.address)
        if number not in (0, errno.EINPROGRESS):
            connection.close()
            return failure(number)
        try:
            # Edge-triggered: a connection that is already there is reported too.
            self._epoll.register(connection, _EVENTS)
        except OSError as error:
            connection.close()
            return failure(error.errno or 0)
        self._exchanges[connection.fileno()] = exchange
        return connection

    def _socket(self, exchange: Exchange, where: Where) -> socket.socket:
        """One that was given, or a new one, for whose mark we may have the privilege."""
        given = self._given.get(exchange)
        if given:
            return given.pop()
        made = socket.socket(where.family, where.kind, where.protocol)
        if where.source is not None and where.source.mark:
            try:
                marked_sockets.mark(made, where.source.mark)
            except OSError:
                made.close()
                raise
        return made

    def give(self, exchange: Exchange, sockets: list[socket.socket]) -> None:
        """Sockets for the next connections of `exchange`, as its check needs them."""
        self._given[exchange] = sockets

    def take_back(self, exchange: Exchange) -> None:
        """Close what it was given and did not use."""
        marked_sockets.close(self._given.pop(exchange, ()))

    def again(self, connection: socket.socket) -> None:
        """Tell of what is there once more: its exchange has not read all of it."""
        self._epoll.modify(connection, _EVENTS)

    def close(self, connection: socket.socket, *, abort: bool) -> None:
        """Close; epoll forgets the descriptor by itself.

        `abort`: with a reset, so that a server that hangs or floods keeps no half-open connection
        and neither do we. Else in order, as every client does.
        """
        del self._exchanges[connection.fileno()]
        if abort:
            with suppress(OSError):  # already reset by the server
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        connection.close()

    def limit(self, exchange: Exchange, timeout_ns: int) -> None:
        """Call `exchange.expire` in `timeout_ns`; replaces its former deadline.

        A list entry stays until its time and is then put back if the deadline moved: one entry
        for each exchange, however many deadlines it had.
        """
        exchange.deadline_ns = self.now_ns() + timeout_ns
        if not exchange.listed:
            self._list(exchange, exchange.deadline_ns)

    def _list(self, exchange: Exchange, deadline_ns: int) -> None:
        exchange.listed = True
        self._listed += 1
        heapq.heappush(self._deadlines, (deadline_ns, self._listed, exchange))

    def next_deadline_ns(self) -> int | None:
        """When `expire` may have something to do; None while nothing is listed."""
        return self._deadlines[0][0] if self._deadlines else None

    def serve(self) -> bool:
        """Serve what is ready; True when one call may not have been enough for all."""
        events = self._epoll.poll(0, _EVENTS_PER_CALL)
        for fileno, mask in events:
            exchange = self._exchanges.get(fileno)
            if exchange is not None:
                exchange.ready(mask)
        return len(events) == _EVENTS_PER_CALL

    def expire(self) -> None:
        """Give up exchanges whose deadline passed, after reading what has arrived for them.

        After a pause of this process (host starved, virtual machine stopped) answers are waiting
        beside expired deadlines: the servers were not the late ones.
        """
        now_ns = self.now_ns()
        if not self._deadlines or self._deadlines[0][0] > now_ns:
            return
        # Once round: one event for each connection there can be.
        for __ in range(len(self._exchanges) // _EVENTS_PER_CALL + 1):
            if not self.serve():
                break
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            __, __, exchange = heapq.heappop(self._deadlines)
            exchange.listed = False
            if exchange.deadline_ns is None:
                continue
            if exchange.deadline_ns > now_ns:
                self._list(exchange, exchange.deadline_ns)
            else:
                exchange.expire()

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC, nanoseconds."""
        return time.monotonic_ns()

    def stop(self) -> None:
        """Close the epoll; connections in flight are their probes' to close."""
        self._epoll.close()


def _bind(connection: socket.socket, family: int, source: Source) -> None:
    """Where the connection is to start from. Raises OSError."""
    if source.interface is not None:
        # Without a privilege since Linux 5.7, as long as it is bound to none (sock_setsockopt()).
        name = source.interface.encode()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
    if source.port:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    elif source.address is not None:
        with suppress(OSError):  # ICMP sockets have no ports to choose
            connection.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    if source.port or source.address is not None:
        connection.bind((source.address or _ANY[socket.AddressFamily(family)], source.port))


def _no_socket(where: Where, number: int) -> Result:
    """The Result when there is no socket; with what to do where we are not let ping."""
    if where.protocol and number == errno.EACCES:
        reason = (
            "pinging is not permitted: set net.ipv4.ping_group_range to include the group"
            f" {os.getegid()}"
        )
        return Result(outcome=Outcome.LOCAL_ERROR, reason=reason)
    return failure(number)


def failure(number: int) -> Result:
    """The Result for an error number of a socket call, for people in words."""
    if number in LOCAL_ERRORS:
        return Result(outcome=Outcome.LOCAL_ERROR, reason=os.strerror(number).lower())
    return Result(outcome=Outcome.FAILED, reason=os.strerror(number).lower())
