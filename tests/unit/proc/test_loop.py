# SPDX-License-Identifier: GPL-3.0-or-later
"""The event loop: order of service, cancelled timers, descriptors removed by a callback."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from lvs_agent.proc.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    yield left, right
    left.close()
    right.close()


def test_a_waiting_packet_is_served_before_an_expired_timer(
    loop: Loop, pair: tuple[socket.socket, socket.socket]
) -> None:
    left, right = pair
    order: list[str] = []
    loop.add_reader(left.fileno(), lambda: order.append(left.recv(1).decode()))
    loop.call_at(loop.now_ns() - 1, lambda: order.append("timer"))
    right.send(b"p")
    loop.turn()
    assert order == ["p", "timer"]


def test_timers_fire_in_the_order_of_their_deadlines_and_not_early(loop: Loop) -> None:
    begin_ns = loop.now_ns()
    fired: list[tuple[str, int]] = []
    for name, delay_ns in (("late", 3_000_000), ("soon", 1_000_000)):
        loop.call_at(begin_ns + delay_ns, lambda name=name: fired.append((name, loop.now_ns())))
    while len(fired) < 2:
        loop.turn()
    assert [name for name, _ in fired] == ["soon", "late"]
    assert fired[0][1] >= begin_ns + 1_000_000
    assert fired[1][1] >= begin_ns + 3_000_000


def test_a_cancelled_timer_never_fires_and_does_not_wake_the_loop(loop: Loop) -> None:
    timer = loop.call_at(loop.now_ns(), pytest.fail)
    timer.cancel()
    loop.turn(longest_wait_ns=0)


def test_a_callback_may_remove_a_descriptor_that_is_also_ready(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    served: list[int] = []

    def serve(index: int) -> None:
        served.append(index)
        loop.remove_reader(pairs[1 - index][0].fileno())

    for index, (left, right) in enumerate(pairs):
        loop.add_reader(left.fileno(), lambda index=index: serve(index))
        right.send(b"x")
    loop.turn()
    assert len(served) == 1
    for left, right in pairs:
        left.close()
        right.close()


def test_stop_before_run_is_not_forgotten(loop: Loop) -> None:
    served: list[str] = []
    loop.call_at(loop.now_ns(), lambda: served.append("timer"))
    loop.stop()
    loop.run()
    assert served == []
    loop.call_at(loop.now_ns(), loop.stop)
    loop.run()
    assert served == ["timer"], "it can run again"


def test_who_asks_is_told_how_late_a_turn_is_once(loop: Loop) -> None:
    told: list[int] = []
    loop.on_late = told.append
    began_ns = loop.now_ns()
    for number in range(3):
        loop.call_at(began_ns - number * 1_000_000, lambda: None)
    loop.turn()
    assert len(told) == 1
    assert told[0] >= 2_000_000
    loop.turn(0)  # nothing is due
    assert len(told) == 1
