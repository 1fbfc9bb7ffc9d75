# SPDX-License-Identifier: GPL-3.0-or-later
"""What `lvsctl status` says about a virtual router and a sync group.

Owns the shape (docs/status.md). Must never change anything. Durations are seconds, `*_ns` is the
monotonic clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from lvs_agent.core.messages import InstanceOverride
from lvs_agent.core.overrides_vrrp import as_report
from lvs_agent.core.vrrp.groups import Coordinator
from lvs_agent.core.vrrp.packet import MAX_ADDRESSES, MAX_ADDRESSES_6, SECOND_NS
from lvs_agent.core.vrrp.router import Router, State
from lvs_agent.core.vrrp.tracking import Standing


def instance_report(
    router: Router,
    standing: Standing,
    waiting: Sequence[str],
    group: str | None,
    now_ns: int,
    *,
    override: InstanceOverride | None = None,
) -> dict[str, object]:
    """One entry of "instances". `waiting`: what keeps it from leaving INIT."""
    instance, transition = router.instance, router.transition
    room = MAX_ADDRESSES_6 if instance.family == 6 else MAX_ADDRESSES
    return {
        "name": instance.name,
        "state": router.state.value,
        "reason": transition.reason,
        "since_ns": transition.at_ns,
        "since_s": _seconds(now_ns - transition.at_ns),
        "previous": transition.previous,
        "waiting_for": list(waiting),
        "interface": instance.interface,
        "family": instance.family,
        "virtual_router_id": instance.virtual_router_id,
        "version": instance.version,
        "mcast_group": None if instance.peers else instance.mcast_group,
        "unicast_peers": [peer.address for peer in instance.peers],
        "sync_group": group,
        "priority": router.priority,
        "base_priority": instance.priority,
        "weights": list(standing.weights),
        "hold": None if override is None else as_report(override),
        "preempt": instance.preempt,
        "preempt_delay_s": _seconds(instance.preempt_delay_ns),
        "addresses": [f"{each.address}/{each.prefix_length}" for each in instance.addresses],
        "addresses_excluded": [
            f"{each.address}/{each.prefix_length}" for each in instance.excluded
        ],
        "addresses_advertised": min(len(instance.addresses), room),
        "addresses_acknowledged": router.acknowledged,
        "master": _master(router),
        "dual_active": _dual_active(router, now_ns),
        "timers": {
            "advert_int_s": _seconds(instance.advert_int_ns),
            "master_adver_interval_s": _seconds(router.master_interval_ns),
            "skew_time_s": _seconds(router.skew_ns),
            "master_down_interval_s": _seconds(router.master_down_ns),
        },
        "counters": asdict(router.statistics),
    }


def group_report(group: Coordinator, now_ns: int) -> dict[str, object]:
    """One entry of "sync_groups"."""
    transition = group.transition
    return {
        "name": group.group.name,
        "state": group.state.value,
        "reason": transition.reason,
        "since_ns": transition.at_ns,
        "since_s": _seconds(now_ns - transition.at_ns),
        "previous": transition.previous,
        "priority": group.priority,
        "members": [member.instance.name for member in group.members],
        "conflicts": group.conflicts,
    }


def _master(router: Router) -> dict[str, object] | None:
    """The master's address and priority; address None: this director itself."""
    if router.state is State.MASTER:
        return {"address": None, "priority": router.priority}
    if router.master is None:
        return None
    address, priority = router.master
    return {"address": router.address_text(address), "priority": priority}


def _dual_active(router: Router, now_ns: int) -> dict[str, object]:
    """Whether there is a second master; `source` is the last one that there was."""
    found = router.dual_active
    return {
        "active": found.active,
        "since_s": _seconds(now_ns - found.since_ns) if found.active else None,
        "source": found.source or None,
    }


def _seconds(duration_ns: int) -> float:
    return duration_ns / SECOND_NS
