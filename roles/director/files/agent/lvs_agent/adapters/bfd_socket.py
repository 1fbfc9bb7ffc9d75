# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP sockets for BFD control packets (RFC 5881 sections 4 and 5): one to listen per address
family, one to send per session.

Owns socket options and addresses. Must never look into a packet. Needs no capability.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from lvs_agent.core.bfd.packet import BFD_PORT, SOURCE_PORTS

# Some 300 packets may wait while the process is held up, whatever rmem_default is.
_RECEIVE_BUFFER_BYTES = 256 * 1024
# The sending socket is never read; the kernel makes of this the least it allows.
_UNREAD_BUFFER_BYTES = 1
# A control packet has 24 bytes, with authentication at most 52; a longer one is cut off, and its
# length field, one byte, then decides.
_DATAGRAM_BYTES = 512
# "Internetwork control": DSCP CS6 (RFC 4594 section 3.1), TC_PRIO_INTERNETCONTROL.
_TYPE_OF_SERVICE = 0xC0
_PRIORITY_INTERNETCONTROL = 6
# linux/in.h; the socket module does not have it.
_IP_RECVTTL = 12
_INT = struct.Struct("=i")
# Source ports tried in one `send`; 32 misses mean that the range is as good as full.
_PORTS_TRIED = 32

_TYPE = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """`source`: canonical text, with the zone of a link-local address ("fe80::1%eth0").

    `ttl`: TTL or hop limit as received; None when the kernel did not say.
    """

    payload: bytes
    source: str
    ttl: int | None


def is_ipv6(address: str) -> bool:
    """Whether `address`, valid text, is an IPv6 address."""
    return ip_address(address).version == 6


def _endpoint(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """The socket address; the index of a zone is looked up now. Raises OSError."""
    parsed = ip_address(address)
    if not isinstance(parsed, IPv6Address):
        return (address, port)
    host, __, zone = str(parsed).partition("%")
    return (host, port, 0, socket.if_nametoindex(zone) if zone else 0)


class ControlReceiver:
    """Listens on UDP port 3784 of one address family. Raises OSError if it cannot.

    Without SO_REUSEADDR: another BFD daemon on this host is an error to be seen, not a contest
    for packets.
    """

    def __init__(self, ipv6: bool) -> None:
        self._ipv6 = ipv6
        self._socket = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, _TYPE)
        try:
            self._configure()
        except OSError:
            self._socket.close()
            raise

    def _configure(self) -> None:
        options = self._socket.setsockopt
        options(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        if self._ipv6:
            options(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            options(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        else:
            options(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        self._socket.bind(("", BFD_PORT))

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> Datagram | None:
        """The next datagram; None when there is none, or only an error."""
        try:
            payload, ancillary, __, sender = self._socket.recvmsg(
                _DATAGRAM_BYTES, socket.CMSG_SPACE(_INT.size)
            )
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in (errno.ENETDOWN, errno.ENOBUFS, errno.EINTR):
                return None
            raise
        return Datagram(payload=payload, source=_source(sender), ttl=_ttl(ancillary))

    def close(self) -> None:
        self._socket.close()


def _source(sender: tuple[str, int] | tuple[str, int, int, int]) -> str:
    zone = sender[3] if len(sender) == 4 else 0
    if not zone:
        return sender[0]
    try:
        return f"{sender[0]}%{socket.if_indextoname(zone)}"
    except OSError:  # the interface went away since
        return sender[0]


def _pinned_source(source: str | None) -> list[tuple[int, int, bytes]]:
    """IPV6_PKTINFO with the source: the kernel then refuses an address that is not here (any more).

    For IPv4 it does so in any case; for IPv6 a bound socket goes on sending from an address that
    may be another host's by now (net/ipv6/datagram.c, ip6_datagram_send_ctl).
    """
    if source is None:
        return []
    address = socket.inet_pton(socket.AF_INET6, source.partition("%")[0])
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, address + _INT.pack(0))]


def _ttl(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    wanted = {
        (socket.IPPROTO_IP, socket.IP_TTL),
        (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT),
    }
    for level, kind, data in ancillary:
        if (level, kind) in wanted and len(data) == _INT.size:
            ttl: int = _INT.unpack(data)[0]
            return ttl
    return None


class ControlSender:
    """Sends to one neighbour from a source port that no other session has.

    Opened by the first `send`, and anew after an error: the source address or the interface may
    not be there yet, or come back with another index. The port stays the same where it can.
    """

    def __init__(self, neighbor: str, source: str | None, ttl: int, port: int) -> None:
        self.neighbor = neighbor
        self.source = source
        self.ttl = ttl
        self.port = port
        self._ipv6 = is_ipv6(neighbor)
        self._ancillary = _pinned_source(source) if self._ipv6 else []
        self._socket: socket.socket | None = None

    def send(self, payload: bytes) -> OSError | None:
        """Send it now; the error if it did not go out (it is not tried again: the next will)."""
        try:
            if self._socket is None:
                self._socket = self._open()
            target = _endpoint(self.neighbor, BFD_PORT)
            self._socket.sendmsg([payload], self._ancillary, 0, target)
        except OSError as error:
            self.close()
            return error
        return None

    def _open(self) -> socket.socket:
        """A socket bound to the source. Raises OSError."""
        opened = socket.socket(socket.AF_INET6 if self._ipv6 else socket.AF_INET, _TYPE)
        try:
            self._configure(opened)
            self._bind(opened)
        except OSError:
            opened.close()
            raise
        return opened

    def _configure(self, opened: socket.socket) -> None:
        options = opened.setsockopt
        options(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNREAD_BUFFER_BYTES)
        options(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY_INTERNETCONTROL)
        if self._ipv6:
            options(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            options(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, self.ttl)
            options(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _TYPE_OF_SERVICE)
        else:
            options(socket.IPPROTO_IP, socket.IP_TTL, self.ttl)
            options(socket.IPPROTO_IP, socket.IP_TOS, _TYPE_OF_SERVICE)

    def _bind(self, opened: socket.socket) -> None:
        """Bind to the source; a port that somebody has is passed over. Raises OSError."""
        host = self.source or ("::" if self._ipv6 else "0.0.0.0")
        for __ in range(_PORTS_TRIED):
            try:
                opened.bind(_endpoint(host, self.port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                self.port = SOURCE_PORTS[(self.port + 1) % len(SOURCE_PORTS)]
            else:
                return
        raise OSError(errno.EADDRINUSE, "no source port from 49152 to 65535 was free")

    def close(self) -> None:
        """Close the socket; `send` opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
