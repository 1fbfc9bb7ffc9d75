# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are broken, huge or written to harm: they are read, or refused with a position, and
nothing that they say multiplies without bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keepalived_texts import read, texts
from lvs_agent.keepalived import limits
from lvs_agent.keepalived.tree import Parsed, Statement, Unreadable

WHOLE = rb"""! of everything something
$NET=10.0.0
$ADDRESS= \
    ${NET}.1/24 dev eth0 \
    ${NET}.2/24
include other*
global_defs {
    router_id "a # b"
    @main smtp_alert on
}
vrrp_instance VI_1 {
    virtual_ipaddress { $ADDRESS
    }
    track_script {
        ~LST({n,w},{a,1},{b,2}) chk_${n} weight ${w}
    }
    notify_master "/x \"y z\" \x41" root
}
~SEQ(i, 1, 3) virtual_server ${NET}.${i} 80 { lb_algo rr }
"""


def answer(text: str | bytes, **how: object) -> Parsed | None:
    """What is read; None if it is refused, which has to be said well."""
    try:
        return read(text, **how)  # type: ignore[arg-type]
    except Unreadable as refused:
        assert refused.message
        assert refused.position is not None
        assert len(str(refused)) < 1000
        return None


def statements_in(parsed: Parsed) -> int:
    todo: list[Statement] = list(parsed.statements)
    count = 0
    while todo:
        one = todo.pop()
        assert one.words
        assert one.position.line > 0
        todo += one.block or ()
        count += 1
    return count


def test_the_whole_is_read_and_truncated_at_every_byte_it_is_read_too() -> None:
    whole = answer(WHOLE)
    assert whole is not None
    assert statements_in(whole) > 15
    for length in range(len(WHOLE)):
        part = answer(WHOLE[:length])
        assert part is not None
        assert statements_in(part) <= statements_in(whole) + 1


def test_with_any_byte_lost_or_turned_it_is_read_or_refused() -> None:
    for at in range(len(WHOLE)):
        answer(WHOLE[:at] + WHOLE[at + 1 :])
        answer(WHOLE[:at] + b"{" + WHOLE[at + 1 :])
        answer(WHOLE[:at] + bytes([WHOLE[at] ^ 0x80]) + WHOLE[at + 1 :])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    answer(data)


@given(texts)
def test_any_text_is_read_or_refused(text: str) -> None:
    parsed = answer(text, config_id="main")
    if parsed:
        statements_in(parsed)


def doubled(first: str) -> str:
    """Forty definitions, each of twice the next."""
    lines = [f"$A{number}=${{A{number + 1}}}${{A{number + 1}}}" for number in range(40)]
    return "\n".join([*lines, f"$A40={first}", "${A0}"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n" * 6_000_000, "bytes to read"),
        ("a {\n" * 1000, "blocks stand within each other"),
        ("x" * (limits.LINE + 1), "at most 4096 are read"),
        ("\n" * (limits.LINES + 1), "more than 100000 lines"),
        ("a{}" * 1300 + ("\n" + "a{}" * 1300) * 30, "more than 100000 lines"),
        (('"" ' * 1300 + "\n") * 300, "words"),
        ("~SEQ(a,0,1,1000000000) b", "more than 100000 lines"),
        ("~SEQ(a,0,1,1000000000)", "more than 100000 lines"),
        ("~SEQ(a,0,1,1000000000) ~SEQ(b,0,1,1000000000) $a", "many parameters"),
        ("$A=${A}\n${A}", r"\$A leads to itself"),
        ("$A=${B}x\n$B=${A}y\n${A}", "leads to itself"),
        (doubled("x"), "leads to itself"),
        (doubled(""), "leads to itself"),
        ("$A=" + "x" * 4000 + "\n${A}${A}", "longer than 4096"),
        ("$A= \\\n x \\\n$A\n\n$A", r"\$A leads to itself"),
        ("$A= \\\n x \\\n$A \\\n y\n\n$A", "definitions of several lines"),
        ("$A=b\n" + ("$A " * 400 + "\n") * 200, "many parameters"),
        ("include " + "{a,b}" * 50, "patterns"),
        ("include /*/*/*", "wildcards in more than 2 directories"),
    ],
    ids=lambda value: value if len(value) < 30 else "",
)
def test_what_exceeds_the_bounds_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(Unreadable, match=message) as refused:
        read(text)
    assert refused.value.position is not None
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "a { " * 31 + "}" * 31,
        "include " + "{" * 500 + "a,b" + "}" * 500,
        "include nothing/" + "x" * 3000,
        "~LST({" + "a," * 1500 + "b},{1,2}) x",
        "~SEQ(a,2) " * 10 + "x",
        '"' * 4001,
        "\\" * 4001,
        "$" * 4001,
        "${" * 30,
        "/" * 4001,
        "a " + "//" * 2000,
        " " * 100_000 + "a",
        "".join(" " * number + "a\n" for number in range(1000)) + "}\n",
        "a {\n" * 20 + "b\n" * 1000,
        "}\n" * 2000,
    ],
    ids=lambda value: value[:12],
)
def test_what_is_odd_but_small_is_read(text: str) -> None:
    assert answer(text) is not None


def test_files_that_include_two_others_each_are_bounded() -> None:
    more = {f"/etc/keepalived/f{n}": f"include f{n + 1}\ninclude f{n + 1}\n" for n in range(14)}
    with pytest.raises(Unreadable, match="files are included"):
        read("include f0", more=more)


def test_a_chain_of_includes_is_bounded() -> None:
    more = {f"/etc/keepalived/f{n}": f"include f{n + 1}\n" for n in range(100)}
    with pytest.raises(Unreadable, match="include each other"):
        read("include f0", more=more)


def test_all_files_together_are_bounded() -> None:
    half = (b"#" * 4000 + b"\n") * (limits.BYTES // 2 // 4001)
    more = {"/etc/keepalived/f0": half, "/etc/keepalived/f1": half}
    read("include f0\n", more=more)
    with pytest.raises(Unreadable, match=r"f1:1: with it there are more than \d+ bytes"):
        read("include f0\n" + "# filled up\n" * 400 + "include f1\n", more=more)


def test_notices_are_bounded_and_counted() -> None:
    parsed = read("a {}\n{}\n" * 2000)
    assert len(parsed.notices) == limits.NOTICES + 1
    assert parsed.notices[-1].message == f"{2000 - limits.NOTICES} further notices left out"


def test_thousands_of_lines_each_further_right_than_the_last_are_read() -> None:
    stairs = "".join(" " * (number % 200) + "a\n" for number in range(10_000))
    parsed = answer(stairs + "}\n" * 50_000)
    assert parsed is not None
    assert statements_in(parsed) == 10_000
