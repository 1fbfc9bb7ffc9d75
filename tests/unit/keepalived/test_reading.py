# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's configuration language as it is meant to be written: comments, quotes, braces."""

from __future__ import annotations

import pytest
from keepalived_texts import HERE, noticed, read, said
from lvs_agent.keepalived.tree import Position, Word


def test_statements_have_words_and_blocks_within_blocks() -> None:
    assert said(
        """
        vrrp_instance VI_1 {
            state MASTER
            virtual_ipaddress {
                10.0.0.1/24 dev eth0
            }
        }
        """
    ) == [
        [
            "vrrp_instance",
            "VI_1",
            [["state", "MASTER"], ["virtual_ipaddress", [["10.0.0.1/24", "dev", "eth0"]]]],
        ]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a {\n b\n}\nc",
        "a\n{\n b\n}\nc",
        "a{\nb}c",
        "a { b } c",
        "a {b\n} c",
        "a\n\n  # between\n{b}\n\nc\n",
        "\ta\t{\t\r\n\tb\r\n\t}\r\nc\r\n",
        "a {\n b\n} c # else",
    ],
)
def test_braces_stand_anywhere(text: str) -> None:
    assert said(text) == [["a", [["b"]]], ["c"]]


def test_an_empty_block_is_not_no_block() -> None:
    assert said("a {\n}\nb\n") == [["a", []], ["b"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b # c", ["a", "b"]),
        ("a b! c", ["a", "b"]),
        ("   # nothing else\na b", ["a", "b"]),
        ('a "b # c" d', ["a", "b # c", "d"]),
        ('a "b" # "c"', ["a", "b"]),
        ("a 'b' c", ["a", "'b'", "c"]),
        ('a "b c"d', ["a", "b c", "d"]),
        ('a b"c d"', ["a", "b", "c d"]),
        ('a "" b', ["a", "", "b"]),
        ('a "{" "}"', ["a", "{", "}"]),
        (r"a b\tc \x41", ["a", r"b\tc", r"\x41"]),
        ("a b \\", ["a", "b\\"]),
        ("a // b".replace("//", "/ /"), ["a", "/", "/", "b"]),
        ("a\x0bb\x0cc", ["a", "b", "c"]),
    ],
)
def test_a_plain_line_knows_comments_and_double_quotes_only(text: str, words: list[str]) -> None:
    assert said(text) == [words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("script a'b c'd", ["script", "ab cd"]),
        ("""script "/x 'y z'" w""", ["script", "/x 'y z'", "w"]),
        (r'script "a\"b\\c"', ["script", 'a"b\\c']),
        (r"script \x41\x1f2 \101\7z \cA\E\a\b\f\n\r\t\v\q",
         ["script", "A\xf2", "A\x07z", "\x01\x1b\a\b\f\n\r\t\vq"]),
        (r"script \1234 \xg", ["script", "S4", "xg"]),
        ("""script '' "" x""", ["script", "", "", "x"]),
    ],
)  # fmt: skip
def test_the_line_of_a_command_knows_both_quotes_and_escapes(text: str, words: list[str]) -> None:
    assert said(text) == [words]


def test_what_stood_in_quotes_is_told_apart() -> None:
    words = read("a b \"c\" ''").statements[0].words
    assert words == (Word("a"), Word("b"), Word("c", quoted=True), Word("''"))
    words = read("script a'b' c ''").statements[0].words
    assert words[1:] == (Word("ab", quoted=True), Word("c"), Word("", quoted=True))


def test_statements_know_their_line_and_its_text() -> None:
    outer = read("\n  a b { # why\n c }\n").statements[0]
    assert (outer.position, outer.raw) == (Position(HERE, 2), "a b { # why")
    assert outer.block is not None
    assert (outer.block[0].position.line, outer.block[0].raw) == (3, "c }")


def test_a_backslash_keeps_a_comment_sign_with_a_warning() -> None:
    parsed = read(r"a \#b")
    assert parsed.statements[0].words[1] == Word("#b")
    assert "double quotes" in noticed(parsed)[0][1]


def test_nothing_and_comments_only_are_no_statements() -> None:
    assert said("") == said("\n\n# only this\n  ! and this\n") == []
