# SPDX-License-Identifier: GPL-3.0-or-later
"""What `lvsctl status` says about a virtual router.

Owns the shape (docs/status.md). Must never change anything. Durations are seconds, `*_ns` is the
monotonic clock.
"""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import IPv4Address

from lvs_agent.core.vrrp.packet import MAX_ADDRESSES, SECOND_NS
from lvs_agent.core.vrrp.receive import Receiver
from lvs_agent.core.vrrp.router import Router, State


def instance_report(router: Router, receiver: Receiver, now_ns: int) -> dict[str, object]:
    """One entry of "instances"."""
    instance, transition = router.instance, router.transition
    vrid = instance.virtual_router_id
    count = len(instance.addresses)
    return {
        "name": instance.name,
        "state": router.state.value,
        "reason": transition.reason,
        "since_ns": transition.at_ns,
        "since_s": _seconds(now_ns - transition.at_ns),
        "previous": transition.previous,
        "interface": instance.interface,
        "virtual_router_id": vrid,
        "version": instance.version,
        "mcast_group4": instance.mcast_group4,
        "priority": instance.priority,
        "preempt": instance.preempt,
        "preempt_delay_s": _seconds(instance.preempt_delay_ns),
        "addresses": [f"{each.address}/{each.prefix_length}" for each in instance.addresses],
        "addresses_advertised": min(count, MAX_ADDRESSES),
        "addresses_acknowledged": router.acknowledged,
        "master": _master(router),
        "timers": {
            "advert_int_s": _seconds(instance.advert_int_ns),
            "master_adver_interval_s": _seconds(router.master_interval_ns),
            "skew_time_s": _seconds(router.skew_ns),
            "master_down_interval_s": _seconds(router.master_down_ns),
        },
        "counters": {
            **asdict(router.statistics),
            "rejected": {reason.value: n for reason, n in receiver.rejects_of(vrid).items()},
            "remarks": {remark.value: n for remark, n in receiver.seen_by(vrid).items()},
        },
    }


def receiver_report(interface: str, receiver: Receiver) -> dict[str, object]:
    """What an interface and group received that belongs to no instance."""
    return {
        "interface": interface,
        "mcast_group4": receiver.group,
        "rejected": {reason.value: n for reason, n in receiver.rejects.items()},
    }


def _master(router: Router) -> dict[str, object] | None:
    """The master's address and priority; address None: this director itself."""
    if router.state is State.MASTER:
        return {"address": None, "priority": router.instance.priority}
    if router.master is None:
        return None
    address, priority = router.master
    return {"address": str(IPv4Address(address)), "priority": priority}


def _seconds(duration_ns: int) -> float:
    return duration_ns / SECOND_NS
