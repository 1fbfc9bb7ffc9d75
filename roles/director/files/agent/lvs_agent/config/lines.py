# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's and iproute2's one-line forms, such as `172.16.1.99/32 dev eth0 label eth0:0`.

Owns their grammar: a line becomes the mapping that a user could have written instead. Must never
check a value: that happens to the mapping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from lvs_agent.config.report import Report, suggestion
from lvs_agent.schema import (
    GROUP_MEMBER,
    LB_KIND,
    LVS_SYNC_DAEMON,
    LVS_TIMEOUTS,
    NEXTHOP,
    SMTP_SERVER,
    UNICAST_PEER,
    UP_DOWN_DELAY,
    USE_VMAC,
    VIRTUAL_IPADDRESS,
    VIRTUAL_ROUTE,
    VIRTUAL_RULE,
    Block,
    Kind,
)

_NUMBER = re.compile(r"[+-]?\d{1,12}")
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,9})?")
_FAMILIES: dict[str, tuple[str, Any]] = {
    "inet": ("family", "inet"),
    "inet6": ("family", "inet6"),
    "-4": ("family", "inet"),
    "-6": ("family", "inet6"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How a line is read: `positional` options first, then words.

    A word is an option's name or one of `aliases` with its value behind it, the name of a yes-or-no
    option, or one of `constants`, which stand for a value of an option.
    """

    positional: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    constants: dict[str, tuple[str, Any]] = field(default_factory=dict)


# `fwmark 7 inet6` in the place of an address and a port.
MARKED = Grammar(
    positional=("fwmark",), constants={name: ("ip_family", name) for name in ("inet", "inet6")}
)
_TRACKING = Grammar(positional=("name",), constants={"noreverse": ("reverse", False)})
_ROUTE_TYPES = ("unicast", "blackhole", "unreachable", "prohibit", "throw")
_GRAMMARS: dict[str, Grammar] = {
    VIRTUAL_IPADDRESS.name: Grammar(
        positional=("address",),
        aliases={"broadcast": "brd"},
        constants={"-nodad": ("nodad", False)},
    ),
    UNICAST_PEER.name: Grammar(positional=("address",)),
    USE_VMAC.name: Grammar(positional=("name", "mac")),
    SMTP_SERVER.name: Grammar(positional=("host", "port")),
    LVS_SYNC_DAEMON.name: Grammar(positional=("interface",)),
    LVS_TIMEOUTS.name: Grammar(),
    UP_DOWN_DELAY.name: Grammar(positional=("down", "up")),
    LB_KIND.name: Grammar(
        positional=("method",),
        constants={word: ("checksum", word) for word in ("nocsum", "csum", "remcsum")},
    ),
    GROUP_MEMBER.name: Grammar(positional=("ip", "port")),
    NEXTHOP.name: Grammar(aliases={"gw": "via"}),
    VIRTUAL_ROUTE.name: Grammar(
        aliases={
            "gw": "via",
            "gateway": "via",
            "proto": "protocol",
            "preference": "metric",
            "pref": "metric",
            "priority": "metric",
        },
        constants=_FAMILIES | {name: ("type", name) for name in _ROUTE_TYPES},
    ),
    VIRTUAL_RULE.name: Grammar(
        aliases={
            "dev": "iif",
            "lookup": "table",
            "dsfield": "tos",
            "pref": "preference",
            "priority": "preference",
            "order": "preference",
        },
        constants=_FAMILIES
        | {name: ("action", name) for name in ("blackhole", "unreachable", "prohibit")},
    ),
}


class LineError(ValueError):
    """The line cannot be read; the text says why."""


class UnknownWordError(LineError):
    """Nothing is known of `word` in a line of this block."""

    def __init__(self, block: Block, grammar: Grammar, word: str, line: str) -> None:
        super().__init__()
        self.word = word
        self._block, self._grammar, self._line = block, grammar, line

    def __str__(self) -> str:
        # Here, since to look for a word like it takes long, and not everybody asks.
        return _unknown_word(self._block, self._grammar, self.word, self._line)


def grammar_of(block: Block) -> Grammar:
    """How lines of `block` are read."""
    return _GRAMMARS.get(block.name, _TRACKING)


def mapping(block: Block, line: str, path: str, report: Report) -> dict[str, Any] | None:
    """The mapping that `line` stands for, or None after a report."""
    try:
        return of_words(block, line.split(), line)
    except LineError as wrong:
        report(path, str(wrong))
        return None


def of_words(block: Block, words: list[str], line: str) -> dict[str, Any]:
    """The mapping that `words` stand for; `line` is how messages show them. Raises LineError."""
    if not words:
        raise LineError("is empty; write something, or remove it")
    if block is VIRTUAL_ROUTE:
        return _route(words, line)
    if block is GROUP_MEMBER and words[0] == "fwmark":
        return _read(block, words[1:], line, MARKED)
    value = _read(block, words, line)
    if block is UP_DOWN_DELAY:
        value.setdefault("up", value["down"])
    return value


def _read(
    block: Block, words: list[str], line: str, grammar: Grammar | None = None
) -> dict[str, Any]:
    grammar = grammar or grammar_of(block)
    value: dict[str, Any] = {}
    count = min(len(grammar.positional), len(words))
    for name, word in zip(grammar.positional, words, strict=False):
        value[name] = _converted(block, name, word, line)
    rest = iter(words[count:])
    for word in rest:
        name, item = _word(block, grammar, word, rest, line)
        if name in value:
            raise LineError(f"{name} is given twice in {line!r}")
        value[name] = item
    return value


def _word(block: Block, grammar: Grammar, word: str, rest: Any, line: str) -> tuple[str, Any]:
    """The option that `word` begins, and its value."""
    if word in grammar.constants:
        return grammar.constants[word]
    name = grammar.aliases.get(word, word)
    option = None if name in grammar.positional else block.option(name)
    if option is None or option.block is not None:
        raise UnknownWordError(block, grammar, word, line)
    if option.kind is Kind.BOOLEAN:
        return name, True
    behind = next(rest, None)
    if behind is None:
        raise LineError(f"{word} in {line!r} lacks its value")
    return name, _converted(block, name, behind, line)


def _unknown_word(block: Block, grammar: Grammar, word: str, line: str) -> str:
    names = {option.name for option in block.options if option.block is None}
    known = sorted((names - {*grammar.positional}) | {*grammar.aliases, *grammar.constants})
    hint = suggestion(word, known) or f"; known are {', '.join(known)}"
    return f"unknown word {word!r} in {line!r}{hint}"


def _converted(block: Block, name: str, word: str, line: str) -> Any:
    """Numbers as numbers; anything else as it is, for the option's own check to judge."""
    option = block.option(name)
    assert option is not None
    match option.kind:
        case Kind.INTEGER | Kind.LIFETIME if _NUMBER.fullmatch(word):
            return int(word)
        case Kind.INTEGER if name == "tos" and re.fullmatch(r"0x[0-9a-fA-F]{1,2}", word):
            return int(word, 16)
        case Kind.SECONDS | Kind.MILLISECONDS if _DECIMAL.fullmatch(word):
            return float(word)
        case _:
            return word


def _route(words: list[str], line: str) -> dict[str, Any]:
    """A route: [TYPE] DESTINATION words... [nexthop words...]..., or ... via A dev X or B dev Y."""
    if words[0] in _ROUTE_TYPES:
        kind, words = {"type": words[0]}, words[1:]
    else:
        kind = {}
    sections = _sections(words, line)
    first = sections[0]
    known = VIRTUAL_ROUTE.option(first[0]) if first else None
    aliased = bool(first) and first[0] in _GRAMMARS[VIRTUAL_ROUTE.name].aliases
    if first and known is None and not aliased and first[0] not in _FAMILIES:
        first = ["to", *first]
    value = {**kind, **_read(VIRTUAL_ROUTE, first, line)}
    if len(sections) > 1:
        value["nexthop"] = [_read(NEXTHOP, section, line) for section in sections[1:]]
    return value


def _sections(words: list[str], line: str) -> list[list[str]]:
    """`words` divided at each `nexthop`."""
    sections: list[list[str]] = [[]]
    for word in words:
        if word == "nexthop":
            sections.append([])
        elif word == "or":
            raise LineError(f"'or' in {line!r}: write each gateway as nexthop via ADDRESS dev NAME")
        else:
            sections[-1].append(word)
    if any(not section for section in sections[1:]):
        raise LineError(f"nexthop in {line!r} lacks its gateway")
    return sections
