# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the hosts of a cluster: what no director can see alone.

Owns them, and nothing that one document shows by itself (the agent's checker does that). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _forwarding,
    _hosts,
    _rules_forwarding,
    _rules_vrrp,
    _view,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._locate import locate
from ansible_collections.lvs.cluster.plugins.plugin_utils._problem import Problem, suggestion
from ansible_collections.lvs.cluster.plugins.plugin_utils._view import InstanceView, Interfaces


def check(cluster: Cluster, documents: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """Everything wrong between the hosts of one cluster.

    `documents` maps each director to its document.
    """
    found = [*_hosts.check(cluster), *check_vrrp(cluster, documents)]
    for name, document in documents.items():
        interfaces = _view.interfaces(cluster.variable(name, "interfaces"))
        found += _services(cluster, name, document, interfaces)
    found += _brought(cluster, documents)
    found += _rules_vrrp.check_groups(cluster, documents)
    found += _rules_forwarding.check(cluster, documents)
    return list(dict.fromkeys(found))


def check_vrrp(cluster: Cluster, documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Everything wrong between the VRRP instances of one cluster, and what cannot be derived."""
    instances = [
        view for name, document in documents.items() for view in _view.instances(name, document)
    ]
    by_name: dict[str, list[InstanceView]] = {}
    for view in instances:
        by_name.setdefault(view.name, []).append(view)
    interfaces = {
        name: _view.interfaces(cluster.variable(name, "interfaces")) for name in documents
    }
    yield from _rules_vrrp.underivable(cluster)
    for views in by_name.values():
        yield from _differences(cluster, views)
        yield from _priorities(cluster, views)
        yield from _alone(cluster, views)
        yield from _rules_vrrp.check(cluster, views)
    yield from _virtual_router_ids(cluster, instances)
    yield from _same_addresses(cluster, instances)
    for view in instances:
        yield from _networks(cluster, view, interfaces[view.director])


def _differences(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    first = views[0]
    for other in views[1:]:
        for option, value in other.shared.items():
            if value == first.shared.get(option):
                continue
            path = f"{other.path}.{option}"
            if option.startswith("vrrp_mcast_group"):
                path = f"global_defs.{option}"
            theirs = first.shared.get(option, first.transport)
            shown = "" if option == "authentication" else f" ({value} and {theirs})"
            yield Problem(
                where=locate(cluster, other.director, path),
                message=f"{option} of {other.name} must be the same on {other.director} and"
                f" {first.director}{shown}",
            )


def _priorities(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    seen: dict[int, str] = {}
    for view in views:
        other = seen.setdefault(view.priority, view.director)
        # 0 stands for what cannot be read, which is told elsewhere.
        if other != view.director and view.priority:
            yield Problem(
                where=locate(cluster, view.director, f"{view.path}.priority"),
                message=f"{view.director} and {other} both have priority {view.priority}; say"
                f" `priority: auto` for {view.name}, or give each director its own in"
                f" lvs_host.vrrp_instances.{view.name}.priority of its host_vars",
            )


def _alone(cluster: Cluster, views: list[InstanceView]) -> Iterator[Problem]:
    if len(views) == 1 and len(cluster.directors) > 1:
        yield Problem(
            where=locate(cluster, views[0].director, views[0].path),
            message=f"only {views[0].director} has this instance: no other director can take over",
            warning=True,
        )


def _virtual_router_ids(cluster: Cluster, instances: list[InstanceView]) -> Iterator[Problem]:
    """RFC 9568, section 5.2.3: a VRID names one virtual router on a network."""
    for index, view in enumerate(instances):
        for other in instances[:index]:
            same_director = view.director == other.director
            if view.name == other.name or (same_director and view.interface == other.interface):
                continue  # the same virtual router; or the agent's checker says it
            if meet(cluster, view, cluster, other):
                yield Problem(
                    where=locate(cluster, view.director, f"{view.path}.virtual_router_id"),
                    message=f"{view.virtual_router_id} is already that of {other.name} on"
                    f" {other.director}, on the same network; give each instance its own",
                )


def meet(cluster: Cluster, view: InstanceView, others: Cluster, other: InstanceView) -> bool:
    """Whether two instances have one VRID, and adverts of one reach the director of the other."""
    if view.virtual_router_id is None or view.virtual_router_id != other.virtual_router_id:
        return False
    if (view.family, view.transport) != (other.family, other.transport):
        return False
    mine = _view.interfaces(cluster.variable(view.director, "interfaces"))
    theirs = _view.interfaces(others.variable(other.director, "interfaces"))
    if view.transport == _view.UNICAST and not (
        _sends(view, other, theirs) or _sends(other, view, mine)
    ):
        return False
    return _same_network(view, mine, other, theirs)


def _sends(view: InstanceView, to: InstanceView, interfaces: Interfaces) -> bool:
    """Whether the unicast instance `view` sends adverts to the director of `to`."""
    known = {address.ip for address in interfaces.get(to.interface or "", ())}
    return bool(set(view.peers) & ({to.source} if to.source is not None else known))


def _same_network(
    view: InstanceView, mine: Interfaces, other: InstanceView, theirs: Interfaces
) -> bool:
    if view.interface is None or other.interface is None:
        return False
    one, two = mine.get(view.interface, ()), theirs.get(other.interface, ())
    if one and two:
        return any(each.network.overlaps(that.network) for each in one for that in two)
    return view.interface == other.interface


def _same_addresses(cluster: Cluster, instances: list[InstanceView]) -> Iterator[Problem]:
    seen: dict[Any, InstanceView] = {}
    for view in instances:
        for option, address in view.all_addresses():
            other = seen.setdefault(address.address.ip, view)
            if address.address.ip.is_link_local:
                continue  # one per link, and links are not known here
            if other.name != view.name and other.director != view.director:
                path = f"{view.path}.{option}[{address.index}]"
                yield Problem(
                    where=locate(cluster, view.director, path),
                    message=f"{address.address.ip} is already a virtual address of {other.name} on"
                    f" {other.director}; remove one of the two",
                )


def _networks(cluster: Cluster, view: InstanceView, declared: Interfaces) -> Iterator[Problem]:
    """Where the director's interfaces are declared, what the instance uses must fit them."""
    if not declared:
        return
    if view.interface is not None and view.interface not in declared:
        yield Problem(
            where=locate(cluster, view.director, f"{view.path}.interface"),
            message=f"{view.director} has no interface {view.interface} in its lvs_interfaces"
            f" ({', '.join(declared)}){suggestion(view.interface, declared)}",
        )
    for address in view.addresses:
        device = address.device
        if device is None or device in ("lo", view.vmac):
            continue
        where = locate(cluster, view.director, f"{view.path}.virtual_ipaddress[{address.index}]")
        if device not in declared:
            if device != view.interface:
                yield Problem(
                    where=where,
                    message=f"{view.director} has no interface {device} in its lvs_interfaces"
                    f" ({', '.join(declared)}){suggestion(device, declared)}",
                )
            continue
        networks = [each.network for each in declared[device]]
        if not _declared(address.address, networks):
            continue
        if not any(address.address.ip in network for network in networks):
            shown = ", ".join(map(str, networks)) or "none"
            yield Problem(
                where=where,
                message=f"{address.address.ip} is outside the networks of {device} on"
                f" {view.director} ({shown}); correct it, or add the network to lvs_interfaces"
                " if it is routed there",
            )
        own = [each.ip for each in declared[device]]
        if address.address.ip in own:
            # Priority 255 is no exception: the agent takes virtual addresses away when it stops,
            # and the host would lose its own.
            yield Problem(
                where=where,
                message=f"{address.address.ip} is {view.director}'s own address; use another as the"
                " virtual one: the agent adds and removes those",
            )


def _declared(address: _view.InterfaceAddress, networks: list[Any]) -> bool:
    """Whether the declared networks can tell about `address`: IPv6 ones are often left out."""
    if address.ip.is_link_local:
        return False
    return address.version == 4 or any(network.version == 6 for network in networks)


def _services(
    cluster: Cluster, director: str, document: Mapping[str, Any], declared: Interfaces
) -> Iterator[Problem]:
    own = _view.held(document, declared)
    known = {each for listed in _hosts.addresses(cluster).values() for each in listed}
    known |= set(_hosts.unmanaged(cluster, director))
    elsewhere = set(_hosts.unmanaged_virtual(cluster, director))
    for pool in _forwarding.pools(document):
        group = "group" if document["virtual_servers"][pool.name].get("ip") is None else "ip"
        for address in pool.addresses:
            if address in own or address in elsewhere:
                continue
            yield Problem(
                where=locate(cluster, director, f"{pool.path}.{group}"),
                message=f"{address} is no address of {director}: no traffic would reach this"
                " virtual server; add it to the virtual_ipaddress of a VRRP instance (or, where"
                " the host has it by itself, to its lvs_interfaces; or, where something else"
                " brings it there, to lvs_unmanaged_virtual_addresses)",
            )
        for real in pool.targets:
            if real.sorry:
                continue
            if real.address is None:
                yield from _nameless(cluster, director, document, pool.name, real)
            elif real.address not in known:
                yield Problem(
                    where=locate(cluster, director, f"{real.path}.ip"),
                    message=f"{real.address} is the lvs_address of no host in lvs_real_servers; add"
                    " the host, or list the address in lvs_unmanaged_real_servers",
                )


def _brought(cluster: Cluster, documents: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """One warning, though it may be hundreds of addresses."""
    found: dict[Any, str] = {}
    for director, document in documents.items():
        interfaces = _view.interfaces(cluster.variable(director, "interfaces"))
        held = _view.held(document, interfaces)
        elsewhere = set(_hosts.unmanaged_virtual(cluster, director)) - held
        served = [each for pool in _forwarding.pools(document) for each in pool.addresses]
        found |= {each: director for each in served if each in elsewhere}
    if not found:
        return
    (first, director), *__ = found.items()
    more = len(found) - 1
    yield Problem(
        where=f"{cluster.shared}: {cluster.variable_name(director, _hosts.UNMANAGED_VIRTUAL)}",
        message=f"no VRRP instance has {first}{f' and {more} more' if more else ''}: nothing here"
        " brings it to a director, or takes it away from one that fails; lvs.cluster.verify tells"
        " whether a director has it",
        warning=True,
    )


def _nameless(
    cluster: Cluster,
    director: str,
    document: Mapping[str, Any],
    server: str,
    real: _forwarding.Target,
) -> Iterator[Problem]:
    """A real server without an address whose name looks like that of a host."""
    if document["virtual_servers"][server]["real_servers"][real.name].get("ip") is None:
        hint = suggestion(real.name, cluster.real_servers)
        where = f" of cluster {cluster.name}" if cluster.name else ""
        yield Problem(
            where=locate(cluster, director, real.path),
            message=f"has no ip, and {real.name} is no host with an lvs_address in"
            f" lvs_real_servers{where}{hint}",
        )
