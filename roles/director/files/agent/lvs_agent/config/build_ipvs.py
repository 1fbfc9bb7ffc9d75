# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become virtual servers and real servers.

Owns what a real server takes from its virtual server.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config import build_checks
from lvs_agent.core.model import RealServer, SorryServer, VirtualServer


def virtual_server(name: str, values: dict[str, Any], document: dict[str, Any]) -> VirtualServer:
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
            _real_server(real_name, real, values, document)
            for real_name, real in values["real_servers"].items()
        ),
        sorry_server=sorry
        and SorryServer(address=sorry["ip"], port=sorry["port"] or values["port"]),
    )


def _real_server(
    name: str, values: dict[str, Any], server: dict[str, Any], document: dict[str, Any]
) -> RealServer:
    port = values["port"] or server["port"]
    return RealServer(
        name=name,
        address=values["ip"],
        port=port,
        weight=values["weight"],
        checks=build_checks.checks(values, port, server, document),
    )
