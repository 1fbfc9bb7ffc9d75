# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding and removing addresses, IPv4 and IPv6, many in one write.

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
# linux/if_addr.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_BROADCAST, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 3, 4, 6, 8
_CACHEINFO = struct.Struct("=IIII")  # preferred and valid lifetime in s, two time stamps
_FOR_EVER = 0xFFFFFFFF
_FLAGS = struct.Struct("=I")


def pack(address: str) -> tuple[int, bytes]:
    """(AF_INET or AF_INET6, the address as the kernel has it). Raises OSError for nonsense."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def encode_add(address: VirtualAddress, index: int) -> bytes:
    """RTM_NEWADDR; fails with EEXIST when the interface has address and prefix already."""
    # Not for the sweep, which only deletes: this module's own imports take longer than all of it.
    from lvs_agent.core.host_facts import flags_of  # noqa: PLC0415

    family, local = pack(address.address)
    body = _IFADDRMSG.pack(family, address.prefix_length, 0, SCOPES[address.scope], index)
    body += attribute(_IFA_LOCAL, local)
    body += attribute(_IFA_ADDRESS, local if address.peer is None else pack(address.peer)[1])
    if address.broadcast is not None:
        body += attribute(_IFA_BROADCAST, socket.inet_aton(address.broadcast))
    if address.label is not None:
        body += attribute(_IFA_LABEL, address.label.encode() + b"\0")
    if flags := flags_of(address):
        body += attribute(_IFA_FLAGS, _FLAGS.pack(flags))
    if address.preferred_lft_s is not None:
        lifetimes = _CACHEINFO.pack(address.preferred_lft_s, _FOR_EVER, 0, 0)
        body += attribute(_IFA_CACHEINFO, lifetimes)
    return message(_RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body)


def encode_delete(address: str, prefix_length: int, index: int, peer: str | None = None) -> bytes:
    """RTM_DELADDR of exactly this address and prefix (without IFA_ADDRESS the kernel would take
    any prefix, and with a wrong one none; net/ipv4/devinet.c, inet_rtm_deladdr)."""
    family, local = pack(address)
    body = _IFADDRMSG.pack(family, prefix_length, 0, 0, index)
    body += attribute(_IFA_LOCAL, local)
    body += attribute(_IFA_ADDRESS, local if peer is None else pack(peer)[1])
    return message(_RTM_DELADDR, 0, body)


def delete(netlink: Netlink, requests: Sequence[bytes]) -> dict[int, Refusal]:
    """Send requests made by `encode_delete`; an address or interface that is gone is success.

    Raises NetlinkError when the kernel does not answer.
    """
    refusals = netlink.transact(requests)
    return {
        position: refusal for position, refusal in refusals.items() if refusal.errno not in GONE
    }
