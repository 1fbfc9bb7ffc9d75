# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of keepalived's keywords, block by block: what each becomes in our document.

Owns the joining of two sources: the schema, whose options are named after keepalived's keywords,
and `keywords.py`, which has what the schema cannot say. Import, export and docs/keepalived.md all
go by it. Must never look at a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from lvs_agent.keepalived import keywords
from lvs_agent.keepalived.grammar import Grammar
from lvs_agent.schema import CHECK_NAMES, DOCUMENT, NOT_SUPPORTED, Block, Kind, Option


class Form(StrEnum):
    """How a keyword is written."""

    FLAG = "nothing behind it"
    SWITCH = "nothing behind it, or on, off, true, false, yes, no"
    VALUE = "one word"
    WORDS = "one or more words"
    COMMAND = "a command in quotes, and a user and group"
    SCRIPT = "a command in quotes"
    USER = "a user, and a group"
    WEIGHT = "a number, and reverse"
    INIT_FILE = "a number, and overwrite"
    LINE = "words of the one-line form"
    LINES = "a block of one-line forms"
    NAMES = "a block of names"
    BLOCK = "a block of keywords"
    NAMED = "a name, and a block of keywords"
    REPEATED = "a block of keywords, as often as wanted"
    SPECIAL = "as its own translator says"
    IGNORED = "without effect"
    UNSUPPORTED = "not here"


class Support(StrEnum):
    """What becomes of a keyword."""

    YES = "yes"
    DIFFERENT = "differs"
    NEEDLESS = "not needed"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One keyword of one block.

    `option`: the option that it becomes, None where it is read in a way of its own. `place`: the
    block that its own block is. `name_now`: what keepalived calls it now. `since`: the release of
    keepalived that it came with, if that is a late one.
    """

    name: str
    form: Form
    support: Support = Support.YES
    option: Option | None = None
    place: str | None = None
    note: str = ""
    name_now: str | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A block of keepalived's configuration, and the block of our schema that it becomes."""

    name: str
    block: Block | None
    keywords: dict[str, Keyword]


@cache
def places() -> dict[str, Place]:
    """Every block by the keyword that opens it; the file itself is keywords.TOP."""
    return {name: _place(name, block) for name, block in _blocks().items()}


@cache
def grammar() -> Grammar:
    """What the language has to know of keywords."""
    commands = {
        keyword.name
        for place in places().values()
        for keyword in place.keywords.values()
        if keyword.form in (Form.COMMAND, Form.SCRIPT) or keyword.name == "process"
    }
    inside = {word for name in places() if name != keywords.TOP for word in places()[name].keywords}
    top_level = (
        frozenset(places()[keywords.TOP].keywords) - inside - keywords.IGNORED[keywords.TOP].keys()
    )
    return Grammar(top_level=top_level, commands=frozenset(commands))


def _blocks() -> dict[str, Block | None]:
    """The block of the schema that each place becomes, where there is one."""
    found: dict[str, Block | None] = {keywords.TOP: None}
    for option in DOCUMENT.options:
        name = keywords.SECTIONS.get(option.name, option.name)
        if option.block is not None and option.kind in (Kind.BLOCK, Kind.NAMED_BLOCKS):
            found[name] = option.block
    del found["interface_up_down_delays"], found["virtual_server_group"]  # lists of lines
    found["authentication"] = _inner(found["vrrp_instance"], "authentication")
    found["real_server"] = _inner(found["virtual_server"], "real_servers")
    for name in CHECK_NAMES:
        found[name.upper()] = _inner(found["real_server"], name)
    found["url"] = _inner(found["HTTP_GET"], "url")
    return found | dict.fromkeys(keywords.PLACES_WITHOUT_BLOCK)


def _inner(block: Block | None, name: str) -> Block:
    assert block is not None
    option = block.option(name)
    assert option is not None
    assert option.block is not None
    return option.block


