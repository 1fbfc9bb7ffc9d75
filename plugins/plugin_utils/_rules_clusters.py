# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the clusters of one inventory: they share hosts, networks, nothing else.

Owns which host belongs where, and what two clusters must not both use. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _forwarding,
    _hosts,
    _rules,
    _view,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._locate import locate
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem, suggestion
from ansible_collections.lvs.cluster.plugins.plugin_utils._view import InstanceView

# A cluster with the document of each of its directors.
Part = tuple[Cluster, Mapping[str, Mapping[str, Any]]]

_ISOLATED = "set lvs_isolated: true where no network of one reaches the other"


def check(whole: Cluster, parts: Sequence[Part]) -> Iterator[Problem]:
    """Everything wrong between `parts`, the clusters of the inventory `whole`."""
    yield from _membership(whole, [cluster.name for cluster, __ in parts])
    yield from _unused_real_servers(whole, parts)
    yield from check_vrrp(parts)
    for one, two in _together(parts):
        yield from _hosts_of_both(one[0], two[0])


def check_vrrp(parts: Sequence[Part]) -> Iterator[Problem]:
    """VRIDs and virtual addresses that two of `parts` use."""
    for one, two in _together(parts):
        yield from _routers(one, two)


def _together(parts: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Any two clusters that may be on one network."""
    for one, two in combinations(parts, 2):
        if not (_isolated(one[0]) or _isolated(two[0])):
            yield one, two


def _membership(whole: Cluster, names: list[str]) -> Iterator[Problem]:
    several = len(names) > 1
    for host in dict.fromkeys((*whole.directors, *whole.real_servers)):
        value = whole.variable(host, "cluster")
        where = f"host_vars {host}: {whole.variable_name(host, 'cluster')}"
        if value is None:
            if several and host in whole.directors:
                known = ", ".join(filter(None, names))
                yield Problem(
                    where=where,
                    message=f"is required: other directors name their cluster ({known})",
                )
        elif not isinstance(value, str) or not value:
            yield Problem(where=where, message=f"must be the name of a cluster, not {value!r}")
        elif value not in names:
            yield Problem(
                where=where,
                message=f"no director is in cluster {value}{suggestion(value, names)}",
            )


def _isolated(cluster: Cluster) -> bool:
    return any(cluster.variable(each, "isolated") is True for each in cluster.directors)


def _routers(one: Part, two: Part) -> Iterator[Problem]:
    """RFC 9568, section 5.2.3: a VRID names one virtual router on a network."""
    for mine in _instances(two):
        for theirs in _instances(one):
            if _rules.meet(two[0], mine, one[0], theirs):
                yield Problem(
                    where=locate(two[0], mine.director, f"{mine.path}.virtual_router_id"),
                    message=f"{mine.virtual_router_id} is already that of {theirs.name} on"
                    f" {theirs.director}, on the same network, in {_of(one[0])}; give each instance"
                    f" its own, or {_ISOLATED}",
                )
            held = {each.address.ip for __, each in theirs.all_addresses()}
            for option, address in mine.all_addresses():
                # A link-local address is one per link, and links are not known here.
                if address.address.ip in held and not address.address.ip.is_link_local:
                    path = f"{mine.path}.{option}[{address.index}]"
                    yield Problem(
                        where=locate(two[0], mine.director, path),
                        message=f"{address.address.ip} is already a virtual address of"
                        f" {theirs.name} on {theirs.director}, in {_of(one[0])}; remove one of the"
                        f" two, or {_ISOLATED}",
                    )


def _hosts_of_both(one: Cluster, two: Cluster) -> Iterator[Problem]:
    known = {
        address: host for host in one.variables for address in _cluster.addresses_of(one, host)
    }
    for host in two.variables:
        for address in _cluster.addresses_of(two, host):
            if known.get(address, host) != host:
                yield Problem(
                    where=f"host_vars {host}: {two.variable_name(host, 'address')}",
                    message=f"{address} is already that of {known[address]}, in {_of(one)}; give"
                    f" each host its own, or {_ISOLATED}",
                )


def _instances(part: Part) -> list[InstanceView]:
    return [view for name, each in part[1].items() for view in _view.instances(name, each)]


def _of(cluster: Cluster) -> str:
    return f"cluster {cluster.name}"


def _unused_real_servers(whole: Cluster, parts: Sequence[Part]) -> Iterator[Problem]:
    """A real server may be in several clusters, so it is unused if all of them do not use it."""
    used: dict[str, set[Any]] = {}
    for cluster, documents in parts:
        found = {
            real.address
            for document in documents.values()
            for pool in _forwarding.pools(document)
            for real in pool.targets
        }
        for host in cluster.real_servers:
            used.setdefault(host, set()).update(found)
    for host, addresses in _hosts.addresses(whole).items():
        # One that is in no cluster at all is told by `_membership`.
        if host in used and not used[host] & set(addresses):
            shown = ", ".join(map(str, addresses))
            yield Problem(
                where=f"host_vars {host}: {whole.variable_name(host, 'address')}",
                message=f"{host} ({shown}) is a real server of no virtual server",
                warning=True,
            )
