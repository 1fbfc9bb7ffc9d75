# SPDX-License-Identifier: GPL-3.0-or-later
"""From files to pieces: statements and braces, one after the other, everything expanded.

Owns the order in which keepalived looks at a line: rest of the line before, repetitions, lines of a
definition, the innermost file; on each of them conditions, definitions, repetitions, parameters,
include, and only then braces. Knows no words, and nothing of blocks.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.comments import BLANK, SPACE, decomment
from lvs_agent.keepalived.grammar import Files, Host
from lvs_agent.keepalived.includes import check_level, include
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.open_files import OpenFiles
from lvs_agent.keepalived.parameters import Definition, Parameters
from lvs_agent.keepalived.repetition import Malformed, Repetition, is_repetition, repetition
from lvs_agent.keepalived.text import Line
from lvs_agent.keepalived.tree import Position, Unreadable

_CONDITION = re.compile(r"@(\^?)([^ \t]*)[ \t]+(.*)", re.DOTALL)
# A brace that is neither within double quotes nor that of a parameter which is not defined.
_BRACE = re.compile(r'"[^"]*(?:"|$)|\$\{[A-Za-z_][A-Za-z0-9_ ]*\}|([{}])')


@dataclass(slots=True)
class Piece:
    """A brace, or a statement's text without braces; not frozen, for the same reason as `Line`.

    `indent` is the column where its line begins; None if it is not the first on a line of a file.
    """

    text: str
    position: Position
    raw: str
    indent: int | None


@dataclass(slots=True)
class _Expansion:
    """The lines of a definition that are still to come, and how many repetitions were before it."""

    lines: list[str]
    repetitions: int
    at: int = 0


@dataclass(slots=True)
class Reader:
    """Iterate over it once. Raises Unreadable."""

    files: Files
    host: Host
    notes: Notes
    _parameters: Parameters = field(init=False)
    _files: OpenFiles = field(init=False)
    _repetitions: list[Repetition] = field(default_factory=list)
    _expansions: list[_Expansion] = field(default_factory=list)
    _rest: str = ""
    _defining: Definition | None = None
    # The line of a file from which everything comes that is not a line of a file itself.
    _line: Line = field(default_factory=lambda: Line("", "", 0, Position("", 1)))
    _fresh: bool = False
    _lines: int = 0
    # The config ids that lines are for, each with the first of them.
    _conditions: dict[str, Position] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._parameters = Parameters(self.host, self.notes)
        self._files = OpenFiles(self.files, self.notes)

    def pieces(self, path: str) -> Iterator[Piece]:
        """Everything that the file says."""
        self._files.open(path)
        while (text := self._next()) is not None:
            if self._defining:
                self._continue_definition(text)
                continue
            if "$" in text or text.startswith(("@", "~")):
                text = self._expand(text)
            if not text or (text.startswith("include") and self._include(text)):
                continue
            piece, self._rest = _first(text)
            if not piece.strip(SPACE):
                continue
            if "$" in piece:
                self._parameters.note_left(piece, self._line.position)
            if piece.startswith("include_check"):
                self._include_check(piece)
            yield Piece(
                piece,
                self._line.position,
                self._line.raw,
                self._line.indent if self._fresh else None,
            )
        self._note_conditions()

    def _next(self) -> str | None:
        """The next text to look at, "" for an empty line; None at the end."""
        self._lines += 1
        if self._lines > limits.LINES:
            raise Unreadable(
                self._line.position, f"more than {limits.LINES} lines, with all that is expanded"
            )
        self._fresh = False
        if self._rest:
            text, self._rest = self._rest, ""
            return text
        inner = self._expansions[-1].repetitions if self._expansions else 0
        if len(self._repetitions) > inner:
            return self._repeat()
        if self._expansions:
            expansion = self._expansions[-1]
            text = expansion.lines[expansion.at]
            expansion.at += 1
            if expansion.at == len(expansion.lines):
                self._expansions.pop()
            return text
        return self._next_of_file()

    def _repeat(self) -> str:
        current = self._repetitions[-1]
        bindings = next(current.bindings, None)
        if bindings is None:
            self._repetitions.pop()
            return ""
        for name, value in bindings:
            self._parameters.set(name, value)
        return current.text

    def _next_of_file(self) -> str | None:
        while line := self._files.next(self._line.position):
            self._line, self._fresh = line, True
            # An empty line ends a definition, one with a comment or blanks only does not.
            if not (self._defining and not line.text and line.raw):
                return line.text
        return None

    def _continue_definition(self, text: str) -> None:
        definition = self._defining
        assert definition
        goes_on = text.endswith("\\")
        text = text[:-1].rstrip(BLANK) if goes_on else text
        if text:
            definition.lines.append(text)
        if not goes_on:
            definition.several = bool(definition.lines)
            definition.lines = definition.lines or [""]
            self._defining = None

    def _expand(self, text: str) -> str:
        """The line with everything replaced; "" if nothing is left of it."""
        position = self._line.position
        while True:
            if text.startswith("@"):
                text = self._condition(text)
            if text.startswith("$") and (definition := self._parameters.define(text)):
                self._defining = definition if definition.several else None
                return ""
            if is_repetition(text):
                self._begin_repetition(text)
                return ""
            if "$" not in text or text.startswith("~"):
                return text
            text, further, replaced = self._parameters.replace(text, position, self._directory())
            if not replaced:
                return text
            self._begin_expansions(further)
            text, wrong = decomment(text)
            if wrong:
                self.notes.add(position, wrong)
            if not text.startswith("@") and "$" not in text and not is_repetition(text):
                return text

    def _condition(self, text: str) -> str:
        """The line without its condition, or "" if that does not hold."""
        found = _CONDITION.match(text)
        if not found:
            self.notes.add(self._line.position, f"a condition without a line behind it: {text}")
            return ""
        reversed_, wanted, rest = found.groups()
        self._conditions.setdefault(wanted, self._line.position)
        return rest if (self.host.config_id != wanted) == bool(reversed_) else ""

    def _note_conditions(self) -> None:
        """Say that no line is for this host: as likely as not the config id is another one's."""
        given = self.host.config_id
        if not self._conditions or given in self._conditions:
            return
        ids = ", ".join(one or '""' for one in self._conditions)
        self.notes.add(
            next(iter(self._conditions.values())),
            f"lines are for one config id only ({ids}), and "
            + ("none was given" if given is None else f"not for {given}"),
        )

    def _begin_repetition(self, text: str) -> None:
        position, directory = self._line.position, self._directory()
        try:
            begun = repetition(
                text, lambda part: self._parameters.replace(part, position, directory)[0]
            )
        except Malformed as wrong:
            self.notes.add(position, f"the line is left out: {text.partition('(')[0]}: {wrong}")
            return
        self._repetitions.append(begun)

    def _begin_expansions(self, further: list[list[str]]) -> None:
        for several in further:
            if not several:
                continue
            if len(self._expansions) >= limits.MULTILINE_DEPTH:
                raise Unreadable(
                    self._line.position,
                    "definitions of several lines stand within each other "
                    f"{limits.MULTILINE_DEPTH} deep",
                )
            self._expansions.append(_Expansion(several, len(self._repetitions)))

    def _include(self, text: str) -> bool:
        wanted = include(text)
        if wanted:
            self._files.include(wanted, self._directory(), self._line.position)
        return bool(wanted)

    def _include_check(self, text: str) -> None:
        keyword, *words = text.split()
        if keyword == "include_check":
            self._files.check = check_level(self._files.check, words)

    def _directory(self) -> str:
        return posixpath.dirname(self._line.position.path) or "."


def _first(text: str) -> tuple[str, str]:
    """The first piece of a line, and the rest of it."""
    if "{" not in text and "}" not in text:
        return text, ""  # nearly every line
    if text[0] in "{}":
        return text[0], text[1:].strip(BLANK)
    for found in _BRACE.finditer(text):
        if found[1]:
            return text[: found.start()].rstrip(BLANK), text[found.start() :]
    return text, ""
