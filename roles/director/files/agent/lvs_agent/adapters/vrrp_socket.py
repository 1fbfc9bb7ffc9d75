# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw IPv4 sockets for VRRP: one to listen per interface and group, one to send per interface.

Owns socket options. Must never look into a packet. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import errno
import socket
import struct

from lvs_agent.core.vrrp.packet import VRRP_PROTOCOL, VRRP_TTL

# Enough for some 300 adverts to wait while the process is held up, whatever rmem_default is: with
# a default of tens of megabytes, an unread socket keeps stale adverts by the hour.
_RECEIVE_BUFFER_BYTES = 256 * 1024
# The largest advert has 1,076 bytes with its IP header; more than this is cut off and rejected.
_DATAGRAM_BYTES = 2048
# TC_PRIO_INTERNETCONTROL is the highest band that needs no privilege (linux/pkt_sched.h).
_PRIORITY_INTERNETCONTROL = 6
# linux/in.h; the socket module does not have it.
_IP_MULTICAST_ALL = 49
_MREQN = struct.Struct("=4s4si")


class AdvertReceiver:
    """Listens for protocol 112 to `group` on one interface. Raises OSError if it cannot."""

    def __init__(self, interface: str, index: int, group: str) -> None:
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, VRRP_PROTOCOL
        )
        try:
            self._configure(interface, index, group)
        except OSError:
            self._socket.close()
            raise

    def _configure(self, interface: str, index: int, group: str) -> None:
        options = self._socket.setsockopt
        options(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        options(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        # Otherwise groups that any other program joined would come here as well (ip(7)).
        options(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        membership = _MREQN.pack(socket.inet_aton(group), bytes(4), index)
        options(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes | None:
        """The next datagram with its IP header; None when there is none, or only an error."""
        try:
            return self._socket.recv(_DATAGRAM_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            # An error of the interface; the kernel process reports its state.
            if error.errno in (errno.ENETDOWN, errno.ENODEV, errno.ENOBUFS, errno.EINTR):
                return None
            raise

    def close(self) -> None:
        self._socket.close()


class AdvertSender:
    """Sends whole IPv4 datagrams out of one interface. Raises OSError if it cannot be opened.

    IPPROTO_RAW: the header is ours, with TTL 255 and the source address, and nothing is ever
    received, so no unread queue grows.
    """

    def __init__(self, interface: str, index: int) -> None:
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_RAW
        )
        try:
            self._configure(interface, index)
        except OSError:
            self._socket.close()
            raise

    def _configure(self, interface: str, index: int) -> None:
        options = self._socket.setsockopt
        options(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        multicast = _MREQN.pack(bytes(4), bytes(4), index)
        options(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, multicast)
        options(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, VRRP_TTL)
        options(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        options(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY_INTERNETCONTROL)

    def send(self, datagram: bytes, destination: str) -> OSError | None:
        """Send it now; the error if it did not go out (it is not tried again: the next will)."""
        try:
            self._socket.sendto(datagram, (destination, 0))
        except OSError as error:
            return error
        return None

    def close(self) -> None:
        self._socket.close()
