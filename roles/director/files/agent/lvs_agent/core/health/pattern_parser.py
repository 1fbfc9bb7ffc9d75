# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions as operators write them become a program for `pattern.py`.

Owns the language: of Perl's, what needs no backtracking. Must never accept what it does not
understand: a pattern that means something else than its author thinks is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from lvs_agent.core.checks import BodyPattern

# Places of a program: `x{200}` inside `{10}` is refused. Each costs a microsecond for each state.
PLACES_LIMIT = 1000
_REPEAT_LIMIT = 1000
# Groups in groups: far below what Python's stack allows.
_DEPTH_LIMIT = 50

_ALL = 2**256 - 1
_NEWLINE = 1 << 10


def _mask(characters: bytes) -> int:
    return sum(1 << byte for byte in set(characters))


_DIGITS = _mask(b"0123456789")
_WORD = _mask(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_SPACE = _mask(b" \t\n\r\f\v")
_CLASSES = {
    "d": _DIGITS, "D": _ALL & ~_DIGITS, "w": _WORD, "W": _ALL & ~_WORD, "s": _SPACE,
    "S": _ALL & ~_SPACE,
}  # fmt: skip
_CONTROLS = {"t": 9, "n": 10, "r": 13, "f": 12, "v": 11, "a": 7, "e": 27}
_REPEAT = re.compile(r"\{(\d{1,4})(,(\d{1,4})?)?\}")


class Assertion(StrEnum):
    """What is asked of a place without taking a byte."""

    START = "start of the body"
    END = "end of the body"
    LINE_START = "start of a line"
    LINE_END = "end of a line"
    WORD_EDGE = "edge of a word"
    NO_WORD_EDGE = "no edge of a word"


@dataclass(slots=True)
class Program:
    """Numbered places. A place takes one byte of `bytes_of` (a bit for each) and leads to
    `following`; or it takes none and leads to its `branches`, if its assertion holds."""

    bytes_of: list[int] = field(default_factory=list)
    following: list[int] = field(default_factory=list)
    branches: dict[int, tuple[int, ...]] = field(default_factory=dict)
    assertions: dict[int, Assertion] = field(default_factory=dict)
    start: int = 0
    accept: int = 0

    def place(self, taken: int = 0, following: int = 0) -> int:
        """A new place. Raises ValueError when there are too many."""
        if len(self.bytes_of) >= PLACES_LIMIT:
            raise ValueError(f"is too large: more than {PLACES_LIMIT} steps when written out")
        self.bytes_of.append(taken)
        self.following.append(following)
        return len(self.bytes_of) - 1

    def branch(self, *places: int) -> int:
        """A new place that leads to `places`."""
        place = self.place()
        self.branches[place] = places
        return place


# Given the place that follows, the place where the part begins: a part may be laid out many times.
Part = Callable[[int], int]


def compile_pattern(pattern: BodyPattern) -> Program:
    """The program of `pattern`. Raises ValueError saying what is wrong with it."""
    program = Program()
    parser = _Parser(pattern, program)
    part = parser.alternatives(0)
    if parser.rest():
        raise ValueError(f"has a ) without its ( before {parser.rest()[:20]!r}")
    program.accept = program.branch()
    program.start = part(program.accept)
    return program


class _Parser:
    """Recursive descent over the text; each method returns the part it has read."""

    def __init__(self, pattern: BodyPattern, program: Program) -> None:
        self._pattern = pattern
        self._text = pattern.text
        self._at = 0
        self._program = program

    def rest(self) -> str:
        """What has not been read."""
        return self._text[self._at :]

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise ValueError("ends in the middle of something")
        self._at += 1
        return self._text[self._at - 1]

    def alternatives(self, depth: int) -> Part:
        """a|b|c"""
        if depth > _DEPTH_LIMIT:
            raise ValueError(f"has more than {_DEPTH_LIMIT} groups in each other")
        parts = [self._sequence(depth)]
        while self.rest().startswith("|"):
            self._at += 1
            parts.append(self._sequence(depth))
        if len(parts) == 1:
            return parts[0]
        return lambda following: self._program.branch(*(part(following) for part in parts))

    def _sequence(self, depth: int) -> Part:
        parts: list[Part] = []
        while self.rest() and self.rest()[0] not in "|)":
            parts.append(self._repeated(self._atom(depth)))

        def laid_out(following: int) -> int:
            for part in reversed(parts):
                following = part(following)
            return following

        return laid_out

    def _repeated(self, part: Part) -> Part:
        """What stands behind an atom: * + ? {2} {2,} {2,5}, and ? behind these."""
        rest = self.rest()
        least, most = 1, 1
        if rest[:1] in ("*", "+", "?"):
            least = 1 if rest[0] == "+" else 0
            most = 1 if rest[0] == "?" else -1
            self._at += 1
        elif found := _REPEAT.match(rest):
            least = int(found[1])
            most = least if found[2] is None else int(found[3]) if found[3] else -1
            self._at += found.end()
        elif rest.startswith("{"):
            raise ValueError(f"has no repetition in {rest[:12]!r}; a brace as such is \\{{")
        else:
            return part
        if self.rest()[:1] == "?":
            self._at += 1  # as few as possible: makes no difference to whether it is there
        if self.rest()[:1] in ("*", "+", "{", "?"):
            raise ValueError(f"repeats a repetition at {self.rest()[:12]!r}; use a group (?:...)")
        if max(least, most) > _REPEAT_LIMIT or 0 <= most < least:
            raise ValueError(f"has a repetition from {least} to {most}; at most {_REPEAT_LIMIT}")
        return self._layer(part, least, most)

    def _layer(self, part: Part, least: int, most: int) -> Part:
        program = self._program

        def laid_out(following: int) -> int:
            if most < 0:
                loop = program.branch()
                program.branches[loop] = (part(loop), following)
                following = loop
            else:
                end = following
                for __ in range(most - least):
                    following = program.branch(part(following), end)
            for __ in range(least):
                following = part(following)
            return following

        return laid_out

    def _atom(self, depth: int) -> Part:
        character = self._take()
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return self._taking(self._class())
            case ".":
                return self._taking(_ALL if self._pattern.dot_all else _ALL & ~_NEWLINE)
            case "^":
                many = self._pattern.multi_line
                return self._asserting(Assertion.LINE_START if many else Assertion.START)
            case "$" if self._pattern.multi_line:
                return self._asserting(Assertion.LINE_END)
            case "$":
                return self._dollar()
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                raise ValueError(f"has nothing to repeat before {character!r}")
        encoded = character.encode(errors="replace")
        if len(encoded) == 1:
            return self._taking(self._folded(1 << encoded[0]))
        return self._bytes(encoded)

    def _bytes(self, encoded: bytes) -> Part:
        parts = [self._taking(1 << byte) for byte in encoded]

        def laid_out(following: int) -> int:
            for part in reversed(parts):
                following = part(following)
            return following

        return laid_out

    def _group(self, depth: int) -> Part:
        if self.rest().startswith("?"):
            if not self.rest().startswith("?:"):
                raise ValueError(
                    f"has {'(' + self.rest()[:3]!r}: look-around, named groups and flags inside"
                    " the pattern are not known; (?:...) and (...) are, and regex_options"
                )
            self._at += 2
        part = self.alternatives(depth + 1)
        if not self.rest().startswith(")"):
            raise ValueError("has a ( without its )")
        self._at += 1
        return part

    def _dollar(self) -> Part:
        """The end, or a newline at the end, as in Perl; what follows it can take neither."""
        end = self._asserting(Assertion.END)
        newline = self._taking(_NEWLINE)
        return lambda following: self._program.branch(end(following), newline(end(following)))

    def _escape(self) -> Part:
        character = self._take()
        edges = {
            "b": Assertion.WORD_EDGE, "B": Assertion.NO_WORD_EDGE, "A": Assertion.START,
            "z": Assertion.END,
        }  # fmt: skip
        if character in edges:
            return self._asserting(edges[character])
        if character == "Z":
            return self._dollar()
        return self._taking(self._folded(self._escaped(character)))

    def _escaped(self, character: str) -> int:
        """The bytes that a backslash with `character` stands for, in a class or outside."""
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return 1 << _CONTROLS[character]
        if character == "x" and re.match(r"[0-9a-fA-F]{2}", self.rest()):
            self._at += 2
            return 1 << int(self._text[self._at - 2 : self._at], 16)
        if character.isascii() and not character.isalnum():
            return 1 << ord(character)
        raise ValueError(
            f"has \\{character}, which is not known"
            + ("; backreferences cannot be searched in bounded time" if character.isdigit() else "")
        )

    def _class(self) -> int:
        inverted = self.rest().startswith("^")
        self._at += inverted
        taken, first = 0, True
        while first or not self.rest().startswith("]"):
            first = False
            if self.rest().startswith("[:"):
                raise ValueError(
                    f"has {self.rest()[:10]!r} in a class; write it out, as 0-9 or a-z"
                )
            low = self._class_item()
            if self.rest().startswith("-") and self.rest()[1:2] not in ("]", ""):
                self._at += 1
                high = self._class_item()
                taken |= _range(low, high)
            else:
                taken |= low
        self._at += 1
        taken = self._folded(taken)
        return _ALL & ~taken if inverted else taken

    def _class_item(self) -> int:
        character = self._take()
        if character == "\\":
            following = self._take()
            return 1 << 8 if following == "b" else self._escaped(following)
        if not character.isascii():
            raise ValueError(f"has {character!r} in a class, where only ASCII can be; use (a|b)")
        return 1 << ord(character)

    def _folded(self, taken: int) -> int:
        """With the other case of every ASCII letter, where case is to be ignored."""
        if not self._pattern.ignore_case:
            return taken
        for upper in range(ord("A"), ord("Z") + 1):
            pair = 1 << upper | 1 << (upper + 32)
            if taken & pair:
                taken |= pair
        return taken

    def _taking(self, taken: int) -> Part:
        return lambda following: self._program.place(taken, following)

    def _asserting(self, assertion: Assertion) -> Part:
        def laid_out(following: int) -> int:
            place = self._program.branch(following)
            self._program.assertions[place] = assertion
            return place

        return laid_out


def _range(low: int, high: int) -> int:
    """The bytes from one to another, each given as its bit."""
    first, last = low.bit_length() - 1, high.bit_length() - 1
    if low != 1 << first or high != 1 << last or first > last:
        raise ValueError("has a range in a class whose ends are not two characters in order")
    return (1 << (last + 1)) - (1 << first)
