# SPDX-License-Identifier: GPL-3.0-or-later
"""From the layers of the inventory to one director's configuration document.

Owns merging and the filling in of real servers' addresses. Pure; must never judge a value.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _forwarding

# A document has these even where they are empty, so that its reader finds them.
_ALWAYS = ("global_defs", "vrrp_instances", "virtual_servers")


def merge_document(
    base: Mapping[str, Any], overlays: Iterable[Any], addresses: Mapping[str, list[str]]
) -> dict[str, Any]:
    """`base` with the `overlays` merged over it in turn and real servers' addresses filled in.

    Mappings merge, anything else replaces; null in an overlay removes what is below it.
    `addresses` maps inventory hosts to the addresses that a real server of that name may get: the
    one of the virtual server's family, or where the host has none of it the other (by a tunnel).
    """
    merged = dict(base)
    for overlay in overlays:
        # What is no mapping is told by `_hosts.py`.
        merged = _merge(merged, overlay) if isinstance(overlay, Mapping) else merged
    merged = copy.deepcopy(merged)
    for server in _mappings(merged.get("virtual_servers")):
        real_servers = server.get("real_servers")
        if not isinstance(real_servers, dict):
            continue
        family = _forwarding.family_of(server, merged.get("virtual_server_groups"))
        for name, real_server in real_servers.items():
            if not addresses.get(name):
                continue
            ip = sorted(addresses[name], key=lambda each: (":" in each) != (family == 6))[0]
            if real_server is None:
                real_servers[name] = {"ip": ip}
            elif isinstance(real_server, dict) and real_server.get("ip") is None:
                real_servers[name] = {"ip": ip, **_without(real_server, "ip")}
    return {
        name: value for name, value in merged.items() if value not in ({}, []) or name in _ALWAYS
    }


def _merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in overlay.items():
        if value is None and name in merged:
            del merged[name]
        elif isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = _merge(dict(merged[name]), value)
        else:
            merged[name] = value
    return merged


def _without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


def _mappings(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    return [item for item in value.values() if isinstance(item, dict)]
