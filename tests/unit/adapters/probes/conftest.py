# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback that behaves as each test wants, and a driver for probes."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from lvs_agent.adapters.probes.engine import Engine
from lvs_agent.adapters.probes.http import HttpProbe
from lvs_agent.adapters.probes.tcp import TcpProbe
from lvs_agent.core.checks import HttpCheck, HttpUrl, TcpCheck
from lvs_agent.core.health.check import Result

LONGEST_S = 10.0
Handler = Callable[[socket.socket], None]


class Server:
    """Accepts on 127.0.0.1 and lets `handler` misbehave with each connection."""

    def __init__(self, handler: Handler) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._handler = handler
        self.accepted = 0
        self.requests: list[bytes] = []
        self.seen_end: list[str] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(LONGEST_S)
        with connection, contextlib.suppress(OSError):
            self._handler(connection)

    def read_request(self, connection: socket.socket) -> None:
        """Read up to the empty line and note it."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            more = connection.recv(65536)
            if not more:
                return
            data += more
        self.requests.append(data)

    def await_end(self, connection: socket.socket) -> None:
        """Note how the client ended: "closed" in order, or "reset"."""
        try:
            while connection.recv(65536):
                pass
            self.seen_end.append("closed")
        except ConnectionResetError:
            self.seen_end.append("reset")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LONGEST_S)


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], Server]]:
    """Start a server with a handler; all are closed at the end."""
    servers: list[Server] = []

    def start(handler: Handler) -> Server:
        servers.append(Server(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


class Driver:
    """Runs probes on an engine of its own, as the health process does."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.results: list[Result] = []

    def probe(self, check: TcpCheck | HttpCheck) -> TcpProbe | HttpProbe:
        if isinstance(check, TcpCheck):
            return TcpProbe(self.engine, check, self.results.append)
        return HttpProbe(self.engine, check, self.results.append)

    def turn(self, wait_s: float) -> None:
        if select.select([self.engine], [], [], wait_s)[0]:
            self.engine.serve()

    def until(self, count: int) -> None:
        """Serve until there are `count` results, at most LONGEST_S."""
        end = time.monotonic() + LONGEST_S
        while len(self.results) < count:
            assert time.monotonic() < end, f"no result after {LONGEST_S} s"
            self.turn(0.005)
            self.engine.expire()

    def run(self, check: TcpCheck | HttpCheck) -> Result:
        """One try."""
        wanted = len(self.results) + 1
        self.probe(check).start()
        self.until(wanted)
        assert len(self.results) == wanted
        assert len(self.engine) == 0
        return self.results[-1]


@pytest.fixture
def driver() -> Iterator[Driver]:
    """A fresh driver."""
    fresh = Driver()
    yield fresh
    fresh.engine.stop()


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
