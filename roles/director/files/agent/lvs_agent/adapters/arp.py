# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet sockets on one interface: Ethernet frames out, claims of addresses in.

Owns the sockets. Must never build a frame or read one. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import errno
import socket
from enum import Enum, auto

from lvs_agent.adapters.socket_filter import attach
from lvs_agent.core.vrrp.filters import Program

# linux/if_ether.h, by family.
_ETHERTYPES = {4: 0x0806, 6: 0x86DD}
# An ARP frame has 42 bytes, a Neighbor Advertisement 86; nothing behind those is looked at.
_FRAME_BYTES = 128
# A hundred frames or so: what comes in between is an attack, and claims the same addresses.
_RECEIVE_BUFFER_BYTES = 64 * 1024


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


class ClaimListener:
    """Receives the frames that `program` accepts, of ARP (family 4) or IPv6 (6). Raises OSError."""

    def __init__(self, interface: str, family: int, program: Program) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            # Before it hears anything: with protocol 0 it does not.
            attach(self._socket, program)
            self._socket.bind((interface, _ETHERTYPES[family]))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes | None:
        """The next frame; None when there is none, or only an error of the interface."""
        try:
            return self._socket.recv(_FRAME_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in (errno.ENETDOWN, errno.ENODEV, errno.ENOBUFS, errno.EINTR):
                return None
            raise

    def close(self) -> None:
        self._socket.close()
