# SPDX-License-Identifier: GPL-3.0-or-later
"""From pieces to the tree of statements, also where braces are missing or too many.

Owns which statement a block belongs to. A section reaches from one block of the top level to the
next, by their names; what is wrong in one of them does not reach further. Where braces match, they
alone count. Where they do not, `repair.py` says where indentation has blocks end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.grammar import Grammar
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.reader import Piece
from lvs_agent.keepalived.repair import repaired
from lvs_agent.keepalived.tree import Position, Statement, Unreadable, Word
from lvs_agent.keepalived.words import first_word, split, split_command


@dataclass(slots=True)
class _Open:
    """A statement that may still get a block, or more statements into it."""

    words: tuple[Word, ...]
    position: Position
    raw: str
    children: list[Statement] | None = None

    def closed(self) -> Statement:
        block = None if self.children is None else tuple(self.children)
        return Statement(self.words, self.position, block, self.raw)


@dataclass(slots=True)
class _Tree:
    """The tree while it grows: the open blocks, and the statement that a { would belong to."""

    grammar: Grammar
    notes: Notes
    done: list[Statement] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    last: _Open | None = None
    count: int = 0

    def add(self, piece: Piece) -> None:
        if piece.text == "{":
            self._begin(piece)
        elif piece.text == "}":
            self._end()
        else:
            self._finish_last()
            self.last = _Open(self._words(piece), piece.position, piece.raw.strip())

    def finish(self) -> None:
        self._finish_last()

    def _words(self, piece: Piece) -> tuple[Word, ...]:
        words, wrong = split(piece.text)
        if words[0].text in self.grammar.commands:
            words, wrong = split_command(piece.text)
        if wrong:
            self.notes.add(piece.position, wrong)
        self.count += len(words)
        if self.count > limits.WORDS:
            raise Unreadable(piece.position, f"more than {limits.WORDS} words")
        return words

    def _begin(self, piece: Piece) -> None:
        opened, self.last = self.last, None
        if opened is None:
            # Without a keyword of its own, its content belongs to the block around it.
            self.notes.add(piece.position, "a { without a keyword before it is ignored")
            opened = _Open((), piece.position, "")
        opened.children = []
        self.stack.append(opened)
        if len(self.stack) > limits.DEPTH:
            raise Unreadable(piece.position, f"blocks stand within each other {limits.DEPTH} deep")

    def _end(self) -> None:
        self._finish_last()
        block = self.stack.pop()
        if block.words:
            self._into().append(block.closed())
        else:
            self._into().extend(block.children or ())

    def _finish_last(self) -> None:
        if self.last:
            self._into().append(self.last.closed())
            self.last = None

    def _into(self) -> list[Statement]:
        children = self.stack[-1].children if self.stack else None
        return self.done if children is None else children


def tree(pieces: Iterable[Piece], grammar: Grammar, notes: Notes) -> tuple[Statement, ...]:
    """The statements of the top level. Raises Unreadable for blocks too deep."""
    growing = _Tree(grammar, notes)
    for section in _sections(pieces, grammar):
        for piece in section if _balanced(section, grammar) else repaired(section, grammar, notes):
            growing.add(piece)
    growing.finish()
    return tuple(growing.done)


def _sections(pieces: Iterable[Piece], grammar: Grammar) -> Iterator[list[Piece]]:
    section: list[Piece] = []
    for piece in pieces:
        if section and is_top_level(piece, grammar):
            yield section
            section = []
        section.append(piece)
    yield section


def is_top_level(piece: Piece, grammar: Grammar) -> bool:
    """Whether a block that stands at the top level only begins here."""
    return first_word(piece.text) in grammar.top_level


def _balanced(section: list[Piece], grammar: Grammar) -> bool:
    depth = 0
    for piece in section:
        if piece.text == "{":
            depth += 1
        elif piece.text == "}":
            depth -= 1
            if depth < 0:
                return False
    lacks_block = (
        section
        and is_top_level(section[0], grammar)
        and (len(section) == 1 or section[1].text != "{")
    )
    return depth == 0 and not lacks_block
