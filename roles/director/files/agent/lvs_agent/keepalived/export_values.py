# SPDX-License-Identifier: GPL-3.0-or-later
"""A value of our document becomes the words behind a keyword, or the lines of its block.

Owns the way back from `translate_values.py` and from the one-line forms of `config/lines.py`. Takes
values in any notation that a document may have them in, of a document that is accepted.
"""

from __future__ import annotations

import re
from typing import Any

from lvs_agent.config import lines
from lvs_agent.config.addresses import DEFAULT
from lvs_agent.config.commands import split_command
from lvs_agent.config.rules_names import user_and_group
from lvs_agent.keepalived.table import Form
from lvs_agent.keepalived.tree import Word
from lvs_agent.keepalived.words import join
from lvs_agent.schema import Block, Kind, Option
from lvs_agent.schema.addresses import NEXTHOP, VIRTUAL_ROUTE, VIRTUAL_RULE
from lvs_agent.schema.groups import GROUP_MEMBER

# What single quotes alone make one word; keepalived looks for escapes and parameters within them.
_BLANKS_ONLY = re.compile(r"(?=.* )[\w .,:;/@%+=&|<>()*?!~^-]+")


# Where keepalived has no word for the family.
_EVERYTHING6 = "::/0"


def plain(value: Any) -> str:
    """A scalar as one word's text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def word(text: str) -> Word:
    """A word; `write` puts it in quotes where it needs them."""
    return Word(text)


def words(form: Form, option: Option, value: Any, beside: dict[str, Any]) -> list[Word] | None:
    """The words behind the keyword; None: the keyword is not written at all.

    `beside` are the other options of the block, for `reverse` and `overwrite`.
    """
    match form:
        case Form.FLAG:
            return [] if value else None
        case Form.SWITCH:
            return [] if value else [Word("off")]
        case Form.COMMAND | Form.SCRIPT:
            return [Word(_command(value), quoted=True)]
        case Form.WEIGHT:
            return [word(plain(value)), *([Word("reverse")] if beside.get("reverse") else [])]
        case Form.INIT_FILE:
            return [word(plain(value)), *([Word("overwrite")] if beside.get("overwrite") else [])]
        case Form.USER:
            user, group = user_and_group(value)
            return [word(user), *([word(group)] if group else [])]
        case Form.WORDS:
            return [word(text) for text in _texts(option, value)]
        case Form.LINE:
            assert option.block is not None
            return line(option.block, value)
    if option.true_means is not None:
        number = option.true_means if value is True else value
        return [Word(plain(number))] if number else None
    return [word(plain(value))]


def _texts(option: Option, value: Any) -> list[str]:
    match option.kind:
        case Kind.STRINGS:
            return value.split() if isinstance(value, str) else list(value)
        case Kind.HEX | Kind.HEX_PATTERN:
            return [] if value is True else ["".join(str(value).split())]
        case Kind.WORDS:
            return list(split_command(value, program=False))
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(option, one)]
    return str(value).replace(",", " ").split()


def _command(value: Any) -> str:
    """The command as one text that keepalived divides again. Raises Unwritable."""
    return " ".join(_part(part) for part in split_command(value))


def _part(part: str) -> str:
    """A word within the quotes of a command; in single quotes where that will do."""
    if _BLANKS_ONLY.fullmatch(part):
        return f"'{part}'"
    return join((Word(part),), command=True)


def line(block: Block, value: Any) -> list[Word]:
    """The one-line form of `value`: a line already, true, or a mapping."""
    if value is True:
        return []
    if block in (VIRTUAL_ROUTE, VIRTUAL_RULE):
        # iproute2 has several words for the same; keepalived knows some of them.
        said = lines.of_words(block, value.split(), value) if isinstance(value, str) else value
        return _route(said) if block is VIRTUAL_ROUTE else _words(block, _rule(said))
    if isinstance(value, str):
        return [Word(text) for text in value.split()]
    if block is GROUP_MEMBER and value.get("fwmark") is not None:
        family = value.get("ip_family")
        return [Word("fwmark"), Word(plain(value["fwmark"])), *([Word(family)] if family else [])]
    return _words(block, value)


def _words(block: Block, value: dict[str, Any]) -> list[Word]:
    grammar = lines.grammar_of(block)
    found: list[Word] = []
    for name in grammar.positional:
        if value.get(name) is None:
            break
        found.append(word(plain(value[name])))
    for option in block.options:
        item = value.get(option.name)
        if item is not None and option.name not in grammar.positional and option.block is None:
            found += _named(block, option, item, grammar)
    return found


def _named(block: Block, option: Option, item: Any, grammar: lines.Grammar) -> list[Word]:
    constant = [text for text, means in grammar.constants.items() if means == (option.name, item)]
    if constant:
        return [Word(constant[0])]
    if option.kind is Kind.BOOLEAN:
        return [Word(option.name)] if item else []
    if block is VIRTUAL_RULE and option.name == "action":
        return []  # lookup, which the table says
    return [Word(option.name), word(plain(item))]


def _rule(value: dict[str, Any]) -> dict[str, Any]:
    """The rule without its family, which keepalived has from its addresses; ports as ranges."""
    said = {name: item for name, item in value.items() if name != "family"}
    if value.get("family") == "inet6" and not (said.get("from") or said.get("to")):
        said["from"] = _EVERYTHING6
    for name in ("sport", "dport"):
        if said.get(name) is not None and "-" not in str(said[name]):
            said[name] = f"{said[name]}-{said[name]}"
    return said


def _route(value: dict[str, Any]) -> list[Word]:
    """[TYPE] DESTINATION words... [nexthop words...]..."""
    kind = value.get("type")
    found = [Word(kind)] if kind not in (None, "unicast") else []
    rest = {name: item for name, item in value.items() if name not in ("type", "to", "family")}
    everything6 = value["to"] == DEFAULT and value.get("family") == "inet6"
    found.append(word(_EVERYTHING6 if everything6 else plain(value["to"])))
    found += _words(VIRTUAL_ROUTE, rest)
    hops = value.get("nexthop") or []
    for hop in [hops] if isinstance(hops, dict | str) else hops:
        said = lines.of_words(NEXTHOP, hop.split(), hop) if isinstance(hop, str) else hop
        found += [Word("nexthop"), *_words(NEXTHOP, said)]
    return found
