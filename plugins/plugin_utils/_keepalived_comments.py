# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the inventory's files each notice about a keepalived.conf belongs.

Owns the words and the places of the comments. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _locate
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived import Line, Read
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_cluster import Made

# The variables of all directors; those of one are under its name.
SHARED = ""
SAME_ROUTER_ID = "All directors have this router_id, so that mails do not tell which one speaks."
# Of those that the same is said of; who mends them finds the others by what stands there.
_LINES = 10
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
    saying = Counter(
        (one.path, one.message) for each in read.values() for one in _lines(each, once=True)
    )
    placed: dict[tuple[str, str], list[tuple[str, Line]]] = {}
    for director, each in read.items():
        for one in _lines(each):
            everybody = saying[one.path, one.message] == len(read)
            path = made.paths[director].now(one.path)
            here = place(made, director, path, everybody=everybody)
            placed.setdefault(here, []).append((director, one))
    for (holder, path), some in placed.items():
        for text in _grouped(some):
            found.add(holder, path, text)
    for one in made.differences:
        found.add(
            one.director, f"{_HOST}.{one.path}", f"{one.message[:1].upper()}{one.message[1:]}."
        )
    if len(made.own) > 1 and "router_id" in made.shared.get("global_defs", {}):
        found.add(SHARED, f"{_cluster.PREFIX}global_defs.router_id", SAME_ROUTER_ID)
    return found


def notices(read: Mapping[str, Read]) -> list[str]:
    """All that was noticed, file by file; what is said of several lines once."""
    return _grouped((name, one) for name, each in read.items() for one in _lines(each))


def told(director: str, one: Line) -> str:
    """A single notice."""
    return _grouped([(director, one)])[0]


def _grouped(some: Iterable[tuple[str, Line]]) -> list[str]:
    """Each message once, with all the lines that it is said of, by director."""
    lines: dict[str, dict[tuple[str, str], list[int]]] = {}
    for director, one in some:
        where = lines.setdefault(one.message, {})
        where.setdefault((director, one.file), []).append(one.line)
    return [f"{_where(where)}: {message}" for message, where in lines.items()]


def _lines(each: Read, *, once: bool = False) -> list[Line]:
    """Notices, and after them errors, which are called so; with `once` one of each at a place."""
    errors = [replace(one, message=f"ERROR: {one.message}") for one in each.errors]
    found = [*sorted(each.notices, key=lambda one: (one.file, one.line)), *errors]
    return list({(one.path, one.message): one for one in found}.values()) if once else found


def place(made: Made, director: str, path: str, *, everybody: bool) -> tuple[str, str]:
    """Whose variables have what is at `path` of the director's document, and where. If both have,
    what is said of every director belongs to all."""
    own = made.own[director].get("host", {})
    mine, theirs = _locate.matched(own, path), _locate.matched(made.shared, path)
    both = mine and (_is_taken_away(own, path) or (mine == theirs and not everybody))
    if mine > theirs or both:
        return director, f"{_HOST}.{path}"
    return SHARED, f"{_cluster.PREFIX}{path}" if theirs else ""


def _is_taken_away(own: Any, path: str) -> bool:
    """Whether the director's own variables remove what is at `path`."""
    value = own
    while isinstance(value, Mapping) and path:
        # Names may have dots themselves.
        leading = [name for name in value if f"{path}.".startswith((f"{name}.", f"{name}["))]
        if not leading:
            return False
        longest = max(leading, key=len)
        value, path = value[longest], path[len(longest) :].lstrip(".")
    return value is None


def _where(lines: Mapping[tuple[str, str], list[int]]) -> str:
    """Of copies drct1.conf:12,30, drct2.conf:7; of hosts drct1, drct2: /etc/x.conf:12."""
    directors: dict[str, list[str]] = {}
    for (director, file), each in lines.items():
        unique = sorted(set(each))
        numbers = ",".join(map(str, unique[:_LINES]))
        if len(unique) > _LINES:
            numbers += f" and {len(unique) - _LINES} more lines"
        at = f"{file}:{numbers}" if file else ""
        directors.setdefault(at, []).append(director)
    shown = []
    for at, names in directors.items():
        # The path of a copy tells whose it is.
        said = [] if at and not at.startswith("/") else [name for name in names if name]
        shown.append(": ".join(filter(None, (", ".join(said), at))))
    return ", ".join(shown)
