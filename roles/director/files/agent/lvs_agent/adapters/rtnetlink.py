# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces and IPv4 addresses as the kernel tells them: dumps, and changes as they happen.

Owns the monitoring socket. Must never change anything, nor decide what a change means. pyroute2
decodes (its message classes only: the socket is ours, non-blocking, in the process's own loop).
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from lvs_agent.adapters.address_netlink import SCOPES
from lvs_agent.adapters.netlink import HEADER, NLM_F_DUMP, Netlink, message
from lvs_agent.core.host import (
    IFA_F_SECONDARY,
    AddressChanged,
    AddressGone,
    Host,
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
_SO_RCVBUFFORCE = 33

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
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR))

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
        for _ in range(READS_PER_TURN):
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


def read_host(netlink: Netlink) -> Host:
    """The host as it is now. Raises NetlinkError."""
    host = Host()
    link_request = message(_RTM_GETLINK, NLM_F_DUMP, struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0))
    for body in netlink.dump(link_request):
        _apply(host, _RTM_NEWLINK, body)
    address_request = message(
        _RTM_GETADDR, NLM_F_DUMP, struct.pack("=BBBBI", socket.AF_INET, 0, 0, 0, 0)
    )
    for body in netlink.dump(address_request):
        _apply(host, _RTM_NEWADDR, body)
    return host


def _apply(host: Host, kind: int, body: bytes) -> None:
    event = _event(kind, HEADER.pack(HEADER.size + len(body), kind, 0, 0, 0) + body)
    if event is not None:
        host.apply(event)


def decode(data: bytes) -> list[HostEvent]:
    """The events in what one read of the monitoring socket gave."""
    events: list[HostEvent] = []
    start = 0
    while start + HEADER.size <= len(data):
        length, kind, _, _, _ = HEADER.unpack_from(data, start)
        if length < HEADER.size or start + length > len(data):
            break
        event = _event(kind, data[start : start + length])
        if event is not None:
            events.append(event)
        start += (length + 3) & ~3
    return events


def _event(kind: int, data: bytes) -> HostEvent | None:
    if kind in (_RTM_NEWLINK, _RTM_DELLINK):
        return _link_event(kind, _decoded(ifinfmsg, data))
    if kind in (_RTM_NEWADDR, _RTM_DELADDR):
        return _address_event(kind, _decoded(ifaddrmsg, data))
    return None


def _decoded(message_class: Any, data: bytes) -> Any:
    decoded = message_class(data)
    decoded.decode()
    return decoded


def _link_event(kind: int, decoded: Any) -> HostEvent | None:
    # A bridge tells of its ports in messages of family AF_BRIDGE: RTM_DELLINK there only means
    # that the port left the bridge.
    if decoded["family"] != socket.AF_UNSPEC:
        return None
    if kind == _RTM_DELLINK:
        return LinkGone(index=decoded["index"])
    name = decoded.get_attr("IFLA_IFNAME")
    if name is None:
        return None
    return LinkChanged(
        link=Link(
            index=decoded["index"],
            name=name,
            flags=decoded["flags"],
            mac=decoded.get_attr("IFLA_ADDRESS"),
        )
    )


def _address_event(kind: int, decoded: Any) -> HostEvent | None:
    if decoded["family"] != socket.AF_INET:
        return None
    local = decoded.get_attr("IFA_LOCAL") or decoded.get_attr("IFA_ADDRESS")
    if local is None:
        return None
    address = HostAddress(
        index=decoded["index"],
        address=local,
        prefix_length=decoded["prefixlen"],
        broadcast=decoded.get_attr("IFA_BROADCAST"),
        label=decoded.get_attr("IFA_LABEL"),
        scope=_SCOPE_NAMES.get(decoded["scope"], str(decoded["scope"])),
        secondary=bool(decoded["flags"] & IFA_F_SECONDARY),
    )
    if kind == _RTM_NEWADDR:
        return AddressChanged(address=address)
    return AddressGone(address=address)
