# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between options: what each value alone cannot tell.

Owns the order of the rules and those about global_defs; others have files of their own. Must never
repeat a range (the schema) nor look at other directors (the controller compares them).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from lvs_agent.config import (
    rules_addresses,
    rules_routes,
    rules_strict,
    rules_tracking,
    rules_vrrp,
    static_tracking,
)
from lvs_agent.config.report import Report, suggestion
from lvs_agent.config.rules_names import check_interface_name, full_path, run_as
from lvs_agent.schema import dumps

_FIFOS = ("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo")
# A mailbox as RFC 5321 sends it, without quoted local parts; "root" alone is local delivery.
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+(@[A-Za-z0-9.:\[\]-]+)?")


def check(values: dict[str, Any], report: Report) -> None:
    """Report every broken rule in `values`, the document with defaults filled in, but for those
    about its virtual servers (`rules_ipvs.py`, `rules_checks.py`)."""
    _groups(values["global_defs"], report)
    _mail(values["global_defs"], report)
    _fifos(values["global_defs"], report)
    _dumps(values["global_defs"], report)
    run_as(values["global_defs"]["script_user"], "global_defs.script_user", report)
    _sync_daemon(values, report)
    _timeouts(values["global_defs"]["lvs_timeouts"], report)
    for name in values["interface_up_down_delays"]:
        check_interface_name(name, f"interface_up_down_delays.{name}", report)
    rules_vrrp.check(values, report)
    rules_strict.check(values, report)
    rules_addresses.check(values, report)
    rules_routes.check(values, report)
    rules_tracking.check(values, report)
    static_tracking.check(values, report)


def _groups(values: dict[str, Any], report: Report) -> None:
    group = values["vrrp_mcast_group4"]
    if not ipaddress.IPv4Address(group).is_multicast:
        report(
            "global_defs.vrrp_mcast_group4",
            f"{group} is not a multicast address; use one within 224.0.0.0/4, such as 224.0.0.18",
        )
    group = values["vrrp_mcast_group6"]
    if ":" not in group or not ipaddress.IPv6Address(group).is_multicast:
        report(
            "global_defs.vrrp_mcast_group6",
            f"{group} is not an IPv6 multicast address; use one within ff00::/8, such as ff02::12",
        )


def _mail(values: dict[str, Any], report: Report) -> None:
    if values["notification_email"] and values["smtp_server"] is None:
        report(
            "global_defs.notification_email",
            "nobody would deliver the mail; set smtp_server, such as smtp_server: 127.0.0.1",
        )
    for index, mailbox in enumerate(values["notification_email"]):
        _mailbox(mailbox, f"global_defs.notification_email[{index}]", report)
    if values["notification_email_from"]:
        sender = values["notification_email_from"]
        _mailbox(sender, "global_defs.notification_email_from", report)
    if (values["smtp_user"] is None) != (values["smtp_password"] is None):
        missing = "smtp_user" if values["smtp_user"] is None else "smtp_password"
        report(f"global_defs.{missing}", "is required, since the other half of the login is there")
    if values["smtp_password"] is not None and values["smtp_security"] == "none":
        report(
            "global_defs.smtp_password",
            "would travel in clear text; set smtp_security: starttls or tls",
        )


def _mailbox(text: str, path: str, report: Report) -> None:
    if not _MAILBOX.fullmatch(text):
        report(path, f"{text!r} is not a mail address such as root@example.org")


def _fifos(values: dict[str, Any], report: Report) -> None:
    seen: dict[str, str] = {}
    for name in _FIFOS:
        where, path = f"global_defs.{name}", values[name]
        if path is None:
            if values[f"{name}_script"] is not None:
                report(f"{where}_script", f"has nothing to read; set {name}, or remove it")
            continue
        if not full_path(path, where, report):
            continue
        other = seen.setdefault(path, name)
        if other != name:
            report(where, f"{path} is already that of {other}; use another pipe")


def _dumps(values: dict[str, Any], report: Report) -> None:
    seen = {values[name]: name for name in _FIFOS if values[name] is not None}
    for name in dumps.NAMES:
        where, path = f"global_defs.{name}", values[name]
        if path is None or not full_path(path, where, report):
            continue
        if path.rpartition("/")[2] in dumps.RESERVED:
            report(where, f"{path} is called like a file of the agent's own; use another name")
        if path.startswith(dumps.PRIVATE):
            report(
                where,
                f"{path}: the agent has a /tmp of its own, which nobody else sees; name a file in"
                f" {dumps.PUBLIC}, such as {dumps.PUBLIC}/{path.rpartition('/')[2]}",
            )
        other = seen.setdefault(path, name)
        if other != name:
            report(where, f"{path} is already that of {other}; use another file")


def _timeouts(values: dict[str, Any] | None, report: Report) -> None:
    if values is not None and all(value is None for value in values.values()):
        report("global_defs.lvs_timeouts", "says nothing; set tcp, tcpfin or udp, or remove it")


def _sync_daemon(values: dict[str, Any], report: Report) -> None:
    daemon = values["global_defs"]["lvs_sync_daemon"]
    if daemon is None:
        return
    path = "global_defs.lvs_sync_daemon"
    followed = daemon["inst"]
    if followed is not None and followed not in values["vrrp_instances"]:
        hint = suggestion(followed, values["vrrp_instances"])
        report(f"{path}.inst", f"there is no VRRP instance {followed}{hint}")
    group = daemon["group"]
    if group is not None and not ipaddress.ip_address(group).is_multicast:
        report(f"{path}.group", f"{group} is not a multicast address; 224.0.0.81 is usual")
