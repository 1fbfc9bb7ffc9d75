# SPDX-License-Identifier: GPL-3.0-or-later
"""`include` and its variants, and the real file system behind it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from keepalived_texts import noticed, read, said, short
from lvs_agent.adapters.keepalived_files import KeepalivedFiles
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.tree import Unreadable

MORE = {
    "/etc/keepalived/conf.d/1.conf": "one\ninclude ../other\n",
    "/etc/keepalived/conf.d/2.conf": "two\n",
    "/etc/keepalived/other": "other ${_PWD}\n",
    "/srv/x": "x ${_PWD}\n",
}


def test_a_pattern_includes_files_in_order_and_relative_to_the_file_that_includes() -> None:
    assert said("a\ninclude conf.d/*.conf\nb", more=MORE) == [
        ["a"],
        ["one"],
        ["other", "/etc/keepalived"],
        ["two"],
        ["b"],
    ]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/srv/x", [["x", "/srv"]]),
        ("conf.d/[2-3].conf", [["two"]]),
        ("conf.d/{2,1}.conf", [["two"], ["one"], ["other", "/etc/keepalived"]]),
        ("{conf.d/{2,2}.conf,../../srv/x}", [["two"], ["x", "/srv"]]),
    ],
)
def test_patterns(pattern: str, words: list[list[str]]) -> None:
    assert said(f"include {pattern}", more=MORE) == words


def test_positions_are_those_of_the_included_file() -> None:
    parsed = read("a\ninclude conf.d/2.conf\nb", more=MORE)
    assert [(s.position.path, s.position.line) for s in parsed.statements] == [
        ("/etc/keepalived/keepalived.conf", 1),
        ("/etc/keepalived/conf.d/2.conf", 1),
        ("/etc/keepalived/keepalived.conf", 3),
    ]


def test_a_block_and_a_parameter_reach_across_files() -> None:
    more = {"/etc/keepalived/x": "b $A\n$A=2\n}"}
    assert said("$A=1\na {\ninclude x\nc $A", more=more) == [["a", [["b", "1"]]], ["c", "2"]]


def test_include_can_be_conditional_and_its_path_a_parameter() -> None:
    assert said("$D=conf.d\n@x include ${D}/2.conf\n@y include none", more=MORE, config_id="x") == [
        ["two"]
    ]


@pytest.mark.parametrize("variant", ["include", "includer", "includeb"])
def test_a_missing_file_is_noticed(variant: str) -> None:
    parsed = read(f"a\n{variant} nothing\nb")
    assert short(parsed.statements) == [["a"], ["b"]]
    assert noticed(parsed) == [(2, "no such file: nothing; nothing is included")]


@pytest.mark.parametrize(
    "text",
    [
        "includem nothing",
        "includew nothing",
        "includew nothing*",
        "includea nothing*",
        "includeb conf.d/{2,3}.conf",
        "include_check\ninclude nothing*",
        "include_check wildcard_match\ninclude nothing*",
        "include_check -wildcard_match +match\ninclude nothing",
    ],
)
def test_a_missing_file_is_an_error_where_that_is_demanded(text: str) -> None:
    with pytest.raises(Unreadable, match=r"keepalived.conf:\d: no such file: .* has to be there"):
        read(text, more=MORE)


@pytest.mark.parametrize(
    "text",
    [
        "includem nothing*",
        "includew conf.d/{2,3}.conf",
        "include_check -match\ninclude nothing",
        "include_check match\ninclude nothing*",
        "include y\ninclude nothing",
    ],
)
def test_a_missing_file_is_none_where_another_thing_is_demanded(text: str) -> None:
    """What a file demands by include_check is over at its end."""
    parsed = read(text, more={**MORE, "/etc/keepalived/y": "include_check"})
    assert "no such file" in noticed(parsed)[0][1]


def test_quotes_around_the_path_are_noticed_and_ignored() -> None:
    parsed = read('include "conf.d/2.conf"', more=MORE)
    assert short(parsed.statements) == [["two"]]
    assert "quotes" in noticed(parsed)[0][1]


def test_include_without_a_path_is_a_statement() -> None:
    assert said("include\nincludes x\n") == [["include"], ["includes", "x"]]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"/etc/keepalived/x": "include keepalived.conf"},
        {"/etc/keepalived/x": "include y", "/etc/keepalived/y": "include x"},
    ],
)
def test_a_loop_of_includes_is_an_error_that_names_the_line(more: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match=r":1: \S+ includes itself"):
        read("include x" if more else "include keepalived.conf", more=more)


def test_a_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(Unreadable, match=r"^/nowhere: No such file"):
        parse("/nowhere", KeepalivedFiles())


def test_only_plain_files_that_are_not_executable_are_read(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.write_text("a\ninclude *.conf\nincluder x.conf\n")
    (tmp_path / "1.conf").write_text("one\n")
    (tmp_path / "2.conf").mkdir()
    os.mkfifo(tmp_path / "3.conf")
    (tmp_path / "4.conf").write_text("script\n")
    (tmp_path / "4.conf").chmod(0o755)
    (tmp_path / "x.conf").symlink_to("/dev/null")
    with pytest.raises(Unreadable, match=r"main:3: .*/x.conf: not a plain file"):
        parse(str(main), KeepalivedFiles())
    (tmp_path / "x.conf").unlink()
    (tmp_path / "x.conf").write_text("x\n")
    parsed = parse(str(main), KeepalivedFiles())
    assert short(parsed.statements) == [["a"], ["one"], ["x"], ["x"]]
    assert [text for _, text in noticed(parsed)] == [
        f"{tmp_path}/2.conf: not a plain file; left out",
        f"{tmp_path}/3.conf: not a plain file; left out",
        f"{tmp_path}/4.conf: executable, which keepalived does not read; left out",
    ]


def test_a_real_loop_is_seen_however_the_path_is_written(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.write_text(f"include ./../{tmp_path.name}//ma*\n")
    with pytest.raises(Unreadable, match="includes itself"):
        parse(str(main), KeepalivedFiles())
