# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP_CHECK against real sockets: a good server, and rude ones."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

import pytest
from lvs_agent.core.checks import SmtpCheck
from lvs_agent.core.health.check import Outcome, failed, passed

GARBAGE = b"\0\xff" * 50


def check(port: int, timeout_s: float = 0.4) -> SmtpCheck:
    return SmtpCheck(
        address="127.0.0.1",
        port=port,
        connect_timeout_ns=int(timeout_s * 1e9),
        retry=0,
        delay_before_retry_ns=0,
        delay_loop_ns=10**9,
        helo_name="director.example",
    )


def test_a_mail_server_hears_helo_and_quit(driver: Any, serve: Any) -> None:
    heard: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        connection.sendall(b"220-mail\r\n220 ready\r\n")
        heard.append(connection.recv(1000))
        connection.sendall(b"250 hello\r\n")
        heard.append(connection.recv(1000))
        connection.sendall(b"221 bye\r\n")

    server = serve(handler)
    assert driver.run(check(server.port)) == passed("greeted, and accepted HELO")
    end = time.monotonic() + 5
    while len(heard) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert heard == [b"HELO director.example\r\n", b"QUIT\r\n"]


def wait(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def greet(words: bytes) -> Any:
    def handler(connection: socket.socket) -> None:
        connection.sendall(words)
        wait(connection)

    return handler


def flood(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-more\r\n" * 1000)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("handler", "reasons"),
    [
        (wait, ("no greeting within 0.4 s",)),
        (greet(b"554 no\r\n"), ("greeted with b'554 no'",)),
        (greet(b"220 hi\r\n"), ("no answer to HELO within 0.4 s",)),
        (greet(b"220 hi\r\n550 no\r\n"), ("answered HELO with b'550 no'",)),
        (greet(GARBAGE + b"\n"), (f"not an SMTP reply: {GARBAGE[:60]!r}",)),
        (flood, ("more than 16384 bytes of replies",)),
        (lambda connection: None, ("closed: no greeting",)),
        (reset, ("connection reset by peer",)),
    ],
)
def test_a_bad_server_fails_in_words_and_in_time(
    driver: Any, serve: Any, handler: Any, reasons: tuple[str, ...]
) -> None:
    began = time.monotonic()
    result = driver.run(check(serve(handler).port))
    assert result.outcome is Outcome.FAILED
    assert result.reason in reasons
    assert time.monotonic() - began < 0.4 * 2 + 3


def test_a_closed_port_and_one_that_does_not_answer(
    driver: Any, unused_port: int, full_port: int
) -> None:
    assert driver.run(check(unused_port)) == failed("connection refused")
    assert driver.run(check(full_port)) == failed("no connection within 0.4 s")
