# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as users write them: a list of words, or one text that is split into words.

Owns that notation. There is no shell: what only a shell would understand is refused with advice,
since passing it on as a word would run something else than its author meant.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

_WORDS_LIMIT = 64
_CHARACTERS_LIMIT = 4096
# Quoted text, or one character behind a backslash; group 1 is the inside of double quotes.
_QUOTED = re.compile(r"\\.|'[^']*'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_SHELL_ONLY = re.compile(r"[|&;<>()$`*?\[\]{}~#\n]")
# Even behind a backslash: shlex would leave that in, where a shell takes it away.
_IN_DOUBLE_QUOTES = re.compile(r"[$`]")


def split_command(value: Any, *, program: bool = True) -> tuple[str, ...]:
    """The words of `value`. Raises ValueError saying what is wrong.

    `program`: the first word must be an absolute path.

    >>> split_command("/bin/sh -c 'exit 1'")
    ('/bin/sh', '-c', 'exit 1')
    """
    if isinstance(value, str):
        words = _split(value)
    elif isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        words = list(value)
    else:
        raise ValueError("must be a command: one text, or a list of texts")
    if not words or not words[0]:
        raise ValueError("must name a program")
    if len(words) > _WORDS_LIMIT or sum(map(len, words)) > _CHARACTERS_LIMIT:
        raise ValueError(
            f"must have at most {_WORDS_LIMIT} words and {_CHARACTERS_LIMIT} characters; put it"
            " into a file"
        )
    if any("\0" in word for word in words):
        raise ValueError("must not contain NUL characters")
    if program and not words[0].startswith("/"):
        raise ValueError(
            f"{words[0]!r} must be the full path of a program, such as /usr/bin/{words[0]}: it is"
            " not searched for"
            if re.fullmatch(r"[\w.-]+", words[0])
            else f"{words[0]!r} must be the full path of a program"
        )
    return tuple(words)


def _split(text: str) -> list[str]:
    found = _shell_character(text)
    if found:
        raise ValueError(
            f"is run without a shell, which alone knows {found!r}; put it in single quotes if it"
            " is meant as it stands, else write a script file, or ['/bin/sh', '-c', '...']"
        )
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"has a quotation mark without its partner in {text!r}") from error


def _shell_character(text: str) -> str | None:
    """The first character of `text` that a shell would act upon, or None."""
    for quoted in _QUOTED.finditer(text):
        inside = _IN_DOUBLE_QUOTES.search(quoted[1] or "")
        if inside:
            return inside[0]
    bare = _SHELL_ONLY.search(_QUOTED.sub("", text))
    return bare[0] if bare else None
