# SPDX-License-Identifier: GPL-3.0-or-later
"""The same text before keepalived itself (`keepalived --config-test`) and before our reader: both
see the same keywords and braces on the same lines.

Every keyword is made up: keepalived names each one that it does not know, with its line, and each
brace that it does not expect, so that its complaints are a transcript of what it read.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keepalived_texts import GRAMMAR, read, short, trees
from lvs_agent.adapters.keepalived_files import KeepalivedFiles
from lvs_agent.keepalived.comments import decomment
from lvs_agent.keepalived.grammar import Host
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.reader import Reader
from lvs_agent.keepalived.tree import Statement
from lvs_agent.keepalived.words import first_word, split, split_command
from lvs_agent.keepalived.write import write

KEEPALIVED = shutil.which("keepalived") or "/usr/sbin/keepalived"
pytestmark = pytest.mark.skipif(
    not Path(KEEPALIVED).exists(), reason="keepalived is not installed: run make test as root"
)

SAMPLES = Path("/usr/share/doc/keepalived/samples")
# The parent process reads first, then its children read the same again.
END = "the_end"
_COMPLAINT = re.compile(
    r"^\((?:(?P<file>.*): )?Line (?P<line>\d+)\) (?:Unknown keyword '(?P<word>.*)'|Unexpected '\{')"
)
Transcript = list[tuple[int, str]]


def complaints(path: Path) -> list[str]:
    """What keepalived says of the file, line by line."""
    done = subprocess.run(
        [KEEPALIVED, "--config-test", "--use-file", path, "--config-id", "main"],
        capture_output=True, timeout=30, check=False, cwd=path.parent,
    )  # fmt: skip
    return done.stderr.decode("utf-8", "replace").split("\n")


def keepalived_reads(path: Path) -> Transcript:
    """Line and first word of all that keepalived's first process read."""
    said = complaints(path)
    found = [
        (int(complaint["line"]), "{" if complaint["word"] is None else complaint["word"])
        for line in said
        if (complaint := _COMPLAINT.match(line))
    ]
    words = [word for _, word in found]
    assert END in words, said
    return found[: words.index(END)]


def we_read(path: Path) -> Transcript:
    pieces = Reader(KeepalivedFiles(), Host("main", {}, None), Notes()).pieces(str(path))
    found = [
        (piece.position.line, piece.text if piece.text in "{}" else first_word(piece.text))
        for piece in pieces
    ]
    return found[: [word for _, word in found].index(END)]


def assert_the_same(text: str, more: dict[str, str] | None = None) -> Transcript:
    with tempfile.TemporaryDirectory() as directory:
        for name, content in (more or {}).items():
            Path(directory, name).write_text(content)
        path = Path(directory, "keepalived.conf")
        path.write_text(f"{text}\n\n{END}\n")
        ours = we_read(path)
        assert ours == keepalived_reads(path)
        return ours


@pytest.mark.parametrize(
    "text",
    [
        "ka\nkb {\n kc }\n kd{ke}kf\n\nkg\n{\n}\nkh } ki",
        "ka # kb\nkc#kd ke\n! kf\nkg!kh\n#\nki",
        'ka "kb # kc" # kd\n"ke kf" kg\nka"kb"\n"{"\nkc "}" {',
        "ka\\\nkb \\\nkc # \\\nkd",
        "\tka\t{\t\r\nkb\r\n\r\n\f\v\nkc\x0bkd",
        "@main ka\n@other kb\n@^main kc\n@^other kd\n@ ke\n@^ kf\n@main\n@main @main kg",
        "kh { @main ki\n@other kj }",
        "$A=ka\n$A\n${A}x\nkb$A\n$A/\n$A{\n$A = kc\n$1=kd\n$A=\n$A ke\n${A}kf\n$_B=kg\n$_B",
        "$A=${B}a\n$B=ka\n${A}\n$B=kb\n${A} # $B",
        "$M= \\\nka \\\n @other kb \\\n # none \\\n kc { \\\n kd\n$M\nke $M\nkf $M kg\n",
        "$M= \\\n ka \\\n   \n kb \\\n\nkc\n$M",
        "$M= \\\n ka \\\n \\\n kb\n$M",
        "$M=ka \\\n kb \\\n kc\n$M\n$N= \\\n kd \\\n $M \\\n ke\n$N",
        "$M= \\\n ka \\\n ~SEQ(i,2) kb${i} \\\n kc\n~SEQ(j,3) $M\nkd",
        "~SEQ(i,1,3) k${i}\n~SEQ(i,3,1) k${i}\n~SEQ(i,2,2,7) k${i}",
        "~SEQ(i,3) k${i}\n~SEQ(i,-3) k${i}",
        "~SEQ(i,0) k${i}\n~SEQ(i,5,-2,0) k${i}\n~SEQx(i,0x8,4,16) k${i}\n~SEQ( i , 010 , 9 ) k${i}",
        "~SEQ(i,2) ~SEQ(j,2) k${i}${j}\n$N=2\n~SEQ(i,1,$N) k${i}\n~SEQ(i,1,${N}) k${i} { k }",
        "~LST(i,a,b) k${i}\n~LST({i,j},{a,b},{c}) k${i}_${j}",
        "~LST( i , a , b ) ~SEQ(j,2) k${i}${j}",
        "~SEQ(i,1,0,3) ka\n~SEQ(i,1,-1,3) kb\n~SEQ(i) kc\nkd",
        "~LST(i) kd\n~LST(i,{a,b}) ke\n~kf\n~SEQx(i,-2) kg",
        "k${_PWD}\nk${_INSTANCE}\nk${_HASH}ka\n\"${_HASH}\" kb\nkc${_BANG}kd\n$_PWD=ke\n${_PWD}",
        "$R= \\\n kr$A { \\\n kw \\\n }\n"
        "$V= \\\n kv { \\\n $A=$B \\\n ~SEQ(P,515,517) $R \\\n $A=$C \\\n ~SEQ(P,2) $R \\\n}\n"
        "$B=1\n$C=2\n$V\n$B=3\n$V",
        "~SEQ(i,2) ka$i { kb\n$A=~SEQ(i,2) kc$i\n$A\nkd { ~SEQ(i,2) ke$i }",
    ],
)  # fmt: skip
def test_the_same_keywords_are_seen(text: str) -> None:
    assert assert_the_same(text)


