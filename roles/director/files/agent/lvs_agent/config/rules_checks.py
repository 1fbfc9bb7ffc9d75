# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of checks, and with those of their virtual server.

Owns them. Must never repeat a range (`schema/checks.py`).
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.derive_quorum import sorry_names
from lvs_agent.config.report import Report


def check(server: dict[str, Any], path: str, report: Report) -> None:
    """Report every broken rule about the checks of a virtual server and its real servers."""
    if server["protocol"] == "UDP" and _needs_tcp(server):
        # UDP services may well be checked over TCP, on the port that the check names.
        for where in _checks_without_port(server, path):
            report(
                where, "checks a UDP service over TCP; give it the connect_port of a TCP service"
            )
    _http_words(server, path, report)


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
    """Where checks can be said: the virtual server and its servers, with their paths."""
    real_servers = server["real_servers"].items()
    sorry_servers = sorry_names(server["sorry_server"]).items()
    return [
        (path, server),
        *((f"{path}.real_servers.{name}", real) for name, real in real_servers),
        *((f"{path}.{name}", sorry) for name, sorry in sorry_servers),
    ]
