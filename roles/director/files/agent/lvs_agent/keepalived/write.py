# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements as the text of a keepalived.conf, which is read as the same statements again.

Owns the layout: four blanks for each block around, quotes where the language needs them or they
were before, an empty line after each block of the top level.
"""

from __future__ import annotations

from collections.abc import Sequence

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.grammar import Grammar
from lvs_agent.keepalived.tree import Statement
from lvs_agent.keepalived.words import Unwritable, join

_INDENT = 4


def write(statements: Sequence[Statement], *, grammar: Grammar | None = None) -> str:
    """The text. Raises Unwritable for what cannot be said in the language, such as a double quote
    in a word that is not of a command, and for lines that keepalived would break."""
    commands = (grammar or Grammar()).commands
    written: list[str] = []
    # What is still to be written, the next last; None closes a block at that depth.
    todo: list[tuple[int, Statement | None]] = [(0, one) for one in reversed(statements)]
    while todo:
        depth, statement = todo.pop()
        blanks = " " * (_INDENT * depth)
        if statement is None:
            written.append(f"{blanks}}}")
            if depth == 0 and todo:
                written.append("")
            continue
        line = blanks + join(statement.words, command=statement.words[0].text in commands)
        if statement.block is not None:
            line += " {"
            todo.append((depth, None))
            todo += [(depth + 1, one) for one in reversed(statement.block)]
        if len(line.encode()) > limits.KEEPALIVED_LINE:
            raise Unwritable(
                f"{statement.words[0].text}: a line of more than {limits.KEEPALIVED_LINE} bytes"
            )
        written.append(line)
    return "\n".join([*written, ""]) if written else ""
