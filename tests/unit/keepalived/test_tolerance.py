# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations as they occur: foreign comments, lost braces, strange bytes. Nothing is lost
without a notice, and every notice names its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keepalived_texts import indented_trees, noticed, read, said, short
from lvs_agent.keepalived.tree import Statement, Unreadable
from lvs_agent.keepalived.write import write

SLASHES = """\
vrrp_instance VI_7 {   // the first
    state BACKUP       ///
    nopreempt ///only once
    priority 90 //lower than {the other}
    interface //eth0
    //script /x
    auth_pass "//x" // y
}
"""


def test_slashes_are_comments_where_they_can_be_meant_as_such() -> None:
    parsed = read(SLASHES)
    assert short(parsed.statements) == [
        [
            "vrrp_instance",
            "VI_7",
            [
                ["state", "BACKUP"],
                ["nopreempt"],
                ["priority", "90"],
                ["interface", "//eth0"],
                ["auth_pass", "//x"],
            ],
        ]
    ]
    (first, message), (value, taken) = noticed(parsed)
    assert (first, value) == (1, 5)
    assert message.startswith("// and what is behind it (and in line 2, 3, 4, 6, 7) is ignored")
    assert "//eth0 is taken as a value" in taken


def test_of_a_fault_in_every_line_twenty_are_named() -> None:
    parsed = read("a 1 // x\n" * 25)
    ((line, message),) = noticed(parsed)
    assert line == 1
    assert f"{', '.join(map(str, range(2, 21)))}, 5 others)" in message


@pytest.mark.parametrize(
    "text", ['state MASTER // it is "so', "state MASTER // so!said", "state MASTER // it's # so"]
)
def test_what_is_behind_slashes_has_no_faults(text: str) -> None:
    parsed = read(text)
    assert short(parsed.statements) == [["state", "MASTER"]]
    assert len(parsed.notices) == 1


@pytest.mark.parametrize(
    "text", ["path http://x//y", 'script "curl -s //x"', "path /a//", "# a // b", "a {} # // b"]
)
def test_other_slashes_are_only_slashes(text: str) -> None:
    said(text)


INSTANCE = [
    "vrrp_instance",
    "VI_1",
    [
        ["state", "MASTER"],
        ["authentication", [["auth_type", "PASS"]]],
        ["virtual_ipaddress", [["10.0.0.9"]]],
    ],
]
SERVER = ["virtual_server", "10.0.0.9", "80", [["protocol", "TCP"]]]
SERVER_TEXT = "virtual_server 10.0.0.9 80 {\n    protocol TCP\n}\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "    state MASTER\n"
            "    authentication {\n"
            "        auth_type PASS\n"
            "    }\n"
            "    virtual_ipaddress {\n"
            "        10.0.0.9\n"
            "    }\n",
            1,
            "the block of vrrp_instance VI_1 is not closed",
            id="} of the outer block lost",
        ),
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "    state MASTER\n"
            "    authentication {\n"
            "        auth_type PASS\n"
            "    virtual_ipaddress {\n"
            "        10.0.0.9\n"
            "    }\n"
            "}\n",
            3,
            "the block of authentication is not closed; it is taken to end before line 5",
            id="} before a sibling lost",
        ),
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "\tstate MASTER\n"
            "\tauthentication {\n"
            "\t\tauth_type PASS\n"
            "\t}\n"
            "\tvirtual_ipaddress {\n"
            "\t\t10.0.0.9\n"
            "}\n",
            6,
            "the block of virtual_ipaddress is not closed; it is taken to end before line 8",
            id="} before the outer } lost",
        ),
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "    state MASTER\n"
            "    authentication {\n"
            "        auth_type PASS\n"
            "    }\n"
            "    }\n"
            "    virtual_ipaddress {\n"
            "        10.0.0.9\n"
            "    }\n"
            "}\n",
            6,
            "a } that closes nothing is ignored",
            id="} too many within",
        ),
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "    state MASTER\n"
            "    authentication {\n"
            "        auth_type PASS\n"
            "    }\n"
            "    virtual_ipaddress {\n"
            "        10.0.0.9\n"
            "    }\n"
            "}\n"
            "}\n",
            10,
            "a } that closes nothing is ignored",
            id="} too many behind",
        ),
        pytest.param(
            "vrrp_instance VI_1\n"
            "    state MASTER\n"
            "    authentication {\n"
            "        auth_type PASS\n"
            "    }\n"
            "    virtual_ipaddress {\n"
            "        10.0.0.9\n"
            "    }\n"
            "}\n",
            1,
            "there is no { behind vrrp_instance VI_1",
            id="{ of the outer block lost",
        ),
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "    state MASTER\n"
            "    authentication\n"
            "        auth_type PASS\n"
            "    }\n"
            "    virtual_ipaddress {\n"
            "        10.0.0.9\n"
            "    }\n"
            "}\n",
            3,
            "there is no { behind authentication",
            id="{ of an inner block lost",
        ),
        pytest.param(
            "vrrp_instance VI_1 {\n"
            "state MASTER\n"
            "authentication {\n"
            "auth_type PASS\n"
            "}\n"
            "virtual_ipaddress {\n"
            "10.0.0.9\n"
            "}\n",
            1,
            "the block of vrrp_instance VI_1 is not closed",
            id="} lost without any indentation",
        ),
    ],
)
@pytest.mark.parametrize("more", ["", SERVER_TEXT])
def test_a_brace_too_few_or_too_many_is_set_right_by_indentation(
    text: str, line: int, message: str, more: str
) -> None:
    parsed = read(text + more)
    assert short(parsed.statements) == [INSTANCE, SERVER][: 1 + bool(more)]
    assert [(at, said) for at, said in noticed(parsed) if at != line or message not in said] == []
    assert len(parsed.notices) == 1


