# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions, `$NAME=VALUE`, and the replacing of `$NAME` and `${NAME}` by their values.

Owns what counts as a definition and as a reference. Replacement is late: a value is looked at again
where it is used, and may name what was defined after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.comments import BLANK
from lvs_agent.keepalived.grammar import Host
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.tree import Position, Unreadable

_DEFINITION = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)=[ \t]*(.*)", re.DOTALL)
_REFERENCE = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?P<given>(?: +[A-Za-z0-9_]+)*)\}"
    r"|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)(?=[ \t,)]|$))"
)
# Digits of a number that ${_RANDOM} takes: what fits keepalived's long.
_DIGITS = 18
_RANDOM_HIGHEST = 32767


@dataclass(slots=True)
class Definition:
    """A value: one line, or several, of which a reference must stand at the end of its line."""

    lines: list[str]
    several: bool = False


class Parameters:
    """What is defined so far, and how many references there were."""

    def __init__(self, host: Host, notes: Notes) -> None:
        self._host = host
        self._notes = notes
        self._defined: dict[str, Definition] = {}
        self._references = 0

    def define(self, text: str) -> Definition | None:
        """Take a definition; None if the line is none. If `several`, its further lines follow."""
        found = _DEFINITION.match(text)
        if not found:
            return None
        value = found[2]
        several = value.endswith("\\")
        if several:
            value = value[:-1].rstrip(BLANK)
        definition = Definition([value] if value or not several else [], several)
        self._defined[found[1]] = definition
        return definition

    def set(self, name: str, value: str) -> None:
        """What ~SEQ and ~LST define, value by value."""
        self._defined[name] = Definition([value])

    def replace(
        self, text: str, position: Position, directory: str
    ) -> tuple[str, list[list[str]], bool]:
        """The line with its references replaced, and whether there were any.

        Between them: the further lines of each definition of several that was replaced. What begins
        with `~` ends the replacing, since it has to be expanded first. Raises Unreadable.
        """
        further: list[list[str]] = []
        at, count, replaced = 0, 0, False
        while found := _REFERENCE.search(text, at):
            name = found["braced"] or found["plain"]
            count += 1
            self._count(name, count, position)
            value = self._value(found, position, directory)
            if value is None:
                at = found.start() + 1
                continue
            first = value.lines[0] if value.lines else ""
            if value.several:
                further.append(value.lines[1:])
            text = text[: found.start()] + first + text[found.end() :]
            at = found.start()
            replaced = True
            if len(text) > limits.LINE:
                raise Unreadable(
                    position, f"with ${name} the line gets longer than {limits.LINE} characters"
                )
            if first.startswith("~"):
                break
        return text, further, replaced

    def _value(self, found: re.Match[str], position: Position, directory: str) -> Definition | None:
        name, given = found["braced"] or found["plain"], found["given"]
        defined = self._defined.get(name)
        if defined and not given:
            # Several lines cannot go into the middle of one.
            at_end = found.end() == len(found.string)
            return defined if at_end or not defined.several else None
        value = self._predefined(name, (given or "").split(), position, directory)
        return None if value is None else Definition([value])

    def note_left(self, text: str, position: Position) -> None:
        """Say which references are left in what is not going to be replaced any more."""
        for found in _REFERENCE.finditer(text):
            if (found["braced"] or found["plain"]) in self._defined:
                message = (
                    "stands for several lines and has to be the last of its line: left as it is"
                )
            else:
                message = "is not defined, and left as it is"
            self._notes.add(position, f"{found[0]} {message}")

    def _predefined(
        self, name: str, given: list[str], position: Position, directory: str
    ) -> str | None:
        match name, given:
            case "_PWD", []:
                return directory
            case "_INSTANCE", []:
                if self._host.config_id is None:
                    self._notes.add(position, "${_INSTANCE} is empty: no config id was given")
                return self._host.config_id or ""
            case "_HASH", []:
                return "#"
            case "_BANG", []:
                return "!"
            case "_ENV", [variable]:
                return self._environment(variable, position)
            case "_RANDOM", numbers if all(n.isdigit() and len(n) <= _DIGITS for n in numbers):
                return self._random([int(number) for number in numbers], position)
        return None

    def _environment(self, variable: str, position: Position) -> str:
        value = self._host.environment.get(variable)
        if value is None:
            self._notes.add(position, f"the environment has no {variable}: taken as empty")
            return ""
        return "".join(value.splitlines())

    def _random(self, numbers: list[int], position: Position) -> str | None:
        low, high, *more = [*numbers, *[0, _RANDOM_HIGHEST][len(numbers) :]]
        if more or low > high:
            return None
        if self._host.random:
            return str(self._host.random(low, high))
        self._notes.add(position, f"a random number from {low} to {high}: {low} is taken")
        return str(low)

    def _count(self, name: str, count: int, position: Position) -> None:
        self._references += 1
        if count > limits.REFERENCES_IN_LINE or self._references > limits.REFERENCES:
            raise Unreadable(position, f"${name} leads to itself, or there are too many parameters")
