# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the inventory a part of a director's document was said.

Owns that search and how the place is written. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._cluster import Cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import SECTIONS


def locate(cluster: Cluster, director: str, path: str) -> str:
    """Where in the inventory the part `path` of the director's document was said.

    Of the layers that lead there, the one that leads farthest: an option that is missing belongs
    where its instance is said, and one that a host overrides belongs to the host.
    """
    layers = [(matched(cluster.variable(director, each), path), each) for each in _cluster.OVERLAYS]
    said = matched(_cluster.base(cluster, director), path)
    for found, layer in layers:
        rivals = [other for other, name in layers if name != layer]
        if found and (found == len(path) or (found > said and found >= max(rivals))):
            variable = f"{cluster.variable_name(director, layer)}.{path}"
            return f"{_holder(cluster, director, layer)}: {variable}"
    section = next((name for name in SECTIONS if path.startswith(name)), None)
    if section is None:
        return f"{director}: {path}" if path else director
    variable = cluster.variable_name(director, section) + path.removeprefix(section)
    return f"{_holder(cluster, director, section)}: {variable}"


def is_shared(cluster: Cluster, director: str, variable: str) -> bool:
    """Whether all directors of the cluster have the same `variable`, as group_vars give it."""
    empty = SECTIONS.get(variable)
    own = cluster.variable(director, variable, empty)
    return all(cluster.variable(each, variable, empty) == own for each in cluster.directors)


def _holder(cluster: Cluster, director: str, variable: str) -> str:
    if variable != "host" and is_shared(cluster, director, variable):
        return cluster.shared
    return f"host_vars {director}"


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
