# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for groups, hosts and the names and shapes of the `lvs_*` variables.

Owns what can be said without looking into a configuration document. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem, suggestion


def check(cluster: Cluster) -> Iterator[Problem]:
    """Everything wrong with groups and variables."""
    yield from _groups(cluster)
    yield from _names(cluster)
    for host in cluster.variables:
        yield from _address(cluster, host)
        yield from _unmanaged(cluster, host)
    yield from _same_address(cluster)
    for host in cluster.directors:
        yield from _overlay(cluster, host)
        yield from _interfaces(cluster, host)


def addresses(cluster: Cluster) -> dict[str, str]:
    """Canonical cluster address of every host of the real servers' group that has a valid one."""
    found: dict[str, str] = {}
    for host, text in _cluster.real_server_addresses(cluster).items():
        try:
            found[host] = str(ipaddress.IPv4Address(text))
        except ValueError:
            continue
    return found


def unmanaged(cluster: Cluster, director: str) -> list[str]:
    """Addresses of real servers that Ansible does not manage."""
    listed = cluster.variable(director, "unmanaged_real_servers")
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def _groups(cluster: Cluster) -> Iterator[Problem]:
    if not cluster.directors:
        yield Problem(
            where="inventory", message=f"the group {_cluster.DIRECTORS_GROUP} has no hosts"
        )
    if len(cluster.directors) == 1:
        yield Problem(
            where=f"group {_cluster.DIRECTORS_GROUP}",
            message=f"{cluster.directors[0]} is the only director: nobody can take over from it",
            warning=True,
        )
    for host in cluster.directors:
        if host in cluster.real_servers:
            yield Problem(
                where=f"host {host}",
                message=f"is in {_cluster.DIRECTORS_GROUP} and {_cluster.REAL_SERVERS_GROUP}; with"
                " direct routing a director cannot be a real server",
            )


def _names(cluster: Cluster) -> Iterator[Problem]:
    known = [_cluster.PREFIX + name for name in _cluster.VARIABLES]
    holders: dict[str, list[str]] = {}
    for host, variables in cluster.variables.items():
        for name in variables:
            if name.startswith(_cluster.PREFIX) and name not in known:
                holders.setdefault(name, []).append(host)
    for name, hosts in holders.items():
        everywhere = len(hosts) > 1
        where = f"group_vars: {name}" if everywhere else f"host_vars {hosts[0]}: {name}"
        hint = suggestion(name, known) or f"; known are {', '.join(known)}"
        yield Problem(where=where, message=f"unknown variable{hint}")


def _address(cluster: Cluster, host: str) -> Iterator[Problem]:
    where = f"host_vars {host}: {cluster.variable_name(host, 'address')}"
    value = cluster.variable(host, "address")
    if value is None:
        if host in cluster.real_servers:
            yield Problem(
                where=where,
                message="is required for a real server: its address in the cluster's network",
            )
        return
    try:
        ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        yield Problem(where=where, message=f"must be an IPv4 address, not {value!r}")


def _same_address(cluster: Cluster) -> Iterator[Problem]:
    seen: dict[Any, str] = {}
    for host in cluster.variables:
        value = cluster.variable(host, "address")
        if not isinstance(value, str):
            continue
        other = seen.setdefault(value, host)
        if other != host:
            yield Problem(
                where=f"host_vars {host}: {cluster.variable_name(host, 'address')}",
                message=f"{value} is already that of {other}; give each host its own",
            )


def _unmanaged(cluster: Cluster, host: str) -> Iterator[Problem]:
    name = cluster.variable_name(host, "unmanaged_real_servers")
    value = cluster.variable(host, "unmanaged_real_servers", [])
    if not isinstance(value, list):
        yield Problem(where=f"group_vars: {name}", message="must be a list of IPv4 addresses")
        return
    for index, each in enumerate(value):
        try:
            ipaddress.IPv4Address(each if isinstance(each, str) else "")
        except ValueError:
            yield Problem(
                where=f"group_vars: {name}[{index}]",
                message=f"must be an IPv4 address, not {each!r}",
            )


def _overlay(cluster: Cluster, host: str) -> Iterator[Problem]:
    name = cluster.variable_name(host, "host")
    value = cluster.variable(host, "host", {})
    if not isinstance(value, Mapping):
        yield Problem(
            where=f"host_vars {host}: {name}",
            message=f"must be a mapping with {', '.join(_cluster.SECTIONS)}",
        )


def _interfaces(cluster: Cluster, host: str) -> Iterator[Problem]:
    where = f"host_vars {host}: {cluster.variable_name(host, 'interfaces')}"
    value = cluster.variable(host, "interfaces", {})
    example = "; write it as eth0: [172.16.1.9/16]"
    if not isinstance(value, Mapping):
        yield Problem(where=where, message=f"must map interfaces to lists of addresses{example}")
        return
    for interface, listed in value.items():
        if not isinstance(listed, list):
            yield Problem(where=f"{where}.{interface}", message=f"must be a list{example}")
            continue
        for index, each in enumerate(listed):
            try:
                ipaddress.ip_interface(each if isinstance(each, str) else "")
            except ValueError:
                yield Problem(
                    where=f"{where}.{interface}[{index}]",
                    message=f"must be an address with its prefix length, not {each!r}",
                )
