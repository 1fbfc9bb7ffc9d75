# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for groups, hosts and the names and shapes of the `lvs_*` variables.

Owns what can be said without looking into a configuration document. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _forwarding
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._forwarding import Address
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem, suggestion

# What a real server of NAT sends back through the directors (`lvs_nat_route`).
NAT_ROUTES = ("service", "address", "none")

_UNMANAGED_REAL_SERVERS = "unmanaged_real_servers"
UNMANAGED_VIRTUAL = "unmanaged_virtual_addresses"
_UNMANAGED = (_UNMANAGED_REAL_SERVERS, UNMANAGED_VIRTUAL)

# Below net.ipv4.vs (Documentation/networking/ipvs-sysctl.rst; net/netfilter/ipvs/ip_vs_ctl.c).
IPVS_SYSCTLS = (
    "am_droprate", "amemthresh", "backup_only", "cache_bypass", "conn_reuse_mode", "conntrack",
    "drop_entry", "drop_packet", "est_cpulist", "est_nice", "expire_nodest_conn",
    "expire_quiescent_template", "ignore_tunneled", "nat_icmp_send", "pmtu_disc",
    "run_estimation", "schedule_icmp", "secure_tcp", "sloppy_sctp", "sloppy_tcp",
    "snat_reroute", "sync_persist_mode", "sync_ports", "sync_qlen_max", "sync_refresh_period",
    "sync_retries", "sync_sock_size", "sync_threshold", "sync_version",
)  # fmt: skip


def check(cluster: Cluster) -> Iterator[Problem]:
    """Everything wrong with groups and variables."""
    yield from _groups(cluster)
    yield from _names(cluster)
    for host in cluster.variables:
        yield from _address(cluster, host)
        for name in _UNMANAGED:
            yield from _unmanaged(cluster, host, name)
        yield from _nat_route(cluster, host)
        yield from _marks(cluster, host)
        yield from _ipvs_sysctls(cluster, host)
    yield from _same_address(cluster)
    for host in cluster.directors:
        yield from _overlays(cluster, host)
        yield from _interfaces(cluster, host)


def addresses(cluster: Cluster) -> dict[str, list[Address]]:
    """The cluster addresses of every host of the real servers' group that has valid ones."""
    found = {host: _cluster.addresses_of(cluster, host) for host in cluster.real_servers}
    return {host: listed for host, listed in found.items() if listed}


def unmanaged(cluster: Cluster, director: str) -> list[Address]:
    """Addresses of real servers that Ansible does not manage."""
    return _listed(cluster, director, _UNMANAGED_REAL_SERVERS)


def unmanaged_virtual(cluster: Cluster, director: str) -> list[Address]:
    """Addresses of virtual servers that something else brings to the director."""
    return _listed(cluster, director, UNMANAGED_VIRTUAL)


def _listed(cluster: Cluster, director: str, name: str) -> list[Address]:
    listed = cluster.variable(director, name)
    texts = listed if isinstance(listed, list) else []
    return [each for each in map(_forwarding.address, texts) if each is not None]


def _groups(cluster: Cluster) -> Iterator[Problem]:
    if not cluster.directors:
        yield Problem(
            where="inventory", message=f"the group {_cluster.DIRECTORS_GROUP} has no hosts"
        )
    if len(cluster.directors) == 1:
        yield Problem(
            where=f"cluster {cluster.name}"
            if cluster.name
            else f"group {_cluster.DIRECTORS_GROUP}",
            message=f"{cluster.directors[0]} is the only director: nobody can take over from it",
            warning=True,
        )


def _names(cluster: Cluster) -> Iterator[Problem]:
    known = [_cluster.PREFIX + name for name in _cluster.VARIABLES]
    holders: dict[str, list[str]] = {}
    for host, variables in cluster.variables.items():
        for name in variables:
            of_a_run = name.removeprefix(_cluster.PREFIX) in _cluster.RUN_VARIABLES
            if name.startswith(_cluster.PREFIX) and name not in known and not of_a_run:
                holders.setdefault(name, []).append(host)
    for name, hosts in holders.items():
        everywhere = len(hosts) > 1
        where = f"{cluster.shared}: {name}" if everywhere else f"host_vars {hosts[0]}: {name}"
        hint = suggestion(name, known) or f"; known are {', '.join(known)}"
        yield Problem(where=where, message=f"unknown variable{hint}")


