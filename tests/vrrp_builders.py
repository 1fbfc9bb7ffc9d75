# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and adverts for the tests of the VRRP stack."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import Config, GlobalDefs, SyncGroup, VirtualAddress, VrrpInstance
from lvs_agent.core.vrrp.packet import Advert, encode_datagram
from lvs_agent.core.vrrp.receive import own_advert

S = 1_000_000_000
MS = 1_000_000


def ip(text: str) -> int:
    """An address of either family as an unsigned integer."""
    return int(ip_address(text))


def instance(**changes: Any) -> VrrpInstance:
    """A version 2 instance with priority 100 and an interval of one second, changed."""
    plain = VrrpInstance(
        name="web",
        interface="eth0",
        virtual_router_id=51,
        priority=100,
        version=2,
        advert_int_ns=S,
        authentication=None,
        preempt=True,
        preempt_delay_ns=0,
        mcast_group="224.0.0.18",
        addresses=(virtual("10.0.0.100"),),
        garp_master_repeat=5,
        garp_master_delay_ns=5 * S,
        garp_master_refresh_ns=0,
        v3_checksum_as_v2=True,
    )
    return replace(plain, **changes)


def instance6(**changes: Any) -> VrrpInstance:
    """A version 3 instance over IPv6 with a link-local address first, changed."""
    plain = instance(
        family=6,
        version=3,
        mcast_group="ff02::12",
        addresses=(virtual("fe80::100"), virtual("2001:db8::100")),
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


def config(
    *instances: VrrpInstance, groups: tuple[SyncGroup, ...] = (), **global_defs: Any
) -> Config:
    """A configuration of these instances and sync groups, and nothing else."""
    return Config(
        global_defs=GlobalDefs(router_id=None, **global_defs),
        vrrp_instances=instances,
        virtual_servers=(),
        sync_groups=groups,
    )


def link(interface: str = "eth0", **changes: Any) -> LinkState:
    """An interface that works, with the address 10.0.0.5, changed."""
    plain: dict[str, Any] = {
        "interface": interface,
        "index": 2,
        "running": True,
        "primary": "10.0.0.5",
        "mac": "02:00:00:00:00:05",
    }
    return LinkState(**(plain | changes))
