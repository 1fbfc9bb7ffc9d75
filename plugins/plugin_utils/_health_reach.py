# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a director has the addresses of virtual servers that no VRRP instance brings there.

Owns that rule. Pure; must never ask a host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _forwarding, _view


def without_instance(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Addresses of virtual servers, with the virtual server, that no director of one cluster has in
    an instance. Those of instances are judged by the instances."""
    served = {
        each: pool.name
        for document in documents.values()
        for pool in _forwarding.pools(document)
        for each in pool.addresses
    }
    moved = {each for document in documents.values() for each in _view.held(document, {})}
    return {str(each): name for each, name in served.items() if each not in moved}


def problems(
    wanted: Mapping[str, str], directors: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """What clients do not get to, one line for each virtual server.

    `wanted` as `without_instance` gives it; `directors` has what `host_info` found on each.
    """
    there = {
        ipaddress.ip_interface(each).ip
        for info in directors.values()
        for listed in info["addresses"].values()
        for each in listed
    }
    # A route may make a whole network the host's own, without an address of it.
    networks = [
        ipaddress.ip_network(each)
        for info in directors.values()
        for each in info.get("local_networks") or ()
    ]
    missing: dict[str, list[str]] = {}
    for text, name in wanted.items():
        address = ipaddress.ip_address(text)
        if address not in there and not any(address in each for each in networks):
            missing.setdefault(name, []).append(text)
    for name, listed in missing.items():
        more = f" and {len(listed) - 1} more of its addresses" if len(listed) > 1 else ""
        yield (
            f"virtual server {name}: no director has {listed[0]}{more}, and no instance brings it"
            " there: clients do not get to it; add it to the virtual_ipaddress of an instance, or"
            " see to what else is to bring it"
        )
