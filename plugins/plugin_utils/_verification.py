# SPDX-License-Identifier: GPL-3.0-or-later
"""What a director can try out on the real servers.

Owns the list of those probes. Pure; the module `real_server_probe` does them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _real_server
from ansible_collections.lvs.cluster.plugins.plugin_utils._real_server import Use


def probes(cluster: _cluster.Cluster, director: str) -> list[dict[str, Any]]:
    """One for each real server with each virtual address, or with its gateway."""
    views = [each for each in _cluster.directors(cluster) if each.name == director]
    marked = _real_server.marked(cluster.variable(director, "fwmark_addresses"))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for host in cluster.real_servers:
        if host == director:
            continue
        for use in _real_server.uses(views, _cluster.addresses_of(cluster, host)):
            if use.target.forwarding.kind == "NAT":
                if cluster.variable(host, "nat_route", "service") == "none":
                    continue
                probed = _way_back(host, use)
            else:
                addresses = _real_server.virtual_addresses(use.pool, marked)
                probed = _delivery(host, use, addresses, host in cluster.directors)
            for probe in probed:
                key = tuple(value for name, value in probe.items() if name != "port")
                # One with a TCP port tells more than one without.
                if not found.get(key, {}).get("port"):
                    found[key] = probe
    return list(found.values())


def _way_back(host: str, use: Use) -> Iterator[dict[str, Any]]:
    gateway = _real_server.inner_address(use)
    # Only TCP answers a stranger; the rules for other protocols are made in the same way.
    if gateway is None or use.pool.protocol != "TCP" or not use.target.port:
        return
    for virtual in use.pool.addresses[:1]:
        yield {
            "real_server": host,
            "kind": "NAT",
            "address": str(use.target.address),
            "virtual_address": str(virtual),
            "gateway": str(gateway),
            "port": use.target.port,
        }


def _delivery(
    host: str, use: Use, addresses: list[Any], director: bool
) -> Iterator[dict[str, Any]]:
    forwarding = use.target.forwarding
    for virtual in addresses:
        yield {
            "real_server": host,
            "kind": forwarding.kind,
            "address": str(use.target.address),
            "virtual_address": str(virtual),
            "tunnel": forwarding.tunnel,
            "tunnel_port": forwarding.port,
            "checksum": forwarding.checksum == "csum",
            "director": director,
            "port": use.target.port if use.pool.protocol == "TCP" else 0,
        }
