# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration document becomes the statements of a keepalived.conf.

Owns the way back from `translate.py`: the same table, read the other way. What keepalived has no
keyword for becomes a line of `Exported.lost`. Defaults that differ are said, so that the file
behaves as the document does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lvs_agent.config.derive import or_else
from lvs_agent.keepalived import export_instances, export_servers, export_values
from lvs_agent.keepalived.families import family, version
from lvs_agent.keepalived.keywords import OURS, SECTIONS, TOP
from lvs_agent.keepalived.table import Form, Keyword, Place, grammar, places
from lvs_agent.keepalived.tree import Position, Statement, Word
from lvs_agent.keepalived.words import Unwritable, join
from lvs_agent.schema import DOCUMENT, Option

Values = dict[str, Any]

# What others refer to: keepalived does not look ahead.
_FIRST = (
    "global_defs", "vrrp_scripts", "vrrp_track_files", "vrrp_track_processes", "bfd_instances",
)  # fmt: skip
# Durations that not every keepalived takes a fraction of.
_WHOLE_SECONDS = "keepalived up to 2.3.1 takes whole seconds only"
_WHOLE = {
    ("vrrp_script", "interval"), ("vrrp_script", "timeout"), ("MISC_CHECK", "misc_timeout"),
    ("global_defs", "smtp_connect_timeout"),
}  # fmt: skip

