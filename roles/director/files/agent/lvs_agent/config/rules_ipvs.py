# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of virtual servers and real servers.

Owns them. Must never repeat a range (`schema/ipvs.py`).
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.report import Report


def check(values: dict[str, Any], report: Report) -> None:
    """Report every broken rule about `virtual_servers` in `values`."""
    for name, server in values["virtual_servers"].items():
        _virtual_server(server, f"virtual_servers.{name}", report)
    _unique_services(values["virtual_servers"], report)


def _virtual_server(server: dict[str, Any], path: str, report: Report) -> None:
    seen: dict[tuple[str, int], str] = {}
    for name, real in server["real_servers"].items():
        port = real["port"] or server["port"]
        where = f"{path}.real_servers.{name}"
        other = seen.setdefault((real["ip"], port), where)
        if other != where:
            report(where, f"{real['ip']}:{port} is already {other}; remove one of the two")
        if server["lb_kind"] == "DR":
            _same_port(port, server, f"{where}.port", report)
    sorry = server["sorry_server"]
    if sorry:
        _same_port(sorry["port"] or server["port"], server, f"{path}.sorry_server.port", report)


def _same_port(port: int, server: dict[str, Any], path: str, report: Report) -> None:
    """Direct routing forwards the packet as it is, so it cannot change the port."""
    if port != server["port"]:
        report(
            path,
            f"direct routing cannot change the port: {port} must be {server['port']}, or be"
            " left out",
        )


def _unique_services(servers: dict[str, Any], report: Report) -> None:
    seen: dict[tuple[str, int, str], str] = {}
    for name, server in servers.items():
        key = (server["ip"], server["port"], server["protocol"])
        other = seen.setdefault(key, name)
        if other != name:
            report(
                f"virtual_servers.{name}",
                f"{key[2]} {key[0]}:{key[1]} is already that of {other}; merge the two",
            )
