# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become the checks of a real server.

Owns what a check takes from its real server, and that from its virtual server.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.derive import or_else
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.checks import Check, HttpCheck, HttpUrl, TcpCheck


def checks(values: dict[str, Any], port: int, server: dict[str, Any]) -> tuple[Check, ...]:
    """The checks of the real server `values`, each once: its own replace those said once at the
    virtual server."""
    return own_checks(values, port, server) or _checks(server, values["ip"], port, server)


def own_checks(values: dict[str, Any], port: int, server: dict[str, Any]) -> tuple[Check, ...]:
    """The checks said at `values` itself, a real server or a sorry server."""
    return _checks(values, values["ip"], port, server)


def _checks(
    holder: dict[str, Any], address: str, port: int, server: dict[str, Any]
) -> tuple[Check, ...]:
    found: list[Check] = []
    for check in holder["http_get"]:
        common = _common(check, address, port, server)
        urls = tuple(_url(url, server) for url in check["url"])
        found.append(HttpCheck(urls=urls, **common))
    for check in holder["tcp_check"]:
        found.append(TcpCheck(**_common(check, address, port, server)))
    return tuple(dict.fromkeys(found))


def _common(
    check: dict[str, Any], address: str, port: int, server: dict[str, Any]
) -> dict[str, Any]:
    def of(name: str) -> Any:
        return or_else(check[name], server[name])

    return {
        "address": or_else(check["connect_ip"], address),
        "port": or_else(check["connect_port"], port),
        "connect_timeout_ns": nanoseconds(of("connect_timeout")),
        "retry": of("retry"),
        "delay_before_retry_ns": nanoseconds(of("delay_before_retry")),
        "delay_loop_ns": nanoseconds(of("delay_loop")),
    }


def _url(values: dict[str, Any], server: dict[str, Any]) -> HttpUrl:
    return HttpUrl(
        path=values["path"],
        status_codes=values["status_code"],
        virtualhost=values["virtualhost"] or server["virtualhost"],
    )
