# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration would change in IPVS, as a person reads it: at once, and after checks.

Owns that comparison. What the running agent knows comes from its status. Must never touch the
kernel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lvs_agent.core.ipvs.diff import diff
from lvs_agent.core.ipvs.model import (
    Endpoint,
    NewDestination,
    Service,
    ServiceKey,
    SetDestination,
)
from lvs_agent.core.ipvs.text import describe
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.model import Config, VirtualServer
from lvs_agent.core.overrides import Override, State
from lvs_agent.core.quorum import (
    Known,
    Lookup,
    PoolState,
    can_wait,
    decide,
    desired_pool,
    desired_service,
    starts_down,
)

Place = tuple[ServiceKey, Endpoint]
Assumed = Callable[[ServiceKey, Endpoint], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the running agent says: who takes part, virtual servers, those with a quorum, and what
    operators said of real servers."""

    known: Mapping[Place, bool] = field(default_factory=dict)
    servers: frozenset[ServiceKey] = frozenset()
    quorums: frozenset[ServiceKey] = frozenset()
    overrides: Mapping[Place, Override] = field(default_factory=dict)


def of_status(status: Mapping[str, Any]) -> Running:
    """From the document of `lvsctl status --json`; what is malformed is left out."""
    known: dict[Place, bool] = {}
    overrides: dict[Place, Override] = {}
    quorums: set[ServiceKey] = set()
    servers: set[ServiceKey] = set()
    for key, service in _services_of(status):
        # Of the services of a virtual server only the first has it, when it is known.
        if quorum := service.get("quorum"):
            servers.add(key)
            if quorum.get("reached"):
                quorums.add(key)
        for one in (*_rows(service, "real_servers"), *_rows(service, "sorry_servers")):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                endpoint = Endpoint(one["address"], one["port"])
                known[key, endpoint] = bool(one.get("takes_part", one["up"]))
                if said := one.get("override"):
                    overrides[key, endpoint] = _override(key, endpoint, said)
                    known[key, endpoint] = bool(one["up"])
    return Running(
        known=known,
        servers=frozenset(servers),
        quorums=frozenset(quorums),
        overrides=overrides,
    )


def _override(key: ServiceKey, endpoint: Endpoint, said: Mapping[str, Any]) -> Override:
    """Raises KeyError, ValueError."""
    return Override(
        services=(key,),
        endpoint=endpoint,
        virtual_server="",
        real_server="",
        state=State(said["state"]),
        weight=said["weight"],
        owner="",
        reason="",
        since_s=0,
        expires_s=None,
    )


def _services_of(status: Mapping[str, Any]) -> Iterator[tuple[ServiceKey, Mapping[str, Any]]]:
    for service in status.get("services") or []:
        with contextlib.suppress(KeyError, TypeError):
            mark = service.get("mark", 0)
            yield (
                ServiceKey(service["protocol"], service["address"], service["port"], mark),
                service,
            )


def _rows(service: Mapping[str, Any], name: str) -> Sequence[Any]:
    return service.get(name) or ()


def lines(
    config: Config, services: Mapping[ServiceKey, Service], ledger: Ledger, running: Running
) -> list[str]:
    """What is done at once; then whom a passed check adds."""
    waiting = {server.identity: _waiting(server, running) for server in config.virtual_servers}
    at_once = _desired(config, running, lambda key, endpoint: endpoint not in waiting[key])
    checked = _desired(config, running, lambda _key, _endpoint: True)
    # A real server of all ports has that of the service in its pool.
    theirs = {
        (key, Endpoint(endpoint.address, endpoint.port or key.port))
        for server in config.virtual_servers
        for key in server.services
        for endpoint in waiting[server.identity]
    }
    return [
        *(describe(operation) for operation in diff(at_once, services, ledger.services)),
        *(
            f"{describe(operation)} when its check has passed"
            for operation in diff(checked, at_once, ())
            if isinstance(operation, NewDestination | SetDestination)
            and (operation.key, operation.endpoint) in theirs
        ),
    ]


def _waiting(server: VirtualServer, running: Running) -> set[Endpoint]:
    """Whom the agent leaves out until a check has passed; without checks nobody waits for one."""
    lookup = _lookup(server, running, lambda _key, _endpoint: True)
    unknown = {
        one.endpoint: one
        for one in server.servers
        if one.checks and (server.identity, one.endpoint) not in running.known
    }
    if server.identity in running.servers and can_wait(
        server, lookup, _had(server, running), unknown
    ):
        return set(unknown)
    return {endpoint for endpoint, one in unknown.items() if starts_down(one)}


def _desired(config: Config, running: Running, assumed: Assumed) -> dict[ServiceKey, Service]:
    """All services, as they are to be while those of whom nothing is known are as `assumed`."""
    desired: dict[ServiceKey, Service] = {}
    for server in config.virtual_servers:
        lookup = _lookup(server, running, assumed)
        pool = desired_pool(server, lookup, decide(server, lookup, _had(server, running), 0))
        for key in server.services:
            desired[key] = desired_service(server, key, pool)
    return desired


def _lookup(server: VirtualServer, running: Running, assumed: Assumed) -> Lookup:
    def lookup(endpoint: Endpoint) -> Known:
        place = server.identity, endpoint
        told = running.known.get(place)
        up = assumed(server.identity, endpoint) if told is None else told
        return Known(up, False, "", override=running.overrides.get(place))

    return lookup


def _had(server: VirtualServer, running: Running) -> PoolState:
    reached = server.identity in running.quorums
    return PoolState(quorum=reached, quorum_since_ns=0, weight=0)
