# SPDX-License-Identifier: GPL-3.0-or-later
"""`include` and its variants: which files are meant, and which lack of files is an error.

Owns the pattern's braces and the strictness. Must never open a file: that is asked of `Files`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Flag, auto

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.grammar import Files

_INCLUDE = re.compile(r"include([rmwba]?)[ \t\f\v\r]+(.*)", re.DOTALL)
_INNERMOST = re.compile(r"\{([^{}]*,[^{}]*)\}")


class Check(Flag):
    """What is an error: a file that cannot be read, that is not there, a pattern of `*`, `?` or
    `[` without any, an alternative of a pattern with braces without any."""

    NONE = 0
    READABLE = auto()
    MATCH = auto()
    WILDCARD_MATCH = auto()
    BRACE_MATCH = auto()


ALL = Check.READABLE | Check.MATCH | Check.WILDCARD_MATCH | Check.BRACE_MATCH
_VARIANTS = {
    "": Check.NONE,
    "r": Check.READABLE,
    "m": Check.READABLE | Check.MATCH,
    "w": Check.READABLE | Check.MATCH | Check.WILDCARD_MATCH,
    "b": Check.READABLE | Check.BRACE_MATCH,
    "a": ALL,
}
_NAMES = {
    "readable": Check.READABLE,
    "read": Check.READABLE,
    "match": Check.MATCH,
    "wildcard_match": Check.WILDCARD_MATCH,
    "brace_match": Check.BRACE_MATCH,
}


@dataclass(frozen=True, slots=True)
class Include:
    """A line that includes."""

    pattern: str
    check: Check


@dataclass(frozen=True, slots=True)
class Found:
    """The files, in order; what is missing, for a message; and which check that fails."""

    paths: tuple[str, ...]
    missing: tuple[str, ...] = ()
    failed: Check = Check.NONE


def include(text: str) -> Include | None:
    """What the line includes: the whole rest of it is one pattern."""
    found = _INCLUDE.match(text)
    return Include(found[2].strip(" \t"), _VARIANTS[found[1]]) if found else None


def check_level(level: Check, words: list[str]) -> Check:
    """The level after an `include_check` with these words: none means all."""
    if not words:
        return ALL
    for number, word in enumerate(words):
        check = _NAMES.get(word.lstrip("+-"), Check.NONE)
        if word.startswith("+"):
            level |= check
        elif word.startswith("-"):
            level &= ~check
        elif number == 0:
            level = Check.READABLE | check
    return level


def find(files: Files, directory: str, pattern: str) -> Found:
    """The files that a pattern means. Raises ValueError if it means too much."""
    patterns = _alternatives(pattern)
    if sum(map(_is_wild, pattern.split("/"))) > limits.WILD_PARTS:
        raise ValueError(
            f"{pattern[:80]} has wildcards in more than {limits.WILD_PARTS} directories"
        )
    paths: list[str] = []
    missing = []
    for one in patterns:
        found = files.find(directory, one)
        paths.extend(found)
        if not found:
            missing.append(one)
    if not missing:
        return Found(tuple(paths))
    if len(patterns) > 1:
        return Found(tuple(paths), tuple(missing), Check.BRACE_MATCH)
    failed = Check.WILDCARD_MATCH if _is_wild(pattern) else Check.MATCH
    return Found(tuple(paths), tuple(missing), failed)


def _is_wild(text: str) -> bool:
    return any(character in text for character in "*?[")


def _alternatives(pattern: str) -> list[str]:
    """`a{b,c}d` is `abd` and `acd`, also within each other, in the order of writing."""
    done: list[str] = []
    todo = [pattern]
    while todo:
        if len(todo) + len(done) > limits.PATTERNS:
            raise ValueError(f"{pattern[:80]} stands for more than {limits.PATTERNS} patterns")
        one = todo.pop()
        found = _INNERMOST.search(one)
        if found:
            parts = found[1].split(",")
            todo += [one[: found.start()] + part + one[found.end() :] for part in reversed(parts)]
        else:
            done.append(one)
    return list(dict.fromkeys(done))