_NOWHERE = Position("", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The statements, and what they do not say, or not to every keepalived: PATH: why."""

    statements: tuple[Statement, ...]
    lost: tuple[str, ...]


def statement(
    keyword: str, words: list[Word] | None = None, block: list[Statement] | None = None
) -> Statement:
    """A statement that stands in no file yet."""
    inside = None if block is None else tuple(block)
    return Statement((Word(keyword), *(words or [])), _NOWHERE, inside)


def export(document: Values) -> Exported:
    """The statements of a document that is accepted."""
    writer = Writer(document)
    return Exported(statements=tuple(writer.document()), lost=tuple(writer.lost))


class Writer:
    """Writes block after block, and remembers what cannot be said."""

    def __init__(self, document: Values) -> None:
        self._document = document
        self.lost: list[str] = []

    def document(self) -> list[Statement]:
        """All statements, what others refer to first."""
        found: list[Statement] = []
        for option in sorted(DOCUMENT.options, key=lambda one: one.name not in _FIRST):
            value = self._document.get(option.name)
            if option.name == "global_defs":
                value = self._global_defs(value or {})
            if not value:
                continue
            found += self._section(option, value)
        return found

    def _global_defs(self, said: Values) -> Values:
        instances = (self._document.get("vrrp_instances") or {}).values()
        third = [one for one in instances if version(one, said) == 3 and family(one) == 4]
        checksum = said.get("v3_checksum_as_v2", True)
        rest = {name: value for name, value in said.items() if name != "v3_checksum_as_v2"}
        # Off where keepalived is told nothing, and keepalived 2.2.7 does not know the word.
        return {**rest, "v3_checksum_as_v2": True} if third and checksum is not False else rest

    def _section(self, option: Option, value: Any) -> list[Statement]:
        keyword = SECTIONS.get(option.name, option.name)
        if keyword == "virtual_server":
            return export_servers.virtual_servers(self, value, self._document)
        if keyword == "virtual_server_group":
            return export_servers.groups(self, value)
        if keyword == "vrrp_instance":
            said = self._document.get("global_defs") or {}
            value = {
                name: export_instances.defaults_said(instance, said)
                for name, instance in value.items()
            }
        assert option.block is not None
        if keyword == "interface_up_down_delays":
            delays = [
                statement(name, export_values.line(option.block, _delay(delay)))
                for name, delay in value.items()
            ]
            return [statement(keyword, block=delays)]
        known = places()[TOP].keywords[keyword]
        if known.form is Form.LINES:
            return [self._lines(keyword, option, value)]
        if known.form is Form.BLOCK:
            return [statement(keyword, block=self.block(places()[keyword], value, option.name))]
        return [
            statement(
                keyword,
                [export_values.word(name)],
                self.block(places()[keyword], values, f"{option.name}.{name}"),
            )
            for name, values in value.items()
        ]

    def block(self, place: Place, values: Values, path: str) -> list[Statement]:
        """The statements inside of a block."""
        assert place.block is not None
        found: list[Statement] = []
        by_option = {
            one.option.name: one
            for one in reversed(place.keywords.values())
            if one.option is not None and one.form is not Form.UNSUPPORTED
        }
        for option in place.block.options:
            value = values.get(option.name)
            if value is None or option.name in ("reverse", "overwrite"):
                continue
            keyword = by_option.get(option.name)
            if keyword is None:
                self._ours(place, option, value, path)
                continue
            try:
                written = self._known(keyword, value, values, path)
                if (place.name, keyword.name) in _WHOLE and not float(value).is_integer():
                    self.lost.append(f"{path}.{option.name}: {value}: {_WHOLE_SECONDS}")
                _writable(written, command=keyword.name in grammar().commands)
                found += written
            except Unwritable as error:
                self.lost.append(f"{path}.{option.name}: {error}")
        return found

    def _ours(self, place: Place, option: Option, value: Any, path: str) -> None:
        """What keepalived has no keyword for, if it says something at all."""
        assert place.block is not None
        if option.name not in OURS.get(place.block.name, ()) or option.block is not None:
            return
        if option.name == "no_virtual_ipaddress" or value == option.default:
            return
        shown = "(secret)" if option.secret else export_values.plain(value)
        self.lost.append(f"{path}.{option.name}: {shown}: keepalived has no such keyword")

    def _known(self, keyword: Keyword, value: Any, values: Values, path: str) -> list[Statement]:
        """The statements of one option of `values`, whose keyword there is."""
        option, name = keyword.option, keyword.name
        assert option is not None
        match keyword.form:
            case Form.SPECIAL:
                return self._special(name, option, value)
            case Form.LINES:
                return [self._lines(name, option, value)]
            case Form.NAMES:
                texts = value.split() if isinstance(value, str) else value
                return [statement(name, block=[statement(text) for text in texts])]
            case Form.BLOCK:
                inner = self.block(places()[name], value, f"{path}.{option.name}")
                return [statement(name, block=inner)]
            case Form.REPEATED:
                several = value if isinstance(value, list | tuple) else [value]
                here = f"{path}.{option.name}"
                return [
                    statement(name, block=self.block(places()[name], one, here)) for one in several
                ]
        found = export_values.words(keyword.form, option, value, values)
        return [] if found is None else [statement(name, found)]

    def _special(self, keyword: str, option: Option, value: Any) -> list[Statement]:
        if keyword in ("use_vmac", "lvs_sync_daemon"):
            assert option.block is not None
            if value is False:
                return []
            if isinstance(value, dict) and value.get("mac") and not value.get("name"):
                return [statement(keyword, [Word(value["mac"])])]
            return [statement(keyword, export_values.line(option.block, value))]
        if keyword == "dynamic_interfaces":
            return [statement(keyword)] if value else [statement(keyword, [Word("off")])]
        return []

    def _lines(self, keyword: str, option: Option, value: Any) -> Statement:
        assert option.block is not None
        several = value if isinstance(value, list | tuple) else [value]
        inside = []
        for one in several:
            first, *rest = export_values.line(option.block, one)
            inside.append(Statement((first, *rest), _NOWHERE))
        return statement(keyword, block=inside)


def _writable(statements: list[Statement], *, command: bool) -> None:
    """Raises Unwritable if the language cannot say one of the lines."""
    for one in statements:
        join(one.words, command=command)
        for inner in one.block or ():
            if inner.block is None:
                join(inner.words, command=inner.words[0].text in grammar().commands)


def _delay(delay: Any) -> Any:
    """The mapping of a delay with nothing left out, for the two numbers of the line."""
    if isinstance(delay, dict):
        return {"down": or_else(delay.get("down"), 0), "up": or_else(delay.get("up"), 0)}
    return delay
