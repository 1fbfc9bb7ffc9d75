# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands are split like a shell's words; what only a shell understands is refused."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.config.commands import split_command


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/bin/true", ("/bin/true",)),
        ("/usr/bin/killall -0 nginx", ("/usr/bin/killall", "-0", "nginx")),
        ("/bin/sh -c 'a && b $HOME *'", ("/bin/sh", "-c", "a && b $HOME *")),
        ('/bin/echo "two words; it\'s" x\\ y', ("/bin/echo", "two words; it's", "x y")),
        ("/bin/echo '5 $'", ("/bin/echo", "5 $")),
        (["/bin/sh", "-c", "a | b\nc"], ("/bin/sh", "-c", "a | b\nc")),
    ],
)
def test_words(value: object, words: tuple[str, ...]) -> None:
    assert split_command(value) == words


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("/bin/a && /bin/b", "alone knows '&'"),
        ("/bin/a | /bin/b", "alone knows '|'"),
        ("/bin/a > /tmp/x", "alone knows '>'"),
        ("/bin/a $HOME", "alone knows '$'"),
        ('/bin/a "$HOME"', "alone knows '$'"),
        ('/bin/a "\\$HOME"', "alone knows '$'"),
        ("/bin/a `id`", "alone knows '`'"),
        ("/bin/a *.conf", "alone knows '*'"),
        ("[ -f /etc/x ]", "alone knows '['"),
        ("/bin/a\n/bin/b", "alone knows"),
        ("/bin/a 'x", "without its partner"),
        ("nginx -t", "such as /usr/bin/nginx"),
        ("./nginx", "full path"),
        ("", "must name a program"),
        ([], "must name a program"),
        (["/bin/a", "\0"], "NUL"),
        (["/bin/a", 1], "one text, or a list of texts"),
        (7, "one text, or a list of texts"),
        (["/bin/a"] * 65, "at most 64 words"),
    ],
)
def test_refused(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        split_command(value)


@given(st.lists(st.text(max_size=8).filter(lambda word: "\0" not in word), max_size=5))
def test_quoted_words_come_back_as_they_are(words: list[str]) -> None:
    command = ["/bin/x", *words]
    assert split_command(shlex.join(command)) == tuple(command)


@given(st.text(max_size=30))
def test_any_text_gives_words_or_a_complaint(text: str) -> None:
    try:
        assert split_command(text)[0].startswith("/")
    except ValueError as error:
        assert str(error)
