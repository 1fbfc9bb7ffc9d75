# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP_GET against real sockets: servers that are slow, silent, rude, endless or not HTTP."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lvs_agent.core.health.check import Outcome, Result

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


def answering(serve: Any, *pieces: bytes, pause_s: float = 0) -> Any:
    """A server that sends `pieces` after the request, then waits for the client's end."""

    def handler(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        server.await_end(connection)

    server = serve(handler)
    return server


def wait_for_end(server: Any) -> str:
    for _ in range(500):
        if server.seen_end:
            end: str = server.seen_end[0]
            return end
        time.sleep(0.01)
    raise AssertionError("the client did not end within 5 s")


def test_an_accepted_status_passes_and_the_connection_ends_in_order(
    driver: Any, serve: Any, http_check: Any
) -> None:
    server = answering(serve, OK)
    result = driver.run(http_check(server.port, "/index.html", virtualhost="www.example.org"))
    assert result == Result(outcome=Outcome.PASSED, reason="status 200")
    assert server.requests[0].startswith(b"GET /index.html HTTP/1.0\r\nHost: www.example.org\r\n")
    assert wait_for_end(server) == "closed"


def test_an_answer_in_single_bytes_passes(driver: Any, serve: Any, http_check: Any) -> None:
    server = answering(serve, *(bytes([byte]) for byte in OK), pause_s=0.001)
    assert driver.run(http_check(server.port, timeout_s=3)).outcome is Outcome.PASSED


def test_an_answer_that_lasts_until_the_server_closes_passes(
    driver: Any, serve: Any, http_check: Any
) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        for _ in range(3):
            time.sleep(0.02)
            connection.sendall(b"x" * 5000)

    server = serve(handler)
    for _ in range(5):
        assert driver.run(http_check(server.port)).outcome is Outcome.PASSED


def test_a_half_closed_answer_passes(driver: Any, serve: Any, http_check: Any) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")
        connection.shutdown(socket.SHUT_WR)
        server.await_end(connection)

    server = serve(handler)
    assert driver.run(http_check(server.port)).outcome is Outcome.PASSED
    assert wait_for_end(server) == "closed"


def test_a_large_answer_is_read_to_its_end(driver: Any, serve: Any, http_check: Any) -> None:
    body = b"x" * 60_000
    server = answering(serve, b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + body)
    assert driver.run(http_check(server.port, timeout_s=2)).outcome is Outcome.PASSED
    assert wait_for_end(server) == "closed"


def test_an_interim_answer_is_not_the_answer(driver: Any, serve: Any, http_check: Any) -> None:
    server = answering(serve, b"HTTP/1.1 100 Continue\r\n\r\n", OK, pause_s=0.02)
    assert driver.run(http_check(server.port)).reason == "status 200"


@pytest.mark.parametrize("status", [199, 301, 404, 503])
def test_another_status_fails_with_what_was_wanted(
    driver: Any, serve: Any, http_check: Any, status: int
) -> None:
    head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    if status == 199:
        head = "HTTP/1.1 299 X\r\nContent-Length: 0\r\n\r\n"
    server = answering(serve, head.encode())
    result = driver.run(http_check(server.port, "/a", codes=((200, 298), (302, 302))))
    said = 299 if status == 199 else status
    assert result == Result(outcome=Outcome.FAILED, reason=f"/a: status {said}, wanted 200-298 302")


def test_a_redirect_passes_where_it_is_accepted_and_is_not_followed(
    driver: Any, serve: Any, http_check: Any
) -> None:
    server = answering(serve, b"HTTP/1.1 301 M\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
    result = driver.run(http_check(server.port, codes=((200, 299), (301, 301))))
    assert (result.outcome, result.reason) == (Outcome.PASSED, "status 301")
    assert server.accepted == 1


def test_urls_are_fetched_one_after_the_other(driver: Any, serve: Any, http_check: Any) -> None:
    server = answering(serve, OK)
    assert driver.run(http_check(server.port, "/a", "/b", "/c")).outcome is Outcome.PASSED
    assert [request.split()[1] for request in server.requests] == [b"/a", b"/b", b"/c"]


def test_the_first_url_that_fails_ends_the_try(driver: Any, serve: Any, http_check: Any) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        good = b" /b " not in server.requests[-1]
        connection.sendall(OK if good else b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    server = serve(handler)
    result = driver.run(http_check(server.port, "/a", "/b", "/c"))
    assert result.reason == "/b: status 500, wanted 200-299"
    assert server.accepted == 2


def test_a_refused_connection_fails(driver: Any, http_check: Any, unused_port: int) -> None:
    assert driver.run(http_check(unused_port)).reason == "connection refused"


def test_connect_timeout_bounds_the_connection(
    driver: Any, http_check: Any, full_port: int
) -> None:
    assert driver.run(http_check(full_port, timeout_s=0.2)).reason == "no connection within 0.2 s"


def test_connect_timeout_counts_anew_for_the_answer(
    driver: Any, serve: Any, http_check: Any
) -> None:
    started = time.monotonic()
    server = answering(serve)
    result = driver.run(http_check(server.port, "/x", timeout_s=0.2))
    assert result.reason == "/x: no answer within 0.2 s"
    assert 0.2 <= time.monotonic() - started < 1
    assert wait_for_end(server) == "reset"


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (b"X: y\r\n", "/: only part of a head within 0.2 s"),
        (b"\r\nx", "/: status 200, then only"),
    ],
)
def test_a_server_that_trickles_for_ever_is_cut_off(
    driver: Any, serve: Any, http_check: Any, piece: bytes, reason: str
) -> None:
    started = time.monotonic()
    server = answering(serve, b"HTTP/1.1 200 OK\r\n", *[piece] * 60, pause_s=0.02)
    result = driver.run(http_check(server.port, timeout_s=0.2))
    assert (result.outcome, result.reason.startswith(reason)) == (Outcome.FAILED, True)
    assert time.monotonic() - started < 1


def test_an_endless_body_passes_after_its_first_64_kib(
    driver: Any, serve: Any, http_check: Any
) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    server = serve(handler)
    assert driver.run(http_check(server.port, timeout_s=2)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "/: head longer than 16384 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "/: head longer than 16384 bytes"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 20_000, "/: head longer than 16384 bytes"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "/: not an HTTP answer: b'SSH-2.0-OpenSSH_9.2p1\\r\\n'"),
        (b"\x16\x03\x01" + b"\x00" * 50_000, "/: not an HTTP answer: b'\\x16\\x03\\x01"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "/: invalid Content-Length"),
    ],
)
def test_what_is_not_an_answer_fails_without_waiting(
    driver: Any, serve: Any, http_check: Any, answer: bytes, reason: str
) -> None:
    started = time.monotonic()
    result = driver.run(http_check(answering(serve, answer).port, timeout_s=5))
    assert result.outcome is Outcome.FAILED
    assert result.reason.startswith(reason)
    assert len(result.reason) < 300
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "/: closed without answer"),
        (b"HTTP/1.1 200 O", "/: closed in the head of the answer"),
        (OK[:-2], "/: closed after 3 of 5 bytes of the body"),
    ],
)
def test_a_server_that_closes_too_early_fails(
    driver: Any, serve: Any, http_check: Any, answer: bytes, reason: str
) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(answer)

    server = serve(handler)
    assert driver.run(http_check(server.port)) == Result(outcome=Outcome.FAILED, reason=reason)


