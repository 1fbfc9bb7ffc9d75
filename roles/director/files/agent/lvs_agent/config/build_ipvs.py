# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become virtual servers and real servers.

Owns what a real server takes from its virtual server.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config import build_checks, build_quorum, derive_ipvs, derive_quorum
from lvs_agent.config.derive import or_else
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey, ServiceSettings
from lvs_agent.core.model import RealServer, SorryServer, VirtualServer
from lvs_agent.core.policy import ServerPolicy

_BITS = {4: 32, 6: 128}


def virtual_server(name: str, values: dict[str, Any], document: dict[str, Any]) -> VirtualServer:
    """The virtual server with these values, of this document."""
    services = derive_ipvs.services(values, document["virtual_server_groups"])
    port = derive_ipvs.common_port(services)
    checks = build_checks.ChecksOf(values, document)
    real_servers = _real_servers(values, port, checks, document)
    return VirtualServer(
        name=name,
        protocol=values["protocol"],
        services=services,
        settings=_settings(values, services),
        real_servers=real_servers,
        sorry_servers=tuple(
            _sorry_server(name, one, values, port, checks)
            for name, one in derive_quorum.sorry_names(values["sorry_server"]).items()
        ),
        group=values["group"],
        policy=build_quorum.pool_policy(values, real_servers, document["global_defs"]),
    )


def _settings(values: dict[str, Any], services: tuple[ServiceKey, ...]) -> ServiceSettings:
    granularity = values["persistence_granularity"]
    prefix = granularity and granularity[0]
    if prefix == _BITS[services[0].family]:
        prefix = None
    return ServiceSettings(
        scheduler=values["lb_algo"],
        persistence_timeout_s=values["persistence_timeout"],
        persistence_prefix=prefix,
        persistence_engine=values["persistence_engine"],
        one_packet=values["ops"],
        scheduler_flags=derive_ipvs.scheduler_flags(values),
    )


def _real_servers(
    server: dict[str, Any],
    usual_port: int,
    checks: build_checks.ChecksOf,
    document: dict[str, Any],
) -> tuple[RealServer, ...]:
    """There may be 65,536 of them: those that say the same share their policy."""
    policies: dict[tuple[Any, ...], ServerPolicy] = {}
    usual_forwarding = derive_ipvs.forwarding(server, server)
    usual_weight = server["weight"]
    found = []
    for name, values in server["real_servers"].items():
        said = build_quorum.said(values)
        if said not in policies:
            policies[said] = build_quorum.server_policy(values, server, document["global_defs"])
        port = values["port"] or usual_port
        forwarding, tunnel = (
            usual_forwarding
            if values["lb_kind"] is None
            else derive_ipvs.forwarding(values, server)
        )
        found.append(
            RealServer(
                name=name,
                endpoint=Endpoint(values["ip"], port),
                weight=or_else(values["weight"], usual_weight),
                checks=checks.real_server(values, port),
                forwarding=forwarding,
                tunnel=tunnel,
                upper_threshold=values["uthreshold"],
                lower_threshold=values["lthreshold"],
                policy=policies[said],
            )
        )
    return tuple(found)


def _sorry_server(
    name: str,
    values: dict[str, Any],
    server: dict[str, Any],
    usual_port: int,
    checks: build_checks.ChecksOf,
) -> SorryServer:
    port = values["port"] or usual_port
    forwarding, tunnel = derive_ipvs.forwarding(values, server)
    return SorryServer(
        name=name,
        endpoint=Endpoint(values["ip"], port),
        checks=checks.own(values, port),
        forwarding=forwarding,
        tunnel=tunnel,
    )
