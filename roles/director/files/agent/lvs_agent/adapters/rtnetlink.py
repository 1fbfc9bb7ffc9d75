# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces and addresses as the kernel tells them: dumps, and changes as they happen.

Owns the monitoring socket and the decoding of RTM_*LINK and RTM_*ADDR. Must never change anything,
nor decide what a change means. The decoder is our own: a director may have 10,000 addresses, and
every audit reads all of them.
"""

from __future__ import annotations

import errno
import socket
import struct

from lvs_agent.adapters.address_netlink import SCOPES
from lvs_agent.adapters.netlink import NLM_F_DUMP, Netlink, attributes, message, messages
from lvs_agent.core.host import Host
from lvs_agent.core.host_facts import (
    AddressChanged,
    AddressGone,
    HostAddress,
    HostEvent,
    Link,
    LinkChanged,
    LinkGone,
)

_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK = 16, 17, 18
_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR = 20, 21, 22
_SCOPE_NAMES = {number: name for name, number in SCOPES.items()}
_RTMGRP_LINK = 0x1
_RTMGRP_IPV4_IFADDR = 0x10
_RTMGRP_IPV6_IFADDR = 0x100
_SO_RCVBUFFORCE = 33

_IFINFOMSG = struct.Struct("=BBHiII")  # family, pad, device type, index, flags, change mask
_IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface index
_U32 = struct.Struct("=I")
# linux/if_link.h
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_AF_SPEC = 1, 3, 5, 18, 26
_IFLA_GROUP = 27
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _IFLA_MACVLAN_MODE, _IFLA_INET_CONF = 1, 2, 1, 1
_MAC_BYTES = 6
# linux/if_addr.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 3, 4, 6, 8
_FOR_EVER = 0xFFFFFFFF
_LENGTHS = {socket.AF_INET: 4, socket.AF_INET6: 16}

# A takeover of 500 addresses is 500 messages of about 1 KiB each as the kernel accounts them, all
# queued before we read the first: room for several of those. What does not fit is not lost either
# (ENOBUFS, then a full dump), only slower.
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_READ_BYTES = 64 * 1024
# Reads in one turn: what ha sends is looked at again after so many.
READS_PER_TURN = 256


class Overrun(Exception):
    """Changes were lost; only a full dump tells how the host is now."""


class HostMonitor:
    """The socket that hears of every change. Raises OSError when it cannot be opened."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))

    def fileno(self) -> int:
        """For the loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> tuple[list[HostEvent], bool]:
        """What happened since the last call, and whether that was all (False: call again).

        Raises Overrun when the kernel had to drop something.
        """
        events: list[HostEvent] = []
        for __ in range(READS_PER_TURN):
            try:
                data, (port, _groups) = self._socket.recvfrom(_READ_BYTES)
            except BlockingIOError:
                return events, True
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise Overrun from error
                raise
            if port == 0:  # anybody may send to a netlink socket; only the kernel has port 0
                events += decode(data)
        return events, False


class HostReader:
    """Reads the whole host, again and again; what did not change is not decoded again."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._known: dict[bytes, HostAddress | None] = {}

    def read(self) -> Host:
        """The host as it is now. Raises NetlinkError."""
        host = read_links(self._netlink)
        address_request = message(_RTM_GETADDR, NLM_F_DUMP, _IFADDRMSG.pack(0, 0, 0, 0, 0))
        known, before = {}, self._known
        for body in self._netlink.dump(address_request):
            known[body] = address = before[body] if body in before else _address(body)
            if address is not None:
                host.apply(AddressChanged(address))
        self._known = known
        return host


def read_links(netlink: Netlink) -> Host:
    """The host's interfaces, without addresses. Raises NetlinkError."""
    host = Host()
    request = message(_RTM_GETLINK, NLM_F_DUMP, _IFINFOMSG.pack(0, 0, 0, 0, 0, 0))
    for body in netlink.dump(request):
        link = _link(body)
        if link is not None:
            host.apply(LinkChanged(link=link))
    return host


def read_host(netlink: Netlink) -> Host:
    """The host as it is now, for those who look once. Raises NetlinkError."""
    return HostReader(netlink).read()


