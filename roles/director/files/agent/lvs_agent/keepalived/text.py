# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a file to its lines, without comments.

Owns encodings, line ends, and where keepalived's comments begin and end. Knows nothing of what a
line says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.tree import Position, Unreadable

# keepalived strips blanks at the ends of a line, and splits it at all white space.
BLANK = " \t"
SPACE = " \t\n\v\f\r"
# Blanks of Unicode, which come with what is copied from a page of the web.
FOREIGN_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_FOREIGN_BLANKS = re.compile(f'"[^"]*"|([{FOREIGN_BLANKS}])')
_SPECIAL = re.compile(r'[!#"\\]')
# What has no place in text: everything below a blank, but for white space, and DEL.
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r")) + b"\x7f"
# A file is taken for text with so many stray control characters: an accident, not a program.
_STRAY = 8
# A second slash-slash word, after a keyword: a comment if it goes on like this, else it may be a
# value, such as a path.
_SLASHES = re.compile(r'"[^"]*"|(?<![^\s{}])//')
_SURELY_COMMENT = re.compile(r"//(?:$|[\s/]|[^\x00-\x7f])")


@dataclass(
    slots=True
)  # not frozen: there is one for every line, and that costs a third of the time
class Line:
    """A line of a file: `text` without comments and blanks at its ends, `raw` as it stood.

    `indent` is the column where the text begins, tabs taken as up to the next eighth.
    """

    text: str
    raw: str
    indent: int
    position: Position


def lines(path: str, data: bytes, notes: Notes) -> Iterator[Line]:
    """The file's lines, empty ones too. Raises Unreadable for what is no text."""
    data = _as_text(path, data, notes)
    utf8 = _is_utf8(data)
    blanks_noted = False
    for number, content in enumerate(data.split(b"\n"), start=1):
        position = Position(path, number)
        foreign = not utf8 and not _is_utf8(content)
        raw = content.decode("latin-1" if foreign else "utf-8").rstrip("\r")
        usual = raw if raw.isascii() else _with_usual_blanks(raw)
        text, wrong = decomment(usual)
        if wrong:
            notes.add(position, wrong)
        if usual != raw and not blanks_noted:
            blanks_noted = True
            notes.add(
                position,
                "no-break or other Unicode spaces, here and maybe further on: they are read as "
                "blanks; keepalived takes them as letters",
                "replace them by blanks",
            )
        if "//" in text:
            text = _without_slashes(text, position, notes)
        if foreign and not text.isascii():
            notes.add(position, "not UTF-8; read as Latin-1", "save the file as UTF-8")
        if len(raw) > limits.KEEPALIVED_LINE:
            _too_long(text, position, notes)
        yield Line(text, raw, _indent(usual), position)


def decomment(raw: str) -> tuple[str, str | None]:
    """The line without comment and without blanks at its ends; what is wrong with it, or None.

    `#` and `!` begin a comment anywhere outside of double quotes, unless a backslash is before
    them. A backslash at the very end stays, even behind a comment, and takes no blank before it.
    """
    text = raw.strip(BLANK)
    if not _SPECIAL.search(text):
        return text, None
    kept: list[str] = []
    start, quote, comment, goes_on, literal = 0, False, -1, False, False
    place = _SPECIAL.search(text)
    while place:
        at, following = place.start(), place.end()
        if place[0] == '"':
            quote ^= comment < 0
        elif place[0] == "\\":
            if at + 1 == len(text):
                goes_on = True
                break
            if not quote and comment < 0 and text[at + 1] in "#!":
                kept.append(text[start:at])
                start = at + 1
                literal = True
            following = at + 2
        elif not quote and comment < 0:
            comment = at
        place = _SPECIAL.search(text, following)
    end = comment if comment >= 0 else len(text) - goes_on
    kept.append(text[start:end])
    result = "".join(kept).rstrip(BLANK) + ("\\" if goes_on else "")
    if quote:
        return result, open_quote('"')
    if comment > 0 and _within_a_word(text, comment):
        # Not the word itself: as likely as not it is a password.
        return result, (
            f"the {text[comment]} within a word begins a comment; if it is part of the word, as in "
            "a password, put the word into double quotes"
        )
    if literal:
        return result, (
            "a backslash does not keep # and ! from beginning a comment in every keepalived "
            "process; put the word into double quotes"
        )
    return result, None


def open_quote(quote: str) -> str:
    """What is said of a quote without a second one."""
    return f"a {quote} is not closed on its line: what is behind it is taken as one word"


def _within_a_word(text: str, at: int) -> bool:
    before, behind = text[at - 1], text[at + 1 : at + 2]
    return before not in " \t{}" and behind not in {" ", "\t", "#", "!"}


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
            "a byte order mark is ignored; keepalived takes it as part of the first word",
            "save the file as UTF-8 without BOM",
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
    blanks = raw[: len(raw) - len(raw.lstrip(BLANK))]
    return len(blanks.expandtabs(8)) if "\t" in blanks else len(blanks)


def _too_long(text: str, position: Position, notes: Notes) -> None:
    if len(text) > limits.LINE:
        raise Unreadable(
            position, f"a line of {len(text)} characters; at most {limits.LINE} are read"
        )
    notes.add(
        position,
        f"keepalived breaks lines after {limits.KEEPALIVED_LINE} bytes, comments too; read as one",
    )


def _without_slashes(text: str, position: Position, notes: Notes) -> str:
    """Without what keepalived takes as words and the writer meant as a comment: // and the rest."""
    for found in _SLASHES.finditer(text):
        if found[0] != "//":
            continue
        before = text[: found.start()]
        words = before.replace("{", " { ").replace("}", " } ").split()
        behind = text[found.start() :]
        if len(words) == 1 and words[0] not in "{}" and not _SURELY_COMMENT.match(behind):
            word = behind.split(maxsplit=1)[0]
            notes.add(
                position,
                f"{word} is taken as a value, as keepalived does; if it is to be a comment, it "
                "begins with # or !",
            )
            continue
        notes.add(
            position,
            "// and what is behind it is ignored; keepalived takes it as parameters",
            "begin comments with # or !",
        )
        return before.rstrip(BLANK) + ("\\" if text.endswith("\\") else "")
    return text
