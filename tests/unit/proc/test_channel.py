# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels between processes, on both kinds of socket they run over."""

from __future__ import annotations

import socket

import pytest
from lvs_agent.core.messages import Hold, Message, Reconfigure
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.loop import Loop

TURNS_LIMIT = 10_000


class Ends:
    """A pair of channels on one loop, with what each received."""

    def __init__(self, kind: socket.SocketKind) -> None:
        self.loop = Loop()
        self.received: list[Message] = []
        self.closed: list[str] = []
        left, right = socket.socketpair(socket.AF_UNIX, kind)
        self.raw_left = left
        self.left = Channel(self.loop, left, self.received.append, self.closed.append)
        self.right = Channel(self.loop, right, self.received.append, self.closed.append)

    def turn_until(self, count: int) -> None:
        for _ in range(TURNS_LIMIT):
            if len(self.received) >= count or self.closed:
                return
            self.loop.turn(longest_wait_ns=1_000_000)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_many_small_messages_arrive_in_order_without_blocking_the_sender(
    kind: socket.SocketKind,
) -> None:
    ends = Ends(kind)
    sent = [Hold(instance="VI_1", hold=True, sequence=number) for number in range(20_000)]
    for message in sent:
        ends.left.send(message)
    ends.turn_until(len(sent))
    assert ends.received == sent


def test_a_message_larger_than_the_socket_buffer_arrives_whole() -> None:
    ends = Ends(socket.SOCK_STREAM)
    message = Reconfigure(generation=2, config=b"\0x" * 1_500_000)
    ends.left.send(message)
    ends.turn_until(1)
    assert ends.received == [message]


def test_the_death_of_the_peer_is_reported_once() -> None:
    ends = Ends(socket.SOCK_STREAM)
    ends.right.close()
    ends.left.send(Hold(instance="VI_1", hold=True, sequence=1))
    ends.turn_until(1)
    ends.left.send(Hold(instance="VI_1", hold=True, sequence=2))
    assert len(ends.closed) == 1


def test_nonsense_from_the_peer_closes_the_channel() -> None:
    ends = Ends(socket.SOCK_STREAM)
    ends.raw_left.send(b"\0\0\0\x02[]")
    ends.turn_until(1)
    assert "not a message" in ends.closed[0]
    assert not ends.received
