# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the comments of a line begin: keepalived's, and those of other languages.

Owns that alone, for one line at a time.
"""

from __future__ import annotations

import re

from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.tree import Position

# keepalived strips blanks at the ends of a line, and splits it at all white space.
BLANK = " \t"
SPACE = " \t\n\v\f\r"
_SPECIAL = re.compile(r'[!#"\\]')
_SLASHES = re.compile(r'"[^"]*"|(?<![^\s{}])//')
# Behind a keyword, // may begin its value, such as a path: unless it goes on like this.
_SURELY_COMMENT = re.compile(r"//(?:$|[\s/]|[^\x00-\x7f])")


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


def without_slashes(text: str, position: Position, notes: Notes) -> str:
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
        return before.rstrip(BLANK) + ("\\" if text.endswith("\\") else "")
    return text
