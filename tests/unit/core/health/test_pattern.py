# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching bodies: finds what Python's `re` finds, and no body makes it slow."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lvs_agent.core.checks import BodyPattern
from lvs_agent.core.health.pattern import STATES_LIMIT, WORK_LIMIT, Matcher, Search
from lvs_agent.core.health.pattern_parser import PLACES_LIMIT, compile_pattern

ATOMS = (
    "a", "b", "A", ".", "[ab]", "[^a]", "[a-c\\d]", "\\d", "\\w", "\\W", "\\s", "\\b", "\\B",
    "^", "(a|b)", "(?:ab|)", "\\n", "\\x41", "x",
)  # fmt: skip
REPEATS = ("", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "+?")
ASSERTIONS = {"\\b", "\\B", "^"}
FLAGS = {"ignore_case": re.IGNORECASE, "dot_all": re.DOTALL, "multi_line": re.MULTILINE}


def search(text: str, *pieces: bytes, **flags: bool) -> Search:
    found = Search(Matcher(compile_pattern(BodyPattern(text=text, **flags))))
    for piece in pieces:
        found.feed(piece)
    return found


@st.composite
def patterns(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPEATS)), max_size=6))
    # Python repeats no assertion either.
    text = "".join(atom + ("" if atom in ASSERTIONS else repeat) for atom, repeat in parts)
    end = draw(st.sampled_from(["", "", "$", "\\Z", "|b+", "|"]))
    return text + end.replace("\\Z", "\\z")


@settings(max_examples=1500)
@given(
    patterns(),
    st.text(alphabet="abcA1 \nx_", max_size=12),
    st.sampled_from([None, *FLAGS]),
    st.integers(1, 5),
)
def test_finds_what_re_finds(text: str, body: str, flag: str | None, piece: int) -> None:
    # Python before 3.14 alone finds no \\B in nothing; Perl does.
    assume(body or "\\B" not in text)
    data = body.encode()
    expected = re.search(text.replace("\\z", "\\Z").encode(), data, FLAGS[flag] if flag else 0)
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    found = search(text, *pieces, **({flag: True} if flag else {}))
    assert found.found() is (expected is not None)


@pytest.mark.parametrize(
    ("text", "body", "expected"),
    [
        ("grüß", "… grüß dich".encode(), True),
        ("^ok$", b"ok\n", True),
        ("^ok$", b"ok\n\n", False),
        ("status: *(ok|up)", b"{status:   up}", True),
        (r"\[\{", b"x[{", True),
        (r"[]x]", b"]", True),
        (r"[\b]", b"\x08", True),
        (r"a{2,3}$", b"caaa", True),
        ("", b"", True),
        (r"[+-]?\d{1,3}(\.\d+)?%", b"load -12.5%", True),
    ],
)
def test_known_patterns(text: str, body: bytes, expected: bool) -> None:
    assert search(text, body).found() is expected


HOSTILE = (
    "a*b", "(a*)*b", "(a|aa)+$", "(a|a?)+c", "(.*)(.*)(.*)(.*)(.*)z", "(x+x+)+y", "([a-z]+)*\\d",
    "(a|b)*a(a|b){12}c", "(a|b)*a(a|b){300}c", "^(([a-z])+.)+[A-Z]([a-z])+$",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_body_makes_a_search_do_more_than_its_share_of_work(text: str) -> None:
    chooser = random.Random(1)
    for body in (
        b"a" * 200_000,
        b"x" * 200_000,
        b"ab" * 100_000,
        bytes(chooser.choices(b"ab", k=200_000)),
        bytes(chooser.choices(range(256), k=200_000)),
    ):
        found = search(text, body)
        # A byte costs one step of the table; all that costs more is counted.
        assert found._work <= WORK_LIMIT + PLACES_LIMIT
        assert len(found._matcher._states) <= STATES_LIMIT


def test_a_search_that_is_too_much_work_says_so() -> None:
    body = bytes(random.Random(1).choices(b"ab", k=200_000))
    assert search("(a|b)*a(a|b){300}c", body).exhausted
    assert not search("(a|b)*a(a|b){300}c", b"a" * 200_000).exhausted


def test_searches_share_a_matcher_that_forgets_its_states() -> None:
    matcher = Matcher(compile_pattern(BodyPattern(text="(a|b)*a(a|b){9}c")))
    chooser = random.Random(2)
    first, second = Search(matcher), Search(matcher)
    for _ in range(300):
        for one in (first, second):
            one.feed(bytes(chooser.choices(b"ab", k=20)))
    first.feed(b"abbbbbbbbbc")
    assert (first.found(), second.found()) == (True, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"(a)\1", "backreferences"),
        ("(?=a)", "look-around"),
        ("(?P<n>a)", "look-around"),
        ("(?i)a", "regex_options"),
        ("a**", "repeats a repetition"),
        ("a++", "repeats a repetition"),
        ("*a", "nothing to repeat"),
        ("(a", "without its )"),
        ("a)", "without its ("),
        ("[a", "ends in the middle"),
        ("a\\", "ends in the middle"),
        ("a{,3}", "no repetition"),
        ("a{3,2}", "from 3 to 2"),
        ("a{5000}", "at most 1000"),
        ("(a{100}){100}", "too large"),
        ("[z-a]", "in order"),
        ("[[:alpha:]]", "write it out"),
        ("[ä]", "only ASCII"),
        (r"\q", "not known"),
        ("(" * 60 + ")" * 60, "more than 50 groups"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        compile_pattern(BodyPattern(text=text))


@given(st.text(alphabet="ab()[]{}|*+?^$\\.-,:dwx0129", max_size=20))
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    try:
        program = compile_pattern(BodyPattern(text=text))
    except ValueError:
        return
    assert len(program.bytes_of) <= PLACES_LIMIT
    assert search(text, b"ab01").found() in (True, False)
