# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's dumps of state and of counters as text, said of this agent.

Owns their layout (of keepalived 2.2.7): the lines that other programs look for, and the blanks
before them. `core/dump.py` has what they say, and what a status without it raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lvs_agent.core import dump
from lvs_agent.core.model import Config, TrackerKind, TrackFile, TrackProcess, TrackScript
from lvs_agent.core.model import VrrpInstance as Instance

_AUTHENTICATION = ("none", "SIMPLE_PASSWORD", "IPSEC_AH")
_LISTS = {
    "evips": "Virtual IP Excluded",
    "vroutes": "Virtual Routes",
    "vrules": "Virtual Rules",
}
_KINDS = {
    TrackerKind.SCRIPT: ("Tracked scripts", "{name} weight {weight}"),
    TrackerKind.FILE: ("Tracked files", "{name}, weight {weight}"),
    TrackerKind.PROCESS: ("Tracked processes", "{name}, weight {weight}"),
    TrackerKind.BFD: ("Tracked BFDs", "{name}, weight {weight}"),
}


def statistics(config: Config, status: dump.Status) -> str:
    """The text of stats_dump_file."""
    lines: list[str] = []
    for instance, report in dump.reported(config, status):
        n = dump.stats(report)
        lines += [
            f"VRRP Instance: {instance.name}",
            "  Advertisements:",
            f"    Received: {n['advert_rcvd']}",
            f"    Sent: {n['advert_sent']}",
            f"  Became master: {n['become_master']}",
            f"  Released master: {n['release_master']}",
            "  Packet Errors:",
            f"    Length: {n['packet_len_err']}",
            f"    TTL: {n['ip_ttl_err']}",
            f"    Invalid Type: {n['invalid_type_rcvd']}",
            f"    Advertisement Interval: {n['advert_interval_err']}",
            f"    Address List: {n['addr_list_err']}",
            "  Authentication Errors:",
            f"    Invalid Type: {n['invalid_authtype']}",
            f"    Type Mismatch: {n['authtype_mismatch']}",
            f"    Failure: {n['auth_failure']}",
            "  Priority Zero:",
            f"    Received: {n['pri_zero_rcvd']}",
            f"    Sent: {n['pri_zero_sent']}",
        ]
    return _text(lines)


def state(config: Config, status: dump.Status, *, now_s: float) -> str:
    """The text of state_dump_file: instances, sync groups and trackers."""
    lines = ["------< Global definitions >------"]
    lines += [f" Router ID = {status['agent']['router_id']}", "------< VRRP Topology >------"]
    for instance, report in dump.reported(config, status):
        lines += _instance(config, instance, report, status, now_s)
    for title, found in (
        ("VRRP Sync groups", _groups(status)),
        ("VRRP Scripts", _of(config, status, config.scripts)),
        ("VRRP Track files", _of(config, status, config.files)),
        ("VRRP Track processes", _of(config, status, config.processes)),
    ):
        listed = list(found)
        lines += [f"------< {title} >------", *listed] if listed else []
    return _text(lines)


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _instance(
    config: Config, instance: Instance, report: dump.Status, status: dump.Status, now_s: float
) -> Iterator[str]:
    data = dump.data(config, instance, report, status, now_s)
    yield f" VRRP Instance = {instance.name}"
    yield from (f"   {line}" for line in _election(instance, report, data))
    yield from (f"   {line}" for line in _settings(instance, data))
    vips = data.get("vips", ())
    yield f"   Virtual IP ({len(vips)}):"
    yield from (f"     {one}" for one in vips)
    for key, title in _LISTS.items():
        if key in data:
            yield f"   {title} :"
            yield from (f"     {one}" for one in data[key])
    yield from _tracked(instance)
    yield f"   Using smtp notification = {'yes' if data['smtp_alert'] else 'no'}"


def _election(instance: Instance, report: dump.Status, data: dump.Fields) -> Iterator[str]:
    yield f"VRRP Version = {instance.version}"
    if report["sync_group"]:
        yield f"Sync group = {report['sync_group']}"
    yield f"State = {report['state']}"
    yield f"Wantstate = {report['state']}"
    at = data["last_transition"]
    yield f"Last transition = {at:.6f} ({datetime.fromtimestamp(at):%a %b %d %H:%M:%S.%f %Y})"
    down_us = float(report["timers"]["master_down_interval_s"]) * 1e6
    yield f"Master down timer = {down_us:.0f} usecs"


