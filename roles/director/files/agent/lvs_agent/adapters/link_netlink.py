# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and removing VMAC interfaces, and setting net.ipv4.conf.<interface>.* over netlink.

Owns the encoding. Must never decide which; must never import pyroute2: the sweep after a crash
uses it. Netlink and not /proc/sys, because the service has that read-only (ProtectKernelTunables=
and ProcSubset= in its unit); RTM_SETLINK needs CAP_NET_ADMIN only.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Mapping

from lvs_agent.adapters.netlink import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Netlink,
    Refusal,
    attribute,
    attributes,
    message,
)

_RTM_NEWLINK, _RTM_DELLINK, _RTM_SETLINK = 16, 17, 19
_RTM_GETNETCONF = 82
_IFINFOMSG = struct.Struct("=BBHiII")  # family, pad, device type, index, flags, change mask
_U32 = struct.Struct("=I")
_I32 = struct.Struct("=i")
_IFF_UP = 0x1
# linux/if_link.h
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_AF_SPEC = 1, 3, 5, 18, 26
_IFLA_GROUP = 27
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _IFLA_MACVLAN_MODE, _IFLA_INET_CONF = 1, 2, 1, 1
_MACVLAN_MODE_PRIVATE = 1
_IFLA_INET6_ADDR_GEN_MODE = 8
_IN6_ADDR_GEN_MODE_NONE = 1
# linux/netconf.h; the interface index -1 stands for net.ipv4.conf.all
_NETCONFA_IFINDEX, _NETCONFA_RP_FILTER = 1, 3
_NETCONFA_IFINDEX_ALL = -1


def make_vmac(netlink: Netlink, name: str, mac: str, base_index: int) -> Refusal | None:
    """Make a macvlan interface in private mode, down; None, or why the kernel refused.

    Raises NetlinkError when the kernel does not answer.
    """
    mode = attribute(_IFLA_MACVLAN_MODE, _U32.pack(_MACVLAN_MODE_PRIVATE))
    info = attribute(_IFLA_INFO_KIND, b"macvlan") + attribute(_IFLA_INFO_DATA, mode)
    body = (
        _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0)
        + attribute(_IFLA_IFNAME, name.encode() + b"\0")
        + attribute(_IFLA_LINK, _U32.pack(base_index))
        + attribute(_IFLA_ADDRESS, bytes.fromhex(mac.replace(":", "")))
        + attribute(_IFLA_LINKINFO, info)
    )
    request = message(_RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)
    return netlink.transact([request]).get(0)


def bring_up(netlink: Netlink, index: int) -> Refusal | None:
    """Without IPv6 addresses of the kernel's own making (addrgenmode none), then up.

    Raises NetlinkError when the kernel does not answer.
    """
    mode = attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_IN6_ADDR_GEN_MODE_NONE]))
    requests = [
        _set_link(index, attribute(_IFLA_AF_SPEC, attribute(socket.AF_INET6, mode))),
        _set_link(index, b"", flags=_IFF_UP, change=_IFF_UP),
    ]
    refusals = netlink.transact(requests)
    if 0 in refusals and refusals[0].errno == errno.EAFNOSUPPORT:  # a host without IPv6
        del refusals[0]
    return next(iter(refusals.values()), None)


def remove(netlink: Netlink, index: int) -> Refusal | None:
    """Remove an interface; one that is gone is success. Raises NetlinkError."""
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, index, 0, 0)
    refusal = netlink.transact([message(_RTM_DELLINK, 0, body)]).get(0)
    return None if refusal is None or refusal.errno == errno.ENODEV else refusal


def set_group(netlink: Netlink, indexes: Iterable[int], group: int) -> Refusal | None:
    """Put interfaces into a group; the first refusal. Raises NetlinkError."""
    attr = attribute(_IFLA_GROUP, _U32.pack(group))
    refusals = netlink.transact([_set_link(index, attr) for index in indexes])
    return next(iter(refusals.values()), None)


def remove_group(netlink: Netlink, group: int) -> Refusal | None:
    """Remove every interface of a group at once. Raises NetlinkError."""
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0)
    body += attribute(_IFLA_GROUP, _U32.pack(group))
    return netlink.transact([message(_RTM_DELLINK, 0, body)]).get(0)


def set_values(netlink: Netlink, values: Mapping[int, Mapping[int, int]]) -> dict[int, Refusal]:
    """Set net.ipv4.conf values: interface index -> {number in linux/ip.h: value}.

    What was refused, by interface index. Raises NetlinkError when the kernel does not answer.
    """
    indexes = [index for index, wanted in values.items() if wanted]
    requests = []
    for index in indexes:
        each = (attribute(number, _U32.pack(value)) for number, value in values[index].items())
        conf = attribute(_IFLA_INET_CONF, b"".join(each))
        requests.append(_set_link(index, attribute(_IFLA_AF_SPEC, attribute(socket.AF_INET, conf))))
    return {indexes[n]: refusal for n, refusal in netlink.transact(requests).items()}


def _set_link(index: int, attrs: bytes, *, flags: int = 0, change: int = 0) -> bytes:
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, index, flags, change)
    return message(_RTM_SETLINK, 0, body + attrs)


def rp_filter_of_all(netlink: Netlink) -> int | None:
    """net.ipv4.conf.all.rp_filter; None when the kernel does not tell. Raises NetlinkError."""
    family = bytes([socket.AF_INET, 0, 0, 0])
    for body in netlink.dump(message(_RTM_GETNETCONF, NLM_F_DUMP, family)):
        found = dict(attributes(body, len(family)))
        index, value = found.get(_NETCONFA_IFINDEX), found.get(_NETCONFA_RP_FILTER)
        if index is None or value is None or len(index) < _I32.size or len(value) < _I32.size:
            continue
        if _I32.unpack_from(index)[0] == _NETCONFA_IFINDEX_ALL:
            answer: int = _I32.unpack_from(value)[0]
            return answer
    return None


def absent(names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that are no interface now. Raises OSError."""
    there = {name for __, name in socket.if_nameindex()}
    return tuple(name for name in names if name not in there)
