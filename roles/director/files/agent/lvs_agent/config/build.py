# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become the frozen `Config`.

Owns the whole, global_defs and the trackers; instances, addresses and IPVS have files of their
own. Must never reject anything: whatever arrives here passed the schema and the rules.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.build_commands import command
from lvs_agent.config.build_kernel import route, rules_of, static_address
from lvs_agent.config.build_vrrp import instance, sync_group
from lvs_agent.config.derive import or_else
from lvs_agent.config.units import milliseconds, nanoseconds
from lvs_agent.core.health.programs import programs_of
from lvs_agent.core.model import (
    BfdInstance,
    Config,
    Fifo,
    GlobalDefs,
    InterfaceDelay,
    LvsTimeouts,
    Mail,
    Scheduling,
    SyncDaemon,
    TrackFile,
    TrackProcess,
    TrackScript,
    VirtualServer,
)

# keepalived's for plain SMTP (RFC 5321); submission (RFC 6409) and implicit TLS (RFC 8314).
_SMTP_PORTS = {"none": 25, "starttls": 587, "tls": 465}
# The host's name is not the configuration's business: whoever sends appends it.
_SENDER = "lvs-agent"


def build(values: dict[str, Any], virtual_servers: tuple[VirtualServer, ...]) -> Config:
    """The configuration in `values`, the checked document with defaults filled in; its virtual
    servers are made already."""
    global_defs = values["global_defs"]
    rules = rules_of(values)
    return Config(
        global_defs=_global_defs(values),
        vrrp_instances=tuple(
            instance(name, one, values, rules[f"vrrp_instances.{name}"])
            for name, one in values["vrrp_instances"].items()
        ),
        virtual_servers=virtual_servers,
        sync_groups=tuple(
            sync_group(name, one, values) for name, one in values["vrrp_sync_groups"].items()
        ),
        scripts=tuple(
            _script(name, one, global_defs) for name, one in values["vrrp_scripts"].items()
        ),
        files=tuple(_file(name, one) for name, one in values["vrrp_track_files"].items()),
        processes=tuple(
            _process(name, one) for name, one in values["vrrp_track_processes"].items()
        ),
        bfd_instances=tuple(_bfd(name, one) for name, one in values["bfd_instances"].items()),
        programs=programs_of(virtual_servers),
        static_addresses=tuple(static_address(one) for one in values["static_ipaddress"]),
        static_routes=tuple(route(one) for one in values["static_routes"]),
        static_rules=rules["static_rules"],
    )


def _global_defs(values: dict[str, Any]) -> GlobalDefs:
    global_defs = values["global_defs"]
    return GlobalDefs(
        router_id=global_defs["router_id"],
        startup_delay_ns=nanoseconds(global_defs["vrrp_startup_delay"]),
        delay_after_boot_ns=nanoseconds(global_defs["vrrp_delay_after_boot"]),
        dynamic_interfaces=global_defs["dynamic_interfaces"],
        mail=_mail(global_defs),
        notify_fifo=_fifo("notify_fifo", global_defs),
        vrrp_notify_fifo=_fifo("vrrp_notify_fifo", global_defs),
        lvs_notify_fifo=_fifo("lvs_notify_fifo", global_defs),
        mail_faults=not global_defs["no_email_faults"],
        timeouts=_timeouts(global_defs["lvs_timeouts"]),
        sync_daemon=_sync_daemon(global_defs["lvs_sync_daemon"], values["vrrp_instances"]),
        lvs_flush=global_defs["lvs_flush"],
        json_dump_file=global_defs["json_dump_file"],
        state_dump_file=global_defs["state_dump_file"],
        stats_dump_file=global_defs["stats_dump_file"],
        json_version=global_defs["json_version"],
        scheduling=_scheduling(global_defs),
        interface_delays=tuple(
            InterfaceDelay(
                interface=name, down_ns=nanoseconds(one["down"]), up_ns=nanoseconds(one["up"])
            )
            for name, one in values["interface_up_down_delays"].items()
        ),
    )


