# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP_GET where the body counts, and where the connection comes from."""

from __future__ import annotations

import hashlib
import socket
import time
from dataclasses import replace
from typing import Any

import pytest
from check_servers import answering
from lvs_agent.core.checks import BodyPattern, HttpUrl, Source
from lvs_agent.core.health.body import DIGEST_LIMIT, PATTERN_LIMIT
from lvs_agent.core.health.check import Outcome, failed, passed

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
DIGEST = hashlib.md5(b"hello").hexdigest()
URL = HttpUrl(path="/x", status_codes=((200, 299),), virtualhost=None)


def test_a_digest_is_compared_over_http_1_1(driver: Any, serve: Any, http_check: Any) -> None:
    server = serve(answering(CHUNKED))
    good = replace(http_check(server.port), urls=(replace(URL, digest=DIGEST),), version="1.1")
    assert driver.run(good) == passed("status 200")
    wrong = replace(good, urls=(replace(URL, digest="0" * 32),))
    assert driver.run(wrong) == failed(f"/x: digest {DIGEST}, wanted {'0' * 32}")


def test_the_request_says_which_version_it_is(driver: Any, serve: Any, http_check: Any) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(CHUNKED)

    server = serve(handler)
    for version in ("1.0", "1.1"):
        driver.run(replace(http_check(server.port, "/v"), version=version))
    assert [line.split(b"\r\n")[0] for line in server.requests] == [
        b"GET /v HTTP/1.0", b"GET /v HTTP/1.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (BodyPattern(text="^hel+o$"), passed("status 200")),
        (BodyPattern(text="HELLO"), failed("/x: regex not found in the body")),
        (BodyPattern(text="HELLO", ignore_case=True), passed("status 200")),
        (BodyPattern(text="ell", wanted=False), failed("/x: regex found in the body")),
    ],
)
def test_a_body_is_searched(
    driver: Any, serve: Any, http_check: Any, pattern: BodyPattern, expected: Any
) -> None:
    server = serve(answering(CHUNKED))
    wanted = replace(http_check(server.port), urls=(replace(URL, pattern=pattern),))
    assert driver.run(wanted) == expected


@pytest.mark.parametrize(
    ("url", "limit"),
    [
        (replace(URL, digest="0" * 32), DIGEST_LIMIT),
        (replace(URL, pattern=BodyPattern(text="(a*)*b")), PATTERN_LIMIT),
    ],
)
def test_an_endless_body_is_cut_off(
    driver: Any, serve: Any, http_check: Any, url: HttpUrl, limit: int
) -> None:
    sent = 0

    def handler(connection: socket.socket) -> None:
        nonlocal sent
        server.read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"a" * 65536)
            sent += 65536

    server = serve(handler)
    result = driver.run(replace(http_check(server.port, timeout_s=8), urls=(url,)))
    assert result == failed(f"/x: body longer than {limit} bytes, the most that is compared")
    # What the kernel's buffers hold comes on top.
    assert sent < limit + 16 * 1024 * 1024


def test_an_endless_body_leaves_time_for_other_checks(
    driver: Any, serve: Any, http_check: Any, tcp_check: Any
) -> None:
    def flood(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"a" * 1_000_000)

    server = serve(flood)
    url = replace(URL, digest="0" * 32)
    driver.probe(replace(http_check(server.port, timeout_s=8), urls=(url,))).start()
    while not server.requests:
        driver.turn(0.005)
    driver.probe(tcp_check(server.port)).start()
    driver.until(2)
    assert driver.results[0] == passed("connected")


def test_a_body_that_trickles_ends_at_the_limit(driver: Any, serve: Any, http_check: Any) -> None:
    def trickle(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\na\r\n")
            time.sleep(0.02)

    server = serve(trickle)
    result = driver.run(http_check(server.port, "/t", timeout_s=0.3))
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith("/t: status 200, then only")


def test_checks_go_to_ipv6_addresses(driver: Any, serve: Any, http_check: Any) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(CHUNKED)

    server = serve(handler, host="::1")
    assert driver.run(replace(http_check(server.port), address="::1")) == passed("status 200")
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


def test_a_check_comes_from_where_it_is_told(
    driver: Any, serve: Any, http_check: Any, tcp_check: Any, unused_port: int
) -> None:
    server = serve(answering(CHUNKED))
    source = Source(address="127.0.0.9", port=unused_port, interface="lo")
    for check in (http_check(server.port), tcp_check(server.port)):
        # Twice: the port must be free again at once.
        for _ in range(2):
            assert driver.run(replace(check, source=source)).outcome is Outcome.PASSED
    # Of a connection that was reset at once the server need not hear.
    assert set(server.peers) == {("127.0.0.9", unused_port)}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Source(address="192.0.2.77"), "cannot assign requested address"),
        (Source(interface="nosuch0"), "no such device"),
    ],
)
def test_a_source_that_this_host_lacks_blames_no_server(
    driver: Any, serve: Any, tcp_check: Any, source: Source, reason: str
) -> None:
    result = driver.run(replace(tcp_check(serve(answering()).port), source=source))
    assert (result.outcome, result.reason) == (Outcome.LOCAL_ERROR, reason)
