# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel process says of the real servers that an operator's order is about.

Owns the shape of that report: how each stands now, how it would stand by other overrides, and of
which virtual servers nobody would be left. Must never change anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from lvs_agent.core.ipvs.model import Destination, Endpoint, ServiceKey
from lvs_agent.core.model import RealServer, VirtualServer
from lvs_agent.core.overrides import Entries
from lvs_agent.core.overrides import shown as override_shown
from lvs_agent.core.pools import Pools
from lvs_agent.core.suspend import is_here
from lvs_agent.core.verdicts import Place

# Active and inactive connections of a destination, over all services of its virtual server.
Count = Callable[[VirtualServer, Endpoint], tuple[int, int]]
_Pool = Mapping[Endpoint, Destination]


def place_text(place: Place) -> str:
    """A place in an OverridesOrder."""
    return json.dumps(place)


def places_of(texts: Iterable[str]) -> list[Place]:
    """The places of an OverridesOrder."""
    pairs = (json.loads(text) for text in texts)
    return [(ServiceKey(*key), Endpoint(*endpoint)) for key, endpoint in pairs]


def report(
    pools: Pools,
    servers: Mapping[ServiceKey, VirtualServer],
    places: Iterable[Place],
    overrides: Entries,
    now_ns: int,
) -> dict[str, Any]:
    """`places`: the weight of each that is there now, and `then`, by `overrides` (None: not in the
    pool). `emptied`: virtual servers of which no real server would take new connections then, with
    the number of those that do now."""
    rows: list[dict[str, Any]] = []
    by_place = pools.by_place(overrides)
    then: dict[ServiceKey, _Pool] = {}
    for identity, endpoint in places:
        server = servers.get(identity)
        if server is None or identity != server.identity:
            continue  # another configuration has come meanwhile
        if identity not in then:
            then[identity] = pools.pool_with(identity, by_place, now_ns)
        real = next((one for one in server.real_servers if one.endpoint == endpoint), None)
        if real is not None:
            rows.append(_row(pools, server, real, then[identity]))
    return {
        "places": rows,
        "emptied": [
            {"virtual_server": servers[identity].name, "taking": taking}
            for identity, pool in then.items()
            if (taking := _taking(servers[identity], pools.pool(identity)))
            and not _taking(servers[identity], pool)
        ],
    }


def _row(pools: Pools, server: VirtualServer, real: RealServer, then: _Pool) -> dict[str, Any]:
    known = pools.known(server.identity, real.endpoint)
    override = known.override
    now = pools.pool(server.identity)
    return {
        "virtual_server": server.name,
        "real_server": real.name,
        "address": real.endpoint.address,
        "port": real.endpoint.port,
        "up": known.up,
        "checked": known.checked,
        "reason": known.reason,
        "state": "enabled" if override is None else override.state.value,
        "override": None if override is None else override_shown(override),
        "configured_weight": real.weight,
        "check_weight": known.weight,
        "weight": _weight(now, real.endpoint),
        "then_weight": _weight(then, real.endpoint),
    }


def add_connections(
    rows: Iterable[dict[str, Any]],
    servers: Iterable[VirtualServer],
    present: Container[str],
    count: Count,
) -> None:
    """`active` and `inactive` of each row; `counted_here`: whether this director has an address of
    the virtual server. One that has none knows of copies at most (the sync daemon's), or of what
    was its own before it gave the address away: nobody's connections."""
    by_name = {server.name: server for server in servers}
    for row in rows:
        server = by_name[row["virtual_server"]]
        active, inactive = count(server, Endpoint(row["address"], row["port"]))
        row |= {
            "active": active,
            "inactive": inactive,
            "counted_here": is_here(server, present),
        }


def _weight(pool: _Pool, endpoint: Endpoint) -> int | None:
    there = pool.get(endpoint)
    return None if there is None else there.weight


def _taking(server: VirtualServer, pool: _Pool) -> int:
    """How many real servers take new connections."""
    return sum(bool(_weight(pool, real.endpoint)) for real in server.real_servers)