def _mail(values: dict[str, Any]) -> Mail | None:
    if not values["notification_email"]:
        return None
    server = values["smtp_server"]
    password = values["smtp_password"]
    return Mail(
        recipients=values["notification_email"],
        sender=values["notification_email_from"] or _SENDER,
        server=server["host"],
        port=server["port"] or _SMTP_PORTS[values["smtp_security"]],
        connect_timeout_ns=nanoseconds(values["smtp_connect_timeout"]),
        helo_name=values["smtp_helo_name"],
        security=values["smtp_security"],
        login=(values["smtp_user"], password.encode()) if password else None,
        batch_ns=nanoseconds(values["smtp_batch"]),
    )


def _fifo(name: str, values: dict[str, Any]) -> Fifo | None:
    if values[name] is None:
        return None
    words = values[f"{name}_script"]
    reader = words and command(words, values, timeout_ns=0)
    return Fifo(path=values[name], reader=reader)


def _timeouts(values: dict[str, Any] | None) -> LvsTimeouts | None:
    if values is None:
        return None
    return LvsTimeouts(tcp_s=values["tcp"], tcpfin_s=values["tcpfin"], udp_s=values["udp"])


def _sync_daemon(values: dict[str, Any] | None, instances: dict[str, Any]) -> SyncDaemon | None:
    if values is None:
        return None
    followed = values["inst"]
    usual_id = instances[followed]["virtual_router_id"] if followed else 0
    return SyncDaemon(
        interface=values["interface"],
        instance=followed,
        sync_id=or_else(values["id"], usual_id),
        maxlen=values["maxlen"],
        port=values["port"],
        ttl=values["ttl"],
        group=values["group"],
    )


def _scheduling(values: dict[str, Any]) -> Scheduling:
    return Scheduling(
        priority=values["vrrp_rt_priority"],
        rttime_us=values["vrrp_rlimit_rttime"],
        nice=values["vrrp_priority"],
        auto_priority=max(values["max_auto_priority"], 0),
        auto_delay_ns=values["min_auto_priority_delay"] * 1000,
        no_swap=values["vrrp_no_swap"],
        cpus=values["vrrp_cpu_affinity"] or (),
    )


def _script(name: str, values: dict[str, Any], global_defs: dict[str, Any]) -> TrackScript:
    return TrackScript(
        name=name,
        command=command(
            values["script"],
            global_defs,
            timeout_ns=nanoseconds(or_else(values["timeout"], values["interval"])),
            own_user=values["user"],
        ),
        interval_ns=nanoseconds(values["interval"]),
        rise=values["rise"],
        fall=values["fall"],
        init_fail=values["init_fail"],
    )


def _file(name: str, values: dict[str, Any]) -> TrackFile:
    return TrackFile(
        name=name,
        path=values["file"],
        init_value=values["init_file"],
        overwrite=values["overwrite"],
    )


def _process(name: str, values: dict[str, Any]) -> TrackProcess:
    program, *arguments = values["process"]
    compared = bool(arguments) or values["param_match"] is not None
    return TrackProcess(
        name=name,
        process=program,
        arguments=tuple(arguments) if compared else None,
        partial=bool(arguments) and values["param_match"] is not None,
        full_command=values["full_command"],
        quorum=values["quorum"],
        quorum_max=values["quorum_max"],
        fork_delay_ns=nanoseconds(or_else(values["fork_delay"], values["delay"])),
        terminate_delay_ns=nanoseconds(or_else(values["terminate_delay"], values["delay"])),
    )


def _bfd(name: str, values: dict[str, Any]) -> BfdInstance:
    return BfdInstance(
        name=name,
        neighbor=values["neighbor_ip"],
        source=values["source_ip"],
        min_rx_ns=milliseconds(values["min_rx"]),
        min_tx_ns=milliseconds(values["min_tx"]),
        idle_tx_ns=milliseconds(values["idle_tx"]),
        multiplier=values["multiplier"],
        passive=values["passive"],
        ttl=values["hoplimit" if ":" in values["neighbor_ip"] else "ttl"],
        max_hops=values["max_hops"],
    )
