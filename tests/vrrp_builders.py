# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and adverts for the tests of the VRRP stack."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from lvs_agent.core.model import VirtualAddress, VrrpInstance
from lvs_agent.core.vrrp.packet import Advert, encode_datagram
from lvs_agent.core.vrrp.receive import own_advert

S = 1_000_000_000
MS = 1_000_000


def ip(text: str) -> int:
    """An IPv4 address as an unsigned integer."""
    return int(IPv4Address(text))


def instance(**changes: Any) -> VrrpInstance:
    """A version 2 instance with priority 100 and an interval of one second, changed."""
    plain = VrrpInstance(
        name="web",
        interface="eth0",
        virtual_router_id=51,
        priority=100,
        version=2,
        advert_int_ns=S,
        auth_pass=None,
        preempt=True,
        preempt_delay_ns=0,
        mcast_group4="224.0.0.18",
        addresses=(virtual("10.0.0.100"),),
        garp_master_repeat=5,
        garp_master_delay_ns=5 * S,
        garp_master_refresh_ns=0,
        v3_checksum_as_v2=True,
    )
    return replace(plain, **changes)


def virtual(address: str, interface: str = "eth0") -> VirtualAddress:
    """A virtual address with a prefix of 24 bits."""
    return VirtualAddress(address=address, prefix_length=24, interface=interface)


def advert(of: VrrpInstance, **changes: Any) -> Advert:
    """What `of` advertises, changed."""
    return replace(own_advert(of, resign=False), **changes)


def datagram(of: Advert, source: str, group: str = "224.0.0.18") -> bytes:
    """`of` as a raw socket receives it from `source`."""
    return encode_datagram(of, ip(source), ip(group))
