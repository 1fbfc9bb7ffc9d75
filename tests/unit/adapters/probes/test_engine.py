# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's promises: no descriptor lost, no server blamed for this host, none for a pause."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from check_servers import LONGEST_S, answering, server_tls
from lvs_agent.adapters.probes import engine as module
from lvs_agent.core.checks import (
    DnsCheck,
    HttpCheck,
    HttpUrl,
    Reply,
    SmtpCheck,
    Source,
    TcpCheck,
    Tls,
    UdpCheck,
)
from lvs_agent.core.health.check import Outcome, Result

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def until_closed(connection: socket.socket) -> None:
    """A server that waits for the client's end."""
    while connection.recv(65536):
        pass


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_thousands_of_tries_leave_no_descriptor_behind(
    driver: Any, serve: Any, tcp_check: Any, http_check: Any, unused_port: int
) -> None:
    def handler(connection: socket.socket) -> None:
        kind = server.accepted % 4
        if kind == 0:
            return
        server.read_request(connection)
        if kind == 1:
            connection.sendall(b"garbage" * 1000)
        elif kind == 2:
            connection.sendall(OK)
        else:
            connection.sendall(OK[:10])

    server = serve(handler)
    probes = [
        driver.probe(check)
        for check in (
            tcp_check(server.port), http_check(server.port, "/a", "/b"), tcp_check(unused_port),
            http_check(unused_port),
        )
    ]  # fmt: skip
    for probe in probes:
        driver.results.clear()
        probe.start()
        driver.until(1)
    before = descriptors()
    for _ in range(2500):  # 10,000 tries
        driver.results.clear()
        for probe in probes:
            probe.start()
        driver.until(len(probes))
    assert len(driver.engine) == 0
    # The server's last threads may still hold theirs; a leak would be hundreds.
    assert descriptors() - before < 50
    for _ in range(500):
        if descriptors() <= before:
            return
        time.sleep(0.01)
    raise AssertionError(f"{descriptors() - before} descriptors more than before")


def test_no_kind_of_check_leaves_a_descriptor_behind(
    driver: Any, serve: Any, serve_datagrams: Any, authority: Any, unused_port: int
) -> None:
    def rude(connection: socket.socket) -> None:
        if server.accepted % 2:
            connection.recv(100)
            connection.sendall(b"220 garbage \xff" * 50)

    server = serve(rude)
    secure = serve(answering(OK), tls=server_tls(authority.issue("a.example")))
    echo = serve_datagrams(lambda data: [data] * (1 + len(echo.received) % 2))
    common = {
        "address": "127.0.0.1", "connect_timeout_ns": 2 * 10**9, "retry": 0,
        "delay_before_retry_ns": 0, "delay_loop_ns": 10**9,
    }  # fmt: skip
    urls = (HttpUrl(path="/", status_codes=((200, 299),), virtualhost=None),)
    reply = Reply(minimum=0, maximum=10)
    checks = [
        HttpCheck(urls=urls, tls=Tls(), port=secure.port, **common),
        HttpCheck(urls=urls, tls=Tls(), port=server.port, **common),
        SmtpCheck(helo_name="a", port=server.port, **common),
        UdpCheck(payload=b"x", reply=reply, port=echo.port, **common),
        UdpCheck(payload=b"x", reply=reply, port=unused_port, **common),
        DnsCheck(name=".", type="SOA", port=unused_port, **common),
        TcpCheck(source=Source(interface="nosuch0"), port=server.port, **common),
    ]
    probes = [driver.probe(check) for check in checks]
    before = 0
    for turn in range(120):
        driver.results.clear()
        for probe in probes:
            probe.start()
        driver.until(len(probes))
        if turn == 10:
            before = descriptors()
    assert len(driver.engine) == 0
    for _ in range(500):
        # The server's last threads may still hold theirs.
        if descriptors() <= before + 4:
            return
        time.sleep(0.01)
    raise AssertionError(f"{descriptors() - before} descriptors more than before")


def test_the_list_of_deadlines_does_not_grow_with_the_number_of_tries(
    driver: Any, serve: Any, tcp_check: Any
) -> None:
    server = serve(until_closed)
    probe = driver.probe(tcp_check(server.port, timeout_s=60))
    for count in range(1, 50):
        probe.start()
        driver.until(count)
    assert len(driver.engine._deadlines) == 1


