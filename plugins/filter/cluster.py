# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from inventory variables to what the roles install. All logic is in `plugin_utils`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _firewall_rules,
    _forwarding,
    _host_needs,
    _real_server,
    _verification,
)


def director_document(
    sections: Mapping[str, Any],
    overlay: Mapping[str, Any] | None = None,
    addresses: Mapping[str, list[str]] | None = None,
) -> Any:
    """The configuration document of one director."""
    return _cluster.merge_document(
        _cluster.plain(sections), _cluster.plain(overlay or {}), _cluster.plain(addresses or {})
    )


def host_addresses(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """The cluster addresses of each of `hosts` that has any."""
    listed = [str(host) for host in hosts]
    cluster = _cluster.collect({_cluster.REAL_SERVERS_GROUP: listed}, hostvars)
    return _cluster.real_server_addresses(cluster)


def real_server_needs(
    host: str, groups: Mapping[str, Any], hostvars: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """What the network of the real server `host` must have."""
    return _cluster.real_server_needs(_cluster.collect(groups, hostvars), str(host))


def real_server_probes(
    director: str, groups: Mapping[str, Any], hostvars: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What `director` can try out on the real servers."""
    cluster = _cluster.collect(groups, hostvars)
    return _verification.probes(cluster, str(director))


def director_sysctls(
    document: Mapping[str, Any],
    addresses: Iterable[str],
    ipvs: Mapping[str, Any] | None = None,
    own: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """The kernel parameters of the director at `addresses`."""
    director = _real_server.Director(
        name="",
        document=_cluster.plain(document),
        interfaces={},
        own=frozenset(filter(None, map(_forwarding.address, map(str, addresses)))),
    )
    return _host_needs.sysctls(director, _cluster.plain(ipvs or {}), _cluster.plain(own or {}))


def director_firewall_rules(
    director: str,
    groups: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    further: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Who may send `director` what the agent and IPVS listen to."""
    try:
        return _firewall_rules.rules(_cluster.collect(groups, hostvars), str(director), further)
    except _firewall_rules.UnknownPeer as error:
        raise AnsibleFilterError(str(error)) from error


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


def vmac_interfaces(document: Mapping[str, Any]) -> list[str]:
    """The network interfaces that the agent makes for the VRRP instances of `document`."""
    return _cluster.vmac_interfaces(_cluster.plain(document))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "director_document": director_document,
            "director_firewall_rules": director_firewall_rules,
            "director_sysctls": director_sysctls,
            "host_addresses": host_addresses,
            "kernel_modules": kernel_modules,
            "real_server_needs": real_server_needs,
            "real_server_probes": real_server_probes,
            "rolling_order": rolling_order,
            "script_users": script_users,
            "tracks_processes": tracks_processes,
            "vmac_interfaces": vmac_interfaces,
            "vrrp_interfaces": vrrp_interfaces,
        }