def damaged(lines: list[str], at: int, damage: str) -> list[str]:
    """The lines with one brace lost, or one } doubled."""
    line = lines[at]
    if damage == "doubled":
        return [*lines[:at], line, *lines[at:]]
    return [*lines[:at], line.removesuffix(" {").removesuffix("}"), *lines[at + 1 :]]


@pytest.mark.parametrize(
    ("brace", "damage"), [("}", "lost"), ("}", "doubled"), ("{", "lost")], ids=str
)
@given(tree=indented_trees, data=st.data())
def test_one_damaged_brace_in_a_well_indented_text_costs_nothing(
    brace: str, damage: str, tree: tuple[Statement, ...], data: st.DataObject
) -> None:
    lines = write(tree).splitlines()
    at = data.draw(st.sampled_from([n for n, line in enumerate(lines) if line.endswith(brace)]))
    parsed = read("\n".join(damaged(lines, at, damage)))
    assert short(parsed.statements) == short(tree)
    assert len(parsed.notices) == 1


@given(tree=indented_trees, data=st.data())
def test_however_many_braces_are_damaged_no_statement_is_lost(
    tree: tuple[Statement, ...], data: st.DataObject
) -> None:
    lines = write(tree).splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        damage = "doubled" if lines[at].endswith("}") and data.draw(st.booleans()) else "lost"
        lines = damaged(lines, at, damage)

    def keywords(statements: tuple[Statement, ...]) -> list[str]:
        found = []
        for one in statements:
            found += [one.words[0].text, *keywords(one.block or ())]
        return found

    assert keywords(read("\n".join(lines)).statements) == keywords(tree)


def test_a_lost_brace_does_not_reach_beyond_the_next_block_of_the_top_level() -> None:
    parsed = read(
        "global_defs {\n"
        "   router_id a\n"
        "   notification_email {\n"
        "     root@localhost\n"
        "   }\n"
        "vrrp_instance VI_1 {\n"
        "    virtual_ipaddress {\n"
        "    10.0.0.9\n"
        "    }\n"
        "}\n" + SERVER_TEXT[:-2]
    )
    assert short(parsed.statements) == [
        ["global_defs", [["router_id", "a"], ["notification_email", [["root@localhost"]]]]],
        ["vrrp_instance", "VI_1", [["virtual_ipaddress", [["10.0.0.9"]]]]],
        SERVER,
    ]
    assert [line for line, _ in noticed(parsed)] == [1, 11]


