# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a file to its lines, without comments.

Owns encodings, line ends and indentation. Knows nothing of what a line says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.comments import BLANK, decomment, without_slashes
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.tree import Position, Unreadable

# Blanks of Unicode, which come with what is copied from a page of the web.
FOREIGN_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_FOREIGN_BLANKS = re.compile(f'"[^"]*"|([{FOREIGN_BLANKS}])')
# What has no place in text: everything below a blank, but for white space, and DEL.
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r")) + b"\x7f"
# A file is taken for text with so many stray control characters: an accident, not a program.
_STRAY = 8
# Of lines with the same fault so many are named.
_LINES_NAMED = 20
_BLANKS_NOTE = (
    "no-break or other Unicode spaces{} are read as blanks; keepalived takes them as letters: "
    "replace them by blanks"
)
_SLASHES_NOTE = (
    "// and what is behind it{} is ignored; keepalived takes it as parameters: begin comments with "
    "# or !"
)


@dataclass(slots=True)
class Line:
    """A line of a file: `text` without comments and blanks at its ends, `raw` as it stood.

    `indent` is the column where the text begins, tabs taken as up to the next eighth. Not frozen:
    there are as many as lines, and freezing them costs a third of the time to read.
    """

    text: str
    raw: str
    indent: int
    position: Position


def lines(path: str, data: bytes, notes: Notes) -> Iterator[Line]:
    """The file's lines, empty ones too. Raises Unreadable for what is no text."""
    data = _as_text(path, data, notes)
    utf8 = _is_utf8(data)
    with_blanks: list[int] = []
    with_slashes: list[int] = []
    for number, content in enumerate(data.split(b"\n"), start=1):
        position = Position(path, number)
        foreign = not utf8 and not _is_utf8(content)
        raw = content.decode("latin-1" if foreign else "utf-8").rstrip("\r")
        usual = raw if raw.isascii() else _with_usual_blanks(raw)
        if usual != raw:
            with_blanks.append(number)
        text, wrong = decomment(usual)
        if "//" in text and (before := without_slashes(text, position, notes)) != text:
            with_slashes.append(number)
            text, wrong = decomment(before)
        if wrong:
            notes.add(position, wrong)
        if foreign and not text.isascii():
            notes.add(position, "not UTF-8; read as Latin-1: save the file as UTF-8")
        if len(raw) > limits.KEEPALIVED_LINE:
            _too_long(text, position, notes)
        yield Line(text, raw, _indent(usual), position)
    _note_lines(path, with_blanks, _BLANKS_NOTE, notes)
    _note_lines(path, with_slashes, _SLASHES_NOTE, notes)


def _note_lines(path: str, numbers: list[int], message: str, notes: Notes) -> None:
    """One notice for all lines with the same fault: who has it has it everywhere."""
    if not numbers:
        return
    further = [str(number) for number in numbers[1:_LINES_NAMED]]
    if len(numbers) > _LINES_NAMED:
        further.append(f"{len(numbers) - _LINES_NAMED} others")
    where = f" (and in line {', '.join(further)})" if further else ""
    notes.add(Position(path, numbers[0]), message.replace("{}", where))


def _as_text(path: str, data: bytes, notes: Notes) -> bytes:
    first = Position(path, 1)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(first, "the file is UTF-16; save it as UTF-8")
    stray = len(data) - len(data.translate(None, _CONTROL))
    if stray > _STRAY and stray * 20 > len(data):
        raise Unreadable(first, f"not a text file: {stray} of {len(data)} bytes are control bytes")
    if data.startswith(b"\xef\xbb\xbf"):
        notes.add(
            first,
            "a byte order mark is ignored; keepalived takes it as part of the first word: save the "
            "file as UTF-8 without BOM",
        )
        data = data[3:]
    if stray:
        for number, content in enumerate(data.split(b"\n"), start=1):
            if b"\0" in content:
                notes.add(
                    Position(path, number),
                    "NUL bytes are ignored; keepalived does not read on behind one on a line",
                )
        data = data.replace(b"\0", b"")
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_usual_blanks(raw: str) -> str:
    return _FOREIGN_BLANKS.sub(lambda found: " " if found[1] else found[0], raw)


def _indent(raw: str) -> int:
    count = len(raw) - len(raw.lstrip(BLANK))
    return len(raw[:count].expandtabs(8)) if "\t" in raw else count


def _too_long(text: str, position: Position, notes: Notes) -> None:
    if len(text) > limits.LINE:
        raise Unreadable(
            position, f"a line of {len(text)} characters; at most {limits.LINE} are read"
        )
    notes.add(
        position,
        f"keepalived breaks lines after {limits.KEEPALIVED_LINE} bytes, comments too; read as one",
    )
