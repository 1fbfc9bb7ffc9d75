# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf as a tree of statements, each with its place in the files.

Owns the shapes between the language (`parse.py`, `write.py`) and what its keywords mean. Knows no
keyword. A list, such as `virtual_ipaddress { ... }`, is a block whose lines are statements.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A line of a file, counted from 1; `path` as it was named or found."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Word:
    """A word after quotes and escapes are resolved; `quoted`: a part of it stood in quotes."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A keyword (`words[0]`) with its words, and its block if it has one.

    `raw` is the line as it stood, for messages.
    """

    words: tuple[Word, ...]
    position: Position
    block: tuple[Statement, ...] | None = None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is not as it should be, and was read nevertheless.

    `suggestion`: the word that was probably meant in place of one that `message` names.
    """

    position: Position
    message: str
    suggestion: str | None = None

    @property
    def text(self) -> str:
        """The message with the suggestion."""
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.message}{hint}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file and those that it includes say, and what was noticed on the way."""

    statements: tuple[Statement, ...]
    notices: tuple[Notice, ...]


class Unreadable(Exception):
    """A configuration that cannot be read at all: where, what is wrong, what to do.

    `position` is None where no line is to blame (a file that is not there).
    """

    def __init__(self, position: Position | None, message: str) -> None:
        super().__init__(f"{position}: {message}" if position else message)
        self.position = position
        self.message = message
