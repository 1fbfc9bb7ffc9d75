# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's part of `lvsctl status --json`, as plain values.

Owns the shape. Must never read the kernel nor keep anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_agent.adapters.ipvs_answers import Counters
from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Host
from lvs_agent.core.ipvs.model import Endpoint, Service, ServiceKey, service_pool
from lvs_agent.core.ipvs.text import flag_names
from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import VirtualAddress, VirtualServer

NO_POOL: dict[str, object] = {
    "quorum": None, "panic": None, "sorry_servers": [], "real_servers": []
}  # fmt: skip


def link_report(state: LinkState, error: str | None) -> dict[str, object]:
    """An entry of `links`: what ha was told; `error` is what is wrong with a VMAC."""
    return {
        "interface": state.interface,
        "index": state.index,
        "running": state.running,
        "primary": state.primary,
        "primary6": state.primary6,
        "sources": list(state.sources),
        "mac": state.mac,
        "error": error,
    }


def addresses_report(
    instance: str | None, held: str, addresses: Iterable[VirtualAddress], host: Host
) -> list[dict[str, object]]:
    """Entries of `addresses`: `held` is what ha asked for, `present` what the kernel has.

    `instance` None: a static address. `duplicate`: another host on the network has it too.
    """
    entries: list[dict[str, object]] = []
    for address in addresses:
        found = rules.found(address, host)
        entries.append(
            {
                "instance": instance,
                "address": address.address,
                "prefix": address.prefix_length,
                "interface": address.interface,
                "held": held,
                "present": found is not None,
                "duplicate": found is not None and found.duplicate,
            }
        )
    return entries


def service_report(
    key: ServiceKey,
    server: VirtualServer,
    known: Service | None,
    done: tuple[Counters, dict[Endpoint, Counters]],
    *,
    error: str | None,
    pool: dict[str, object] | None,
) -> dict[str, object]:
    """An entry of `services`: `destinations` is what the kernel has, `pool` what is configured,
    with the verdicts (Pools.report); of a virtual server's services only the first has it."""
    counters, per_destination = done
    settings = server.settings
    names = service_pool(key, {one.endpoint: one.name for one in server.servers})
    destinations: list[dict[str, object]] = []
    for endpoint, destination in (known.pool if known else {}).items():
        its = per_destination.get(endpoint, Counters())
        destinations.append(
            {
                "address": endpoint.address,
                "port": endpoint.port,
                "name": names.get(endpoint),
                "weight": destination.weight,
                "forwarding": destination.forwarding,
                "tunnel": str(destination.tunnel) if destination.tunnel else None,
                "upper_threshold": destination.upper_threshold,
                "lower_threshold": destination.lower_threshold,
                "active": its.active or 0,
                "inactive": its.inactive or 0,
                **_traffic(its),
            }
        )
    return {
        "name": server.name,
        "group": server.group,
        "service": str(key),
        "protocol": key.protocol,
        "address": key.address,
        "port": key.port,
        "mark": key.mark,
        "scheduler": settings.scheduler,
        "scheduler_flags": flag_names(settings),
        "ops": settings.one_packet,
        "persistence_timeout": settings.persistence_timeout_s,
        "persistence_granularity": settings.persistence_prefix,
        "persistence_engine": settings.persistence_engine,
        "in_kernel": known is not None,
        "error": error,
        **_traffic(counters),
        "destinations": destinations,
        **(pool or NO_POOL),
    }


def _traffic(counters: Counters) -> dict[str, int]:
    return {
        "connections": counters.connections,
        "packets_in": counters.packets_in,
        "packets_out": counters.packets_out,
        "bytes_in": counters.bytes_in,
        "bytes_out": counters.bytes_out,
    }
