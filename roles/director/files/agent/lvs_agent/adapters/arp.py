# SPDX-License-Identifier: GPL-3.0-or-later
"""A packet socket that sends Ethernet frames out of one interface.

Owns the socket. Must never build a frame. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import errno
import socket
from enum import Enum, auto


class Sent(Enum):
    """What became of a frame."""

    YES = auto()
    CONGESTED = auto()  # the device's queue is full; worth another try
    FAILED = auto()


class FrameSender:
    """Raises OSError if it cannot be opened. Protocol 0: it never receives (packet(7))."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._socket.bind((interface, 0))
        except OSError:
            self._socket.close()
            raise

    def send(self, frame: bytes) -> Sent:
        """Send it now."""
        try:
            self._socket.send(frame)
        except OSError as error:
            congested = error.errno in (errno.EAGAIN, errno.ENOBUFS)
            return Sent.CONGESTED if congested else Sent.FAILED
        return Sent.YES

    def close(self) -> None:
        self._socket.close()
