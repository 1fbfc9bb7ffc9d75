# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands for something else in keepalived's configuration language: conditions, parameters,
repetitions."""

from __future__ import annotations

import pytest
from keepalived_texts import noticed, read, said, short

CONDITIONS = """
    @one a 1
    @two a 2
    @^one b 1
    @^two b 2
    @ c
    @^ d
    """


@pytest.mark.parametrize(
    ("config_id", "words"),
    [
        ("one", [["a", "1"], ["b", "2"], ["d"]]),
        ("two", [["a", "2"], ["b", "1"], ["d"]]),
        ("", [["b", "1"], ["b", "2"], ["c"]]),
    ],
)
def test_conditional_lines_are_for_one_config_id_or_for_all_others(
    config_id: str, words: list[list[str]]
) -> None:
    assert said(CONDITIONS, config_id=config_id) == words


@pytest.mark.parametrize(
    ("config_id", "why"), [(None, "none was given"), ("three", "not for three")]
)
def test_without_a_config_id_that_occurs_lines_for_all_but_one_count_and_the_ids_are_named(
    config_id: str | None, why: str
) -> None:
    parsed = read(CONDITIONS, config_id=config_id)
    assert short(parsed.statements) == [["b", "1"], ["b", "2"], ["d"]]
    assert noticed(parsed) == [(2, f'lines are for one config id only (one, two, ""), and {why}')]


def test_a_condition_may_stand_behind_a_brace_and_before_a_definition() -> None:
    assert said("a { @x b\n@x $V=1\n@y $V=2\nc $V }", config_id="x") == [["a", [["b"], ["c", "1"]]]]


def test_a_condition_without_a_line_is_noticed() -> None:
    assert noticed(read("a\n@main\n", config_id="main")) == [
        (2, "a condition without a line behind it: @main")
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$A=1\na $A", [["a", "1"]]),
        ("$A=1\na ${A}2", [["a", "12"]]),
        ("$A=1 # no\na $A", [["a", "1"]]),
        ("$A=\na ${A}b", [["a", "b"]]),
        ("$A=1 2\na $A", [["a", "1", "2"]]),
        ('$A="1 2"\na $A', [["a", "1 2"]]),
        ('$A=1\na "$A x" "${A}"', [["a", "1 x", "1"]]),
        ("$A=x {\n$A\n b\n}", [["x", [["b"]]]]),
        ("$A=1\n$A=2\na $A", [["a", "2"]]),
        ("$A=1\na ($A,$A)", [["a", "(1,1)"]]),
        ("$B=${A}.0\n$A=1\na $B\n$A=2\na ${B}.5", [["a", "1.0"], ["a", "2.0.5"]]),
        ("$A=@main\n$A b\n$A=@other\n$A c", [["b"]]),
        ("$_BAR=1\na $_BAR", [["a", "1"]]),
    ],
)
def test_parameters_are_replaced_where_they_are_used(text: str, words: list[list[str]]) -> None:
    assert said(text, config_id="main") == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a $B", ["a", "$B"]),
        ("a ${B}c", ["a", "${B}c"]),
        ("$A = 1", ["$A", "=", "1"]),
        ("$A=1\na ${_ENV}", ["a", "${_ENV}"]),
        ("$A=1\na ${_RANDOM x}", ["a", "${_RANDOM", "x}"]),
        ("$A=1\na ${_RANDOM 2 1}", ["a", "${_RANDOM", "2", "1}"]),
    ],
)
def test_what_is_not_defined_stays_and_is_noticed(text: str, words: list[str]) -> None:
    parsed = read(text)
    assert short(parsed.statements) == [words]
    assert "not defined" in noticed(parsed)[0][1]


@pytest.mark.parametrize(
    "text",
    ["a $1", "a $", "a $A/b", "a $A.b", "a '{print $2}'".replace("{", "(").replace("}", ")")],
)
def test_other_dollars_are_only_dollars(text: str) -> None:
    assert said(text) == [text.split()]


def test_predefined_parameters() -> None:
    text = 'a ${_PWD} ${_INSTANCE} "${_HASH}${_BANG}" ${_ENV SITE} ${_RANDOM 3 9} ${_RANDOM}'
    drawn = []

    def random(low: int, high: int) -> int:
        drawn.append((low, high))
        return high

    assert said(text, config_id="one", environment={"SITE": "west"}, random=random) == [
        ["a", "/etc/keepalived", "one", "#!", "west", "9", "32767"]
    ]
    assert drawn == [(3, 9), (0, 32767)]


def test_a_predefined_comment_sign_begins_a_comment_outside_of_quotes() -> None:
    assert said("a b ${_HASH} d") == [["a", "b"]]


def test_without_a_die_the_lowest_number_is_taken_and_said() -> None:
    parsed = read("a ${_RANDOM 5 7}")
    assert short(parsed.statements) == [["a", "5"]]
    assert noticed(parsed) == [(1, "a random number from 5 to 7: 5 is taken")]


MULTILINE = """
    $IP= \\
    10.0.0.${N} { \\
        dev eth0 \\

    $INSTANCE= \\
    vrrp_instance VI_${N} { # comment \\
        @main priority 200 \\
        # nothing \\
        $IP \\
        } \\
    }
    $N=1
    $INSTANCE
    $N=2
    $INSTANCE
    after
    """


def test_definitions_of_several_lines_nest_and_are_replaced_late() -> None:
    def instance(number: str) -> list[object]:
        address = [f"10.0.0.{number}", [["dev", "eth0"]]]
        return ["vrrp_instance", f"VI_{number}", [["priority", "200"], address]]

    assert said(MULTILINE, config_id="main") == [instance("1"), instance("2"), ["after"]]


def test_several_lines_are_only_replaced_at_the_end_of_a_line() -> None:
    parsed = read("$M= \\\n a \\\n b\nx $M\ny $M z\n")
    assert short(parsed.statements) == [["x", "a"], ["b"], ["y", "$M", "z"]]
    assert [line for line, _ in noticed(parsed)] == [5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("~SEQ(i,1,3) a $i", [["a", "1"], ["a", "2"], ["a", "3"]]),
        ("~SEQ(i, 3) a ${i}x", [["a", "1x"], ["a", "2x"], ["a", "3x"]]),
        ("~SEQ(i,-2) a $i", [["a", "-1"], ["a", "-2"]]),
        ("~SEQ(i,3,1) a $i", [["a", "3"], ["a", "2"], ["a", "1"]]),
        ("~SEQ(i,1,2,6) a $i", [["a", "1"], ["a", "3"], ["a", "5"]]),
        ("~SEQ(i,010,0x9) a $i", [["a", "8"], ["a", "9"]]),
        ("~SEQx(i,8,4,0x10) a $i", [["a", "8"], ["a", "c"], ["a", "10"]]),
        ("$N=2\n~SEQ(i,1,$N) a $i", [["a", "1"], ["a", "2"]]),
        ("~SEQ(i,2) ~SEQ(j,2) a ${i}${j}", [["a", "11"], ["a", "12"], ["a", "21"], ["a", "22"]]),
        ("~LST(i,x,y) a $i", [["a", "x"], ["a", "y"]]),
        ("~LST({i,j},{1,2},{3}) a ${i}-${j}", [["a", "1-2"], ["a", "3-"]]),
        ("~LST(i,x,y) ~SEQ(j,2) a ${i}${j}", [["a", "x1"], ["a", "x2"], ["a", "y1"], ["a", "y2"]]),
        (
            "$M= \\\na $i { \\\n~SEQ(j,2) b $j \\\n}\n~SEQ(i,2) $M",
            [["a", i, [["b", "1"], ["b", "2"]]] for i in "12"],
        ),
        ("a { ~SEQ(i,2) b $i\n}", [["a", [["b", "1"], ["b", "2"]]]]),
    ],
)  # fmt: skip
def test_repetitions_repeat_the_rest_of_the_line(text: str, words: list[object]) -> None:
    assert said(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "~SEQ a", "~SEQ(i a", "~SEQ(i) a", "~SEQ(i,1,0,3) a", "~SEQ(i,1,-1,3) a",
        "~SEQ(i,1,2,3,4) a",
        "~SEQ(i,x) a", "~SEQ(i,08) a", "~SEQ(i,,) a", "~SEQx(i,-3) a", "~SEQ(1i,2) a",
        "~LST a", "~LST(i) a", "~LST(i,{1,2}) a", "~LST({i,j},{1,2) a", "~LST(i,1", "~LST(,1) a",
    ],
)  # fmt: skip
def test_a_malformed_repetition_is_left_out_and_noticed(text: str) -> None:
    parsed = read(f"{text}\nb\n")
    assert short(parsed.statements) == [["b"]]
    assert [line for line, text in noticed(parsed) if "left out" in text] == [1]
