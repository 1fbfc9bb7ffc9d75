# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from inventory variables to what the roles install. All logic is in `plugin_utils`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _host_needs


def director_document(
    sections: Mapping[str, Any],
    overlay: Mapping[str, Any] | None = None,
    addresses: Mapping[str, str] | None = None,
) -> Any:
    """The configuration document of one director."""
    return _cluster.merge_document(
        _cluster.plain(sections), _cluster.plain(overlay or {}), _cluster.plain(addresses or {})
    )


def host_addresses(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> dict[str, str]:
    """The cluster address of each of `hosts` that has one."""
    listed = [str(host) for host in hosts]
    cluster = _cluster.collect({_cluster.REAL_SERVERS_GROUP: listed}, hostvars)
    return _cluster.real_server_addresses(cluster)


def real_server_virtual_addresses(
    address: str | None, groups: Mapping[str, Any], hostvars: Mapping[str, Any]
) -> list[str]:
    """The virtual addresses that the real server at `address` answers for."""
    if not address:
        return []
    cluster = _cluster.collect(groups, hostvars)
    documents = [_cluster.document(cluster, director) for director in cluster.directors]
    return _cluster.virtual_addresses_of(documents, str(address))


def rolling_order(
    hosts: Iterable[str], groups: Mapping[str, Any], hostvars: Mapping[str, Any]
) -> list[str]:
    """`hosts`, the masters of most VRRP instances last."""
    cluster = _cluster.collect(groups, hostvars)
    return _cluster.rolling_order(cluster, [str(host) for host in hosts])


def kernel_modules(document: Mapping[str, Any]) -> list[str]:
    """The kernel modules that `document` needs."""
    return _cluster.kernel_modules(_cluster.plain(document))


def script_users(document: Mapping[str, Any]) -> list[str]:
    """The users other than the agent's own that `document` runs scripts as."""
    return _host_needs.script_users(_cluster.plain(document))


def tracks_processes(document: Mapping[str, Any]) -> bool:
    """Whether `document` tracks processes of other users."""
    return _host_needs.tracks_processes(_cluster.plain(document))


def vrrp_interfaces(document: Mapping[str, Any]) -> list[str]:
    """The network interfaces that the VRRP instances of `document` use."""
    return _cluster.vrrp_interfaces(_cluster.plain(document))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "director_document": director_document,
            "host_addresses": host_addresses,
            "kernel_modules": kernel_modules,
            "real_server_virtual_addresses": real_server_virtual_addresses,
            "rolling_order": rolling_order,
            "script_users": script_users,
            "tracks_processes": tracks_processes,
            "vrrp_interfaces": vrrp_interfaces,
        }
