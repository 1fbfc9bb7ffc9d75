# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of virtual servers, real servers and checks.

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
    if server["protocol"] == "UDP" and _needs_tcp(server):
        # UDP services may well be checked over TCP, on the port that the check names.
        for where in _checks_without_port(server, path):
            report(
                where, "checks a UDP service over TCP; give it the connect_port of a TCP service"
            )
    _http_words(server, path, report)
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


def _http_words(server: dict[str, Any], path: str, report: Report) -> None:
    """What goes into a request line or a Host header must be one ASCII word."""
    _http_word(server["virtualhost"], f"{path}.virtualhost", report)
    for where, holder in _check_holders(server, path):
        for index, check in enumerate(holder["http_get"]):
            for number, url in enumerate(check["url"]):
                place = f"{where}.http_get[{index}].url[{number}]"
                _http_word(url["virtualhost"], f"{place}.virtualhost", report)
                _http_word(url["path"], f"{place}.path", report)
                if not url["path"].startswith("/"):
                    report(f"{place}.path", f"{url['path']!r} must begin with /")


def _http_word(text: str | None, path: str, report: Report) -> None:
    if text is not None and (not text.isascii() or " " in text):
        report(path, f"{text!r} must be ASCII without blanks; encode others as %20 and the like")


def _needs_tcp(server: dict[str, Any]) -> bool:
    return any(
        holder["http_get"] or holder["tcp_check"] for _, holder in _check_holders(server, "")
    )


def _checks_without_port(server: dict[str, Any], path: str) -> list[str]:
    return [
        f"{where}.{kind}[{index}]"
        for where, holder in _check_holders(server, path)
        for kind in ("http_get", "tcp_check")
        for index, one in enumerate(holder[kind])
        if one["connect_port"] is None
    ]


def _check_holders(server: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    """Where checks can be said: the virtual server and each real server, with their paths."""
    real_servers = server["real_servers"].items()
    return [(path, server), *((f"{path}.real_servers.{name}", real) for name, real in real_servers)]


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
