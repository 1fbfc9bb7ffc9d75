# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory, and how people are told.

Owns the shape and the wording of the list. Must never decide what a problem is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

# More than anybody reads at once; the rest is counted.
_SHOWN_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong: where in the inventory, and what with what to do."""

    where: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' when something in `known` is close to `word`, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def text(problems: list[Problem]) -> str:
    """All of `problems` as one text."""
    count = len(problems)
    noun = "error" if count == 1 else "errors"
    lines = [f"The inventory has {count} {noun}. Nothing was changed on any host."]
    lines += [f"  {number}. {each}" for number, each in enumerate(problems[:_SHOWN_LIMIT], 1)]
    if count > _SHOWN_LIMIT:
        lines.append(f"  and {count - _SHOWN_LIMIT} more")
    return "\n".join(lines)
