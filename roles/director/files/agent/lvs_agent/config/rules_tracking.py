# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for trackers, and for their use in instances and sync groups.

Owns that what is named exists, once, and that a tracker's own options fit together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from lvs_agent.config.derive import TRACKER_SECTIONS
from lvs_agent.config.report import Report, suggestion
from lvs_agent.config.rules_names import full_path, run_as

Values = dict[str, Any]


def check(values: Values, report: Report) -> None:
    """Report every broken rule about trackers in `values`."""
    for path, holder in _holders(values):
        _uses(holder, values, path, report)
    for name, script in values["vrrp_scripts"].items():
        run_as(script["user"], f"vrrp_scripts.{name}.user", report)
    _files(values["vrrp_track_files"], report)
    for name, process in values["vrrp_track_processes"].items():
        most = process["quorum_max"]
        if most is not None and most < process["quorum"]:
            path = f"vrrp_track_processes.{name}.quorum_max"
            report(path, f"{most} is below quorum ({process['quorum']})")
    _bfd(values["bfd_instances"], report)


def _holders(values: Values) -> Iterator[tuple[str, Values]]:
    for section in ("vrrp_instances", "vrrp_sync_groups"):
        for name, holder in values[section].items():
            yield f"{section}.{name}", holder


def _uses(holder: Values, values: Values, path: str, report: Report) -> None:
    for option in ("track_interface", *TRACKER_SECTIONS):
        seen: set[str] = set()
        for index, use in enumerate(holder[option]):
            where, name = f"{path}.{option}[{index}]", use["name"]
            if name in seen:
                report(where, f"{name} is listed twice; remove one of the two")
            seen.add(name)
            section = TRACKER_SECTIONS.get(option)
            if section is not None and name not in values[section]:
                hint = suggestion(name, values[section]) or f"; describe it in {section}"
                report(where, f"there is no {name} in {section}{hint}")


def _files(files: Values, report: Report) -> None:
    seen: dict[str, str] = {}
    for name, file in files.items():
        path, text = f"vrrp_track_files.{name}", file["file"]
        full_path(text, f"{path}.file", report)
        if file["overwrite"] and file["init_file"] is None:
            report(f"{path}.overwrite", "needs the number to write; set init_file: 0")
        other = seen.setdefault(text, name)
        if other != name and file["init_file"] is not None:
            report(f"{path}.init_file", f"{other} is about the same file; say it in one of them")


def _bfd(sessions: Values, report: Report) -> None:
    seen: dict[str, str] = {}
    for name, session in sessions.items():
        path = f"bfd_instances.{name}"
        neighbor, source = session["neighbor_ip"], session["source_ip"]
        ip = ipaddress.ip_address(neighbor)
        if ip.is_multicast or ip.is_unspecified:
            report(f"{path}.neighbor_ip", f"{neighbor} cannot be a neighbour's address")
        if ip.version == 6 and ip.is_link_local:
            report(
                f"{path}.neighbor_ip",
                "a link-local address does not tell its interface; use one that the whole network"
                " knows",
            )
        if source and ipaddress.ip_address(source).version != ip.version:
            report(f"{path}.source_ip", f"{source} is not IPv{ip.version} as the neighbour is")
        if source == neighbor:
            report(f"{path}.source_ip", "is the neighbour's address; say this director's own")
        # One session with a neighbour, whatever the addresses here (RFC 5881, section 3).
        other = seen.setdefault(neighbor, name)
        if other != name:
            report(f"{path}.neighbor_ip", f"{neighbor} is already that of {other}; use that one")