@pytest.mark.parametrize(
    "text",
    [
        "include a\nka",
        "include [ab]\nka",
        "include {b,a}\nka",
        "ka {\n include a # comment\n kb",
        "include a kb\ninclude none\nka",
        "includer a\nincludem a\nincludew [a-b]\nincludeb {a,b}\nincludea a",
        "include\nincludex ka\ninclude_ ka",
        "$P=a\ninclude $P\n@main include b\n@other include a",
        "~SEQ(i,2) include a\nka",
        "$M= \\\n ka \\\n kb \\\n include a\n$M\nkc",
        "ka { include a }\nkb",
        "include c\n$C",
    ],
)
def test_the_same_files_are_included(text: str) -> None:
    more = {"a": "kfa {\nkfb\n", "b": "}\nkfc\n", "c": "$C=kfd\ninclude a\n"}
    assert assert_the_same(text, more)


_word = st.sampled_from(
    [
        "ka",
        "kb",
        "1.2.3.4",
        '"k # c"',
        '"{"',
        '"$A"',
        "$A",
        "${A}",
        "${B}c",
        "k${i}",
        "$i",
        "'k",
    ]
)
_brace = st.sampled_from(["{", "}", " { ", " } "])
_body = st.lists(_word | _brace, min_size=1, max_size=5).map(" ".join)
_before = st.sampled_from(
    [
        "", "", "", "  ", "\t", "@main ", "@other ", "@^main ", "@^other ", "{ ", "} ",
        "~SEQ(i,2) ", "~LST(i,x,y) ", "~SEQ(i,2) ~SEQ(j,2) ", "@main ~SEQ(i,2) ",
    ]
)  # fmt: skip
_after = st.sampled_from(["", "", "", " ", " # k", " ! k", "#", "\r", " $M", " ${M}"])
_line = st.builds(lambda *parts: "".join(parts), _before, _body, _after)
_definition = st.builds(
    "${}={}".format, st.sampled_from("ABC"), st.sampled_from(["", "kd", "k ke", '"k"', "kx {"])
)
_multiline = st.lists(_line, min_size=2, max_size=4).map(
    lambda lines: " \\\n".join(["$N=", *lines])
)


@given(lines=st.lists(_line | _definition | _multiline | st.just(""), max_size=8))
@settings(max_examples=150)
def test_any_lines_are_seen_the_same(lines: list[str]) -> None:
    first = "$A=ka\n$B=kb\n$i=0\n$M= \\\n km \\\n kn { \\\n ko\n"
    assert_the_same(first + "\n".join(lines))


def complaints_of(text: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "keepalived.conf")
        path.write_text(text)
        return "\n".join(complaints(path))


@pytest.mark.parametrize(
    "value",
    [
        "a",
        '"a b"',
        "'a",
        'a"b"',
        '"a"b',
        r"a\b",
        r"a\\b",
        "a'b c'",
        r"\x41",
        '"a # b"',
        "a#b",
        "a\\",
    ],
)
def test_a_plain_word_is_the_same(value: str) -> None:
    """keepalived repeats what is to be a number and is none."""
    line = f"child_wait_time {value}"
    text, _ = decomment(line)
    words, wrong = split(text)
    assert wrong is None
    assert f"invalid number '{words[1].text}'\n" in complaints_of(line)


@pytest.mark.parametrize(
    "value",
    [
        "/a", "'/a b'", '"/a b"', "/a'b c'd", '/a"b c"', r"/a\x41", r"/a\x1414", r"/a\101",
        r"/a\1234", r"/a\78", r"/a\e\q", r"/a\ b", r"'/a\'b'", r"'/a\x41'", r'"/a"\c\b',
        r"/a\cB\E", r"/a\xg",
        r"/a\a\b\f\r\t\v",
    ],
)  # fmt: skip
def test_the_word_of_a_command_is_the_same(value: str) -> None:
    """keepalived repeats a command that has a quote too many once its escapes are resolved."""
    line = rf"notify_up {value}\042x"
    words, wrong = split_command(line)
    assert wrong is None
    wanted = f"String '{words[1].text}': missing terminating "
    assert wanted in complaints_of(
        f"virtual_server 10.0.0.1 80 {{\n real_server 10.0.0.2 80 {{\n  {line}\n }}\n}}\n"
    )


@given(trees)
def test_what_we_write_is_seen_by_keepalived_as_we_read_it(tree: tuple[Statement, ...]) -> None:
    assert_the_same(write(tree, grammar=GRAMMAR))


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("keepalived.conf.*")), ids=str)
def test_the_samples_of_keepalived_are_read_without_a_notice_and_written(sample: Path) -> None:
    parsed = parse(str(sample), KeepalivedFiles(), config_id="high", grammar=GRAMMAR)
    assert parsed.notices == ()
    assert short(read(write(parsed.statements, grammar=GRAMMAR)).statements) == short(
        parsed.statements
    )