def test_a_server_that_resets_fails(driver: Any, serve: Any, http_check: Any) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = serve(handler)
    result = driver.run(http_check(server.port, "/x"))
    assert result == Result(outcome=Outcome.FAILED, reason="/x: connection reset by peer")


def test_a_server_that_speaks_before_it_is_asked_and_closes_ends_the_try(
    driver: Any, serve: Any, http_check: Any
) -> None:
    server = serve(lambda connection: connection.sendall(b"220 mail ready\r\n"))
    for _ in range(20):
        assert driver.run(http_check(server.port)).outcome is Outcome.FAILED


def test_urgent_data_confuses_nobody(driver: Any, serve: Any, http_check: Any) -> None:
    def handler(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.send(b"!", socket.MSG_OOB)
        connection.sendall(OK)
        connection.send(b"!", socket.MSG_OOB)

    server = serve(handler)
    assert driver.run(http_check(server.port)).outcome is Outcome.PASSED


def test_an_abandoned_try_says_nothing_and_can_be_begun_again(
    driver: Any, serve: Any, http_check: Any
) -> None:
    server = answering(serve, OK)
    probe = driver.probe(http_check(server.port, "/a", "/b"))
    probe.start()
    driver.turn(0.5)
    probe.abandon()
    assert (driver.results, len(driver.engine)) == ([], 0)
    probe.start()
    driver.until(1)
    assert driver.results[0].outcome is Outcome.PASSED


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=5), good=st.booleans())
def test_a_hostile_server_never_breaks_the_probe(
    driver: Any, serve: Any, http_check: Any, pieces: list[bytes], good: bool
) -> None:
    def handler(connection: socket.socket) -> None:
        if good:
            server.read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for piece in pieces:
            with contextlib.suppress(OSError):
                connection.sendall(piece)

    server = serve(handler)
    result = driver.run(http_check(server.port, timeout_s=1))
    assert result.outcome in (Outcome.PASSED, Outcome.FAILED)
    assert result.reason.isprintable()
    server.close()
