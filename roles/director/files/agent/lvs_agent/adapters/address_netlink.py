# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding and removing IPv4 addresses, many in one write.

Owns the encoding of RTM_NEWADDR and RTM_DELADDR. Must never decide which; must never import
pyroute2: it is used by the sweep after a crash, which has to be quick.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lvs_agent.adapters.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Netlink,
    Refusal,
    attribute,
    message,
)

if TYPE_CHECKING:  # not at run time: the sweep has to start quickly
    from lvs_agent.core.model import VirtualAddress

_RTM_NEWADDR = 20
_RTM_DELADDR = 21
_IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface index
# linux/rtnetlink.h, enum rt_scope_t
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
# What removing an address that is not there says, or one of an interface that is not there.
GONE = (errno.EADDRNOTAVAIL, errno.ENODEV)
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST = 1, 2, 3, 4


def encode_add(address: VirtualAddress, index: int) -> bytes:
    """RTM_NEWADDR; fails with EEXIST when the interface has address and prefix already."""
    packed = socket.inet_aton(address.address)
    body = _IFADDRMSG.pack(socket.AF_INET, address.prefix_length, 0, SCOPES[address.scope], index)
    body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    if address.broadcast is not None:
        body += attribute(_IFA_BROADCAST, socket.inet_aton(address.broadcast))
    if address.label is not None:
        body += attribute(_IFA_LABEL, address.label.encode() + b"\0")
    return message(_RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body)


def encode_delete(address: str, prefix_length: int, index: int) -> bytes:
    """RTM_DELADDR of exactly this address and prefix (without IFA_ADDRESS the kernel would take
    any prefix; net/ipv4/devinet.c, inet_rtm_deladdr)."""
    packed = socket.inet_aton(address)
    body = _IFADDRMSG.pack(socket.AF_INET, prefix_length, 0, 0, index)
    body += attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    return message(_RTM_DELADDR, 0, body)


def delete(netlink: Netlink, requests: Sequence[bytes]) -> dict[int, Refusal]:
    """Send requests made by `encode_delete`; an address or interface that is gone is success.

    Raises NetlinkError when the kernel does not answer.
    """
    refusals = netlink.transact(requests)
    return {
        position: refusal for position, refusal in refusals.items() if refusal.errno not in GONE
    }
