# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP_CHECK against real sockets, good and bad."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from lvs_agent.core.health.check import Outcome, Result


def until_closed(connection: socket.socket) -> None:
    """A server that waits for the client's end."""
    while connection.recv(65536):
        pass


def test_a_listening_port_passes_and_sees_an_orderly_end(
    driver: Any, serve: Any, tcp_check: Any
) -> None:
    server = serve(lambda connection: server.await_end(connection))  # noqa: PLW0108
    assert driver.run(tcp_check(server.port)) == Result(outcome=Outcome.PASSED, reason="connected")
    wait_for(lambda: server.seen_end)
    assert server.seen_end == ["closed"]


def test_a_server_that_closes_at_once_passes(driver: Any, serve: Any, tcp_check: Any) -> None:
    server = serve(lambda connection: None)
    for _ in range(50):
        assert driver.run(tcp_check(server.port)).outcome is Outcome.PASSED


def test_a_server_that_resets_later_passes(driver: Any, serve: Any, tcp_check: Any) -> None:
    def reset(connection: socket.socket) -> None:
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert driver.run(tcp_check(serve(reset).port)).outcome is Outcome.PASSED


def test_a_closed_port_is_refused(driver: Any, tcp_check: Any, unused_port: int) -> None:
    assert driver.run(tcp_check(unused_port)) == Result(
        outcome=Outcome.FAILED, reason="connection refused"
    )


def test_a_host_that_does_not_answer_fails_after_connect_timeout(
    driver: Any, full_port: int, tcp_check: Any
) -> None:
    started = time.monotonic()
    result = driver.run(tcp_check(full_port, timeout_s=0.2))
    assert result == Result(outcome=Outcome.FAILED, reason="no connection within 0.2 s")
    assert 0.2 <= time.monotonic() - started < 1


def test_a_probe_can_be_tried_again_and_again(driver: Any, serve: Any, tcp_check: Any) -> None:
    server = serve(until_closed)
    probe = driver.probe(tcp_check(server.port))
    for count in range(1, 20):
        probe.start()
        driver.until(count)
    assert {result.outcome for result in driver.results} == {Outcome.PASSED}


def test_an_abandoned_try_says_nothing(driver: Any, full_port: int, tcp_check: Any) -> None:
    probe = driver.probe(tcp_check(full_port, timeout_s=0.05))
    probe.start()
    probe.abandon()
    probe.abandon()
    time.sleep(0.1)
    driver.turn(0)
    driver.engine.expire()
    assert driver.results == []
    assert len(driver.engine) == 0
    assert driver.engine.next_deadline_ns() is None


def wait_for(condition: Any) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("did not happen within 5 s")
