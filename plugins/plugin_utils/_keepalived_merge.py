# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents of several directors have in common, and what each has of its own.

Owns that split, which `_document.merge_document` puts together again. Pure; must never judge a
value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils._schema import DEFAULTS

# What is each director's own by its nature, at the end of a path.
PERSONAL = frozenset({
    "router_id", "state", "priority", "unicast_src_ip", "unicast_peer", "mcast_src_ip",
    "static_ipaddress", "smtp_helo_name",
})  # fmt: skip

# A mapping with this key alone is a reference to a variable (`lvs_agent/keepalived/yaml_text.py`).
VARIABLE = "$variable"

_ABSENT: Any = object()
# Sections, and what has a name in them: one director lacks those rather than others have more.
_NAMED_DEPTH = 2
# By section and depth, the blocks whose options people compare.
_BLOCKS = {
    ("global_defs", 2): "global_defs",
    ("vrrp_instances", 3): "vrrp_instance",
    ("virtual_servers", 3): "virtual_server",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`director` has something else at `path` than `others` have, and it is not by its nature."""

    director: str
    path: str
    message: str


@dataclass(slots=True)
class Split:
    """`shared` with each director's `own` merged over it is that director's document."""

    shared: dict[str, Any]
    own: dict[str, dict[str, Any]]
    differences: list[Difference] = field(default_factory=list)


def split(documents: Mapping[str, Mapping[str, Any]]) -> Split:
    """What `documents`, by director, have in common."""
    return _split(documents, "", 0)


def _split(values: Mapping[str, Mapping[str, Any]], path: str, depth: int) -> Split:
    found = Split({}, {name: {} for name in values})
    for key in dict.fromkeys(key for value in values.values() for key in value):
        here = f"{path}.{key}" if path else key
        each = {name: value.get(key, _ABSENT) for name, value in values.items()}
        _key(found, key, each, here, depth + 1)
    return found


def _key(found: Split, key: str, each: dict[str, Any], path: str, depth: int) -> None:
    there = {name: value for name, value in each.items() if value is not _ABSENT}
    missing = [name for name in each if name not in there]
    if any(_has_null(value) for value in there.values()):
        # In an overlay null removes; only where nothing is below it does it stay.
        _each_its_own(found, key, there)
    elif all(map(_is_block, there.values())) and (
        not missing or (depth <= _NAMED_DEPTH and 2 * len(there) >= len(each))
    ):
        inner = _split(there, path, depth)
        found.shared[key] = inner.shared
        found.differences += inner.differences
        for name, own in inner.own.items():
            if own:
                found.own[name][key] = own
        _take_away(found, key, missing, there, path)
    elif path.rpartition(".")[2] in PERSONAL and (len(each) == 1 or not _all_equal(each)):
        _each_its_own(found, key, there)
    else:
        _most(found, key, each, path, depth)


def _most(found: Split, key: str, each: dict[str, Any], path: str, depth: int) -> None:
    """What most of them have is shared; if as many have it as not, who has it says it."""
    value = _commonest(list(each.values()))
    usual = [name for name in each if _equal(each[name], value)]
    rest = [each[name] for name in each if name not in usual]
    if _is_block(value) and any(map(_is_block, rest)):
        # One would be merged into the other.
        _each_its_own(found, key, {n: v for n, v in each.items() if v is not _ABSENT})
        return
    if value is not _ABSENT:
        found.shared[key] = value
    others = ", ".join(usual)
    for name, own in each.items():
        if name in usual:
            continue
        if own is _ABSENT:
            found.own[name][key] = None
            message = _taken_away(name, others)
        else:
            found.own[name][key] = own
            message = _differs(own, value, others) + _default(value, key, path, depth)
        found.differences.append(Difference(director=name, path=path, message=message))


def _differs(own: Any, value: Any, others: str) -> str:
    if value is _ABSENT:
        return f"not on {others}"
    lists = isinstance(own, list) and isinstance(value, list)
    if lists and sorted(map(repr_of, own)) == sorted(map(repr_of, value)):
        return f"the same as on {others}, in another order"
    return f"differs from {others}"


def _taken_away(name: str, others: str) -> str:
    return f"not on {name}, but on {others}; null takes it away"


def _default(value: Any, key: str, path: str, depth: int) -> str:
    """What holds where an option is not said; nothing where it is, or where nothing holds."""
    block = _BLOCKS.get((path.partition(".")[0], depth))
    default = DEFAULTS.get(f"{block}.{key}") if value is _ABSENT else None
    if default is None:
        return ""
    return f", where it is {default if isinstance(default, str) else json.dumps(default)}"


def _take_away(
    found: Split, key: str, missing: list[str], there: Mapping[str, Any], path: str
) -> None:
    for name in missing:
        found.own[name][key] = None
        message = _taken_away(name, ", ".join(there))
        found.differences.append(Difference(director=name, path=path, message=message))


def _each_its_own(found: Split, key: str, there: Mapping[str, Any]) -> None:
    for name, value in there.items():
        found.own[name][key] = value


def _commonest(values: list[Any]) -> Any:
    """The value that most have, absence first, then the first one of equals."""
    counted = [(sum(_equal(one, other) for other in values), one is _ABSENT) for one in values]
    return values[counted.index(max(counted))]


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() != {VARIABLE}


def _all_equal(each: Mapping[str, Any]) -> bool:
    values = list(each.values())
    return all(_equal(value, values[0]) for value in values)


def _equal(one: Any, other: Any) -> bool:
    """Equal, and of one type: 1 and true are not the same."""
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return repr_of(one) == repr_of(other)


def repr_of(value: Any) -> str:
    """A text that is the same for equal values, whatever the order in mappings."""
    if isinstance(value, Mapping):
        return "{%s}" % ",".join(sorted(f"{key!r}:{repr_of(item)}" for key, item in value.items()))
    if isinstance(value, list):
        return "[%s]" % ",".join(map(repr_of, value))
    return repr(value)


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    if isinstance(value, list):
        return any(map(_has_null, value))
    return value is None
