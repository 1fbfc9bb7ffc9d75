# SPDX-License-Identifier: GPL-3.0-or-later
"""A document as YAML text for people: block style, comments above what they are about.

Owns that form, which Ansible reads as a file of variables. The agent reads no YAML; what it reads
is JSON.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

# A mapping with this key alone stands for a variable of the inventory, which the key names.
VARIABLE = "$variable"

_WIDTH = 100
# Words that no YAML 1.1 reader takes for anything but themselves.
_PLAIN = re.compile(r"[A-Za-z/_][A-Za-z0-9/_.@+=-]*(?: [A-Za-z0-9/_.@+=-]+)*")
_OTHER_TYPES = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null|\.nan|[-+]?\.inf|=|<<")
# An address or prefix, alone or with words behind it, is no number either (`1:30` would be one;
# with `::` it is none); the words may have a colon within them, as labels do.
_ADDRESS = re.compile(
    r"(?:\d+\.\d+\.\d+\.\d+|[0-9a-f][0-9a-f:]*::(?:[0-9a-f:.]*[0-9a-f])?)(?:/\d+)?(?<!:)"
    r"(?: [A-Za-z0-9/_.@+=-]+(?::[A-Za-z0-9/_.@+=-]+)*)*"
)
# What begins a template, a statement or a comment of Jinja's.
_TEMPLATE = re.compile(r"\{[{%#]")


def text(document: Mapping[str, Any], comments: Mapping[str, Sequence[str]]) -> str:
    """The document. `comments` has lines by path, such as vrrp_instances.VI_1.virtual_ipaddress[0];
    those of a path that is not in the document stand above what is around it."""
    waiting = {path: list(lines) for path, lines in comments.items()}
    _lift(document, waiting)
    lines = [*_comment("", waiting.pop("", [])), "---"]
    entries = [list(_top(name, value, waiting)) for name, value in document.items()]
    for index, entry in enumerate(entries):
        # What takes one line needs no empty one before the next that does.
        lines += [""] if index and max(len(entry), len(entries[index - 1])) > 1 else []
        lines += entry
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


def _top(name: str, value: Any, comments: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A section. Where all that it holds are blocks, an empty line is between them."""
    lines = list(_mapping({name: value}, "", "", comments))
    apart = isinstance(value, dict) and all(isinstance(one, dict) and one for one in value.values())
    began = not apart
    for index, line in enumerate(lines):
        # The first line of a block, or of the comment above it.
        begins = re.match(r"  \S", line) and not (index and re.match(r"  #", lines[index - 1]))
        if begins and began and apart:
            yield ""
        began = began or bool(begins)
        yield line


def _mapping(
    value: Mapping[str, Any], path: str, indent: str, comments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for name, item in value.items():
        here = f"{path}.{name}" if path else name
        if here in comments:
            yield from _comment(indent, comments[here])
        yield from _entry(f"{indent}{_key(name)}:", item, here, indent + "  ", comments)


def _entry(
    head: str, item: Any, path: str, indent: str, comments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if isinstance(item, dict) and item and not _is_variable(item):
        yield head
        yield from _mapping(item, path, indent, comments)
    elif isinstance(item, list) and item:
        yield head
        for index, one in enumerate(item):
            here = f"{path}[{index}]"
            yield from _comment(indent, comments.get(here, ()))
            yield from _item(one, here, indent, comments)
    else:
        yield f"{head} {_scalar(item)}"


def _item(
    item: Any, path: str, indent: str, comments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if not (isinstance(item, dict) and item) or _is_variable(item):
        yield f"{indent}- {_scalar(item)}"
        return
    dash = "- "
    for line in _mapping(item, path, "", comments):
        yield f"{indent}{dash}{line}"
        dash = "  "


def _comment(indent: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        head = f"{indent}# "
        # Not within words: they are names and addresses.
        yield from textwrap.wrap(
            line, _WIDTH, initial_indent=head, subsequent_indent=f"{head}  ",
            break_long_words=False, break_on_hyphens=False,
        ) or [head.rstrip()]  # fmt: skip


def _is_variable(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {VARIABLE}:
        return False
    name = value[VARIABLE]
    return isinstance(name, str) and name.isascii() and name.isidentifier()


def _key(name: str) -> str:
    """A name. Ansible takes none for a template."""
    return _plain(name) or json.dumps(name, ensure_ascii=False)


def _plain(value: str) -> str | None:
    plain = _PLAIN.fullmatch(value) or _ADDRESS.fullmatch(value)
    return value if plain and not _OTHER_TYPES.fullmatch(value) else None


def _scalar(value: Any) -> str:
    """One value in one line; JSON is YAML, too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if _is_variable(value):
        return json.dumps(f"{{{{ {value[VARIABLE]} }}}}")
    if isinstance(value, str):
        tag = "!unsafe " if _TEMPLATE.search(value) else ""
        return _plain(value) or tag + json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"  # 1e-05 would be a text
    return json.dumps(value, ensure_ascii=False)
