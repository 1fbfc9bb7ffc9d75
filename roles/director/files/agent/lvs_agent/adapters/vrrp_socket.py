# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw sockets for VRRP: to listen on an interface, and to send whole datagrams out of one.

Owns socket options, and the IPv6 header that such a socket takes off. Must never look into a
packet. Needs CAP_NET_RAW.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable

from lvs_agent.adapters.socket_filter import attach, detach
from lvs_agent.core.vrrp.filters import Program
from lvs_agent.core.vrrp.packet import VRRP_PROTOCOL, encode_ipv6_header

# Enough for some 300 adverts to wait while the process is held up, whatever rmem_default is: with
# a default of tens of megabytes, an unread socket keeps stale adverts by the hour.
_RECEIVE_BUFFER_BYTES = 256 * 1024
# More than fit into that.
_MOST_WAITING = 1024
# The largest IPv4 advert has 1,100 bytes with its headers, and an IPv6 one fits into the MTU; what
# is longer is cut off and rejected.
_DATAGRAM_BYTES = 2048
# TC_PRIO_INTERNETCONTROL is the highest band that needs no privilege (linux/pkt_sched.h).
_PRIORITY_INTERNETCONTROL = 6
# linux/in.h and linux/in6.h; the socket module does not have them.
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_IPV6_FREEBIND = 78
_MREQN = struct.Struct("=4s4si")
_MREQ6 = struct.Struct("=16sI")
_PKTINFO6 = struct.Struct("=16sI")
_HOP_LIMIT = struct.Struct("=i")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_PKTINFO6.size) + socket.CMSG_SPACE(_HOP_LIMIT.size)
# An error of the interface; the kernel process reports its state.
_INTERFACE_ERRORS = (errno.ENETDOWN, errno.ENODEV, errno.ENOBUFS, errno.EINTR)

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class AdvertReceiver:
    """Listens for `protocol` to `groups`, and to this host, on one interface. Raises OSError.

    `unicast`: instances without a group are there too. Then the socket hears every group that
    anybody on this host joined, so that a peer that multicasts is noticed.
    """

    def __init__(
        self,
        interface: str,
        index: int,
        family: int,
        groups: Iterable[str],
        *,
        protocol: int = VRRP_PROTOCOL,
        unicast: bool = False,
    ) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        self._socket = socket.socket(_FAMILIES[family], kind, protocol)
        try:
            options = self._socket.setsockopt
            options(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            options(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            if family == 6:
                self._configure_ipv6(index, groups, unicast)
            else:
                self._configure_ipv4(index, groups, unicast)
        except OSError:
            self._socket.close()
            raise
        self._ipv6 = family == 6

    def _configure_ipv4(self, index: int, groups: Iterable[str], unicast: bool) -> None:
        options = self._socket.setsockopt
        # Otherwise groups that any other program joined would come here as well (ip(7)).
        options(socket.IPPROTO_IP, _IP_MULTICAST_ALL, int(unicast))
        for group in groups:
            membership = _MREQN.pack(socket.inet_aton(group), bytes(4), index)
            options(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

    def _configure_ipv6(self, index: int, groups: Iterable[str], unicast: bool) -> None:
        options = self._socket.setsockopt
        options(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, int(unicast))
        options(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        options(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        for group in groups:
            membership = _MREQ6.pack(socket.inet_pton(socket.AF_INET6, group), index)
            options(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> bytes | None:
        """The next datagram with its IP header; None when there is none, or only an error."""
        try:
            return self._receive_ipv6() if self._ipv6 else self._socket.recv(_DATAGRAM_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _INTERFACE_ERRORS:
                return None
            raise

    def _receive_ipv6(self) -> bytes:
        """The payload behind a header made of what the kernel tells about the one it took off."""
        payload, ancillary, __, sender = self._socket.recvmsg(_DATAGRAM_BYTES, _ANCILLARY_BYTES)
        hop_limit, destination = 0, bytes(16)
        for level, kind, data in ancillary:
            if level != socket.IPPROTO_IPV6:
                continue
            if kind == socket.IPV6_HOPLIMIT:
                hop_limit = _HOP_LIMIT.unpack(data)[0] & 0xFF
            elif kind == socket.IPV6_PKTINFO:
                destination = data[:16]
        source = socket.inet_pton(socket.AF_INET6, sender[0].partition("%")[0])
        header = encode_ipv6_header(
            int.from_bytes(source, "big"),
            int.from_bytes(destination, "big"),
            hop_limit,
            VRRP_PROTOCOL,
            len(payload),
        )
        return header + payload

    def clear(self) -> None:
        """Forget what waits."""
        for __ in range(_MOST_WAITING):
            if self.receive() is None:
                return

    def filter(self, program: Program | None) -> None:
        """Let the kernel drop what `program` does not accept; None: receive everything."""
        if program is None:
            detach(self._socket)
        else:
            attach(self._socket, program)

    def close(self) -> None:
        self._socket.close()


class AdvertSender:
    """Sends whole datagrams of one family out of one interface. Raises OSError if it cannot open.

    IPPROTO_RAW: the header is ours, with TTL and source address, and nothing is ever received, so
    no unread queue grows. The source need not be an address of the interface: a VMAC has none of
    its own.
    """

    def __init__(self, interface: str, index: int, family: int = 4) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        self._socket = socket.socket(_FAMILIES[family], kind, socket.IPPROTO_RAW)
        self._index = index
        self._ipv6 = family == 6
        try:
            options = self._socket.setsockopt
            options(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            options(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY_INTERNETCONTROL)
            if self._ipv6:
                options(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                options(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
                options(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            else:
                multicast = _MREQN.pack(bytes(4), bytes(4), index)
                options(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, multicast)
                options(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        except OSError:
            self._socket.close()
            raise

    def send(self, datagram: bytes, destination: str) -> OSError | None:
        """Send it now; the error if it did not go out (it is not tried again: the next will)."""
        try:
            if self._ipv6:
                self._send_ipv6(datagram, destination)
            else:
                self._socket.sendto(datagram, (destination, 0))
        except OSError as error:
            return error
        return None

    def _send_ipv6(self, datagram: bytes, destination: str) -> None:
        """The kernel looks for a source address of the interface, and a VMAC without any could not
        send its first advert: so it is told the one that the header has."""
        source = _PKTINFO6.pack(datagram[8:24], self._index)
        ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source)]
        # The scope is looked at for link-local destinations only.
        self._socket.sendmsg([datagram], ancillary, 0, (destination, 0, 0, self._index))

    def close(self) -> None:
        self._socket.close()
