# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests of keepalived's configuration language: files in memory, trees in short form, and
Hypothesis strategies for trees and for texts."""

from __future__ import annotations

import fnmatch
import posixpath
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from lvs_agent.keepalived.grammar import Grammar
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.tree import Parsed, Position, Statement, Word

HERE = "/etc/keepalived/keepalived.conf"
# A few real ones; the language is to work with any.
GRAMMAR = Grammar(
    top_level=frozenset({"global_defs", "vrrp_instance", "virtual_server", "vrrp_script"}),
    commands=frozenset({"script", "notify_master"}),
)


class FilesInMemory:
    """`Files` of a mapping from absolute path to content."""

    def __init__(self, content: Mapping[str, bytes | str]) -> None:
        self.content = {
            path: text.encode() if isinstance(text, str) else text for path, text in content.items()
        }

    def find(self, directory: str, pattern: str) -> Sequence[str]:
        wanted = posixpath.normpath(posixpath.join(directory, pattern))
        return sorted(path for path in self.content if fnmatch.fnmatchcase(path, wanted))

    def read(self, path: str, limit: int) -> bytes:
        if path not in self.content:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.content[path][:limit]


def read(text: str | bytes, *, more: Mapping[str, str | bytes] | None = None, **how: Any) -> Parsed:
    """What the text says, as /etc/keepalived/keepalived.conf; `more` files by their paths."""
    if isinstance(text, str):
        text = textwrap.dedent(text)
    how.setdefault("grammar", GRAMMAR)
    return parse(HERE, FilesInMemory({**(more or {}), HERE: text}), **how)


def short(statements: Sequence[Statement]) -> list[Any]:
    """A statement is the list of its words' texts, and at its end the list of its block's, if it
    has one."""
    return [
        [*(word.text for word in one.words), *([short(one.block)] if one.block is not None else [])]
        for one in statements
    ]


def said(text: str | bytes, **how: Any) -> list[Any]:
    """What the text says, in short form; nothing may be wrong with it."""
    parsed = read(text, **how)
    assert parsed.notices == ()
    return short(parsed.statements)


def noticed(parsed: Parsed) -> list[tuple[int, str]]:
    """Line and text of each notice."""
    return [(notice.position.line, notice.message) for notice in parsed.notices]


def statement(*words: str, block: Sequence[Statement] | None = None) -> Statement:
    """A statement of nowhere."""
    return Statement(
        tuple(Word(word) for word in words),
        Position("", 1),
        None if block is None else tuple(block),
    )


# What both ways of splitting can write: no control character, double quote, backslash, dollar.
_LETTERS = st.characters(codec="utf-8", exclude_characters='"$\\', exclude_categories=["Cs", "Cc"])
word_texts = st.one_of(
    st.sampled_from(
        [
            "10.0.0.1/24",
            "eth0",
            "",
            "a b",
            "#",
            "!x",
            "{",
            "}",
            "a{b",
            "//",
            "x//",
            "@main",
            "~SEQ(a,1)",
        ]
    ),
    st.text(st.sampled_from("abz019.:/-_%#!{}'@~ \t"), max_size=12),
    st.text(_LETTERS, max_size=12),
)
# Words of commands' lines: anything but NUL.
command_texts = st.one_of(
    word_texts, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
)
_keywords = st.one_of(
    st.from_regex(r"[a-z][a-z_0-9]{0,12}", fullmatch=True),
    st.sampled_from(
        ["include", "includea", "@main", "~LST", "a b", "", "{", "$A=", "#x", "1.2.3.4"]
    ),
)


def _statements(blocks: st.SearchStrategy[tuple[Statement, ...]] | None) -> Any:
    plain = st.builds(
        lambda keyword, words, block: statement(keyword, *words, block=block),
        _keywords.filter(lambda text: text not in GRAMMAR.top_level | GRAMMAR.commands),
        st.lists(word_texts, max_size=4),
        st.none() if blocks is None else st.none() | blocks,
    )
    command = st.builds(
        lambda keyword, words: statement(keyword, *words),
        st.sampled_from(sorted(GRAMMAR.commands)),
        st.lists(command_texts, max_size=3),
    )
    return st.lists(plain | command, max_size=4).map(tuple)


# Any tree that the language can say, by its keywords not a configuration.
trees = st.recursive(_statements(None), _statements, max_leaves=8)

_leaves = st.builds(statement, st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]))
_blocks = st.recursive(
    st.lists(_leaves, min_size=1, max_size=3),
    lambda blocks: st.lists(
        _leaves | st.builds(lambda block: statement("d", "e", block=block), blocks),
        min_size=1,
        max_size=3,
    ),
    max_leaves=6,
)
# Trees of named blocks of the top level without empty blocks, for damage to their braces.
indented_trees = st.lists(
    st.builds(lambda block: statement("vrrp_instance", "VI", block=block), _blocks),
    min_size=1,
    max_size=3,
).map(tuple)

# Texts made of what the language is made of, most of them wrong somewhere.
_FRAGMENTS = [
    " ", " ", " ", "\n", "\n", "\n    ", "\t", "\r\n", "{", "}", "{\n", "}\n", '"', "'", "\\",
    "\\\n", "#", "!", "//", "$A", "${A}", "$B=", "$A=", "${_HASH}", "${_RANDOM 1 2}", "@", "@main ",
    "@^main ", "~SEQ(i,1,3) ", "~SEQ(", "~LST(j,a,b) ", "~LST({a,b},{1,2}) ", "include ",
    "includea x*", "include_check", "vrrp_instance VI_1 {", "virtual_server 10.0.0.1 80 ",
    "priority 100", "script ", "0x10", "eth0", "\0", "\xe9", "\ufeff", "\x85", "\x0c",
]  # fmt: skip
texts = st.lists(st.sampled_from(_FRAGMENTS), max_size=30).map("".join)
