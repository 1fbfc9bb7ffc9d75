# SPDX-License-Identifier: GPL-3.0-or-later
"""Which destinations a pool has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.ipvs.model import Destination, Endpoint
from lvs_agent.core.quorum import desired_pool, desired_service
from unit.core.kernel_examples import config, virtual_server

SORRY = Endpoint("127.0.0.1", 80)


def pool(*weights: int, up: set[int], sorry: bool = True) -> dict[str, int]:
    server = config(web=virtual_server(*weights, sorry=sorry)).virtual_servers[0]
    found = desired_pool(server, lambda e: int(e.address.rsplit(".", 1)[1]) in up)
    assert all(destination.forwarding == "DR" for destination in found.values())
    return {endpoint.address: destination.weight for endpoint, destination in found.items()}


def test_healthy_real_servers_with_their_weights() -> None:
    assert pool(1, 2, 3, up={11, 13}) == {"192.0.2.11": 1, "192.0.2.13": 3}


def test_sorry_server_only_when_no_real_server_is_healthy() -> None:
    assert pool(1, 2, up=set()) == {"127.0.0.1": 1}
    assert pool(1, 2, up={11}) == {"192.0.2.11": 1}


def test_without_sorry_server_the_pool_may_be_empty() -> None:
    assert pool(1, up=set(), sorry=False) == {}


def test_healthy_real_server_of_weight_0_drains_beside_the_sorry_server() -> None:
    assert pool(0, 1, up={11}) == {"192.0.2.11": 0, "127.0.0.1": 1}


@given(st.lists(st.integers(0, 5), max_size=5), st.sets(st.integers(11, 16)))
def test_pool_with_a_sorry_server_always_takes_connections(
    weights: list[int], up: set[int]
) -> None:
    assert any(weight > 0 for weight in pool(*weights, up=up).values())


def test_service_has_scheduler_and_persistence_of_the_configuration() -> None:
    server = config(web=virtual_server(1, lb_algo="wlc", persistence_timeout=360)).virtual_servers
    service = desired_service(server[0], server[0].identity, lambda _: True)
    assert (service.settings.scheduler, service.settings.persistence_timeout_s) == ("wlc", 360)
    assert service.pool == {Endpoint("192.0.2.11", 80): Destination(1, "DR")}