def test_a_misspelt_block_of_the_top_level_ends_the_one_before() -> None:
    parsed = read(SERVER_TEXT[:-2] + "vrrp_instace VI_1 {\n    state MASTER\n}\n")
    assert short(parsed.statements) == [SERVER, ["vrrp_instace", "VI_1", [["state", "MASTER"]]]]


def test_where_braces_match_indentation_says_nothing() -> None:
    assert said("a {\n        b {\nc\n}\n    d\n      }\ne\n") == [
        ["a", [["b", [["c"]]], ["d"]]],
        ["e"],
    ]


def test_a_block_without_a_keyword_belongs_to_the_one_around() -> None:
    parsed = read("a {\n  b\n}\n{\n  c\n}\n")
    assert short(parsed.statements) == [["a", [["b"]]], ["c"]]
    assert noticed(parsed) == [(4, "a { without a keyword before it is ignored")]


@pytest.mark.parametrize("text", ["auth_pass top!", "auth_pass top!secret", "auth_pass top#1 # x"])
def test_a_comment_within_a_word_is_noticed_without_the_word(text: str) -> None:
    parsed = read(text)
    assert short(parsed.statements) == [["auth_pass", "top"]]
    assert [line for line, said in noticed(parsed) if "begins a comment" in said] == [1]
    assert not any("top" in said or "secret" in said for _, said in noticed(parsed))


@pytest.mark.parametrize("text", ["a b# c", "a b! c", "a b ## c", "a b### c", "a {}#c", 'a "b!c"'])
def test_other_comments_are_only_comments(text: str) -> None:
    said(text)


def test_an_open_quote_reaches_to_the_end_of_the_line() -> None:
    parsed = read('a "b c\nscript x "y z\nd\n')
    assert short(parsed.statements) == [["a", "b c"], ["script", "x", "y z"], ["d"]]
    assert [line for line, said in noticed(parsed) if 'a " is not closed' in said] == [1, 2]
    assert len(parsed.notices) == 2


@pytest.mark.parametrize(
    ("data", "words", "message"),
    [
        (b"\xef\xbb\xbfa b\n", ["a", "b"], "byte order mark"),
        (b"a b\0c\n", ["a", "bc"], "NUL bytes"),
        (b"a b\xe9 # \xe8\n", ["a", "b\xe9"], "read as Latin-1"),
        (b"a " + b"b" * 1100 + b"\n", ["a", "b" * 1100], "breaks lines"),
        (b"a b # " + b"c" * 1100 + b"\n", ["a", "b"], "breaks lines"),
    ],
)
def test_strange_bytes_are_noticed(data: bytes, words: list[str], message: str) -> None:
    parsed = read(b"x\n" * (b"\xef" not in data) + data)
    assert short(parsed.statements)[-1] == words
    assert message in noticed(parsed)[0][1]
    assert len(parsed.notices) == 1


def test_spaces_of_a_web_page_are_blanks_outside_of_quotes_and_said_once_per_file() -> None:
    text = 'vrrp_instance VI_1 {\n\u00a0 \u00a0state MASTER\n\u3000a\u00a0"b\u00a0c"\n\u00a0\n'
    parsed = read(text)
    assert short(parsed.statements) == [
        ["vrrp_instance", "VI_1", [["state", "MASTER"], ["a", "b\u00a0c"]]]
    ]
    assert [line for line, text in noticed(parsed) if "Unicode spaces" in text] == [2]


def test_foreign_bytes_in_comments_do_not_matter() -> None:
    assert said(b"a b # \xe9\n// x\n".replace(b"//", b"#")) == [["a", "b"]]


def test_utf8_is_read_as_such() -> None:
    assert said("a bé # ü\n") == [["a", "bé"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a b\n".encode("utf-16"), "is UTF-16"),
        (bytes(1000), "not a text file"),
        (b"\x7fELF" + bytes(range(200)), "not a text file"),
    ],
)
def test_what_is_no_text_is_an_error(data: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match=message) as refused:
        read(data)
    assert refused.value.position is not None
