# SPDX-License-Identifier: GPL-3.0-or-later
"""A document as YAML text for people: block style, comments above what they are about.

Owns that form. The agent reads no YAML; what it reads is JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

# Words that no YAML 1.1 reader takes for anything but themselves.
_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9/_.@+=-]*(?: [A-Za-z0-9/_.@+=-]+)*")
_OTHER_TYPES = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null|\.nan|[-+]?\.inf|=|<<")
# An IPv4 address or prefix, alone or with words behind it, is no number either.
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?(?: [A-Za-z0-9/_.@+=-]+)*")


def text(document: Mapping[str, Any], comments: Mapping[str, Sequence[str]]) -> str:
    """The document. `comments` has lines by path, such as vrrp_instances.VI_1.virtual_ipaddress[0];
    those of a path that is not in the document stand above what is around it."""
    waiting = {path: list(lines) for path, lines in comments.items()}
    _lift(document, waiting)
    first = [f"# {line}" for line in waiting.pop("", [])]
    lines = [*first, "---", *_mapping(document, "", "", waiting)]
    return "\n".join(lines) + "\n"


def _lift(document: Mapping[str, Any], waiting: dict[str, list[str]]) -> None:
    """Move comments from paths that are not there to the nearest one that is."""
    there = set(_paths(document, ""))
    for path in [path for path in waiting if path and path not in there]:
        nearest = path
        while nearest and nearest not in there:
            nearest = nearest[: max(nearest.rfind("."), nearest.rfind("["), 0)]
        waiting.setdefault(nearest, []).extend(waiting.pop(path))


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            here = f"{path}.{name}" if path else name
            yield here
            yield from _paths(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{path}[{index}]"
            yield from _paths(item, f"{path}[{index}]")


def _mapping(
    value: Mapping[str, Any], path: str, indent: str, comments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for name, item in value.items():
        here = f"{path}.{name}" if path else name
        yield from (f"{indent}# {line}" for line in comments.get(here, ()))
        yield from _entry(f"{indent}{_scalar(name)}:", item, here, indent + "  ", comments)


def _entry(
    head: str, item: Any, path: str, indent: str, comments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if isinstance(item, dict) and item:
        yield head
        yield from _mapping(item, path, indent, comments)
    elif isinstance(item, list) and item:
        yield head
        for index, one in enumerate(item):
            here = f"{path}[{index}]"
            yield from (f"{indent}# {line}" for line in comments.get(here, ()))
            yield from _item(one, here, indent, comments)
    else:
        yield f"{head} {_scalar(item)}"


def _item(
    item: Any, path: str, indent: str, comments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if not (isinstance(item, dict) and item):
        yield f"{indent}- {_scalar(item)}"
        return
    dash = "- "
    for line in _mapping(item, path, "", comments):
        yield f"{indent}{dash}{line}"
        dash = "  "


def _scalar(value: Any) -> str:
    """One value in one line; JSON is YAML, too."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) or _ADDRESS.fullmatch(value)
        if plain and not _OTHER_TYPES.fullmatch(value):
            return value
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"  # 1e-05 would be a text
    return json.dumps(value, ensure_ascii=False)
