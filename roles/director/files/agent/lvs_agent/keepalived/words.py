# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a line: white space, quotes and escapes, in keepalived's two ways.

Owns splitting, and its reverse. Most keywords are split plainly: double quotes enclose a word of
their own, and nothing is escaped. The lines of commands are split as a shell would: both kinds of
quotes anywhere in a word, and C's escapes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lvs_agent.keepalived.comments import open_quote
from lvs_agent.keepalived.text import FOREIGN_BLANKS
from lvs_agent.keepalived.tree import Word

_PLAIN = re.compile(r'"([^"]*)("?)|[^ \t\f\n\r\v"]+')
_PART = re.compile(
    r"(?P<space>[ \t\f\n\r\v]+)|(?P<quote>[\"'])"
    r"|\\(?:x(?P<hex>[0-9A-Fa-f]+)|c(?P<control>.)|(?P<octal>[0-7]{1,3})|(?P<other>.))"
    r"|(?P<text>[^ \t\f\n\r\v\"'\\]+)|(?P<end>\\)",
    re.DOTALL,
)
_QUOTED = {
    '"': re.compile(r'[^"\\]+'),
    "'": re.compile(r"[^'\\]+"),
}
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_HIDDEN = re.compile(r'["$\x01-\x1f\x7f]')
_IMPOSSIBLE = re.compile(r'["\x00-\x08\x0a-\x1f\x7f]')
_NEEDS_QUOTES = re.compile(rf"[\s{FOREIGN_BLANKS}#!{{}}'\"]|^//|^$|\\$")
# A reference that keepalived knows without a definition is replaced even in quotes.
_PREDEFINED = re.compile(r"\$\{?_(?:PWD|INSTANCE|RANDOM|ENV|HASH|BANG)\b")
_SPECIAL_KEYWORD = re.compile(r"[@~$]|include[rmwba]?$")
# In a long file nearly all lines are the same few: those of the checks of its real servers.
_CACHED = 256


class Unwritable(ValueError):
    """A word that the language has no way to say, after such a keyword."""


@lru_cache(maxsize=_CACHED)
def first_word(text: str) -> str:
    """The keyword of a line that has one, cheaply."""
    found = _PLAIN.search(text)
    if not found:
        return ""
    return found[0] if found[1] is None else found[1]


@lru_cache(maxsize=_CACHED)
def split(text: str) -> tuple[tuple[Word, ...], str | None]:
    """The words, plainly; and what is wrong with them, or None."""
    if '"' not in text and text.isascii() and text.isprintable():
        return tuple(map(Word, text.split())), None  # nearly every line
    words, wrong = [], None
    for found in _PLAIN.finditer(text):
        if found[1] is None:
            words.append(Word(found[0]))
        else:
            words.append(Word(found[1], quoted=True))
            if not found[2]:
                wrong = open_quote('"')
    return tuple(words), wrong


def split_command(text: str) -> tuple[tuple[Word, ...], str | None]:
    """The words of a command's line, or of a command within such a word; what is wrong, or None."""
    words: list[Word] = []
    parts: list[str] = []
    quote, quoted, wrong, at = "", False, None, 0
    while at < len(text):
        inside = _QUOTED[quote].match(text, at) if quote else None
        if inside:
            parts.append(inside[0])
            at = inside.end()
            continue
        found = _PART.match(text, at)
        assert found  # the alternatives cover every character
        at = found.end()
        if found["space"]:
            if parts or quoted:
                words.append(Word("".join(parts), quoted))
            parts, quoted = [], False
        elif found["quote"]:
            quote, quoted = "" if quote else found["quote"], True
        elif found["end"]:
            wrong = "a backslash at the end has nothing to escape, and is ignored"
        else:
            parts.append(_character(found))
    if parts or quoted:
        words.append(Word("".join(parts), quoted))
    if quote:
        wrong = open_quote(quote)
    return tuple(words), wrong


def _character(found: re.Match[str]) -> str:
    if found["hex"]:
        return chr(int(found["hex"][-2:], 16))  # what is before falls out of keepalived's char
    if found["control"]:
        return chr(ord(found["control"]) & 0x1F)
    if found["octal"]:
        return chr(int(found["octal"], 8) & 0xFF)
    if found["other"]:
        return _ESCAPES.get(found["other"], found["other"])
    return found["text"]


def join(words: tuple[Word, ...], *, command: bool) -> str:
    """The words as a line that is split into them again. Raises Unwritable."""
    written = [_command_word(word) if command else _plain_word(word) for word in words]
    if _SPECIAL_KEYWORD.match(words[0].text) and not written[0].startswith('"'):
        written[0] = f'"{written[0]}"'
    return " ".join(written)


def _plain_word(word: Word) -> str:
    text = word.text
    if _IMPOSSIBLE.search(text):
        raise Unwritable(f"{text!r}: no quote and no control character can be written here")
    if text.endswith("\\"):
        raise Unwritable(f"{text!r}: no backslash can be written at the end of a word here")
    if _PREDEFINED.search(text):
        raise Unwritable(f"{text!r}: keepalived would replace the parameter")
    return f'"{text}"' if word.quoted or _NEEDS_QUOTES.search(text) else text


def _command_word(word: Word) -> str:
    text = word.text
    plain = not (word.quoted or _NEEDS_QUOTES.search(text) or "\\" in text or "$" in text)
    if plain and text.isprintable():
        return text
    if "\0" in text:
        raise Unwritable(f"{text!r}: no NUL can be written here")
    # Octal: keepalived looks for comments, braces and parameters before it looks for escapes, and
    # takes an escaped quote as a quote there.
    escaped = _HIDDEN.sub(lambda c: f"\\{ord(c[0]):03o}", text.replace("\\", "\\\\"))
    return f'"{escaped}"'
