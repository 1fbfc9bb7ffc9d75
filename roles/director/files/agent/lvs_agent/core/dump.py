# SPDX-License-Identifier: GPL-3.0-or-later
"""What keepalived's JSON dump says, said of this agent: for programs that read keepalived's.

Owns the names, the types and the numbers (of keepalived 2.2.7; version 2 of the layout of 2.2.8).
Must never say a password. `status` is the document of `lvsctl status --json`, which other processes
wrote: whatever it lacks raises KeyError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lvs_agent.core import routes
from lvs_agent.core.model import (
    AhAuthentication,
    Command,
    Config,
    Notify,
    TrackerKind,
    TrackProcess,
    VirtualAddress,
    VrrpInstance,
)
from lvs_agent.core.vrrp.reasons import RejectReason

Status = Mapping[str, Any]
Fields = dict[str, Any]

STATES = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}
# keepalived's counter -> reasons of ours.
_REJECTS = {
    "packet_len_err": (RejectReason.LENGTH, RejectReason.TRUNCATED),
    "advert_interval_err": (RejectReason.ADVERT_INTERVAL, RejectReason.INTERVAL_ZERO),
    "ip_ttl_err": (RejectReason.TTL,),
    "invalid_type_rcvd": (RejectReason.TYPE,),
    "addr_list_err": (RejectReason.ADDRESS_LIST,),
    "invalid_authtype": (),  # an unknown type is one that differs
    "authtype_mismatch": (RejectReason.AUTH_TYPE,),
    "auth_failure": (
        RejectReason.AUTH_DATA, RejectReason.AUTH_HEADER, RejectReason.AUTH_ICV,
        RejectReason.REPLAY,
    ),
}  # fmt: skip
_COUNTERS = {
    "advert_rcvd": "adverts_received",
    "advert_sent": "adverts_sent",
    "become_master": "became_master",
    "release_master": "released_master",
}
_ZERO = {"pri_zero_rcvd": "priority_zero_received", "pri_zero_sent": "priority_zero_sent"}
_SCRIPTS = {
    "script_backup": "backup",
    "script_master": "master",
    "script_fault": "fault",
    "script_stop": "stop",
    "script_deleted": "deleted",
    "script": "always",
    "script_master_rx_lower_pri": "master_rx_lower_pri",
}


def as_json(config: Config, status: Status, *, now_s: float, version: str) -> str:
    """The JSON text. `now_s`: seconds since 1970."""
    instances = [
        {"data": data(config, instance, report, status, now_s), "stats": stats(report)}
        for instance, report in reported(config, status)
    ]
    if version == "1":
        return json.dumps(instances) + "\n"
    found: Fields = {"vrrp": instances}
    if config.processes:
        found["track_process"] = [_process(one, config, status) for one in config.processes]
    return json.dumps(found) + "\n"


def reported(config: Config, status: Status) -> Iterator[tuple[VrrpInstance, Any]]:
    """The instances of `config` that the status knows, each with its report."""
    reports = {report["name"]: report for report in status["instances"]}
    for instance in config.vrrp_instances:
        if instance.name in reports:
            yield instance, reports[instance.name]


def stats(report: Status) -> Fields:
    """An instance's counters under keepalived's names."""
    counters = report["counters"]
    rejected = counters["rejected"]
    return {
        **{theirs: int(counters[ours]) for theirs, ours in _COUNTERS.items()},
        **{
            theirs: sum(int(rejected.get(reason.value, 0)) for reason in reasons)
            for theirs, reasons in _REJECTS.items()
        },
        **{theirs: int(counters[ours]) for theirs, ours in _ZERO.items()},
    }


def data(
    config: Config, instance: VrrpInstance, report: Status, status: Status, now_s: float
) -> Fields:
    """An instance's settings and state under keepalived's names."""
    state = STATES[report["state"]]
    found: Fields = {
        "iname": instance.name,
        "dont_track_primary": int(not instance.track_primary),
        "skip_check_adv_addr": int(instance.skip_check_adv_addr),
        "strict_mode": int(instance.strict_mode),
        "vmac_ifname": instance.vmac.interface if instance.vmac else "",
        "ifp_ifname": device(instance),
        "master_priority": _master_priority(report),
        "last_transition": round(now_s - float(report["since_s"]), 6),
        "garp_delay": seconds(instance.garp_master_delay_ns),
        "garp_refresh": int(seconds(instance.garp_master_refresh_ns)),
        "garp_rep": instance.garp_master_repeat,
        "garp_refresh_rep": instance.garp_master_refresh_repeat,
        "garp_lower_prio_delay": int(seconds(instance.garp_lower_prio_delay_ns)),
        "garp_lower_prio_rep": instance.garp_lower_prio_repeat,
        "lower_prio_no_advert": int(instance.lower_prio_no_advert),
        "higher_prio_send_advert": int(instance.higher_prio_send_advert),
        "vrid": instance.virtual_router_id,
        "base_priority": instance.priority,
        "effective_priority": int(report["priority"]),
        "vipset": report["state"] == "MASTER",
        "promote_secondaries": instance.promote_secondaries,
        "adver_int": seconds(instance.advert_int_ns),
        "master_adver_int": _number(float(report["timers"]["master_adver_interval_s"])),
        "accept": int(instance.accept),
        "nopreempt": not instance.preempt,
        "preempt_delay": int(seconds(instance.preempt_delay_ns)),
        "state": state,
        "wantstate": state,
        "version": instance.version,
        "smtp_alert": instance.notify.mail,
        "notify_deleted": instance.notify.deleted is not None,
        **_scripts(instance.notify),
        **lists(config, instance, status),
        "auth_type": auth_type(instance),
    }
    if instance.authentication is not None:
        found["auth_data"] = ""  # everybody may read the file
    return found


def lists(config: Config, instance: VrrpInstance, status: Status) -> dict[str, list[str]]:
    """What the instance holds and tracks; what there is nothing of is left out."""
    present = _present(status)
    tracked = {
        kind: {each.name for each in instance.trackers if each.kind is kind} for kind in TrackerKind
    }
    found = {
        "vips": [vip(each, instance, present) for each in instance.addresses],
        "evips": [vip(each, instance, present) for each in instance.excluded],
        "vroutes": [routes.describe(each) for each in instance.routes],
        "vrules": [routes.describe(each) for each in instance.rules],
        "track_ifp": [each.interface for each in instance.track_interfaces],
        "track_script": [
            command_text(each.command)
            for each in config.scripts
            if each.name in tracked[TrackerKind.SCRIPT]
        ],
        "track_process": [
            each.process for each in config.processes if each.name in tracked[TrackerKind.PROCESS]
        ],
    }
    return {name: texts for name, texts in found.items() if texts}


def vip(
    address: VirtualAddress, instance: VrrpInstance, present: frozenset[tuple[str, str]]
) -> str:
    """An address as keepalived shows it; the second word but one is always its interface."""
    sixth = ":" in address.address
    whole = address.prefix_length == (128 if sixth else 32)
    words = [address.address if whole else f"{address.address}/{address.prefix_length}"]
    if address.broadcast:
        words += ["brd", address.broadcast]
    vmac = instance.vmac
    below = f"@{instance.interface}" if vmac and vmac.interface == address.interface else ""
    words += ["dev", f"{address.interface}{below}", "scope", address.scope]
    words += ["label", address.label] if address.label else []
    words += ["no_track"] if not address.track else []
    words += ["home"] if address.home else []
    words += ["-nodad"] if sixth and not address.nodad else []
    if address.preferred_lft_s == 0:
        words.append("deprecated")
    elif sixth:
        lifetime = address.preferred_lft_s
        words += ["preferred_lft", "forever" if lifetime is None else str(lifetime)]
    words += ["set"] if (address.interface, address.address) in present else []
    return " ".join(words)


def device(instance: VrrpInstance) -> str:
    """The interface that the virtual addresses are on."""
    return instance.vmac.interface if instance.vmac else instance.interface


def auth_type(instance: VrrpInstance) -> int:
    """As in a packet of version 2."""
    if instance.authentication is None:
        return 0
    return 2 if isinstance(instance.authentication, AhAuthentication) else 1


def command_text(command: Command) -> str:
    """Each word in quotes."""
    return " ".join(f"'{word}'" if "'" not in word else shlex.quote(word) for word in command.argv)


def seconds(duration_ns: int) -> int | float:
    """Whole seconds as a whole number: readers are strict about that."""
    return _number(duration_ns / 1e9)


def trackers(status: Status, kind: TrackerKind) -> dict[str, Any]:
    """The reports of one kind of trackers, by name."""
    return {one["name"]: one for one in status["trackers"] if one["type"] == kind.value}


def weight_of(config: Config, kind: TrackerKind, name: str) -> dict[str, int]:
    """Who uses a tracker, and with which weight."""
    return {
        instance.name: -each.weight if each.reverse else each.weight
        for instance in config.vrrp_instances
        for each in instance.trackers
        if each.kind is kind and each.name == name
    }


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _master_priority(report: Status) -> int:
    """Of another director's adverts; 0: none, or this one is master."""
    master = report["master"]
    return 0 if master is None or master["address"] is None else int(master["priority"])


