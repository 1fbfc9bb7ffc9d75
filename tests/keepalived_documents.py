# SPDX-License-Identifier: GPL-3.0-or-later
"""For tests of keepalived's keywords: import and export in one call, and Hypothesis strategies for
configurations of any keyword in the table, driven by the schema."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from keepalived_texts import FilesInMemory
from lvs_agent.keepalived.exporting import export
from lvs_agent.keepalived.importing import Imported, import_parsed
from lvs_agent.keepalived.keywords import TOP
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.table import Form, Keyword, Place, grammar, places
from lvs_agent.keepalived.tree import Position, Statement, Word
from lvs_agent.keepalived.write import write
from lvs_agent.schema import Kind, Option

FILE = "/etc/keepalived/keepalived.conf"
NOWHERE = Position("", 0)


def imported(text: str, programs: dict[str, str] | None = None) -> Imported:
    """What the text becomes; `programs` are those that a bare name finds."""
    parsed = parse(FILE, FilesInMemory({FILE: text}), grammar=grammar())
    return import_parsed(parsed, (programs or {}).get)


def exported(document: dict[str, Any]) -> str:
    """The text of the document as a keepalived.conf."""
    return write(export(document).statements, grammar=grammar())


def noted(found: Imported) -> list[tuple[int, str]]:
    """The line and the text of each notice, with its suggestion."""
    return [
        (
            one.notice.position.line,
            one.notice.message + (f"?{one.notice.suggestion}" if one.notice.suggestion else ""),
        )
        for one in found.noted
    ]


# Strategies: a statement of each keyword, with values that its option accepts.

_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}", fullmatch=True)
_IPV4 = st.integers(1, 250).map(lambda n: f"192.0.2.{n}")
_IPV6 = st.integers(1, 9999).map(lambda n: f"2001:db8::{n}")
_INTERFACES = st.sampled_from(["eth0", "eth1", "bond0.7"])
_COMMANDS = st.lists(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=8),
    max_size=3,
).map(lambda words: " ".join(["/bin/x", *(_quoted(one) for one in words)]))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_OF_KIND: dict[Kind, st.SearchStrategy[str]] = {
    Kind.IPV4: _IPV4,
    Kind.IP: _IPV4 | _IPV6,
    Kind.NETMASK: st.sampled_from(["255.255.255.0", "24", "64"]),
    Kind.INTERFACE: _INTERFACES,
    Kind.MAC: st.just("02:00:00:00:00:01"),
}


def _value(option: Option) -> st.SearchStrategy[str]:
    match option.kind:
        case Kind.INTEGER:
            low, high = int(option.minimum or 0), int(option.maximum or 0)
            return st.integers(low, high).map(str)
        case Kind.SECONDS | Kind.MILLISECONDS:
            hundredths = (int((option.minimum or 0) * 100) + 1, int((option.maximum or 0) * 100))
            return st.integers(*hundredths).map(lambda n: f"{n / 100:.2f}")
        case Kind.CHOICE:
            return st.sampled_from(option.choices)
        case Kind.STRING:
            low, high = int(option.minimum or 1), int(option.maximum or 8)
            return st.from_regex(
                rf"[A-Za-z0-9/_.-]{{{low},{max(low, min(high, 12))}}}", fullmatch=True
            )
    return _OF_KIND[option.kind]


_LINES: dict[str, st.SearchStrategy[str]] = {
    "virtual_ipaddress": st.builds(
        lambda ip, length, more: f"{ip}/{length}{more}",
        _IPV4, st.integers(8, 32),
        st.sampled_from(["", " dev eth0", " brd + dev eth1 label eth1:0", " no_track scope link"]),
    ),
    "virtual_route": st.sampled_from(
        ["192.0.2.0/24 via 198.51.100.1 dev eth0 table 7", "blackhole 198.51.100.0/24",
         "src 192.0.2.1 to 203.0.113.0/24 via 198.51.100.1", "default via 198.51.100.1 metric 5",
         "203.0.113.0/24 nexthop via 198.51.100.1 weight 2 nexthop dev eth1 onlink"],
    ),
    "virtual_rule": st.sampled_from(
        ["from 192.0.2.1 table 7 preference 9", "not to 192.0.2.0/24 iif eth0 lookup 7",
         "fwmark 0x1/0xff blackhole priority 7", "inet6 iif eth0 unreachable"],
    ),
    "unicast_peer": st.builds(
        lambda ip, ttl: f"{ip}{ttl}", _IPV4, st.sampled_from(["", " min_ttl 9"])
    ),
    "track_interface": st.builds(
        lambda name, w: f"{name}{w}", _INTERFACES, st.sampled_from(["", " weight -5 reverse"])
    ),
    "lb_kind": st.sampled_from(["NAT", "DR", "TUN", "TUN type gue port 6080 csum", "TUN type gre"]),
    "smtp_server": st.sampled_from(["127.0.0.1", "mail.example.org 587"]),
    "lvs_timeouts": st.sampled_from(["tcp 900 udp 60", "tcpfin 5"]),
    "lvs_sync_daemon": st.sampled_from(
        ["eth1", "eth1 inst VI_1 id 7", "eth1 VI_1", "eth0 port 9 ttl 3"]
    ),
    "use_vmac": st.sampled_from(["", "vrrp.7", "vrrp.7 02:00:00:00:00:01", "02:00:00:00:00:01"]),
}  # fmt: skip
_TRACKED = st.builds(
    lambda name, words: f"{name}{words}",
    _NAMES,
    st.sampled_from(["", " weight 7", " weight -7 reverse"]),
)


def _line(option: Option) -> st.SearchStrategy[str]:
    assert option.block is not None
    return _LINES.get(option.block.name, _TRACKED)


def made(text: str, block: list[Statement] | None = None) -> Statement:
    """A statement of these words."""
    words = tuple(Word(word) for word in text.split())
    return Statement(words, NOWHERE, None if block is None else tuple(block))


def _statement(place: Place, keyword: Keyword, depth: int) -> st.SearchStrategy[Statement]:
    name, option = keyword.name, keyword.option
    match keyword.form:
        case Form.FLAG:
            return st.just(made(name))
        case Form.SWITCH:
            return st.sampled_from(["", " on", " off", " yes", " false"]).map(
                lambda w: made(name + w)
            )
        case Form.COMMAND | Form.SCRIPT:
            return _COMMANDS.map(lambda c: Statement((Word(name), Word(c, quoted=True)), NOWHERE))
        case Form.SPECIAL:
            return _special(place, keyword, depth)
    assert option is not None
    match keyword.form:
        case Form.USER | Form.VALUE:
            return _value(option).map(lambda v: made(f"{name} {v}"))
        case Form.WEIGHT:
            return st.builds(
                lambda v, r: made(f"{name} {v}{r}"),
                _value(option),
                st.sampled_from(["", " reverse"]),
            )
        case Form.INIT_FILE:
            return st.sampled_from([f"{name} 5", f"{name} 0 overwrite", name]).map(made)
        case Form.WORDS:
            return st.sampled_from(_WORDS[option.kind]).map(lambda v: made(f"{name} {v}"))
        case Form.LINE:
            return _line(option).map(lambda line: made(f"{name} {line}"))
        case Form.LINES:
            return st.lists(_line(option), max_size=3).map(
                lambda ls: made(name, [made(one) for one in ls])
            )
        case Form.NAMES:
            return st.lists(_NAMES, min_size=1, max_size=3).map(
                lambda ns: made(name, [made(one) for one in ns])
            )
        case Form.BLOCK | Form.REPEATED:
            assert keyword.place is not None
            return _block(places()[keyword.place], depth - 1).map(lambda block: made(name, block))
        case Form.NAMED:
            assert keyword.place is not None
            inner = _block(places()[keyword.place], depth - 1)
            return st.builds(lambda n, block: made(f"{name} {n}", block), _NAMES, inner)
    raise AssertionError(keyword)


_WORDS: dict[Kind, list[str]] = {
    Kind.CPUS: ["0", "3 1"],
    Kind.STATUS_CODES: ["200", "200-299 301", "404"],
    Kind.WORDS: ["nginx", "nginx -g x"],
    Kind.STRINGS: ["caseless", "dotall multiline"],
    Kind.HEX: ["00ff", "0 a 12"],
    Kind.HEX_PATTERN: ["", "00xx", "X0"],
}


def _special(place: Place, keyword: Keyword, depth: int) -> st.SearchStrategy[Statement]:
    name = keyword.name
    if name == "virtual_server":
        head = st.sampled_from(
            ["192.0.2.9 80", "2001:db8::9 53", "fwmark 7", "group web", "192.0.2.8"]
        )
        inner = _block(places()[name], depth - 1)
        real = _block(places()["real_server"], depth - 1)
        return st.builds(
            lambda h, block, reals: made(
                f"{name} {h}", [*block, *(made(f"real_server {a} 80", b) for a, b in reals)]
            ),
            head, inner, st.lists(st.tuples(_IPV4, real), min_size=1, max_size=2),
        )  # fmt: skip
    if name == "real_server":
        return _block(places()[name], depth - 1).map(
            lambda block: made("real_server 192.0.2.7", block)
        )
    if name == "virtual_server_group":
        lines = ["192.0.2.1 80", "192.0.2.10-20 80", "fwmark 7 inet6", "192.0.2.64/30 0"]
        some = st.lists(st.sampled_from(lines), min_size=1, max_size=3)
        return st.builds(lambda n, ls: made(f"{name} {n}", [made(one) for one in ls]), _NAMES, some)
    if name == "interface_up_down_delays":
        return st.sampled_from(["eth0 1 2", "eth0 0.5"]).map(lambda line: made(name, [made(line)]))
    if name == "SSL":
        return st.just(made(name, [made("certificate /c.pem"), made("key /k.pem")]))
    if name == "host":
        return st.just(made(name, [made("connect_ip 192.0.2.3")]))
    if name in ("sorry_server_lvs_method", "lvs_sync_daemon", "use_vmac"):
        lines = _LINES["lb_kind" if name.startswith("sorry") else name]
        return lines.map(lambda line: made(f"{name} {line}"))
    words = {
        "sorry_server": ["192.0.2.99", "192.0.2.99 80"],
        "dynamic_interfaces": ["", "allow_if_changes"],
        "lvs_flush_on_stop": ["", "VS"], "lvs_flush_onstop": [""],
        "default_interface": ["eth7"], "checker_log_all_failures": ["", "off"],
        "virtualhost": ["www.example.org"], "dynamic": [""],
    }  # fmt: skip
    return st.sampled_from(words[name]).map(lambda word: made(f"{name} {word}"))


def _block(place: Place, depth: int) -> st.SearchStrategy[list[Statement]]:
    """Some statements of the block, no keyword twice."""
    usable = [
        one
        for one in place.keywords.values()
        if one.form not in (Form.IGNORED, Form.UNSUPPORTED)
        and (depth > 0 or one.form not in (Form.BLOCK, Form.REPEATED, Form.NAMED))
    ]
    chosen = st.lists(st.sampled_from(usable), max_size=8, unique_by=lambda one: one.name)
    return chosen.flatmap(
        lambda some: st.tuples(*(_statement(place, one, depth) for one in some)).map(list)
    )


def configurations() -> st.SearchStrategy[str]:
    """Texts of any keywords of the table. Most are not accepted: something required is missing."""
    return _block(places()[TOP], 3).map(lambda some: write(some, grammar=grammar()))
