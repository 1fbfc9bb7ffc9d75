# SPDX-License-Identifier: GPL-3.0-or-later
"""Hearing of changes in the kernel: one netlink socket in some of its multicast groups.

Owns the socket and the cutting into messages. Must never interpret a message.
"""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from lvs_agent.adapters.netlink import HEADER

_SO_RCVBUFFORCE = 33
# About two thousand messages as the kernel accounts them; what does not fit is not lost either: the
# reader looks at everything then.
_RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024
_READ_BYTES = 64 * 1024
# Reads in one turn of the loop: others get their turn after so many.
READS_PER_TURN = 256


class Notification(NamedTuple):
    """One message; `author` is the port of the socket that asked for the change (0: the kernel)."""

    kind: int
    author: int
    body: bytes


class EventSocket:
    """`groups` are the numbers of multicast groups (1 to 32). Raises OSError."""

    def __init__(self, protocol: int, groups: tuple[int, ...]) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol
        )
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._socket.bind((0, sum(1 << (group - 1) for group in groups)))

    def fileno(self) -> int:
        """For the loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> tuple[list[Notification], bool]:
        """What happened since the last call, at most one turn's worth, and whether some of it was
        lost."""
        found: list[Notification] = []
        lost = False
        for __ in range(READS_PER_TURN):
            try:
                data, (port, _groups) = self._socket.recvfrom(_READ_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            if port == 0:  # anybody may send to a netlink socket; only the kernel has port 0
                found += _split(data)
        return found, lost


def _split(data: bytes) -> list[Notification]:
    found: list[Notification] = []
    start = 0
    while start + HEADER.size <= len(data):
        length, kind, _flags, _sequence, author = HEADER.unpack_from(data, start)
        if length < HEADER.size or start + length > len(data):
            break
        found.append(Notification(kind, author, data[start + HEADER.size : start + length]))
        start += (length + 3) & ~3
    return found