def _scripts(notify: Notify) -> dict[str, str]:
    commands = ((name, getattr(notify, ours)) for name, ours in _SCRIPTS.items())
    return {name: command_text(command) for name, command in commands if command is not None}


def _present(status: Status) -> frozenset[tuple[str, str]]:
    """(interface, address) of what is in the kernel."""
    rows: Iterable[Any] = status["addresses"]
    return frozenset((row["interface"], row["address"]) for row in rows if row["present"])


def _process(tracked: TrackProcess, config: Config, status: Status) -> Fields:
    report = trackers(status, TrackerKind.PROCESS).get(tracked.name, {})
    weights = weight_of(config, TrackerKind.PROCESS, tracked.name)
    found: Fields = {"process": tracked.process}
    if tracked.arguments:
        found["parameters"] = " ".join(tracked.arguments)
    match = "none" if tracked.arguments is None else "initial" if tracked.partial else "exact"
    found |= {"param_match": match, "min_processes": tracked.quorum}
    if tracked.quorum_max is not None:
        found["max_processes"] = tracked.quorum_max
    return found | {
        "current_processes": int(report.get("count") or 0),
        "have_quorum": bool(report.get("up")),
        "weight": next(iter(weights.values()), 0),
        "terminate_delay": seconds(tracked.terminate_delay_ns),
        "fork_delay": seconds(tracked.fork_delay_ns),
        "fork_delay_timer_running": False,
        "terminate_delay_timer_running": False,
        "full_command": tracked.full_command,
    }
