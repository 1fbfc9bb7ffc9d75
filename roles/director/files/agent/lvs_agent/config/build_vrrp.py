# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become VRRP instances and sync groups.

Owns what they take from global_defs and from the blocks of their trackers.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config import build_commands, derive, static_tracking
from lvs_agent.config.build_kernel import route, virtual_address
from lvs_agent.config.derive import or_else
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.model import (
    AhAuthentication,
    Command,
    Notify,
    PassAuthentication,
    Rule,
    SyncGroup,
    TrackerKind,
    Tracking,
    TrackInterface,
    UnicastPeer,
    Vmac,
    VrrpInstance,
)

# The authentication data of RFC 2338, section 5.3.10: 8 bytes, padded with zeros. keepalived
# takes the same 8 bytes as the key of AH.
_AUTH_PASS_BYTES = 8

_KINDS = {
    "track_script": TrackerKind.SCRIPT,
    "track_process": TrackerKind.PROCESS,
    "track_file": TrackerKind.FILE,
    "track_bfd": TrackerKind.BFD,
}

Values = dict[str, Any]


def instance(name: str, own: Values, document: Values, rules: tuple[Rule, ...]) -> VrrpInstance:
    """The instance `own` called `name`; `rules` are its virtual_rules."""
    global_defs = document["global_defs"]
    return VrrpInstance(
        name=name,
        interface=own["interface"],
        virtual_router_id=own["virtual_router_id"],
        priority=own["priority"],
        version=derive.version(own, global_defs),
        family=derive.family(own),
        advert_int_ns=nanoseconds(own["advert_int"]),
        authentication=_authentication(own["authentication"]),
        preempt=derive.preempt(own),
        preempt_delay_ns=nanoseconds(own["preempt_delay"]),
        mcast_group=derive.mcast_group(own, global_defs),
        source=derive.source(own),
        track_source=own["track_src_ip"],
        peers=tuple(UnicastPeer(**peer) for peer in own["unicast_peer"]),
        unicast_ttl=own["unicast_ttl"],
        unicast_fault_no_peer=own["unicast_fault_no_peer"],
        vmac=_vmac(own, global_defs),
        addresses=tuple(virtual_address(one, own, global_defs) for one in own["virtual_ipaddress"]),
        excluded=tuple(
            virtual_address(one, own, global_defs) for one in own["virtual_ipaddress_excluded"]
        ),
        routes=tuple(route(one) for one in own["virtual_routes"]),
        rules=rules,
        accept=derive.accept(own, global_defs),
        promote_secondaries=own["promote_secondaries"],
        strict_mode=derive.strict(own, global_defs),
        v3_checksum_as_v2=or_else(own["v3_checksum_as_v2"], global_defs["v3_checksum_as_v2"]),
        dual_active_probe_ns=nanoseconds(
            or_else(own["dual_active_probe"], global_defs["dual_active_probe"])
        ),
        track_interfaces=(*_track_interfaces(own), *_static_interfaces(name, document)),
        track_primary=not own["dont_track_primary"],
        trackers=_trackers(own, document),
        notify=_notify(own, global_defs),
        **_inherited(own, global_defs),
    )


def _inherited(own: Values, global_defs: Values) -> Values:
    """Fields of VrrpInstance: those options by their own names, durations in nanoseconds."""
    values = derive.inherited(own, global_defs)
    for name in (
        "garp_master_delay",
        "garp_master_refresh",
        "garp_lower_prio_delay",
        "garp_interval",
        "gna_interval",
    ):
        values[f"{name}_ns"] = nanoseconds(values.pop(name))
    return values


def _authentication(values: Values | None) -> PassAuthentication | AhAuthentication | None:
    if values is None:
        return None
    data = values["auth_pass"].encode()[:_AUTH_PASS_BYTES].ljust(_AUTH_PASS_BYTES, b"\0")
    if values["auth_type"] == "AH":
        return AhAuthentication(key=data)
    return PassAuthentication(data=data)


def _vmac(own: Values, global_defs: Values) -> Vmac | None:
    if own["use_vmac"] is None:
        return None
    return Vmac(
        interface=derive.vmac_name(own, global_defs),
        mac=derive.vmac_mac(own),
        xmit_base=derive.xmit_base(own),
    )


def _track_interfaces(own: Values) -> tuple[TrackInterface, ...]:
    return tuple(
        TrackInterface(interface=one["name"], weight=one["weight"], reverse=one["reverse"])
        for one in own["track_interface"]
    )


def _static_interfaces(name: str, document: Values) -> tuple[TrackInterface, ...]:
    """Those of its track groups."""
    found = static_tracking.interfaces(name, document)
    return tuple(TrackInterface(interface=one, weight=0) for one in found)


def _trackers(own: Values, document: Values) -> tuple[Tracking, ...]:
    uses = [(option, use) for option in derive.TRACKER_SECTIONS for use in own[option]]
    found = []
    for option, use in uses:
        weight, reverse = derive.tracking(option, use, document)
        found.append(
            Tracking(kind=_KINDS[option], name=use["name"], weight=weight, reverse=reverse)
        )
    return tuple(found)


def _notify(own: Values, global_defs: Values) -> Notify:
    def command(name: str) -> Command | None:
        return build_commands.notify(own.get(name), global_defs)

    mail = or_else(global_defs["smtp_alert_vrrp"], or_else(global_defs["smtp_alert"], False))
    return Notify(
        master=command("notify_master"),
        backup=command("notify_backup"),
        fault=command("notify_fault"),
        stop=command("notify_stop"),
        deleted=command("notify_deleted"),
        always=command("notify"),
        master_rx_lower_pri=command("notify_master_rx_lower_pri"),
        dual_active=command("notify_dual_active"),
        priority_changes=or_else(
            own.get("notify_priority_changes"), global_defs["vrrp_notify_priority_changes"]
        ),
        mail=or_else(own["smtp_alert"], mail),
    )


def sync_group(name: str, own: Values, document: Values) -> SyncGroup:
    """The sync group `own` called `name`."""
    return SyncGroup(
        name=name,
        members=own["group"],
        track_interfaces=_track_interfaces(own),
        trackers=_trackers(own, document),
        tracking_weight=own["sync_group_tracking_weight"],
        notify=_notify(own, document["global_defs"]),
    )
