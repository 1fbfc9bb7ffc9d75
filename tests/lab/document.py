# SPDX-License-Identifier: GPL-3.0-or-later
"""A document whose commands can be run: its shell blocks, and what the page says they print.

Owns the reading and the comparison. A block "sh" is to succeed, one "sh fails" is not; a block
"text" right after it holds lines that it prints, in that order, other lines may be between them.
Times and numbers with a fraction may differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(?P<kind>sh|sh fails|text)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FRACTION = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")


@dataclass(kw_only=True)
class Step:
    """One block of commands. `line`: where in the document."""

    line: int
    commands: str
    fails: bool
    printed: tuple[str, ...] = ()


def steps(document: str) -> list[Step]:
    """All shell blocks in their order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(document):
        line = document.count("\n", 0, block.start()) + 1
        if block["kind"] == "text":
            found[-1].printed = tuple(block["text"].splitlines())
        else:
            fails = block["kind"] == "sh fails"
            found.append(Step(line=line, commands=block["text"], fails=fails))
    return found


def missing(expected: tuple[str, ...], printed: str) -> str | None:
    """The first line of `expected` that does not follow, in its order; None: all are there."""
    lines = iter(printed.splitlines())
    for wanted in expected:
        if not any(_plain(wanted) == _plain(line) for line in lines):
            return wanted
    return None


def _plain(line: str) -> str:
    return _FRACTION.sub("N", line.strip())