def _place(name: str, block: Block | None) -> Place:
    found = {} if block is None else _from_schema(name, block)
    for word, note in keywords.SPECIAL.get(name, {}).items():
        support = Support.DIFFERENT if note else Support.YES
        found[word] = Keyword(
            name=word,
            form=Form.SPECIAL,
            support=support,
            note=note,
            place=word if word in keywords.BLOCKS_READ_SPECIALLY else None,
            option=block.option(word) if block else None,
        )
    if name == keywords.TOP:
        found |= _top()
    for word in keywords.IGNORED.get(name, {}):
        note = keywords.IGNORED[name][word]
        found[word] = Keyword(name=word, form=Form.IGNORED, support=Support.YES, note=note)
    for word in keywords.NEEDLESS.get(name, "").split():
        found[word] = Keyword(
            name=word, form=Form.IGNORED, support=Support.NEEDLESS, note=_why_not(name, word)
        )
    for word in keywords.NOT_HERE.get(name, "").split():
        found[word] = Keyword(
            name=word, form=Form.UNSUPPORTED, support=Support.NO, note=_why_not(name, word)
        )
    return Place(name=name, block=block, keywords=found)


def _why_not(place: str, word: str) -> str:
    word = word.lower()
    return NOT_SUPPORTED.get(f"{place.lower()}.{word}") or NOT_SUPPORTED[word]


def _top() -> dict[str, Keyword]:
    """Keywords that stand outside of every block."""
    found: dict[str, Keyword] = {}
    for option in DOCUMENT.options:
        name = keywords.SECTIONS.get(option.name, option.name)
        if name in keywords.SPECIAL[keywords.TOP]:
            continue
        form = {Kind.BLOCK: Form.BLOCK, Kind.BLOCKS: Form.LINES}.get(option.kind, Form.NAMED)
        place = None if form is Form.LINES else name
        for word in (name, *keywords.SECTION_SYNONYMS.get(name, ())):
            found[word] = Keyword(name=word, form=form, option=option, place=place)
    return found


def _from_schema(place: str, block: Block) -> dict[str, Keyword]:
    """The keywords that are options of `block`, under their names in keepalived."""
    found: dict[str, Keyword] = {}
    taken = keywords.SPECIAL.get(place, {})
    for option in block.options:
        elsewhere = keywords.OURS.get(block.name, ()) + keywords.ELSEWHERE.get(block.name, ())
        if option.name in elsewhere or option.name in taken:
            continue
        if option.name in ("reverse", "overwrite"):
            continue  # words behind another keyword
        name = keywords.NAMES.get((place, option.name)) or keyword_of(option)
        note = keywords.DIFFERENT.get((place, name)) or keywords.DIFFERENT.get(("*", name), "")
        form = _form(place, option)
        found[name] = Keyword(
            name=name,
            form=form,
            option=option,
            place=name if form in (Form.BLOCK, Form.REPEATED) else None,
            support=Support.DIFFERENT if note else Support.YES,
            note=note,
            since=keywords.SINCE.get((place, name)) or keywords.SINCE.get(("*", name)),
        )
    for word, (now, old) in keywords.SYNONYMS.get(place, {}).items():
        same = found[now]
        found[word] = Keyword(
            name=word,
            form=same.form,
            option=same.option,
            place=same.place,
            support=same.support,
            note=same.note,
            name_now=now if old else None,
        )
    return found


def keyword_of(option: Option) -> str:
    """keepalived's spelling of an option's name."""
    if option.name in CHECK_NAMES:
        return option.name.upper()
    if option.name.startswith(("sh_", "mh_", "flag_")):
        return option.name.replace("_", "-")
    return option.name


def _form(place: str, option: Option) -> Form:
    if option.name == "weight" and place in keywords.WEIGHTED:
        return Form.WEIGHT
    if option.name in keywords.FORMS:
        return Form[keywords.FORMS[option.name]]
    match option.kind:
        case Kind.BOOLEAN:
            flags = {option.name, f"{place}.{option.name}"} & set(keywords.FLAGS)
            return Form.FLAG if flags else Form.SWITCH
        case Kind.COMMAND:
            return Form.COMMAND
        case Kind.WORDS | Kind.CPUS | Kind.STATUS_CODES | Kind.HEX | Kind.HEX_PATTERN:
            return Form.WORDS
        case Kind.STRINGS:
            return Form.NAMES
        case Kind.BLOCK:
            line = option.block is not None and option.block.line
            return Form.LINE if line else Form.BLOCK
        case Kind.BLOCKS:
            line = option.block is not None and option.block.line
            return Form.LINES if line else Form.REPEATED
        case _:
            return Form.VALUE
