# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements of a keepalived.conf become the options of our document, block by block.

Owns what happens to every statement: it is translated, or a notice says why not. What keepalived
does with a mistake is done here too: a keyword that it does not know, a misspelt one above all, or
a value that it refuses has no effect. Values that stand in a way of their own are read by
`translate_special.py`; what follows from several statements together is in `completion.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lvs_agent.config import lines, walk
from lvs_agent.keepalived import export_values, translate_values
from lvs_agent.keepalived.table import Form, Keyword, Place, places
from lvs_agent.keepalived.translate_values import Refused
from lvs_agent.keepalived.tree import Notice, Position, Statement
from lvs_agent.schema import LB_KIND, VIRTUAL_IPADDRESS, VIRTUAL_ROUTE, VIRTUAL_RULE, Kind, Option

Values = dict[str, Any]

# Each takes a millisecond; a file with so many mistakes is no configuration.
_SUGGESTIONS_LIMIT = 100
# As many words as a line may lose one after the other.
_LINE_WORDS_LIMIT = 64
_METHODS = ("NAT", "DR", "TUN")


@dataclass(frozen=True, slots=True)
class Noted:
    """A notice, and the path in the document of the block that it is about."""

    path: str
    notice: Notice


@dataclass(slots=True)
class Translator:
    """What was read so far, beside the values: notices, and the line of every path.

    `find_program` gives the full path of a program that is named without one, or None.
    `commands` has the place of everything that is run, for what holds for all of them.
    """

    find_program: Callable[[str], str | None]
    noted: list[Noted] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    commands: list[Position] = field(default_factory=list)
    suggestions: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _order: dict[str, int] = field(default_factory=dict)

    def note(
        self, path: str, where: Statement | Position, message: str, suggestion: str | None = None
    ) -> None:
        """A notice about the block at `path`."""
        position = where.position if isinstance(where, Statement) else where
        self.noted.append(Noted(path, Notice(position, message, suggestion)))

    def not_yet(self, document: Values, section: str, name: str, use: str) -> str | None:
        """Why `name` of `section` means nothing at the path `use`; None if it does. keepalived does
        not look ahead."""
        if name not in document.get(section, {}):
            return "nothing is called so"
        if not self._order:
            self._order.update({path: number for number, path in enumerate(self.positions)})
        if self._order[f"{section}.{name}"] > self._order[use]:
            return "it is defined further down, where keepalived does not look"
        return None

    def block(
        self,
        place: Place,
        statements: tuple[Statement, ...],
        path: str,
        values: Values | None = None,
    ) -> Values:
        """The options that `statements` of a block say, beside those in `values`."""
        values = {} if values is None else values
        for statement in statements:
            self.statement(place, statement, values, path)
        return values

    def statement(self, place: Place, statement: Statement, values: Values, path: str) -> None:
        """Put what one statement says into `values`."""
        word = statement.words[0].text
        keyword = place.keywords.get(word)
        if keyword is None:
            self._unknown(place, statement, path)
        elif keyword.form is Form.UNSUPPORTED:
            self.note(path, statement, f"{word} has no counterpart here: {keyword.note}")
        elif keyword.form is Form.SPECIAL:
            from lvs_agent.keepalived import translate_special  # noqa: PLC0415 - it reads blocks itself

            translate_special.READERS[place.name, word](self, statement, values, path)
        elif keyword.form is not Form.IGNORED:
            if keyword.name_now:
                self.note(path, statement, f"{word} is an old name of {keyword.name_now}")
            self._known(keyword, statement, values, path)

    def _unknown(self, place: Place, statement: Statement, path: str) -> None:
        word = statement.words[0].text
        what = "block" if statement.block is not None else "keyword"
        where = place.name if path else "the file"
        elsewhere = [name for name, other in places().items() if word in other.keywords]
        close = None if elsewhere else self._close(word, place)
        message = f"{word} is not a {what} of {where}: it has no effect, in keepalived neither"
        if elsewhere:
            message += f"; it belongs into {elsewhere[0]}"
        self.note(path, statement, message, close)

    def _close(self, word: str, place: Place) -> str | None:
        """The keyword of `place` that `word` is nearest to."""
        key = place.name, word
        if key not in self.suggestions and len(self.suggestions) < _SUGGESTIONS_LIMIT:
            same = [name for name in place.keywords if name.lower() == word.lower()]
            near = same or difflib.get_close_matches(word, list(place.keywords), n=1, cutoff=0.7)
            self.suggestions[key] = near[0] if near else None
        return self.suggestions.get(key)

    def _known(self, keyword: Keyword, statement: Statement, values: Values, path: str) -> None:
        option = keyword.option
        assert option is not None
        here = f"{path}.{option.name}" if path else option.name
        if keyword.form not in (Form.LINES, Form.NAMES, Form.NAMED, Form.REPEATED):
            if option.name in values:
                self.note(path, statement, f"{keyword.name} is said before; this one counts")
            self.positions[here] = statement.position
        try:
            match keyword.form:
                case Form.LINES:
                    self._lines(option, statement, values, here)
                case Form.NAMES:
                    self._names(option, statement, values, here)
                case Form.NAMED:
                    self._named(keyword, option, statement, values)
                case Form.REPEATED:
                    found = values.setdefault(option.name, [])
                    found.append(self.inner(keyword, statement, f"{here}[{len(found)}]"))
                case Form.BLOCK:
                    found = values.setdefault(option.name, {})
                    found.update(self.inner(keyword, statement, here))
                case Form.LINE:
                    words = [word.text for word in statement.words[1:]]
                    line = self.line(option, words, statement, here)
                    if line is not None:
                        values[option.name] = line
                case _:
                    self._value(keyword, option, statement, values, path)
        except Refused as refused:
            self.note(path, statement, f"{keyword.name} {refused}; it is left out")

    def inner(self, keyword: Keyword, statement: Statement, path: str) -> Values:
        """The options of the block behind `statement`."""
        assert keyword.place is not None
        self.positions[path] = statement.position
        if statement.block is None:
            raise Refused("lacks its block")
        return self.block(places()[keyword.place], statement.block, path)

    def _named(
        self, keyword: Keyword, option: Option, statement: Statement, document: Values
    ) -> None:
        if len(statement.words) < 2:
            raise Refused("lacks its name")
        name = statement.words[1].text
        section = document.setdefault(option.name, {})
        if name in section:
            raise Refused(f"{name} is there already")
        section[name] = self.inner(keyword, statement, f"{option.name}.{name}")

    def _value(
        self, keyword: Keyword, option: Option, statement: Statement, values: Values, path: str
    ) -> None:
        found = translate_values.READERS[keyword.form](option, statement.words)
        for name, value in found.items():
            self.checked(option, name, value)
        for message in translate_values.remarks(keyword.form, option, statement.words):
            self.note(path, statement, f"{keyword.name} {message}")
        if option.kind is Kind.COMMAND:
            self.commands.append(statement.position)
            found[option.name] = self._command(option, found[option.name], statement, path)
        values.update(found)

    def checked(self, option: Option, name: str, value: Any) -> None:
        """Raises Refused if `value` is not one of `option`; `name` may be a word beside it."""
        if name != option.name or option.kind is Kind.COMMAND:
            return

        def refuse(_path: str, message: str) -> None:
            raise Refused(message)

        walk.check_value(option, value, option.name, refuse)

    def _command(
        self, option: Option, words: list[str], statement: Statement, path: str
    ) -> str | list[str]:
        """The command as our document has it; its program with its full path."""
        if not words[0].startswith("/"):
            found = self.find_program(words[0])
            program = found or f"/usr/bin/{words[0]}"
            if not found:
                self.note(path, statement, f"{words[0]} is taken to be {program}")
            words = [program, *words[1:]]
        command = translate_values.command_text(words)
        self.checked_command(option, command)
        if any(word in ("|", "||", "&", "&&", ";") or word[0] in "<>" for word in words if word):
            self.note(
                path, statement, "only a shell understands this command, and keepalived runs it"
                " without one, as the agent does; write ['/bin/sh', '-c', '...']",
            )  # fmt: skip
        return command

    def _with_prefix(self, words: list[str], statement: Statement, path: str) -> list[str]:
        """The words of an address; a prefix length that is too long is the longest there is."""
        address, __, length = words[0].partition("/") if words else ("", "", "")
        most = 128 if ":" in address else 32
        if not length.isdecimal() or len(length) > 9 or int(length) <= most:
            return words
        message = f"{words[0]} is taken to be {address}/{most}, as in keepalived"
        self.note(path, statement, message)
        return [f"{address}/{most}", *words[1:]]

    @staticmethod
    def checked_command(option: Option, command: str | list[str]) -> None:
        """Raises Refused if it is not a command."""

        def refuse(_path: str, message: str) -> None:
            raise Refused(message)

        walk.check_value(option, command, option.name, refuse)

    def _names(self, option: Option, statement: Statement, values: Values, path: str) -> None:
        """A block, or the words behind the keyword, is a list of names."""
        self.positions.setdefault(path, statement.position)
        inside = statement.block or ()
        words = [*statement.words[1:], *(word for one in inside for word in one.words)]
        self._extend(option, values, [word.text for word in words])

    def _lines(self, option: Option, statement: Statement, values: Values, path: str) -> None:
        if statement.block is None:
            raise Refused("lacks its block")
        self.positions.setdefault(path, statement.position)
        before = len(values.get(option.name, ()))
        found: list[str | Values] = []
        for one in statement.block:
            here = f"{path}[{before + len(found)}]"
            if option.maximum is not None and before + len(found) > option.maximum:
                # More than are allowed, which is an error: what they say is of no interest.
                found.append(" ".join(word.text for word in one.words))
                self.positions[here] = one.position
                continue
            line = self.line(option, [word.text for word in one.words], one, here)
            if line is not None:
                found.append(line)
        self._extend(option, values, found)

    @staticmethod
    def _extend(option: Option, values: Values, found: Sequence[str | Values]) -> None:
        """Lists that are said twice are joined; an empty one says nothing."""
        if found:
            values.setdefault(option.name, []).extend(found)

    def line(
        self, option: Option, words: list[str], statement: Statement, path: str
    ) -> str | Values | None:
        """One line in keepalived's form; None if it cannot be read. Words that nothing is known of
        have no effect."""
        self.positions[path] = statement.position
        block = option.block
        assert block is not None
        shown = " ".join(words)
        if block is VIRTUAL_IPADDRESS:
            words = self._with_prefix(words, statement, path)
        unknown: list[str] = []
        for __ in range(_LINE_WORDS_LIMIT):
            try:
                value = lines.of_words(block, words, shown)
                break
            except lines.UnknownWordError as error:
                words = list(words)
                words.remove(error.word)
                unknown.append(error.word)
            except lines.LineError as error:
                self.note(path, statement, f"{error}; the line is left out")
                return None
        else:
            self.note(path, statement, f"cannot be read: {shown}; the line is left out")
            return None
        if unknown:
            what = " ".join(unknown)
            self.note(path, statement, f"{what} in {shown!r} is left out: it has no effect here")
        problems: list[str] = []
        if block is LB_KIND and value.get("method") not in _METHODS:
            problems.append(f"keepalived knows {', '.join(_METHODS)}, in capitals, and no other")
        walk.block_values(block, value, "", lambda at, message: problems.append(f"{at} {message}"))
        if problems:
            self.note(path, statement, f"{shown!r}: {'; '.join(problems)}; the line is left out")
            return None
        if block in (VIRTUAL_ROUTE, VIRTUAL_RULE):
            return " ".join(word.text for word in export_values.line(block, value))
        return value if _needs_mapping(block, words, value) else " ".join(words)


def _needs_mapping(block: Any, words: list[str], value: Values) -> bool:
    """Whether the one-line form would be read as something else: a name with a blank in it."""
    text = " ".join(words)
    return text.split() != words or lines.of_words(block, text.split(), text) != value