def test_an_answer_that_waited_while_this_process_stood_still_counts(
    driver: Any, serve: Any, tcp_check: Any, http_check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer, answered = (threading.Event() for _ in range(3))

    def handler(connection: socket.socket) -> None:
        # The TCP checks' connections come later, and ask nothing.
        if server.accepted == 1:
            server.read_request(connection)
            asked.set()
            answer.wait(LONGEST_S)
            connection.sendall(OK)
            answered.set()

    server = serve(handler)
    # By this clock no deadline passes before the pause, however slow the machine is.
    now_ns = time.monotonic_ns()
    monkeypatch.setattr(driver.engine, "now_ns", lambda: now_ns)
    driver.probe(http_check(server.port)).start()
    end = time.monotonic() + LONGEST_S
    while not asked.is_set():
        assert time.monotonic() < end, "no request arrived"
        driver.turn(0.005)
    for check in [tcp_check(server.port)] * 300:
        driver.probe(check).start()
    answer.set()
    assert answered.wait(LONGEST_S)
    # The pause: the connections stand, the answer waits, deadlines pass.
    assert driver.results == []
    now_ns += 10**9
    driver.engine.expire()
    assert [result.outcome for result in driver.results] == [Outcome.PASSED] * 301


def test_no_descriptor_left_is_an_error_of_this_host(
    driver: Any, serve: Any, tcp_check: Any, http_check: Any
) -> None:
    server = serve(until_closed)
    probes = [driver.probe(tcp_check(server.port)), driver.probe(http_check(server.port))]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(map(int, os.listdir("/proc/self/fd"))), hard))
    try:
        for probe in probes:
            probe.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert driver.results == [
        Result(outcome=Outcome.LOCAL_ERROR, reason="too many open files"),
        Result(outcome=Outcome.LOCAL_ERROR, reason="too many open files"),
    ]


@pytest.mark.parametrize(("soft", "limit"), [(1024, 960), (65536, 4096), (10, 1)])
def test_the_number_of_connections_is_bounded_by_the_descriptors_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, limit: int
) -> None:
    monkeypatch.setattr(module.resource, "getrlimit", lambda _: (soft, soft))
    assert module.connection_limit() == limit


IN_NAMESPACE = """
import select, subprocess, sys
from lvs_agent.adapters.probes.engine import Engine
from lvs_agent.adapters.probes.tcp import TcpProbe
from lvs_agent.core.checks import Source, TcpCheck

def run(address, port=80, setup=(), source=None):
    for line in setup:
        subprocess.run(line.split(), check=True)
    engine, results = Engine(), []
    TcpProbe(engine, TcpCheck(address=address, port=port, connect_timeout_ns=8 * 10**9, retry=0,
             delay_before_retry_ns=0, delay_loop_ns=10**9, source=source), results.append).start()
    for _ in range(2000):
        if results:
            break
        if select.select([engine], [], [], 0.005)[0]:
            engine.serve()
        engine.expire()
    print(results[0].outcome.value, results[0].reason, sep=": ")
"""


def in_namespace(code: str) -> list[str]:
    agent = str(Path(module.__file__).parents[3])
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", IN_NAMESPACE + code],
        env={**os.environ, "PYTHONPATH": agent},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.netns
def test_a_server_without_a_route_fails_and_a_shortage_here_does_not_count() -> None:
    assert in_namespace(
        """
run("192.0.2.1")
run("192.0.2.1", setup=["ip link set lo up", "ip route add unreachable 192.0.2.0/24"])
run("198.51.100.1", setup=["ip route add prohibit 198.51.100.0/24"])
run("203.0.113.9", setup=["ip link add va type veth peer name vb", "ip link set va up",
    "ip link set vb up", "ip address add 203.0.113.1/24 dev va"])
import socket
open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("40000 40001")
with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    free = 2 - (port in (40000, 40001))
    kept = [socket.create_connection(("127.0.0.1", port)) for _ in range(free)]
    run("127.0.0.1", port)
"""
    ) == [
        "failed: network is unreachable",
        "failed: no route to host",
        "local_error: permission denied",
        "failed: no route to host",
        "local_error: cannot assign requested address",
    ]


@pytest.mark.netns
def test_an_interface_needs_no_privilege_and_a_mark_does() -> None:
    """Why bind_if is an option, and fwmark is not."""
    assert in_namespace(
        """
import os, socket
subprocess.run("ip link set lo up".split(), check=True)
server = socket.create_server(("127.0.0.1", 0))
os.setgid(65534)
os.setuid(65534)
run("127.0.0.1", server.getsockname()[1], source=Source(interface="lo", address="127.0.0.3"))
try:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1)
except OSError as error:
    print(error.strerror)
"""
    ) == ["passed: connected", "Operation not permitted"]
