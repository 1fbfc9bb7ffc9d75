# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become virtual servers, real servers and checks.

Owns what a check takes from its real server, and that from its virtual server.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.derive import or_else
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.model import (
    Check,
    HttpCheck,
    HttpUrl,
    RealServer,
    SorryServer,
    TcpCheck,
    VirtualServer,
)


def virtual_server(name: str, values: dict[str, Any]) -> VirtualServer:
    sorry = values["sorry_server"]
    return VirtualServer(
        name=name,
        address=values["ip"],
        port=values["port"],
        protocol=values["protocol"],
        scheduler=values["lb_algo"],
        forwarding=values["lb_kind"],
        persistence_timeout_s=values["persistence_timeout"],
        real_servers=tuple(
            _real_server(real_name, real, values)
            for real_name, real in values["real_servers"].items()
        ),
        sorry_server=sorry
        and SorryServer(address=sorry["ip"], port=sorry["port"] or values["port"]),
    )


def _real_server(name: str, values: dict[str, Any], server: dict[str, Any]) -> RealServer:
    port = values["port"] or server["port"]
    # Checks of its own replace those said once at the virtual server.
    holder = values if values["http_get"] or values["tcp_check"] else server
    checks: list[Check] = []
    for check in holder["http_get"]:
        common = _common(check, values["ip"], port, server)
        urls = tuple(_url(url, server) for url in check["url"])
        checks.append(HttpCheck(urls=urls, **common))
    for check in holder["tcp_check"]:
        checks.append(TcpCheck(**_common(check, values["ip"], port, server)))
    return RealServer(
        name=name,
        address=values["ip"],
        port=port,
        weight=values["weight"],
        checks=tuple(dict.fromkeys(checks)),
    )


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
