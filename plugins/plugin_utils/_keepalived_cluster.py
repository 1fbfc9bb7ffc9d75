# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of all directors become the variables of one inventory.

Owns the order of the steps from `_keepalived_shape.py` and `_keepalived_merge.py`, and what is left
to be derived (`auto`): only what comes to exactly the same. Pure, but for who is asked whether two
documents mean the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _document,
    _forwarding,
    _hosts,
    _keepalived_merge,
    _keepalived_shape,
    _view,
)
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_merge import Difference
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import SECTIONS

Variables = dict[str, Any]
Documents = dict[str, dict[str, Any]]
# Whether the two documents of each pair mean the same (`_keepalived.same`).
Same = Callable[[Mapping[str, tuple[Any, Any]]], Mapping[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Director:
    """What is known of a director beside its file: its addresses, by interface and the one in the
    cluster, as far as they can be told."""

    interfaces: Mapping[str, list[str]]
    address: str | None = None
    address6: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The inventory. Passwords are references to variables of `secrets` ("$variable")."""

    # Without their prefix, of all directors and of each.
    shared: Variables
    own: dict[str, Variables]
    secrets: dict[str, Any]
    # Real servers that are hosts, with their variables.
    real_servers: dict[str, Variables]
    differences: list[Difference]
    # What each director's document is to be, with references.
    documents: Documents
    # Where in these documents is what was at a path of the imported ones.
    paths: dict[str, _keepalived_shape.Paths]


def make(
    documents: Mapping[str, Mapping[str, Any]],
    directors: Mapping[str, Director],
    real_servers: Mapping[str, list[str]],
    same: Same,
) -> Made:
    """The inventory of the directors' `documents`, which are in order of preference.

    `real_servers` are the hosts that may be real servers, with their addresses.
    """
    hosts = {address: name for name, listed in real_servers.items() for address in listed}
    vault = _keepalived_shape.Vault()
    shaped, paths = _shape(documents, hosts, same)
    shaped = {name: _normal(vault.hide(each, name)) for name, each in shaped.items()}
    used = {name for each in shaped.values() for name in _names(each)} & set(real_servers)
    known = {name: list(real_servers[name]) for name in real_servers if name in used}
    said = {name: _keepalived_shape.without_addresses(each, known) for name, each in shaped.items()}
    split = _keepalived_merge.split(said)
    shared = {name: value for name, value in split.shared.items() if value not in ({}, [])}
    unmanaged = [
        address
        for each in shaped.values()
        for address in _keepalived_shape.real_server_addresses(each)
        if hosts.get(address) not in used
    ]
    if unmanaged:
        shared["unmanaged_real_servers"] = list(dict.fromkeys(unmanaged))
    if brought := _brought(shaped, directors):
        shared[_hosts.UNMANAGED_VIRTUAL] = brought
    made = Made(
        shared=shared,
        own={name: _own(directors[name], split.own[name]) for name in documents},
        secrets=vault.secrets,
        real_servers={name: _addresses(listed) for name, listed in known.items()},
        differences=split.differences,
        documents=shaped,
        paths=paths,
    )
    _derive(made)
    return made


def _brought(documents: Documents, directors: Mapping[str, Director]) -> list[str]:
    """The addresses of virtual servers that a director has neither by an instance nor by itself:
    keepalived runs with them, and whether clients get there is up to something else."""
    found: dict[str, None] = {}
    for name, document in documents.items():
        held = _view.held(document, _view.interfaces(directors[name].interfaces))
        for pool in _forwarding.pools(document):
            found |= {str(each): None for each in pool.addresses if each not in held}
    return list(found)


def rebuilt(made: Made) -> Documents:
    """What the collection makes of the inventory for each director."""
    return _cluster.documents(as_cluster(made))


def as_cluster(made: Made) -> _cluster.Cluster:
    """The inventory, as the collection reads one."""
    variables = {
        **{name: _prefixed({**made.shared, **own}) for name, own in made.own.items()},
        **{name: _prefixed(own) for name, own in made.real_servers.items()},
    }
    return _cluster.Cluster(
        directors=tuple(made.own), real_servers=tuple(made.real_servers), variables=variables
    )


def _shape(
    documents: Mapping[str, Mapping[str, Any]], hosts: Mapping[str, str], same: Same
) -> tuple[Documents, dict[str, _keepalived_shape.Paths]]:
    """Real servers have names; and where the meaning is the same, all is said in short."""
    renamed = {name: _keepalived_shape.named(each, hosts) for name, each in documents.items()}
    short = {name: _keepalived_shape.simplified(each) for name, (each, __) in renamed.items()}
    kept = same({name: (renamed[name][0], short[name][0]) for name in documents})
    shaped: Documents = {}
    paths = {}
    for name, (each, moves) in renamed.items():
        # If one director's is not, none: they would differ where their files do not.
        all_kept = all(kept.values())
        shaped[name] = short[name][0] if all_kept else each
        paths[name] = moves.then(short[name][1]) if all_kept else moves
    return shaped, paths


def _normal(document: Mapping[str, Any]) -> dict[str, Any]:
    """As the collection makes documents: no empty sections, but those that are always there."""
    return _document.merge_document({**_empty(), **document}, (), {})


def _empty() -> dict[str, Any]:
    return copy.deepcopy(dict(SECTIONS))


def _names(document: Mapping[str, Any]) -> set[str]:
    servers = document.get("virtual_servers", {}).values()
    return {name for server in servers for name in server.get("real_servers") or {}}


def _own(director: Director, overlay: Mapping[str, Any]) -> Variables:
    own: Variables = {}
    if director.address:
        own["address"] = director.address
    if director.address6:
        own["address6"] = director.address6
    if director.interfaces:
        own["interfaces"] = {name: list(listed) for name, listed in director.interfaces.items()}
    if overlay:
        own["host"] = dict(overlay)
    return own


def _addresses(listed: list[str]) -> Variables:
    """`address` may be of either family, `address6` is IPv6."""
    return dict(zip(("address", "address6"), listed, strict=False))


def _prefixed(variables: Mapping[str, Any]) -> Variables:
    return {_cluster.PREFIX + name: value for name, value in variables.items()}


def _derive(made: Made) -> None:
    """Peers and priorities that follow from the inventory by themselves need not be said."""
    for name in made.shared.get("vrrp_instances", {}):
        _try(made, name, {"unicast_peer": "auto"}, ("unicast_peer", "unicast_src_ip"))
        _try(made, name, {"unicast_peer": "auto"}, ("unicast_peer",))
        _try(made, name, {"priority": "auto"}, ("priority",))


def _try(made: Made, instance: str, said: Mapping[str, str], gone: tuple[str, ...]) -> None:
    """Say `said` for all directors, and not what each says of `gone`, if it comes to the same."""
    shared = made.shared["vrrp_instances"][instance]
    if not isinstance(shared, dict) or any(shared.get(key) == "auto" for key in said):
        return
    owners = [made.documents[name]["vrrp_instances"].get(instance) for name in made.own]
    if not all(one is not None and gone[0] in one for one in owners):
        return
    before = copy.deepcopy((shared, made.own))
    shared.update(said)
    for own in made.own.values():
        _forget(own, instance, gone)
    if rebuilt(made) != made.documents:
        shared.clear()
        shared.update(before[0])
        made.own.clear()
        made.own.update(before[1])


def _forget(own: Variables, instance: str, gone: tuple[str, ...]) -> None:
    """Take the options out of the director's own instance, and what is empty then."""
    instances = own.get("host", {}).get("vrrp_instances", {})
    if not isinstance(instances.get(instance), dict):
        return
    for key in gone:
        instances[instance].pop(key, None)
    if not instances[instance]:
        del instances[instance]
    if not instances:
        del own["host"]["vrrp_instances"]
    if not own["host"]:
        del own["host"]


def resolved(value: Any, secrets: Mapping[str, Any]) -> Any:
    """`value` with the secrets themselves in the place of the references to them."""
    if isinstance(value, Mapping):
        if value.keys() == {_keepalived_merge.VARIABLE}:
            return secrets[value[_keepalived_merge.VARIABLE]]
        return {key: resolved(item, secrets) for key, item in value.items()}
    return [resolved(one, secrets) for one in value] if isinstance(value, list) else value
