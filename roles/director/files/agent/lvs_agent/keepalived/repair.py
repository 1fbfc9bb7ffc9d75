# SPDX-License-Identifier: GPL-3.0-or-later
"""Braces that are missing or too many, set right by indentation.

Owns the guesses, each with a notice. A guess is made only where the braces of a section do not
match, and no more of each kind than it takes to make them match.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.grammar import Grammar
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.reader import Piece
from lvs_agent.keepalived.words import first_word


@dataclass(slots=True)
class _Block:
    """An open block: what opened it, at which column; whether its content stands further right."""

    opener: Piece
    indent: int | None
    indented: bool = False
    empty: bool = True


@dataclass(slots=True)
class _Repair:
    section: list[Piece]
    grammar: Grammar
    notes: Notes
    # How many { have no }, and how many } have no {, if nothing else is wrong.
    unclosed: int
    unopened: int
    stack: list[_Block] = field(default_factory=list)
    last: Piece | None = None

    def pieces(self) -> Iterator[Piece]:
        for number, piece in enumerate(self.section):
            if piece.text == "{":
                yield from self._opening(piece)
            elif piece.text == "}":
                yield from self._closing(piece)
            else:
                yield from self._statement(number, piece)
        yield from self._close(0, self.section[-1], end=True)

    def _opening(self, piece: Piece) -> Iterator[Piece]:
        opener = self.last or piece
        self._opened(opener)
        yield piece

    def _opened(self, opener: Piece) -> None:
        self.stack.append(_Block(opener, opener.indent))
        self.last = None

    def _statement(self, number: int, piece: Piece) -> Iterator[Piece]:
        has_block = number + 1 < len(self.section) and self.section[number + 1].text == "{"
        yield from self._close(self._ended(piece.indent, has_block), piece)
        if self.stack and self.stack[-1].empty:
            block = self.stack[-1]
            block.empty = False
            block.indented = _right_of(piece.indent, block.indent)
        yield piece
        self.last = piece
        if not has_block and self._lacks_opening(number, piece):
            self.notes.add(
                piece.position,
                f"there is no {{ behind {_name(piece)}; a block begins nevertheless: add it",
            )
            self.unopened -= 1
            yield _brace("{", piece)
            self._opened(piece)

    def _ended(self, indent: int | None, has_block: bool) -> int:
        """How many blocks stay open when a statement stands at this column."""
        open_ = len(self.stack)
        may_close = self.unclosed
        while open_ and may_close and indent is not None:
            block = self.stack[open_ - 1]
            if not block.indented or block.indent is None or indent > block.indent:
                break
            # Only a block can follow the outermost one: a stray line is more likely its own.
            if open_ == 1 and not has_block:
                break
            open_ -= 1
            may_close -= 1
        return open_

    def _closing(self, piece: Piece) -> Iterator[Piece]:
        if not self.stack:
            self._ignored(piece)
            return
        columns = [block.indent for block in self.stack]
        indent = piece.indent
        if indent is not None and indent in columns:
            # The innermost block that begins at the column of the brace.
            keep = len(columns) - columns[::-1].index(indent)
            keep = max(keep, len(columns) - self.unclosed)
            yield from self._close(keep, piece)
        elif indent is not None and self.unopened and _right_of(indent, columns[-1]):
            self._ignored(piece)
            return
        self.stack.pop()
        self.last = None
        yield piece

    def _ignored(self, piece: Piece) -> None:
        self.unopened -= 1
        self.notes.add(piece.position, "a } that closes nothing is ignored: remove it")

    def _close(self, keep: int, at: Piece, *, end: bool = False) -> Iterator[Piece]:
        """Close all blocks but `keep`, before `at`, or behind it if it is the section's `end`."""
        line = at.position.line
        before = f"behind line {line}" if end else f"before line {line}, {_name(at)}"
        while len(self.stack) > keep:
            block = self.stack.pop()
            self.unclosed -= 1
            self.last = None
            self.notes.add(
                block.opener.position,
                f"the block of {_name(block.opener)} is not closed; it is taken to end {before}: "
                "add } there",
            )
            yield _brace("}", at)

    def _lacks_opening(self, number: int, piece: Piece) -> bool:
        """Whether what follows looks like a block: further right, up to a } below this keyword."""
        following = self.section[number + 1 : number + 1 + limits.LOOK_AHEAD]
        if not following:
            return False
        if number == 0 and first_word(piece.text) in self.grammar.top_level:
            return True
        if self.unopened <= 0 or piece.indent is None:
            return False
        if not _right_of(following[0].indent, piece.indent):
            return False
        for other in following:
            if other.indent is not None and other.indent <= piece.indent:
                return other.text == "}" and other.indent == piece.indent
        return False


def repaired(section: list[Piece], grammar: Grammar, notes: Notes) -> Iterator[Piece]:
    """The section with braces added and left out, so that they match."""
    depth, unopened = 0, 0
    for piece in section:
        if piece.text == "{":
            depth += 1
        elif piece.text == "}" and depth:
            depth -= 1
        elif piece.text == "}":
            unopened += 1
    return _Repair(section, grammar, notes, depth, unopened).pieces()


def _right_of(indent: int | None, other: int | None) -> bool:
    return indent is not None and other is not None and indent > other


def _name(piece: Piece) -> str:
    return " ".join(piece.text.split()[:2])


def _brace(text: str, at: Piece) -> Piece:
    return Piece(text, at.position, at.raw, None)
