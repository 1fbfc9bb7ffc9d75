# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on loopback that behave as each test wants, and a driver for probes."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator

import pytest
from check_servers import LONGEST_S, Authority, DatagramServer, Handler, Server
from lvs_agent.adapters.probes.engine import Engine, Probe
from lvs_agent.adapters.probes.making import make
from lvs_agent.adapters.programs import Programs
from lvs_agent.core.checks import Check, HttpCheck, HttpUrl, TcpCheck
from lvs_agent.core.health.check import Result
from lvs_agent.proc.loop import Loop


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server with a handler; all are closed at the end."""
    servers: list[Server] = []

    def start(
        handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> Server:
        servers.append(Server(handler, host=host, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def serve_datagrams() -> Iterator[Callable[..., DatagramServer]]:
    """Start a UDP server; all are closed at the end."""
    servers: list[DatagramServer] = []

    def start(answer: Callable[[bytes], list[bytes]], *, host: str = "127.0.0.1") -> DatagramServer:
        servers.append(DatagramServer(answer, host=host))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


class Driver:
    """Runs probes on an engine and a loop of its own, as the health process does."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.loop = Loop()
        self.programs = Programs(self.loop)
        self.results: list[Result] = []

    def probe(self, check: Check) -> Probe:
        return make(check, self.engine, self.programs, self.results.append)

    def turn(self, wait_s: float) -> None:
        if len(self.programs):
            self.loop.turn(int(wait_s * 1e9))
        elif select.select([self.engine], [], [], wait_s)[0]:
            self.engine.serve()

    def until(self, count: int) -> None:
        """Serve until there are `count` results, at most LONGEST_S."""
        end = time.monotonic() + LONGEST_S
        while len(self.results) < count:
            assert time.monotonic() < end, f"no result after {LONGEST_S} s"
            self.turn(0.005)
            self.engine.expire()

    def run(self, check: Check) -> Result:
        """One try."""
        wanted = len(self.results) + 1
        self.probe(check).start()
        self.until(wanted)
        assert len(self.results) == wanted
        assert len(self.engine) == 0
        return self.results[-1]

    def close(self) -> None:
        self.programs.close()
        self.engine.stop()
        self.loop.close()


@pytest.fixture
def driver() -> Iterator[Driver]:
    """A fresh driver."""
    fresh = Driver()
    yield fresh
    fresh.close()


@pytest.fixture
def tcp_check() -> Callable[..., TcpCheck]:
    """A TCP_CHECK of 127.0.0.1 with a timeout of 300 ms, unless told otherwise."""

    def make(port: int, *, address: str = "127.0.0.1", timeout_s: float = 0.3) -> TcpCheck:
        return TcpCheck(
            address=address,
            port=port,
            connect_timeout_ns=int(timeout_s * 1e9),
            retry=0,
            delay_before_retry_ns=0,
            delay_loop_ns=10**9,
        )

    return make


@pytest.fixture
def http_check() -> Callable[..., HttpCheck]:
    """An HTTP_GET of 127.0.0.1 with a timeout of 300 ms, unless told otherwise."""

    def make(
        port: int,
        *paths: str,
        codes: tuple[tuple[int, int], ...] = ((200, 299),),
        timeout_s: float = 0.3,
        virtualhost: str | None = None,
    ) -> HttpCheck:
        return HttpCheck(
            address="127.0.0.1",
            port=port,
            connect_timeout_ns=int(timeout_s * 1e9),
            retry=0,
            delay_before_retry_ns=0,
            delay_loop_ns=10**9,
            urls=tuple(
                HttpUrl(path=path, status_codes=codes, virtualhost=virtualhost)
                for path in paths or ("/",)
            ),
        )

    return make


@pytest.fixture
def unused_port() -> int:
    """A port of 127.0.0.1 where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port of 127.0.0.1 that no longer answers: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]