def _settings(instance: Instance, data: dump.Fields) -> Iterator[str]:
    vmac = f", vmac on {instance.interface}" if instance.vmac else ""
    base = ", xmit base i/f" if instance.vmac and instance.vmac.xmit_base else ""
    yield f"Interface = {dump.device(instance)}{vmac}{base}"
    yield f"Gratuitous ARP delay = {data['garp_delay']:.0f}"
    yield f"Gratuitous ARP repeat = {data['garp_rep']}"
    yield f"Gratuitous ARP refresh = {data['garp_refresh']}"
    yield f"Gratuitous ARP refresh repeat = {data['garp_refresh_rep']}"
    yield f"Gratuitous ARP lower priority delay = {data['garp_lower_prio_delay']}"
    yield f"Gratuitous ARP lower priority repeat = {data['garp_lower_prio_rep']}"
    yield f"Down timer adverts = {instance.down_timer_adverts}"
    yield f"Virtual Router ID = {data['vrid']}"
    yield f"Priority = {data['base_priority']}"
    yield f"Effective priority = {data['effective_priority']}"
    yield f"Total priority = {data['effective_priority']}"
    if instance.version == 2:
        yield f"Advert interval = {data['adver_int']:.0f} sec"
    else:
        yield f"Advert interval = {data['adver_int'] * 1000:.0f} milli-sec"
    yield f"Accept = {_enabled(instance.accept)}"
    yield f"Preempt = {_enabled(instance.preempt)}"
    if data["preempt_delay"]:
        yield f"Preempt delay = {data['preempt_delay']} secs"
    yield f"Promote_secondaries = {_enabled(instance.promote_secondaries)}"
    if instance.version == 2:
        yield f"Authentication type = {_AUTHENTICATION[data['auth_type']]}"


def _enabled(value: bool) -> str:
    return "enabled" if value else "disabled"


def _tracked(instance: Instance) -> Iterator[str]:
    if instance.track_interfaces:
        yield "   Tracked interfaces :"
        for each in instance.track_interfaces:
            yield f"     {each.interface} weight {-each.weight if each.reverse else each.weight}"
    for kind, (title, form) in _KINDS.items():
        found = [each for each in instance.trackers if each.kind is kind]
        if found:
            yield f"   {title} :"
        for one in found:
            weight = -one.weight if one.reverse else one.weight
            yield "     " + form.format(name=one.name, weight=weight)


def _groups(status: dump.Status) -> Iterator[str]:
    for group in status["sync_groups"]:
        yield f" VRRP Sync Group = {group['name']}, {group['state']}"
        yield "   VRRP member instances :"
        yield from (f"     {member}" for member in group["members"])


def _of(
    config: Config,
    status: dump.Status,
    tracked: tuple[TrackScript, ...] | tuple[TrackFile, ...] | tuple[TrackProcess, ...],
) -> Iterator[str]:
    for one in tracked:
        kind = _kind(one)
        report = dump.trackers(status, kind).get(one.name, {})
        users = dump.weight_of(config, kind, one.name)
        weight = next(iter(users.values()), 0)
        match one:
            case TrackScript():
                yield from _script(one, report, weight)
            case TrackFile():
                yield from _file(one, report, weight)
            case TrackProcess():
                yield from _process(one, report, weight)
        yield "   Tracking instances :"
        yield from (f"     {name}, weight {each}" for name, each in users.items())
        if isinstance(one, TrackScript):
            yield f"   State = {'running' if report.get('running') else 'idle'}"


def _kind(tracked: TrackScript | TrackFile | TrackProcess) -> TrackerKind:
    match tracked:
        case TrackScript():
            return TrackerKind.SCRIPT
        case TrackFile():
            return TrackerKind.FILE
    return TrackerKind.PROCESS


def _script(script: TrackScript, report: dump.Status, weight: int) -> Iterator[str]:
    yield f" VRRP Script = {script.name}"
    yield f"   Command = {dump.command_text(script.command)}"
    yield f"   Interval = {dump.seconds(script.interval_ns)} sec"
    yield f"   Timeout = {dump.seconds(script.command.timeout_ns)} sec"
    yield f"   Weight = {weight}"
    yield f"   Rise = {script.rise}"
    yield f"   Fall = {script.fall}"
    yield f"   Status = {'GOOD' if report.get('up') else 'BAD'}"


def _file(file: TrackFile, report: dump.Status, weight: int) -> Iterator[str]:
    yield f" Track file = {file.name}"
    yield f"   File = {file.path}"
    yield f"   Status = {int(report.get('value') or 0)}"
    yield f"   Weight = {weight}"


def _process(tracked: TrackProcess, report: dump.Status, weight: int) -> Iterator[str]:
    yield f" VRRP Track process = {tracked.name}"
    yield f"   Process = {tracked.process}"
    yield f"   Min processes = {tracked.quorum}"
    yield f"   Current processes = {int(report.get('count') or 0)}"
    yield f"   Have quorum = {'true' if report.get('up') else 'false'}"
    yield f"   Weight = {weight}"
