# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory variables to the configuration document of each director.

Owns the meaning of the `lvs_*` variables: what overrides what, where a value came from, which
real server an inventory host is. Pure: it must never touch a file, a host or Ansible itself, and
never judge a value (the agent's checker and `_rules.py` do).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _document,
    _forwarding,
    _host_needs,
    _real_server,
    _view,
    _vrrp_plan,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS, SECTIONS

DIRECTORS_GROUP = "lvs_directors"
REAL_SERVERS_GROUP = "lvs_real_servers"

# Every variable of the inventory that belongs to the collection, without its prefix.
VARIABLES = (
    *SECTIONS,
    "group",
    "host",
    "cluster",
    "isolated",
    "address",
    "address6",
    "interfaces",
    "unmanaged_real_servers",
    "unmanaged_virtual_addresses",
    "fwmark_addresses",
    "nat_route",
    "ipvs_sysctls",
)
# What the playbooks that validate are told with -e, likewise.
RUN_VARIABLES = ("migrate",)
PREFIX = "lvs_"
ROLE_PREFIX = "director_"
_PREFIXES = (PREFIX, ROLE_PREFIX)
# What is merged over the sections, the first one last.
OVERLAYS = ("host", "group")
# All that a plan is made from; a role that needs one reads nothing else of other hosts.
PLAN_VARIABLES = ("vrrp_instances", *OVERLAYS, "cluster", "address", "address6", "interfaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The inventory as far as one cluster is concerned, or the whole inventory.

    `variables` holds each host's variables of the collection, plain values, all templates resolved.
    `name` is what `lvs_cluster` says, empty where it says nothing or for the whole inventory.
    """

    directors: tuple[str, ...]
    real_servers: tuple[str, ...]
    variables: Mapping[str, Mapping[str, Any]]
    name: str = ""

    def variable(self, host: str, name: str, otherwise: Any = None) -> Any:
        """Variable `name` (without prefix) of `host`; the role's own name goes first."""
        values = self.variables.get(host, {})
        return values.get(ROLE_PREFIX + name, values.get(PREFIX + name, otherwise))

    def variable_name(self, host: str, name: str) -> str:
        """The full name under which `variable` finds `name`."""
        own = ROLE_PREFIX + name
        return own if own in self.variables.get(host, {}) else PREFIX + name

    @property
    def shared(self) -> str:
        """Where people find what the inventory says once for all hosts of the cluster."""
        return f"group_vars of cluster {self.name}" if self.name else "group_vars"


def collect(
    groups: Mapping[str, Any], hostvars: Mapping[str, Any], names: Iterable[str] | None = None
) -> Cluster:
    """The whole inventory in Ansible's `groups` and `hostvars`.

    Of the variables only those of `names` (without prefix), if given: each is a template to
    resolve.
    """
    only = None if names is None else {each + name for name in names for each in _PREFIXES}
    directors = tuple(str(host) for host in groups.get(DIRECTORS_GROUP, ()))
    real_servers = tuple(str(host) for host in groups.get(REAL_SERVERS_GROUP, ()))
    variables: dict[str, dict[str, Any]] = {}
    for host in dict.fromkeys((*directors, *real_servers)):
        # Ansible's syntax check knows hosts, but no variables of theirs.
        values = hostvars.get(host, {})
        variables[host] = {
            str(name): plain(values[name])
            for name in values
            if (is_ours(str(name)) if only is None else str(name) in only)
        }
    return Cluster(directors=directors, real_servers=real_servers, variables=variables)


def is_ours(name: str) -> bool:
    """True if the variable `name` says something about the cluster."""
    if name.startswith(PREFIX):
        return True
    own = name.removeprefix(ROLE_PREFIX)
    return name.startswith(ROLE_PREFIX) and own in (*SECTIONS, *OVERLAYS, "ipvs_sysctls")


def clusters(whole: Cluster) -> list[Cluster]:
    """The clusters of an inventory: directors with the same `lvs_cluster` are one.

    A real server that names no cluster belongs to all of them.
    """
    names = dict.fromkeys(_named(whole, host) for host in whole.directors)
    if len(names) < 2:
        return [replace(whole, name=next(iter(names), ""))]
    return [_part(whole, name) for name in names]


def of_director(whole: Cluster, director: str) -> Cluster:
    """The cluster that `director` belongs to."""
    return _part(whole, _named(whole, director))


def _part(whole: Cluster, name: str) -> Cluster:
    directors = tuple(host for host in whole.directors if _named(whole, host) == name)
    real_servers = tuple(host for host in whole.real_servers if _named(whole, host) in (name, ""))
    hosts = dict.fromkeys((*directors, *real_servers))
    variables = {host: whole.variables[host] for host in hosts if host in whole.variables}
    return Cluster(directors=directors, real_servers=real_servers, variables=variables, name=name)


def _named(whole: Cluster, host: str) -> str:
    """`lvs_cluster` of a host; what is no name is told by `_rules_clusters.py`."""
    value = whole.variable(host, "cluster")
    return "" if value is None else str(value)


def plain(value: Any) -> Any:
    """`value` with Ansible's own string, number and container types turned into Python's."""
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)


def drafts(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """The merged document of each director, with what is still to be derived."""
    addresses = real_server_addresses(cluster)
    return {name: _draft(cluster, name, addresses) for name in cluster.directors}


def _draft(cluster: Cluster, director: str, addresses: Mapping[str, list[str]]) -> dict[str, Any]:
    overlays = [cluster.variable(director, each) for each in reversed(OVERLAYS)]
    return _document.merge_document(base(cluster, director), overlays, addresses)


def base(cluster: Cluster, director: str) -> dict[str, Any]:
    """The sections of `director` as its variables give them, before anything is merged over."""
    return {name: cluster.variable(director, name, empty) for name, empty in SECTIONS.items()}


def plan(
    cluster: Cluster, merged: Mapping[str, Mapping[str, Any]] | None = None
) -> _vrrp_plan.Plan:
    """What is derived for the instances of one cluster; from the documents `merged` if given."""
    return _vrrp_plan.make(drafts(cluster) if merged is None else merged, sites(cluster))


def sites(cluster: Cluster) -> dict[str, _vrrp_plan.Site]:
    """Each director's own addresses."""
    return {
        name: _vrrp_plan.Site(
            interfaces=_view.interfaces(cluster.variable(name, "interfaces")),
            own=tuple(addresses_of(cluster, name)),
        )
        for name in cluster.directors
    }


def documents(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """The configuration document of each director of one cluster."""
    merged = drafts(cluster)
    planned = plan(cluster, merged)
    return {name: _vrrp_plan.applied(draft, planned, name) for name, draft in merged.items()}


def document(cluster: Cluster, director: str) -> dict[str, Any]:
    """The configuration document of `director`."""
    return documents(cluster)[director]


def directors_of(whole: Cluster, host: str) -> list[str]:
    """The directors that `host` has to do with: of a director those of its cluster, itself among
    them; of a real server those that send it anything."""
    if host in whole.directors:
        return list(of_director(whole, host).directors)
    addresses = addresses_of(whole, host)
    found = [each for cluster in clusters(whole) for each in directors(cluster)]
    return [each.name for each in found if any(_real_server.uses([each], addresses))]


def real_server_addresses(cluster: Cluster) -> dict[str, list[str]]:
    """The cluster addresses of every host of the real servers' group that has any."""
    addresses = {
        host: [cluster.variable(host, "address"), cluster.variable(host, "address6")]
        for host in cluster.real_servers
    }
    told = {host: [x for x in listed if isinstance(x, str)] for host, listed in addresses.items()}
    return {host: listed for host, listed in told.items() if listed}


def directors(
    cluster: Cluster, known: Mapping[str, Mapping[str, Any]] | None = None
) -> list[_real_server.Director]:
    """Every director as the real servers' needs are derived from it.

    `known` are the documents, if the caller has them already.
    """
    found = documents(cluster) if known is None else known
    return [
        _real_server.Director(
            name=name,
            document=each,
            interfaces=_view.interfaces(cluster.variable(name, "interfaces")),
            own=frozenset(addresses_of(cluster, name)),
        )
        for name, each in found.items()
    ]


def real_server_needs(cluster: Cluster, host: str) -> dict[str, list[Any]]:
    """What the network of the real server `host` must have (`_real_server.needs`)."""
    mine = [each for each in clusters(cluster) if host in each.real_servers]
    marked: dict[int, Any] = {}
    for each in mine:
        for name in each.directors:
            marked |= _real_server.marked(cluster.variable(name, "fwmark_addresses"))
    using = [director for each in mine for director in directors(each)]
    return _real_server.needs(using, addresses_of(cluster, host), marked)


def addresses_of(cluster: Cluster, host: str) -> list[_forwarding.Address]:
    texts = [cluster.variable(host, "address"), cluster.variable(host, "address6")]
    return [each for each in map(_forwarding.address, texts) if each is not None]


def kernel_modules(each: Mapping[str, Any]) -> list[str]:
    """Kernel modules that `each` needs: IPVS with the schedulers in use, then those of VRRP."""
    return [*_host_needs.ipvs_modules(each), *_host_needs.vrrp_modules(each)]


def vrrp_interfaces(each: Mapping[str, Any]) -> list[str]:
    """Interfaces that the document expects on the host, sorted: not those that the agent makes."""
    views = list(_view.instances("", each))
    names = {view.interface for view in views}
    names |= {address.device for view in views for address in (*view.addresses, *view.excluded)}
    names |= set(_view.static_devices(each))
    made = {view.vmac for view in views}
    return sorted(name for name in names if name is not None and name not in made)


def vmac_interfaces(each: Mapping[str, Any]) -> list[str]:
    """Interfaces that the agent makes on the host, sorted."""
    return sorted({view.vmac for view in _view.instances("", each)} - {None})


def rolling_order(cluster: Cluster, directors: Iterable[str] | None = None) -> list[str]:
    """Directors in the order to touch them: whoever is master of most instances comes last.

    One cluster after the other, in the inventory's order.
    """
    asked = cluster.directors if directors is None else tuple(directors)
    return [name for each in clusters(cluster) for name in _order(each, asked)]


def _order(cluster: Cluster, asked: tuple[str, ...]) -> list[str]:
    found = documents(cluster)
    highest: dict[str, int] = {}
    for each in found.values():
        for name, priority in _priorities(each).items():
            highest[name] = max(highest.get(name, 0), priority)

    def rank(director: str) -> tuple[int, int]:
        priorities = _priorities(found[director])
        masters = sum(priority == highest[name] for name, priority in priorities.items())
        return masters, sum(priorities.values())

    return sorted((name for name in asked if name in found), key=rank)


def _priorities(each: Mapping[str, Any]) -> dict[str, int]:
    instances = each.get("vrrp_instances")
    if not isinstance(instances, dict):
        return {}
    found: dict[str, int] = {}
    for name, instance in instances.items():
        if isinstance(instance, dict):
            priority = instance.get("priority", DEFAULTS["vrrp_instance.priority"])
            found[name] = priority if isinstance(priority, int) else 0
    return found