def decode(data: bytes) -> list[HostEvent]:
    """The events in what one read of the monitoring socket gave; malformed ones are left out."""
    events: list[HostEvent] = []
    for kind, _flags, _sequence, body in messages(data):
        if kind in (_RTM_NEWADDR, _RTM_DELADDR):
            address = _address(body)
            if address is not None:
                changed = kind == _RTM_NEWADDR
                events.append(AddressChanged(address) if changed else AddressGone(address))
        elif kind == _RTM_NEWLINK:
            link = _link(body)
            if link is not None:
                events.append(LinkChanged(link=link))
        elif kind == _RTM_DELLINK and len(body) >= _IFINFOMSG.size:
            family, __, __, index, __, __ = _IFINFOMSG.unpack_from(body)
            if family == socket.AF_UNSPEC:
                events.append(LinkGone(index=index))
    return events


def _link(body: bytes) -> Link | None:
    if len(body) < _IFINFOMSG.size:
        return None
    family, __, __, index, flags, __ = _IFINFOMSG.unpack_from(body)
    # A bridge tells of its ports in messages of family AF_BRIDGE: RTM_DELLINK there only means
    # that the port left the bridge.
    if family != socket.AF_UNSPEC:
        return None
    found = dict(attributes(body, _IFINFOMSG.size))
    name = _text(found.get(_IFLA_IFNAME))
    if name is None:
        return None
    mac = found.get(_IFLA_ADDRESS, b"")
    info = dict(attributes(found.get(_IFLA_LINKINFO, b"")))
    kind = _text(info.get(_IFLA_INFO_KIND))
    data = dict(attributes(info.get(_IFLA_INFO_DATA, b""))) if kind == "macvlan" else {}
    inet = dict(attributes(found.get(_IFLA_AF_SPEC, b""))).get(socket.AF_INET, b"")
    return Link(
        index=index,
        name=name,
        flags=flags,
        mac=bytes(mac).hex(":") if len(mac) == _MAC_BYTES else None,
        kind=kind,
        lower=_u32(found.get(_IFLA_LINK)),
        mode=_u32(data.get(_IFLA_MACVLAN_MODE)),
        group=_u32(found.get(_IFLA_GROUP)),
        settings=bytes(dict(attributes(inet)).get(_IFLA_INET_CONF, b"")),
    )


def _address(body: bytes) -> HostAddress | None:
    if len(body) < _IFADDRMSG.size:
        return None
    family, prefix_length, flags, scope, index = _IFADDRMSG.unpack_from(body)
    length = _LENGTHS.get(family)
    if length is None:
        return None
    found = dict(attributes(body, _IFADDRMSG.size))
    # Without a peer both are the same, or only one is there (IPv6: IFA_ADDRESS).
    other = found.get(_IFA_ADDRESS, b"")
    local = found.get(_IFA_LOCAL, other)
    if len(local) != length:
        return None
    peer = bytes(other) if len(other) == length and other != local else None
    broadcast = found.get(_IFA_BROADCAST, b"")
    wide_flags = found.get(_IFA_FLAGS)
    preferred = _u32(found.get(_IFA_CACHEINFO), _FOR_EVER)
    return HostAddress(
        index,
        socket.inet_ntop(family, local),
        prefix_length,
        _SCOPE_NAMES.get(scope) or str(scope),
        _u32(wide_flags, flags),
        socket.inet_ntop(family, broadcast) if len(broadcast) == length else None,
        _text(found.get(_IFA_LABEL)),
        socket.inet_ntop(family, peer) if peer is not None else None,
        None if preferred == _FOR_EVER else preferred,
    )


def _text(payload: memoryview | None) -> str | None:
    """A string of the kernel's, which ends with a zero byte; interface names may be any bytes."""
    if payload is None:
        return None
    return bytes(payload).rstrip(b"\0").decode(errors="backslashreplace")


def _u32(payload: memoryview | None, otherwise: int = 0) -> int:
    """The first 32 bits of `payload`."""
    if payload is None or len(payload) < _U32.size:
        return otherwise
    value: int = _U32.unpack_from(payload)[0]
    return value