def _address(cluster: Cluster, host: str) -> Iterator[Problem]:
    where = f"host_vars {host}: "
    value, value6 = cluster.variable(host, "address"), cluster.variable(host, "address6")
    if value is None and value6 is None and host in cluster.real_servers:
        yield Problem(
            where=where + cluster.variable_name(host, "address"),
            message="is required for a real server: its address in the cluster's network",
        )
    if value is not None and _forwarding.address(value) is None:
        yield Problem(
            where=where + cluster.variable_name(host, "address"),
            message=f"must be an IP address, not {value!r}",
        )
    found = _forwarding.address(value6)
    if value6 is not None and (found is None or found.version != 6):
        yield Problem(
            where=where + cluster.variable_name(host, "address6"),
            message=f"must be an IPv6 address, not {value6!r}",
        )


def _same_address(cluster: Cluster) -> Iterator[Problem]:
    seen: dict[Any, str] = {}
    for host in cluster.variables:
        for name in ("address", "address6"):
            value = _forwarding.address(cluster.variable(host, name))
            if value is None:
                continue
            other = seen.setdefault(value, host)
            if other != host:
                yield Problem(
                    where=f"host_vars {host}: {cluster.variable_name(host, name)}",
                    message=f"{value} is already that of {other}; give each host its own",
                )


def _unmanaged(cluster: Cluster, host: str, option: str) -> Iterator[Problem]:
    name = cluster.variable_name(host, option)
    value = cluster.variable(host, option, [])
    if not isinstance(value, list):
        yield Problem(where=f"{cluster.shared}: {name}", message="must be a list of IP addresses")
        return
    for index, each in enumerate(value):
        if _forwarding.address(each) is None:
            yield Problem(
                where=f"{cluster.shared}: {name}[{index}]",
                message=f"must be an IP address, not {each!r}",
            )


def _nat_route(cluster: Cluster, host: str) -> Iterator[Problem]:
    value = cluster.variable(host, "nat_route", "service")
    if value not in NAT_ROUTES:
        yield Problem(
            where=f"host_vars {host}: {cluster.variable_name(host, 'nat_route')}",
            message=f"must be one of {', '.join(NAT_ROUTES)}, not {value!r}"
            f"{suggestion(str(value), NAT_ROUTES)}",
        )


def _marks(cluster: Cluster, host: str) -> Iterator[Problem]:
    name = cluster.variable_name(host, "fwmark_addresses")
    value = cluster.variable(host, "fwmark_addresses", {})
    example = "; write it as 7: [172.16.1.254]"
    if not isinstance(value, Mapping):
        yield Problem(
            where=f"{cluster.shared}: {name}",
            message=f"must map marks to lists of addresses{example}",
        )
        return
    for mark, listed in value.items():
        texts = listed if isinstance(listed, list) else [listed]
        if not str(mark).isdigit() or any(_forwarding.address(each) is None for each in texts):
            yield Problem(
                where=f"{cluster.shared}: {name}.{mark}",
                message=f"must be a mark with a list of addresses{example}",
            )


def _ipvs_sysctls(cluster: Cluster, host: str) -> Iterator[Problem]:
    where = f"{cluster.shared}: {cluster.variable_name(host, 'ipvs_sysctls')}"
    value = cluster.variable(host, "ipvs_sysctls", {})
    if not isinstance(value, Mapping):
        yield Problem(where=where, message="must be a mapping such as sloppy_tcp: 1")
        return
    for name, each in value.items():
        if name not in IPVS_SYSCTLS:
            hint = suggestion(str(name), IPVS_SYSCTLS) or f"; known are {', '.join(IPVS_SYSCTLS)}"
            yield Problem(where=f"{where}.{name}", message=f"unknown kernel parameter{hint}")
        elif not isinstance(each, int | str):
            yield Problem(where=f"{where}.{name}", message=f"must be a number, not {each!r}")


def _overlays(cluster: Cluster, host: str) -> Iterator[Problem]:
    for layer in _cluster.OVERLAYS:
        if not isinstance(cluster.variable(host, layer, {}), Mapping):
            where = f"host_vars {host}" if layer == "host" else cluster.shared
            yield Problem(
                where=f"{where}: {cluster.variable_name(host, layer)}",
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
