# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP_CHECK, DNS_CHECK and PING_CHECK against real sockets, good and bad."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.adapters.probes import datagram
from lvs_agent.core.checks import DnsCheck, Reply, Source, UdpCheck
from lvs_agent.core.health.check import Outcome, failed, passed

COMMON = {
    "address": "127.0.0.1", "retry": 0, "delay_before_retry_ns": 0, "delay_loop_ns": 10**9,
    "connect_timeout_ns": 300_000_000,
}  # fmt: skip
ANY = Reply(minimum=0, maximum=255)


def udp(port: int, **more: Any) -> UdpCheck:
    return UdpCheck(**COMMON | {"port": port} | more)


def dns(port: int, **more: Any) -> DnsCheck:
    return DnsCheck(**COMMON | {"port": port, "name": "www.example.org", "type": "A"} | more)


def noerror(data: bytes) -> list[bytes]:
    return [data[:2] + b"\x81\x80" + data[4:]]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_udp_sends_the_payload_and_takes_the_answer(
    driver: Any, serve_datagrams: Any, host: str
) -> None:
    server = serve_datagrams(lambda data: [data[::-1]], host=host)
    reply = Reply(minimum=3, maximum=3, pattern=b"\3\2\1", mask=b"\xff\xff\xf0")
    check = udp(server.port, address=host, payload=b"\x0e\2\3", reply=reply)
    assert driver.run(check) == passed("answered with 3 bytes as wanted")
    assert server.received == [b"\x0e\2\3"]


def test_udp_fails_at_a_closed_port(driver: Any, unused_port: int) -> None:
    for reply in (None, ANY):
        assert driver.run(udp(unused_port, reply=reply)) == failed("connection refused")


def test_udp_silence_passes_unless_an_answer_is_required(driver: Any, serve_datagrams: Any) -> None:
    server = serve_datagrams(lambda data: [])
    assert driver.run(udp(server.port)) == passed("no error within 0.3 s")
    assert driver.run(udp(server.port, reply=ANY)) == failed("no answer within 0.3 s")


def test_a_wrong_answer_fails_at_once(driver: Any, serve_datagrams: Any) -> None:
    server = serve_datagrams(lambda data: [b"x" * 300])
    began = time.monotonic()
    result = driver.run(udp(server.port, reply=ANY, connect_timeout_ns=9 * 10**9))
    assert result == failed("answered with 300 bytes, wanted 0 to 255")
    assert time.monotonic() - began < 9


def test_datagrams_come_from_where_they_are_told(
    driver: Any, serve_datagrams: Any, unused_port: int
) -> None:
    server = serve_datagrams(lambda data: [b"x"])
    source = Source(address="127.0.0.8", port=unused_port, interface="lo")
    for _ in range(2):
        assert driver.run(udp(server.port, source=source)).outcome is Outcome.PASSED
    assert server.peers == [("127.0.0.8", unused_port)] * 2


def test_dns_passes_when_the_server_answers(driver: Any, serve_datagrams: Any) -> None:
    server = serve_datagrams(noerror)
    assert driver.run(dns(server.port)) == passed("NOERROR, 0 answers")
    assert b"\3www\7example\3org\0\0\1\0\1" in server.received[0]
    driver.run(dns(server.port))
    assert server.received[0][2:] == server.received[1][2:]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda data: [data[:2] + b"\x81\x82" + data[4:]], "answered SERVFAIL"),
        (lambda data: [], "no answer within 0.3 s"),
        (lambda data: [b"rubbish"], "no answer within 0.3 s; got 7 bytes that are no DNS message"),
        (
            lambda data: [b"\0\0" + noerror(data)[0][2:]],
            "no answer within 0.3 s; got an answer to another question",
        ),
        (
            lambda data: [b"rubbish"] * 200,
            "64 datagrams that are no answer: 7 bytes that are no DNS message",
        ),
    ],
)
def test_dns_fails_in_words(driver: Any, serve_datagrams: Any, answer: Any, reason: str) -> None:
    # Another question's answer could by chance have the same number.
    for _ in range(2):
        result = driver.run(dns(serve_datagrams(answer).port))
        if result == failed(reason):
            return
    raise AssertionError(result)


def test_a_late_stray_answer_does_not_spoil_a_good_one(driver: Any, serve_datagrams: Any) -> None:
    server = serve_datagrams(lambda data: [b"stray", *noerror(data)])
    assert driver.run(dns(server.port)).outcome is Outcome.PASSED


def test_an_abandoned_try_says_nothing(driver: Any, serve_datagrams: Any) -> None:
    server = serve_datagrams(lambda data: [])
    probe = driver.probe(udp(server.port))
    probe.start()
    driver.turn(0.05)
    probe.abandon()
    assert (len(driver.engine), driver.results) == (0, [])


IN_NAMESPACE = """
import select, subprocess, sys
from lvs_agent.adapters.probes.engine import Engine
from lvs_agent.adapters.probes.datagram import ping_probe, udp_probe
from lvs_agent.core.checks import PingCheck, UdpCheck

def sh(line):
    subprocess.run(line.split(), check=True)

def run(address, make=ping_probe, seconds=1):
    engine, results = Engine(), []
    common = dict(address=address, connect_timeout_ns=int(seconds * 1e9), retry=0,
                  delay_before_retry_ns=0, delay_loop_ns=10**9)
    check = PingCheck(port=0, **common) if make is ping_probe else UdpCheck(port=9, **common)
    make(engine, check, results.append).start()
    for _ in range(4000):
        if results:
            break
        if select.select([engine], [], [], 0.005)[0]:
            engine.serve()
        engine.expire()
    print(results[0].outcome.value, results[0].reason, sep=": ")

sh("ip link set lo up")
"""


def in_namespace(code: str) -> list[str]:
    agent = str(Path(datagram.__file__).parents[3])
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
def test_ping_needs_the_permission_and_says_so() -> None:
    (line,) = in_namespace(
        """
open("/proc/sys/net/ipv4/ping_group_range", "w").write("1 0")
run("127.0.0.1")
"""
    )
    assert line == (
        "local_error: pinging is not permitted: set net.ipv4.ping_group_range to include the group"
        f" {os.getegid()}"
    )


@pytest.mark.netns
def test_ping_asks_over_both_families_without_a_privilege() -> None:
    assert in_namespace(
        """
import os
open("/proc/sys/net/ipv4/ping_group_range", "w").write("0 2147483647")
sh("ip link add va type veth peer name vb")
sh("ip link set va up")
sh("ip link set vb up")
sh("ip address add 203.0.113.1/24 dev va")
sh("ip route add unreachable 192.0.2.0/24")
os.setgid(65534)
os.setuid(65534)
run("127.0.0.1")
run("::1")
run("192.0.2.1")
run("203.0.113.9", seconds=8)
run("203.0.113.9", make=udp_probe, seconds=8)
run("203.0.113.255", seconds=0.2)
"""
    ) == [
        "passed: answered",
        "passed: answered",
        "failed: no route to host",
        "failed: no route to host",
        "failed: no route to host",
        "local_error: permission denied",
    ]


def test_every_option_of_a_copy_counts_for_sharing() -> None:
    check = udp(1)
    assert replace(check, payload=b"x") != check
    assert replace(check, source=Source(interface="lo")) != check
