# SPDX-License-Identifier: GPL-3.0-or-later
"""The words behind a keyword become a value of our document, by the keyword's form.

Owns those notations. Must never know a keyword by its name, nor check more than the notation: the
schema's own checks judge the value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from lvs_agent.config.commands import split_command
from lvs_agent.keepalived.table import Form
from lvs_agent.keepalived.tree import Word
from lvs_agent.keepalived.words import split_command as split_words
from lvs_agent.schema import Kind, Option

# Choices that keepalived wants in capitals, as they are written.
_EXACT = ("auth_type",)
_YES = ("on", "true", "yes")
_NO = ("off", "false", "no")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{1,19})?")
Words = tuple[Word, ...]


class Refused(ValueError):
    """The words are no value of this keyword; the text says why, beginning with a verb."""


def _first(words: Words) -> str:
    if len(words) < 2:
        raise Refused("lacks its value")
    return words[1].text


def scalar(option: Option, text: str) -> Any:
    """Numbers as numbers, anything else as it stands, for the option's own check to judge."""
    match option.kind:
        case Kind.INTEGER | Kind.LIFETIME if _INTEGER.fullmatch(text):
            return int(text)
        case Kind.SECONDS | Kind.MILLISECONDS if _DECIMAL.fullmatch(text):
            number = float(text)
            return int(number) if number.is_integer() else number
        case Kind.MARK | Kind.PORTS if _INTEGER.fullmatch(text):
            return int(text)
    return text


def _value(option: Option, words: Words) -> dict[str, Any]:
    if option.true_means is not None and len(words) == 1:
        return {option.name: option.true_means}
    text = _first(words)
    if option.true_means is not None and text == "0":
        raise Refused("must be at least 1")  # only its absence means none
    if option.name in _EXACT and text not in option.choices:
        raise Refused(f"must be one of {', '.join(option.choices)}, in capitals, not {text!r}")
    if option.kind is Kind.CHOICE:
        text = next((one for one in option.choices if one.lower() == text.lower()), text)
        if option.name == "http_protocol" and text.lower() == "1.0c":
            text = "1.0"
    return {option.name: scalar(option, text)}


def _flag(option: Option, words: Words) -> dict[str, Any]:
    return {option.name: True}


def _switch(option: Option, words: Words) -> dict[str, Any]:
    if len(words) == 1:
        return {option.name: True}
    word = words[1].text.lower()
    if word not in _YES + _NO:
        raise Refused(f"must be on or off, not {words[1].text!r}")
    return {option.name: word in _YES}


def _words(option: Option, words: Words) -> dict[str, Any]:
    texts = [word.text for word in words[1:]]
    match option.kind:
        case Kind.HEX_PATTERN if not texts:
            return {option.name: True}
        case Kind.HEX | Kind.HEX_PATTERN:
            return {option.name: "".join(_bytes(text) for text in texts)}
        case Kind.STRINGS:
            return {option.name: [text for text in texts if text in _REGEX_OPTIONS]}
    if not texts:
        raise Refused("lacks its value")
    if option.kind is Kind.STATUS_CODES:
        plain = len(texts) == 1 and texts[0].isascii() and texts[0].isdigit()
        return {option.name: int(texts[0]) if plain else " ".join(texts)}
    simple = all(re.fullmatch(r"[\w./:@%+=,-]+", text) for text in texts)
    return {option.name: " ".join(texts) if simple else texts}


_REGEX_OPTIONS = ("caseless", "dotall", "multiline")


def _bytes(digits: str) -> str:
    """Two digits for each byte; a digit that is left over is a byte by itself."""
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    return "".join(pair if len(pair) == 2 else f"0{pair}" for pair in pairs)


def _command(option: Option, words: Words) -> dict[str, Any]:
    """The words of the command within its quotes; `command_text` writes them."""
    parts, _wrong = split_words(_first(words))
    if not parts:
        raise Refused("names no program")
    return {option.name: [part.text for part in parts]}


def command_text(words: list[str]) -> str | list[str]:
    """The words as one text where that is read as the same words again, else as a list."""
    text = shlex.join(words)
    try:
        same = list(split_command(text, program=False)) == words
    except ValueError:
        same = False
    return text if same else words


def _user(option: Option, words: Words) -> dict[str, Any]:
    """USER [GROUP], as USER:GROUP."""
    group = [word.text for word in words[2:3]]
    return {option.name: ":".join([_first(words), *group])}


def _weight(option: Option, words: Words) -> dict[str, Any]:
    found = {option.name: scalar(option, _first(words))}
    if len(words) > 2 and words[2].text == "reverse":
        found["reverse"] = True
    return found


def _init_file(option: Option, words: Words) -> dict[str, Any]:
    texts = [word.text for word in words[1:]]
    numbers = [int(text) for text in texts if _INTEGER.fullmatch(text)]
    found: dict[str, Any] = {option.name: numbers[0] if numbers else 0}
    if "overwrite" in texts:
        found["overwrite"] = True
    return found


READERS: dict[Form, Callable[[Option, Words], dict[str, Any]]] = {
    Form.VALUE: _value,
    Form.FLAG: _flag,
    Form.SWITCH: _switch,
    Form.WORDS: _words,
    Form.COMMAND: _command,
    Form.SCRIPT: _command,
    Form.USER: _user,
    Form.WEIGHT: _weight,
    Form.INIT_FILE: _init_file,
}

# How many words a form takes, the keyword included.
_TAKES = {Form.VALUE: 2, Form.SCRIPT: 2, Form.SWITCH: 2, Form.FLAG: 1, Form.WEIGHT: 3, Form.USER: 3}


def remarks(form: Form, option: Option, words: Words) -> Iterator[str]:
    """What of `words` has no effect, in keepalived or here; each begins with a verb."""
    takes = _TAKES.get(form)
    if takes is not None and len(words) <= min(takes, 2):
        return  # nearly every line
    texts = [word.text for word in words[1:]]
    if takes is not None and len(words) > takes:
        ignored = " ".join(texts[takes - 1 :])
        yield f"takes no more words: {ignored!r} has no effect, in keepalived neither"
    elif form is Form.WEIGHT and len(texts) == 2 and texts[1] != "reverse":
        yield f"may be followed by reverse only: {texts[1]!r} has no effect"
    elif form is Form.COMMAND and len(texts) > 1:
        if option.name.endswith("fifo_script") or len(texts) <= 3:
            yield f"is run as script_user here, not as {texts[1]}"
    elif option.kind is Kind.STRINGS and form is Form.WORDS:
        rest = [text for text in texts if text not in _REGEX_OPTIONS]
        if rest:
            yield f"knows {', '.join(_REGEX_OPTIONS)} here: {' '.join(rest)!r} has no effect"
