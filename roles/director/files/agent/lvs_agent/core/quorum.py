# SPDX-License-Identifier: GPL-3.0-or-later
"""Which destinations a virtual server has, given who is healthy.

Owns that decision and nothing else. Must never keep state: the same configuration and verdicts
give the same pool.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.core.ipvs.model import Destination, Endpoint, Service, ServiceKey, service_pool
from lvs_agent.core.model import RealServer, SorryServer, VirtualServer

# The weight of a sorry server: it is alone among its kind, so any weight above 0 gives it all.
SORRY_WEIGHT = 1


def endpoint_of(server: RealServer | SorryServer) -> Endpoint:
    """What tells a real server from the others of its virtual server."""
    return Endpoint(server.address, server.port)


def destination_of(server: RealServer | SorryServer, weight: int) -> Destination:
    """How a server takes part with `weight`."""
    if isinstance(server, SorryServer):
        return Destination(weight, server.forwarding, tunnel=server.tunnel)
    return Destination(
        weight,
        server.forwarding,
        server.upper_threshold,
        server.lower_threshold,
        server.tunnel,
    )


def desired_pool(
    virtual_server: VirtualServer, is_up: Callable[[Endpoint], bool]
) -> dict[Endpoint, Destination]:
    """The healthy real servers; the sorry server as well when none of them takes connections.

    A healthy real server of weight 0 stays in the pool: it gets no new connections, and those it
    has are not cut off (ipvsadm(8), quiesce). With neither a healthy real server nor a sorry server
    the pool is empty, and the kernel answers that nobody is there.
    """
    pool = {
        endpoint: destination_of(real_server, real_server.weight)
        for real_server in virtual_server.real_servers
        if is_up(endpoint := endpoint_of(real_server))
    }
    sorry = virtual_server.sorry_server
    if sorry is not None and not any(destination.weight > 0 for destination in pool.values()):
        pool[endpoint_of(sorry)] = destination_of(sorry, SORRY_WEIGHT)
    return pool


def desired_service(
    virtual_server: VirtualServer, key: ServiceKey, is_up: Callable[[Endpoint], bool]
) -> Service:
    """Service `key` of `virtual_server` with its `desired_pool`."""
    pool = service_pool(key, desired_pool(virtual_server, is_up))
    return Service(key=key, settings=virtual_server.settings, pool=pool)
