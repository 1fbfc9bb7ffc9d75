# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from inventory variables to what the roles install. All logic is in `plugin_utils`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _document,
    _firewall_rules,
    _forwarding,
    _host_needs,
    _migration,
    _real_server,
    _rules,
    _rules_clusters,
    _verification,
    _view,
    _vrrp_plan,
)

# What `vrrp_plan` shows of an instance.
_PLANNED = (
    "interface",
    "virtual_router_id",
    "priority",
    "unicast_src_ip",
    "unicast_peer",
    "virtual_ipaddress",
    "virtual_ipaddress_excluded",
)


def director_document(
    sections: Mapping[str, Any],
    overlays: Any = None,
    addresses: Mapping[str, list[str]] | None = None,
    *,
    director: str = "",
    groups: Mapping[str, Any] | None = None,
    hostvars: Mapping[str, Any] | None = None,
) -> Any:
    """The configuration document of one director."""
    listed = overlays if isinstance(overlays, list | tuple) else [overlays]
    draft = _document.merge_document(
        _cluster.plain(sections),
        [_cluster.plain(each) for each in listed if each],
        _cluster.plain(addresses or {}),
    )
    # The other directors' variables are templates to resolve: only where something is wanted.
    if not _vrrp_plan.wanted(draft):
        return draft
    if not director or groups is None or hostvars is None:
        raise AnsibleFilterError("to derive `auto`, director, groups and hostvars are needed")
    known = _cluster.collect(groups, hostvars, _cluster.PLAN_VARIABLES)
    cluster = _cluster.of_director(known, director)
    if director not in cluster.directors:
        raise AnsibleFilterError(
            f"`auto` cannot be derived: {director} is not in the group {_cluster.DIRECTORS_GROUP}"
        )
    plan = _cluster.plan(cluster, {**_cluster.drafts(cluster), director: draft})
    missing = [f"{each.path}: {each.message}" for each in plan.missing if each.director == director]
    if missing:
        raise AnsibleFilterError("\n".join(missing))
    return _vrrp_plan.applied(draft, plan, director)


def vrrp_plan(groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> dict[str, Any]:
    """Who has which VRRP instance at which priority with which peers, and what is wrong there."""
    directors: dict[str, Any] = {}
    conflicts: list[dict[str, str]] = []
    whole = _cluster.collect(groups, hostvars)
    parts = [(cluster, _cluster.documents(cluster)) for cluster in _cluster.clusters(whole)]
    for cluster, documents in parts:
        directors |= {name: _planned(each) for name, each in documents.items()}
        found = [*_rules.check_vrrp(cluster, documents)]
        conflicts += [
            {"where": each.where, "message": each.message} for each in found if not each.warning
        ]
    found = [*_rules_clusters.check_vrrp(parts)]
    conflicts += [{"where": each.where, "message": each.message} for each in found]
    return {"directors": directors, "conflicts": conflicts}


def _planned(document: Mapping[str, Any]) -> dict[str, Any]:
    """The instances of one director with what a plan is about; no passwords."""
    found = _view.section(document, "vrrp_instances")
    return {
        str(name): {option: values[option] for option in _PLANNED if option in values}
        for name, values in found.items()
        if isinstance(values, Mapping)
    }


def directors_of(host: str, groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> list[str]:
    """The directors that `host` has to do with."""
    # Other real servers' variables are many, and none of them says anything of that.
    listed = {_cluster.DIRECTORS_GROUP: groups.get(_cluster.DIRECTORS_GROUP, ())}
    if host in listed[_cluster.DIRECTORS_GROUP]:
        known = _cluster.collect(listed, hostvars, ("cluster",))
    else:
        known = _cluster.collect({**listed, _cluster.REAL_SERVERS_GROUP: [host]}, hostvars)
    return _cluster.directors_of(known, str(host))


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
    cluster = _cluster.of_director(_cluster.collect(groups, hostvars), str(director))
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


def migration_plan(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What the way from keepalived to the agent, or back, means for each director in `seen`."""
    return _migration.plan(_cluster.plain(seen))


def process_limits(document: Mapping[str, Any]) -> dict[str, str]:
    """What the agent's unit has to allow for the scheduling that `document` wants."""
    return _host_needs.process_limits(_cluster.plain(document))


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
            "directors_of": directors_of,
            "host_addresses": host_addresses,
            "kernel_modules": kernel_modules,
            "migration_plan": migration_plan,
            "process_limits": process_limits,
            "real_server_needs": real_server_needs,
            "real_server_probes": real_server_probes,
            "rolling_order": rolling_order,
            "script_users": script_users,
            "tracks_processes": tracks_processes,
            "vmac_interfaces": vmac_interfaces,
            "vrrp_interfaces": vrrp_interfaces,
            "vrrp_plan": vrrp_plan,
        }
