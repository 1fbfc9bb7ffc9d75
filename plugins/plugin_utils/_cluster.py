# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory variables to the configuration document of each director.

Owns the meaning of the `lvs_*` variables: what overrides what, where a value came from, which
real server an inventory host is. Pure: it must never touch a file, a host or Ansible itself, and
never judge a value (the agent's checker and `_rules.py` do).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _forwarding,
    _host_needs,
    _real_server,
    _view,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS, SECTIONS

DIRECTORS_GROUP = "lvs_directors"
REAL_SERVERS_GROUP = "lvs_real_servers"
# A document has these even where they are empty, so that its reader finds them.
_ALWAYS = ("global_defs", "vrrp_instances", "virtual_servers")

# Every variable of the inventory that belongs to the collection, without its prefix.
VARIABLES = (
    *SECTIONS,
    "host",
    "address",
    "address6",
    "interfaces",
    "unmanaged_real_servers",
    "fwmark_addresses",
    "nat_route",
    "ipvs_sysctls",
)
PREFIX = "lvs_"
ROLE_PREFIX = "director_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The inventory as far as the cluster is concerned.

    `variables` holds each host's variables of the collection, plain values, all templates resolved.
    """

    directors: tuple[str, ...]
    real_servers: tuple[str, ...]
    variables: Mapping[str, Mapping[str, Any]]

    def variable(self, host: str, name: str, otherwise: Any = None) -> Any:
        """Variable `name` (without prefix) of `host`; the role's own name goes first."""
        values = self.variables.get(host, {})
        return values.get(ROLE_PREFIX + name, values.get(PREFIX + name, otherwise))

    def variable_name(self, host: str, name: str) -> str:
        """The full name under which `variable` finds `name`."""
        own = ROLE_PREFIX + name
        return own if own in self.variables.get(host, {}) else PREFIX + name


def collect(groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> Cluster:
    """The cluster in Ansible's `groups` and `hostvars`."""
    directors = tuple(str(host) for host in groups.get(DIRECTORS_GROUP, ()))
    real_servers = tuple(str(host) for host in groups.get(REAL_SERVERS_GROUP, ()))
    variables: dict[str, dict[str, Any]] = {}
    for host in dict.fromkeys((*directors, *real_servers)):
        # Ansible's syntax check knows hosts, but no variables of theirs.
        values = hostvars.get(host, {})
        variables[host] = {str(name): plain(values[name]) for name in values if is_ours(str(name))}
    return Cluster(directors=directors, real_servers=real_servers, variables=variables)


def is_ours(name: str) -> bool:
    """True if the variable `name` says something about the cluster."""
    if name.startswith(PREFIX):
        return True
    own = name.removeprefix(ROLE_PREFIX)
    return name.startswith(ROLE_PREFIX) and own in (*SECTIONS, "host", "ipvs_sysctls")


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


def document(cluster: Cluster, director: str) -> dict[str, Any]:
    """The configuration document of `director`."""
    base = _base(cluster, director)
    addresses = real_server_addresses(cluster)
    return merge_document(base, cluster.variable(director, "host", {}), addresses)


def _base(cluster: Cluster, director: str) -> dict[str, Any]:
    return {name: cluster.variable(director, name, empty) for name, empty in SECTIONS.items()}


def merge_document(
    base: Mapping[str, Any], overlay: Any, addresses: Mapping[str, list[str]]
) -> dict[str, Any]:
    """`base` with a director's `overlay` merged over it and real servers' addresses filled in.

    Mappings merge, anything else replaces; null in the overlay removes what the base has.
    `addresses` maps inventory hosts to the addresses that a real server of that name may get: the
    one of the virtual server's family, or where the host has none of it the other (by a tunnel).
    """
    merged = _merge(dict(base), overlay) if isinstance(overlay, Mapping) else dict(base)
    merged = copy.deepcopy(merged)
    for server in _mappings(merged.get("virtual_servers")):
        real_servers = server.get("real_servers")
        if not isinstance(real_servers, dict):
            continue
        family = _forwarding.family_of(server, merged.get("virtual_server_groups"))
        for name, real_server in real_servers.items():
            if not addresses.get(name):
                continue
            ip = sorted(addresses[name], key=lambda each: (":" in each) != (family == 6))[0]
            if real_server is None:
                real_servers[name] = {"ip": ip}
            elif isinstance(real_server, dict) and real_server.get("ip") is None:
                real_servers[name] = {"ip": ip, **_without(real_server, "ip")}
    return {
        name: value for name, value in merged.items() if value not in ({}, []) or name in _ALWAYS
    }


def _merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in overlay.items():
        if value is None and name in merged:
            del merged[name]
        elif isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = _merge(dict(merged[name]), value)
        else:
            merged[name] = value
    return merged


def _without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


def _mappings(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    return [item for item in value.values() if isinstance(item, dict)]


def real_server_addresses(cluster: Cluster) -> dict[str, list[str]]:
    """The cluster addresses of every host of the real servers' group that has any."""
    addresses = {
        host: [cluster.variable(host, "address"), cluster.variable(host, "address6")]
        for host in cluster.real_servers
    }
    told = {host: [x for x in listed if isinstance(x, str)] for host, listed in addresses.items()}
    return {host: listed for host, listed in told.items() if listed}


def directors(
    cluster: Cluster, documents: Mapping[str, Mapping[str, Any]] | None = None
) -> list[_real_server.Director]:
    """Every director as the real servers' needs are derived from it."""
    found = {name: document(cluster, name) for name in cluster.directors}
    return [
        _real_server.Director(
            name=name,
            document=each,
            interfaces=_view.interfaces(cluster.variable(name, "interfaces")),
            own=frozenset(addresses_of(cluster, name)),
        )
        for name, each in (documents or found).items()
    ]


def real_server_needs(cluster: Cluster, host: str) -> dict[str, list[Any]]:
    """What the network of the real server `host` must have (`_real_server.needs`)."""
    marked: dict[int, Any] = {}
    for name in cluster.directors:
        marked |= _real_server.marked(cluster.variable(name, "fwmark_addresses"))
    return _real_server.needs(directors(cluster), addresses_of(cluster, host), marked)


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


def rolling_order(cluster: Cluster, directors: Iterable[str] | None = None) -> list[str]:
    """Directors in the order to touch them: whoever is master of most instances comes last."""
    documents = {name: document(cluster, name) for name in cluster.directors}
    highest: dict[str, int] = {}
    for each in documents.values():
        for name, priority in _priorities(each).items():
            highest[name] = max(highest.get(name, 0), priority)

    def rank(director: str) -> tuple[int, int]:
        priorities = _priorities(documents[director])
        masters = sum(priority == highest[name] for name, priority in priorities.items())
        return masters, sum(priorities.values())

    wanted = cluster.directors if directors is None else directors
    return sorted((name for name in wanted if name in documents), key=rank)


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


def matched(value: Any, path: str) -> int:
    """How many characters at the start of `path` lead to something that `value` holds.

    Paths are as the checker writes them (`a.b[0].c`); names may hold dots themselves, so the
    longest name that fits goes first.
    """
    if not path:
        return 0
    if isinstance(value, Mapping):
        names = sorted((str(name) for name in value), key=len, reverse=True)
        for name in names:
            if path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "["):
                step = len(name) + (path[len(name) : len(name) + 1] == ".")
                item = next(value[key] for key in value if str(key) == name)
                return step + matched(item, path[step:])
    elif isinstance(value, list) and path.startswith("["):
        index, __, rest = path[1:].partition("]")
        if index.isdigit() and int(index) < len(value):
            step = len(index) + 2 + rest.startswith(".")
            return step + matched(value[int(index)], path[step:])
    return 0


def locate(cluster: Cluster, director: str, path: str) -> str:
    """Where in the inventory the part `path` of the director's document was said."""
    base = _base(cluster, director)
    overlay = cluster.variable(director, "host", {})
    in_overlay = matched(overlay, path)
    if in_overlay and (in_overlay > matched(base, path) or in_overlay == len(path)):
        return f"host_vars {director}: {cluster.variable_name(director, 'host')}.{path}"
    section = next((name for name in SECTIONS if path.startswith(name)), None)
    if section is None:
        return f"{director}: {path}" if path else director
    shared = all(
        cluster.variable(other, section, SECTIONS[section]) == base[section]
        for other in cluster.directors
    )
    variable = cluster.variable_name(director, section) + path.removeprefix(section)
    return f"group_vars: {variable}" if shared else f"host_vars {director}: {variable}"
