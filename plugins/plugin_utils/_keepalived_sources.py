# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the directors' keepalived.conf files are, and what else is known of their hosts.

Owns the shape of a folder of copies, the order of directors, and which addresses are a director's
own. Pure, but for looking into that folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _forwarding, _view
from ansible_collections.lvs.cluster.plugins.plugin_utils._agent_code import Failed
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived import DIRECTORY, Read
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_cluster import Director

_FILE = "keepalived.conf"
_ENDING = ".conf"


def in_folder(folder: str) -> dict[str, str]:
    """The file of each director in a folder of copies, by the director's name. Raises Failed."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise Failed(f"{folder}: {error.strerror}") from error
    found: dict[str, str] = {}
    for name in names:
        path = os.path.join(folder, name)
        director = name.removesuffix(_ENDING)
        if os.path.isfile(os.path.join(path, _FILE)):
            path = os.path.join(path, _FILE)
        elif director == name or not os.path.isfile(path):
            continue
        if director in found:
            raise Failed(f"{found[director]} and {path} are both of {director}; remove one")
        found[director] = path
    if not found:
        raise Failed(
            f"{folder} has no NAME{_ENDING} and no NAME/{_FILE}: put a copy of each director's file"
            " there, under the name that the director has in the inventory"
        )
    return found


def labelled(read: Mapping[str, Read], copies: Mapping[str, str]) -> dict[str, Read]:
    """With the files of notices called as people know them: of a folder with `copies`, by director,
    the copy; else the file on its host."""

    def label(director: str, file: str) -> str:
        if not file or director not in copies:
            return file
        beside = os.path.relpath(file, DIRECTORY)
        return os.path.join(os.path.dirname(copies[director]), beside)

    return {
        name: replace(
            each,
            notices=tuple(replace(one, file=label(name, one.file)) for one in each.notices),
            errors=tuple(replace(one, file=label(name, one.file)) for one in each.errors),
        )
        for name, each in read.items()
    }


def ordered(read: Mapping[str, Read], known: Iterable[str]) -> list[str]:
    """The directors in order of preference: that of the inventory, else by their priorities."""
    listed = [name for name in known if name in read]
    rest = [name for name in read if name not in listed]
    return [*listed, *sorted(rest, key=lambda name: (-_priorities(read[name].document), name))]


def _priorities(document: Mapping[str, Any]) -> int:
    return sum(view.priority for view in _view.instances("", document))


def directors(
    read: Mapping[str, Read],
    addresses: Mapping[str, Mapping[str, list[str]]],
    inventory: _cluster.Cluster,
) -> dict[str, Director]:
    """What is known of the directors' own addresses: from the `inventory`, else from the host, else
    from the adverts' source."""
    virtual = {
        str(address.address.ip)
        for name, each in read.items()
        for view in _view.instances(name, each.document)
        for __, address in view.all_addresses()
    }
    there = {}
    for name in read:
        said = inventory.variable(name, "interfaces")
        there[name] = said if isinstance(said, Mapping) else addresses.get(name, {})
    virtual |= _moved_by_others(read, there)
    return {
        name: _director(name, each.document, there[name], virtual, inventory)
        for name, each in read.items()
    }


def _moved_by_others(
    read: Mapping[str, Read], there: Mapping[str, Mapping[str, list[str]]]
) -> set[str]:
    """The addresses of virtual servers that some directors have and others do not: somebody's
    script has put them where they are, they are not that host's."""
    served = {
        str(each)
        for one in read.values()
        for pool in _forwarding.pools(one.document)
        for each in pool.addresses
    }
    have = [
        {one.partition("/")[0] for listed in links.values() for one in listed}
        for links in there.values()
    ]
    return served - set.intersection(*have) if have else served


def _director(
    name: str,
    document: Mapping[str, Any],
    addresses: Mapping[str, list[str]],
    virtual: set[str],
    inventory: _cluster.Cluster,
) -> Director:
    own = {
        link: [one for one in listed if one.partition("/")[0] not in virtual]
        for link, listed in addresses.items()
    }
    own = {link: listed for link, listed in own.items() if listed}
    views = list(_view.instances(name, document))
    sources = {str(view.source) for view in views if view.source is not None}
    first = [one.partition("/")[0] for view in views for one in own.get(view.interface or "", ())]
    return Director(
        interfaces=own,
        address=inventory.variable(name, "address") or _one(sources, first, ":", wanted=False),
        address6=inventory.variable(name, "address6") or _one(sources, first, ":", wanted=True),
    )


def _one(sources: set[str], first: list[str], mark: str, *, wanted: bool) -> str | None:
    """The adverts' only source of the family, else the first address of their interface."""
    mine = [one for one in sources if (mark in one) is wanted]
    if len(mine) == 1:
        return mine[0]
    return next((one for one in first if (mark in one) is wanted), None)


def real_servers(inventory: _cluster.Cluster, named: Mapping[str, str]) -> dict[str, list[str]]:
    """The hosts that may be real servers, with their addresses: those of the inventory, and those
    that were `named` by address."""
    found = dict(_cluster.real_server_addresses(inventory))
    for address, name in named.items():
        listed = found.setdefault(name, [])
        if address not in listed:
            listed.append(address)
    # An IPv4 address goes first: `lvs_address` is of either family, `lvs_address6` is not.
    return {name: sorted(listed, key=lambda one: ":" in one) for name, listed in found.items()}
