# SPDX-License-Identifier: GPL-3.0-or-later
"""Which destinations a virtual server has, given who is healthy.

Owns that decision and nothing else. Must never keep state: the same configuration and verdicts
give the same pool.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.core.ipvs.model import Destination, Endpoint, Service, ServiceKey, ServiceSettings
from lvs_agent.core.model import RealServer, VirtualServer

# The weight of a sorry server: it is alone among its kind, so any weight above 0 gives it all.
SORRY_WEIGHT = 1


def service_key(virtual_server: VirtualServer) -> ServiceKey:
    """The identity of the IPVS service of `virtual_server`."""
    return ServiceKey(virtual_server.protocol, virtual_server.address, virtual_server.port)


def endpoint_of(real_server: RealServer) -> Endpoint:
    """The identity of the destination of `real_server`."""
    return Endpoint(real_server.address, real_server.port)


def desired_pool(
    virtual_server: VirtualServer, is_up: Callable[[Endpoint], bool]
) -> dict[Endpoint, Destination]:
    """The healthy real servers; the sorry server as well when none of them takes connections.

    A healthy real server of weight 0 stays in the pool: it gets no new connections, and those it
    has are not cut off (ipvsadm(8), quiesce). With neither a healthy real server nor a sorry server
    the pool is empty, and the kernel answers that nobody is there.
    """
    forwarding = virtual_server.forwarding
    pool = {
        endpoint: Destination(real_server.weight, forwarding)
        for real_server in virtual_server.real_servers
        if is_up(endpoint := endpoint_of(real_server))
    }
    sorry = virtual_server.sorry_server
    if sorry is not None and not any(destination.weight > 0 for destination in pool.values()):
        pool[Endpoint(sorry.address, sorry.port)] = Destination(SORRY_WEIGHT, forwarding)
    return pool


def desired_service(virtual_server: VirtualServer, is_up: Callable[[Endpoint], bool]) -> Service:
    """The IPVS service of `virtual_server` with its `desired_pool`."""
    return Service(
        key=service_key(virtual_server),
        settings=ServiceSettings(
            scheduler=virtual_server.scheduler,
            persistence_timeout_s=virtual_server.persistence_timeout_s,
        ),
        pool=desired_pool(virtual_server, is_up),
    )
