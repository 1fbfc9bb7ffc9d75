# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the playbooks in Markdown, from the comments at their heads.

Owns what such a comment may look like: paragraphs; indented lines, which are commands; and lines of
a variable's name and what it says, which are a table. Pure.
"""

from __future__ import annotations

import re
from itertools import groupby, takewhile

from reference_page import escaped

_VARIABLE = re.compile(r"(\w+) {2,}(\S.*)")


def head(text: str) -> list[list[str]]:
    """The blocks of lines that the comment at the head of a playbook has, without `# `."""
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    comment = [line[2:].rstrip() for line in lines if "SPDX-" not in line]
    return [list(block) for filled, block in groupby(comment, bool) if filled]


def summary(text: str) -> str:
    """Its first paragraph."""
    blocks = head(text)
    return escaped(" ".join(blocks[0])) if blocks else ""


def section(name: str, text: str) -> str:
    """What the page says of the playbook `name`, a fully qualified one."""
    return "\n\n".join([f"## {name}", *map(_block, head(text))])


def _block(lines: list[str]) -> str:
    if all(line.startswith("  ") for line in lines):
        return "\n".join(["```sh", *(line.strip() for line in lines), "```"])
    if not _VARIABLE.fullmatch(lines[0]):
        return escaped(" ".join(line.strip() for line in lines))
    rows: list[list[str]] = []
    for line in lines:
        found = _VARIABLE.fullmatch(line)
        if found:
            rows.append([f"`{found[1]}`", escaped(found[2])])
        else:
            rows[-1][1] += " " + escaped(line.strip())
    return "\n".join(["| variable | what |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])
