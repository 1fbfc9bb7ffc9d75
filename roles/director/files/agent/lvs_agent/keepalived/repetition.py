# SPDX-License-Identifier: GPL-3.0-or-later
"""`~SEQ(...)`, `~SEQx(...)` and `~LST(...)`: the rest of the line once for every value.

Owns their syntax. Values are made one at a time: a sequence of a thousand million costs nothing
before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_HEAD = re.compile(r"~(SEQx?|LST)[ \t]*\(")
_NAME = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*")
_NUMBER = re.compile(r"[ \t]*([+-]?)(0[xX][0-9A-Fa-f]{1,16}|[0-9]{1,18})[ \t]*$")
_SET = re.compile(r"[ \t]*(?:\{([^{}]*)\}|([^,{}()]*))[ \t]*([,)])")


class Malformed(Exception):
    """A repetition that cannot be understood; the text says why."""


@dataclass(slots=True)
class Repetition:
    """What is left of a repetition: bindings of names to values, and the line to repeat."""

    bindings: Iterator[list[tuple[str, str]]]
    text: str


def is_repetition(text: str) -> bool:
    """Whether keepalived looks for a repetition here."""
    return text.startswith(("~SEQ", "~LST"))


def repetition(text: str, replace: Callable[[str], str]) -> Repetition:
    """`replace` replaces parameters in the numbers of a sequence. Raises Malformed."""
    head = _HEAD.match(text)
    if not head:
        raise Malformed("there is no ( behind it")
    if head[1] == "LST":
        return _list(text, head.end())
    name = _NAME.match(text, head.end())
    end = text.find(")", head.end())
    if not name or end < 0 or text[name.end()] != ",":
        raise Malformed("it wants (NAME, [START, [STEP,]] END)")
    numbers = [_number(part) for part in replace(text[name.end() + 1 : end]).split(",")]
    first, step, last = _bounds(numbers)
    hexadecimal = head[1] == "SEQx"
    if hexadecimal and (first < 0 or last < 0):
        raise Malformed("hexadecimal numbers must not be negative")
    form = "x" if hexadecimal else "d"
    values = range(first, last + (1 if step > 0 else -1), step)
    bindings = ([(name[1], format(value, form))] for value in values)
    return Repetition(bindings, text[end + 1 :].strip(" \t"))


def _number(text: str) -> int:
    found = _NUMBER.match(text)
    if not found:
        raise Malformed(f"{text.strip()!r} is not a number")
    digits = found[2]
    # As C has it: a leading zero means octal.
    base = 16 if digits[:2].lower() == "0x" else 8 if digits[0] == "0" else 10
    try:
        return int(found[1] + digits, base)
    except ValueError:
        raise Malformed(f"{digits} begins with 0 and is not an octal number") from None


def _bounds(numbers: list[int]) -> tuple[int, int, int]:
    """First, step and last: the step and then the first may be left out."""
    match numbers:
        case [last]:
            return (-1 if last < 0 else 1), (-1 if last < 1 else 1), last
        case [first, last]:
            return first, (1 if first <= last else -1), last
        case [first, step, last]:
            if step == 0 or (last - first) * step < 0:
                raise Malformed(f"steps of {step} do not lead from {first} to {last}")
            return first, step, last
    raise Malformed("it wants one to three numbers")


def _list(text: str, at: int) -> Repetition:
    names: list[str] = []
    sets: list[list[str]] = []
    while True:
        found = _SET.match(text, at)
        if not found:
            raise Malformed("it wants (NAME, VALUE, ...) or ({NAME, ...}, {VALUE, ...}, ...)")
        at = found.end()
        parts = (found[1] if found[1] is not None else found[2]).split(",")
        values = [part.strip(" \t") for part in parts]
        if not names:
            names = values
            if not all(_NAME.fullmatch(name) for name in names):
                raise Malformed(f"{found[0]!r} are no names")
        elif len(values) > len(names):
            raise Malformed(f"{len(values)} values for {len(names)} names")
        else:
            sets.append(values + [""] * (len(names) - len(values)))
        if found[3] == ")":
            break
    if not sets:
        raise Malformed("it has no values")
    bindings = (list(zip(names, values, strict=True)) for values in sets)
    return Repetition(bindings, text[at:].strip(" \t"))
