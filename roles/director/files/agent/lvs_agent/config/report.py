# SPDX-License-Identifier: GPL-3.0-or-later
"""How the checks tell what is wrong.

Owns the words for values in error messages. Must never decide that something is wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from lvs_agent.schema import Option

# Takes the path and the message.
Report = Callable[[str, str], None]

_SHOWN_CHARACTERS = 60


def describe(value: Any) -> str:
    """`value` as an error message shows it: short, and with its type where that is the error."""
    if isinstance(value, str):
        shortened = value if len(value) <= _SHOWN_CHARACTERS else value[: _SHOWN_CHARACTERS - 3]
        return repr(value if shortened is value else f"{shortened}...")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else type(value).__name__


def example(option: Option) -> str:
    """The option's example in parentheses, or nothing."""
    if option.example is None:
        return ""
    shown = ", ".join(option.example) if isinstance(option.example, list) else option.example
    return f" (example: {shown})"


def suggestion(word: object, known: Iterable[str]) -> str:
    """'; did you mean X?' when something in `known` is close to `word`, else nothing."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def join(path: str, name: object) -> str:
    """`name` below `path`."""
    return f"{path}.{name}" if path else str(name)
