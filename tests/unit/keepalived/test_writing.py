# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees as text: what is written is read as the same again."""

from __future__ import annotations

import pytest
from hypothesis import given
from keepalived_texts import GRAMMAR, read, short, statement, texts, trees
from lvs_agent.keepalived.tree import Position, Statement, Unreadable, Word
from lvs_agent.keepalived.words import Unwritable
from lvs_agent.keepalived.write import write


def test_blocks_are_indented_and_set_apart() -> None:
    tree = [
        statement("global_defs", block=[statement("router_id", "a")]),
        statement("net_namespace", "x"),
        statement(
            "vrrp_instance",
            "VI_1",
            block=[
                statement("state", "MASTER"),
                statement("virtual_ipaddress", block=[statement("10.0.0.9/24", "dev", "eth0")]),
                statement("track_interface", block=[]),
            ],
        ),
    ]
    assert write(tree) == (
        "global_defs {\n"
        "    router_id a\n"
        "}\n"
        "\n"
        "net_namespace x\n"
        "vrrp_instance VI_1 {\n"
        "    state MASTER\n"
        "    virtual_ipaddress {\n"
        "        10.0.0.9/24 dev eth0\n"
        "    }\n"
        "    track_interface {\n"
        "    }\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a", "b"], "a b"),
        (["a", ""], 'a ""'),
        (["a", "b c"], 'a "b c"'),
        (["a", "b#c"], 'a "b#c"'),
        (["a", "{"], 'a "{"'),
        (["a", "//b"], 'a "//b"'),
        (["a", r"b\c"], r"a b\c"),
        (["@a", "b"], '"@a" b'),
        (["include", "b"], '"include" b'),
        (["script", "/x -y"], 'script "/x -y"'),
        (["script", 'a"b\\'], r'script "a\042b\\"'),
        (["script", "${_PWD}\n"], r'script "\044{_PWD}\012"'),
        (["script", "it's"], """script "it's\""""),
    ],
)
def test_quotes_stand_where_they_are_needed(words: list[str], line: str) -> None:
    assert write([statement(*words)], grammar=GRAMMAR) == line + "\n"


def test_quotes_that_were_there_stay() -> None:
    text = 'router_id "a"\nscript "b"\n'
    assert write(read(text).statements, grammar=GRAMMAR) == text


@pytest.mark.parametrize(
    "words",
    [
        ["a", 'b"c'],
        ["a", "b\nc"],
        ["a", "b\0c"],
        ["a", "b\x1fc"],
        ["a", "b\\"],
        ["a", "$_PWD"],
        ["a", "x${_HASH}"],
        ["script", "\0"],
        ["a", "b" * 1100],
    ],
)
def test_what_the_language_cannot_say_is_refused(words: list[str]) -> None:
    with pytest.raises(Unwritable):
        write([statement(*words)], grammar=GRAMMAR)


def test_nothing_is_an_empty_text() -> None:
    assert write([]) == ""


@given(trees)
def test_a_tree_is_read_as_it_was_written(tree: tuple[Statement, ...]) -> None:
    parsed = read(write(tree, grammar=GRAMMAR))
    assert short(parsed.statements) == short(tree)
    assert parsed.notices == ()


@given(trees)
def test_what_was_written_is_written_the_same_again(tree: tuple[Statement, ...]) -> None:
    text = write(tree, grammar=GRAMMAR)
    assert write(read(text).statements, grammar=GRAMMAR) == text


@given(texts)
def test_what_was_read_from_any_text_is_read_the_same_when_written(text: str) -> None:
    try:
        parsed = read(text, config_id="main")
        again = read(write(parsed.statements, grammar=GRAMMAR), config_id="main")
    except (Unreadable, Unwritable):
        return
    assert short(again.statements) == short(parsed.statements)


def test_words_know_their_quotes_after_a_round_trip() -> None:
    words = (Word("a"), Word("b", quoted=True), Word("c d", quoted=True), Word("", quoted=True))
    tree = (Statement(words, Position("", 1)),)
    assert read(write(tree)).statements[0].words == words
