# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets with a firewall mark, and their way from one process to another.

Owns SO_MARK and SCM_RIGHTS. Must never decide which are made.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
from collections.abc import Iterable

from lvs_agent.core.health.marks import MarkedSocket, Transport

# Of one packet; SCM_MAX_FD of the kernel's include/net/scm.h is 253.
SOCKETS_LIMIT = 64
_PACKET_BYTES = 4096
_FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_TYPES = {
    Transport.TCP: (socket.SOCK_STREAM, 0, 0),
    Transport.UDP: (socket.SOCK_DGRAM, 0, 0),
    Transport.ICMP: (socket.SOCK_DGRAM, socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6),
}


def make(kind: MarkedSocket) -> socket.socket:
    """A socket of this kind, neither bound nor connected. Raises OSError."""
    type_, protocol4, protocol6 = _TYPES[kind.transport]
    family = socket.AF_INET6 if kind.ipv6 else socket.AF_INET
    made = socket.socket(family, type_ | _FLAGS, protocol6 if kind.ipv6 else protocol4)
    try:
        mark(made, kind.mark)
    except OSError:
        made.close()
        raise
    return made


def mark(one: socket.socket, number: int) -> None:
    """Have what is sent over it be marked. Raises OSError: it takes CAP_NET_ADMIN."""
    # As bytes: Python takes no integer for it that a C int cannot hold.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", number))


# Not by socket.send_fds and recv_fds: these leave the flags out (cpython's Lib/socket.py).
def send(end: socket.socket, packet: bytes, sockets: Iterable[socket.socket]) -> None:
    """Without waiting. Raises OSError."""
    numbers = array.array("i", [one.fileno() for one in sockets])
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if numbers else []
    end.sendmsg([packet], rights, socket.MSG_DONTWAIT)


def receive(end: socket.socket) -> tuple[bytes, list[socket.socket]]:
    """A packet and the sockets in it. Raises OSError; BlockingIOError: there is none."""
    room = socket.CMSG_SPACE(SOCKETS_LIMIT * array.array("i").itemsize)
    flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    packet, control, _flags, _address = end.recvmsg(_PACKET_BYTES, room, flags)
    numbers = array.array("i")
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    sockets: list[socket.socket] = []
    try:
        while numbers:
            sockets.append(socket.socket(fileno=numbers[0]))
            del numbers[0]
            sockets[-1].setblocking(False)
    except OSError:
        for number in numbers:
            with contextlib.suppress(OSError):
                os.close(number)
        close(sockets)
        raise
    return packet, sockets


def close(sockets: Iterable[socket.socket]) -> None:
    """All of them."""
    for one in sockets:
        one.close()
