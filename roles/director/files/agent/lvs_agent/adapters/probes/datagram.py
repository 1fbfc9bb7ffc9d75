# SPDX-License-Identifier: GPL-3.0-or-later
"""PING_CHECK, UDP_CHECK and DNS_CHECK on the network: one datagram there, and what comes back.

Owns the exchange of one try. Must never decide what an answer means (`core/health`) nor when to
try again.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress

from lvs_agent.adapters.probes.engine import Done, Engine, Where, failure
from lvs_agent.core.checks import DnsCheck, PingCheck, UdpCheck
from lvs_agent.core.health import dns, ping, udp
from lvs_agent.core.health.check import Result, failed, passed

# No datagram is longer.
_READ_BYTES = 65_536
# Datagrams that are no answer, in one try. Stray ones are rare; more are a flood.
_STRAY_LIMIT = 64
# linux/in.h, linux/in6.h: every ICMP error counts, also "host unreachable", which is otherwise
# kept from a UDP socket (__udp4_lib_err() in the kernel's net/ipv4/udp.c).
_RECVERR = {
    socket.AF_INET: (socket.SOL_IP, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),
}

# A result, or why the datagram is no answer to what was asked.
Judge = Callable[[bytes], Result | str]


class DatagramProbe:
    """The tries of one check over datagrams, one at a time; `done` runs once for each.

    `ask` makes a try's message, with what judges the answers to it. `silence`: the result when
    nothing comes back; None: that is a failure.
    """

    __slots__ = (
        "_ask", "_check", "_connection", "_done", "_engine", "_judge", "_silence", "_stray",
        "_strays", "_unsent", "_where", "deadline_ns", "listed",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        check: PingCheck | UdpCheck | DnsCheck,
        ask: Callable[[], tuple[bytes, Judge]],
        done: Done,
        *,
        protocol: int = 0,
        silence: Result | None = None,
    ) -> None:
        self._engine = engine
        self._check = check
        self._where = Where(check, socket.SOCK_DGRAM, protocol)
        self._ask = ask
        self._done = done
        self._silence = silence
        self._connection: socket.socket | None = None
        self._unsent: bytes | None = None
        self._judge: Judge | None = None
        self._stray = ""
        self._strays = 0
        self.deadline_ns: int | None = None
        self.listed = False

    def start(self) -> None:
        """Begin a try. `done` may run before this returns."""
        opened = self._engine.open(self, self._where)
        if isinstance(opened, Result):
            self._done(opened)
            return
        with suppress(OSError):
            opened.setsockopt(*_RECVERR[socket.AddressFamily(self._where.family)], 1)
        self._connection = opened
        self._unsent, self._judge = self._ask()
        self._stray, self._strays = "", 0
        self._engine.limit(self, self._check.connect_timeout_ns)

    def ready(self, mask: int) -> None:
        """Writable, readable or in error."""
        connection = self._connection
        if connection is None:
            return
        try:
            if self._unsent is not None and mask & select.EPOLLOUT:
                connection.send(self._unsent)
                self._unsent = None
            while self._connection is not None:  # until it is empty; at most _STRAY_LIMIT times
                self._take(connection.recv(_READ_BYTES))
        except BlockingIOError:
            return  # epoll will tell
        except OSError as error:
            self._finish(failure(error.errno or 0))

    def _take(self, data: bytes) -> None:
        assert self._judge is not None
        judged = self._judge(data)
        if isinstance(judged, Result):
            self._finish(judged)
            return
        self._stray = judged
        self._strays += 1
        if self._strays >= _STRAY_LIMIT:
            self._finish(failed(f"{self._strays} datagrams that are no answer: {judged}"))

    def expire(self) -> None:
        """Nothing came in time."""
        if self._silence is not None:
            self._finish(self._silence)
            return
        got = f"; got {self._stray}" if self._stray else ""
        self._finish(failed(f"no answer within {self._check.connect_timeout_ns / 1e9:g} s{got}"))

    def abandon(self) -> None:
        """End the try, if one runs, without `done`."""
        if self._connection is not None:
            self._engine.close(self._connection, abort=False)
            self._connection = None
        self.deadline_ns = None

    def _finish(self, result: Result) -> None:
        self.abandon()
        self._done(result)


def ping_probe(engine: Engine, check: PingCheck, done: Done) -> DatagramProbe:
    """A PING_CHECK's tries, on an ICMP socket that needs no privilege (icmp(7))."""
    six = ":" in check.address
    family, protocol = (6, socket.IPPROTO_ICMPV6) if six else (4, socket.IPPROTO_ICMP)
    sequence = 0

    def ask() -> tuple[bytes, Judge]:
        nonlocal sequence
        sequence += 1
        asked = ping.echo_request(family, sequence, os.urandom(8))
        return asked, lambda data: ping.judge(family, asked, data)

    return DatagramProbe(engine, check, ask, done, protocol=protocol)


def udp_probe(engine: Engine, check: UdpCheck, done: Done) -> DatagramProbe:
    """A UDP_CHECK's tries."""

    def ask() -> tuple[bytes, Judge]:
        return check.payload, lambda data: udp.judge(check.reply, data)

    silence = None
    if check.reply is None:
        silence = passed(f"no error within {check.connect_timeout_ns / 1e9:g} s")
    return DatagramProbe(engine, check, ask, done, silence=silence)


def dns_probe(engine: Engine, check: DnsCheck, done: Done) -> DatagramProbe:
    """A DNS_CHECK's tries."""

    def ask() -> tuple[bytes, Judge]:
        asked = dns.question(check.name, check.type, int.from_bytes(os.urandom(2), "big"))
        return asked, lambda data: dns.judge(asked, data)

    return DatagramProbe(engine, check, ask, done)
