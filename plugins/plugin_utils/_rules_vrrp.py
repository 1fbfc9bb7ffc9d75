# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the directors of one VRRP instance.

Owns unicast peers, VMACs, sync groups and weights: each director's part is right by itself, and
the whole does not work. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _view, _vrrp_plan
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._locate import locate
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem
from ansible_collections.lvs.cluster.plugins.plugin_utils._view import InstanceView


def check(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    """Everything wrong between `views`, the same instance on several directors."""
    yield from _peers(cluster, views)
    yield from _vmacs(cluster, views)
    yield from _preemption(cluster, views)
    yield from _weights(cluster, views)


def underivable(cluster: Cluster) -> Iterator[Problem]:
    """What is left to be derived, and cannot be."""
    for each in _cluster.plan(cluster).missing:
        yield Problem(where=locate(cluster, each.director, each.path), message=each.message)


def check_groups(cluster: Cluster, documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Instances that one director binds together and another does not end up on both."""
    groups = {name: dict(_view.sync_groups(document)) for name, document in documents.items()}
    first = next(iter(groups), None)
    for director, own in groups.items():
        for name in dict.fromkeys((*groups[first or director], *own)):
            mine, theirs = own.get(name), groups[first or director].get(name)
            if mine != theirs:
                yield Problem(
                    where=locate(cluster, director, f"vrrp_sync_groups.{name}"),
                    message=f"{_members(mine)} on {director} and {_members(theirs)} on {first}: the"
                    " members may end up on different directors; say the same",
                    warning=True,
                )


def _members(members: frozenset[str] | None) -> str:
    return "does not exist" if members is None else f"binds {', '.join(sorted(members))}"


def _peers(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    """Who is not in the other's list is not heard by it: both become master."""
    sites = _cluster.sites(cluster)
    for view in views:
        for other in views:
            if other is view or not view.peers or not other.peers:
                continue
            # Its address in the cluster may be on another interface.
            site = replace(sites[other.director], own=())
            known = _vrrp_plan.addresses(other, site)
            if known and not set(known) & set(view.peers):
                what = "unicast_src_ip" if other.source is not None else "address"
                yield Problem(
                    where=locate(cluster, view.director, f"{view.path}.unicast_peer"),
                    message=f"lacks {known[0]}, the {what} of {other.director}: it would get no"
                    " adverts from here, and become master too",
                )


def _vmacs(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    first = views[0]
    for other in views[1:]:
        if (other.vmac is None) != (first.vmac is None):
            yield Problem(
                where=locate(cluster, other.director, f"{other.path}.use_vmac"),
                message=f"{other.director} and {first.director} differ in use_vmac, so the MAC"
                " address changes at each takeover, which use_vmac is to avoid; say the same",
                warning=True,
            )


def _preemption(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    first = views[0]
    for other in views[1:]:
        if other.preempts != first.preempts:
            yield Problem(
                where=locate(cluster, other.director, f"{other.path}.nopreempt"),
                message=f"{other.director} and {first.director} differ in nopreempt: whether the"
                " master changes back then depends on which of them was away; say the same",
                warning=True,
            )


def _weights(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    """The usual mistake: a failing script takes 20 from a master that is 50 ahead."""
    if len(views) < 2:
        return
    first, second = sorted(views, key=lambda view: -view.priority)[:2]
    for path, weight in first.weights.items():
        left = first.priority - abs(weight)
        if left >= second.priority and second.preempts:
            yield Problem(
                where=locate(cluster, first.director, f"{first.path}.{path}"),
                message=f"weight {weight} moves nothing: when it fails, {first.director} still has"
                f" {left}, and {second.director} {second.priority}; make the weight larger than"
                f" {first.priority - second.priority}, or weight 0 for FAULT",
                warning=True,
            )
