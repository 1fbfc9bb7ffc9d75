# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the inventory's files each notice about a keepalived.conf belongs.

Owns the words and the places of the comments. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _locate
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived import Line, Read
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_cluster import Made

# The variables of all directors; those of one are under its name.
SHARED = ""
_HOST = f"{_cluster.PREFIX}host"


@dataclass(slots=True)
class Comments:
    """Comments by holder (`SHARED` or a director), then by path in its variables."""

    by_holder: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def add(self, holder: str, path: str, text: str) -> None:
        """One more above what is at `path`."""
        self.by_holder.setdefault(holder, {}).setdefault(path, []).append(text)


def comments(made: Made, read: Mapping[str, Read]) -> Comments:
    """A comment for each notice, error and difference. The same that is said of several lines is
    one comment."""
    found = Comments()
    lines: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for director, each in read.items():
        told = [(one, one.message) for one in each.notices]
        told += [(one, f"ERROR: {one.message}") for one in each.errors]
        for one, message in told:
            holder, path = place(made, director, made.paths[director].now(one.path))
            lines.setdefault((holder, path, message), {}).setdefault(one.file, []).append(one.line)
    for (holder, path, message), where in lines.items():
        found.add(holder, path, f"{_where(where)}: {message}" if any(where) else message)
    for one in made.differences:
        found.add(one.director, f"{_HOST}.{one.path}", f"{one.message.capitalize()}.")
    return found


def told(director: str, one: Line) -> str:
    """The notice in one line."""
    where = f"{one.file}:{one.line}" if one.file else director
    return f"{where}: {one.message}"


def place(made: Made, director: str, path: str) -> tuple[str, str]:
    """Whose variables have what is at `path` of the director's document, and where."""
    own = made.own[director].get("host", {})
    mine, theirs = _locate.matched(own, path), _locate.matched(made.shared, path)
    if mine > theirs or (mine and _is_taken_away(own, path)):
        return director, f"{_HOST}.{path}"
    return SHARED, f"{_cluster.PREFIX}{path}" if theirs else ""


def _is_taken_away(own: Any, path: str) -> bool:
    """Whether the director's own variables remove what is at `path`."""
    value = own
    while isinstance(value, Mapping) and path:
        names = [name for name in value if path == name or path.startswith((f"{name}.", f"{name}["))]
        if not names:
            return False
        longest = max(names, key=len)
        value, path = value[longest], path[len(longest) :].lstrip(".")
    return value is None


def _where(lines: Mapping[str, list[int]]) -> str:
    """drct1.conf:12,30, drct2.conf:7"""
    numbers = {file: ",".join(map(str, sorted(set(each)))) for file, each in lines.items()}
    return ", ".join(f"{file}:{each}" for file, each in numbers.items() if file)
