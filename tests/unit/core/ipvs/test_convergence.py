# SPDX-License-Identifier: GPL-3.0-or-later
"""From one configuration to the next, dying anywhere: what is promised of whole virtual servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent import config as configuration
from lvs_agent.core import ledger
from lvs_agent.core.ipvs.diff import apply, diff
from lvs_agent.core.ipvs.model import (
    Destination,
    Endpoint,
    Service,
    ServiceKey,
    ServiceSettings,
    service_pool,
)
from lvs_agent.core.model import Config
from lvs_agent.core.quorum import destination_of

MEMBERS = ["192.0.2.80-82 80", "192.0.2.81 80-81", "fwmark 7", "192.0.2.90/31 443"]
SERVERS = {name: f"10.0.0.{number}" for number, name in enumerate("abcd", 1)}
KINDS = ["DR", "NAT", "TUN", "TUN type gue port 6080", "TUN type gre csum"]
FOREIGN = {
    key: Service(
        key=key,
        settings=ServiceSettings(scheduler="rr"),
        pool={Endpoint("10.9.9.9", 9): Destination(1, "NAT")},
    )
    for key in (ServiceKey("TCP", "192.0.2.99", 80), ServiceKey("TCP", "2001:db8::99", 80))
}
Table = Mapping[ServiceKey, Service]


@st.composite
def configs(draw: st.DrawFn) -> Config:
    kinds, weights = st.sampled_from(KINDS), st.integers(0, 2)

    def virtual_server(**more: Any) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(sorted(SERVERS)), unique=True))
        return {
            "lb_kind": draw(kinds),
            "lb_algo": draw(st.sampled_from(["rr", "wlc"])),
            "real_servers": {
                name: {"ip": SERVERS[name], "weight": draw(weights), "lb_kind": draw(kinds)}
                for name in names
            },
            **more,
        }

    members = draw(st.lists(st.sampled_from(MEMBERS), min_size=1, unique=True))
    servers = {
        "farm": virtual_server(group="farm"),
        "one": virtual_server(ip="192.0.2.70", port=80),
        "all": virtual_server(ip="192.0.2.71", persistence_timeout=60),
    }
    kept = draw(st.sets(st.sampled_from(sorted(servers))))
    document = {
        "virtual_server_groups": {"farm": {"members": members}},
        "virtual_servers": {name: servers[name] for name in sorted(kept)},
    }
    return configuration.load(json.dumps(document))


def table_of(config: Config, up: frozenset[str]) -> dict[ServiceKey, Service]:
    """What IPVS is to have while these real servers are up."""
    table = {}
    for server in config.virtual_servers:
        pool = {
            one.endpoint: destination_of(one, one.weight)
            for one in server.real_servers
            if one.endpoint.address in up
        }
        for key in server.services:
            table[key] = Service(key=key, settings=server.settings, pool=service_pool(key, pool))
    return table


def usable(service: Service | None) -> bool:
    return service is not None and any(one.weight > 0 for one in service.pool.values())


ups = st.frozensets(st.sampled_from(sorted(SERVERS.values())))


@given(configs(), configs(), ups, ups, st.data())
def test_death_at_any_point_of_a_reload_is_made_good_by_the_next_start(
    before: Config, after: Config, up: frozenset[str], up_after: frozenset[str], data: st.DataObject
) -> None:
    there = table_of(before, up) | FOREIGN
    wanted = table_of(after, up_after)
    # The ledger names both before the first operation.
    owned = (ledger.of_config(before) | ledger.of_config(after)).services
    operations = diff(wanted, there, owned)
    crashed = apply(operations[: data.draw(st.integers(0, len(operations)))], there)
    found, wrong = ledger.decode(ledger.encode(ledger.Ledger(services=owned)))
    assert wrong is None
    assert apply(diff(wanted, crashed, found.services), crashed) == wanted | FOREIGN


@given(configs(), configs(), ups)
def test_service_that_stays_and_has_a_healthy_server_is_never_without_one(
    before: Config, after: Config, up: frozenset[str]
) -> None:
    there, wanted = table_of(before, up) | FOREIGN, table_of(after, up)
    owned = (ledger.of_config(before) | ledger.of_config(after)).services
    operations = diff(wanted, there, owned)
    for length in range(len(operations) + 1):
        now = apply(operations[:length], there)
        assert {key: now[key] for key in FOREIGN} == FOREIGN
        for key, service in wanted.items():
            if usable(service) and usable(there.get(key)):
                assert usable(now.get(key)), operations[:length]


@given(configs(), ups)
def test_services_of_one_virtual_server_have_the_same_real_servers(
    config: Config, up: frozenset[str]
) -> None:
    table = table_of(config, up)
    for server in config.virtual_servers:
        pools = [
            {endpoint.address: destination for endpoint, destination in table[key].pool.items()}
            for key in server.services
        ]
        assert all(pool == pools[0] for pool in pools)
        assert set(pools[0]) == {one.endpoint.address for one in server.real_servers} & up
