# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual servers, their real servers and sorry servers, and groups of addresses.

Owns what stands behind these keywords: addresses and ports, and the names that they get here.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config import walk
from lvs_agent.keepalived import names
from lvs_agent.keepalived.table import places
from lvs_agent.keepalived.translate import Translator
from lvs_agent.keepalived.translate_values import Refused, scalar
from lvs_agent.keepalived.tree import Statement
from lvs_agent.schema import DOCUMENT, Block, Option

Values = dict[str, Any]

# Beside the options of our document while a file is read; they are taken out again here, the last
# two by `completion_servers.py`.
METHOD = "method"
SORRY_METHOD_FIRST = "sorry_method"
SORRY_METHOD = "sorry_server_lvs_method"
CHECKED_PORT = "checked_port"

_PROTOCOLS = ("TCP", "UDP", "SCTP")


def words_behind(statement: Statement) -> list[str]:
    """The words behind the keyword."""
    return [word.text for word in statement.words[1:]]


def option_of(block: Block | None, name: str) -> Option:
    """The option of a block that has it."""
    assert block is not None
    option = block.option(name)
    assert option is not None
    return option


def _refuse(_path: str, message: str) -> None:
    raise Refused(message)


def _server_head(block: Block, words: list[str]) -> Values:
    """ip and port, from `ADDRESS [PORT]`. Raises Refused."""
    if not words:
        raise Refused("lacks its address")
    found: Values = {"ip": words[0]}
    if len(words) > 1 and words[1] != "0":
        found["port"] = scalar(option_of(block, "port"), words[1])
    for name, value in found.items():
        walk.check_value(option_of(block, name), value, name, _refuse)
    return found


def virtual_server(
    translator: Translator, statement: Statement, document: Values, path: str
) -> None:
    """virtual_server ADDRESS [PORT] | fwmark MARK | group NAME, and its block."""
    block = places()["virtual_server"].block
    assert block is not None
    words = words_behind(statement)
    try:
        head = _virtual_head(block, words)
        if statement.block is None:
            raise Refused("lacks its block")
    except Refused as refused:
        translator.note(path, statement, f"virtual_server {refused}; it is left out")
        return
    protocol = _said_protocol(statement.block) or ("TCP" if "fwmark" in head else "UDP")
    section = document.setdefault("virtual_servers", {})
    name = names.virtual_server(words, protocol)
    if name in section:
        translator.note(path, statement, f"virtual_server {name} is there already; it is left out")
        return
    here = f"virtual_servers.{name}"
    translator.positions[here] = statement.position
    section[name] = head
    # Their statements may come behind those that depend on them.
    head[METHOD] = _method(statement.block, ("lb_kind", "lvs_method"), "NAT")
    head[SORRY_METHOD_FIRST] = _method(statement.block, (SORRY_METHOD,), head[METHOD])
    translator.block(places()["virtual_server"], statement.block, here, head)
    del head[METHOD], head[SORRY_METHOD_FIRST]


def _virtual_head(block: Block, words: list[str]) -> Values:
    if words[:1] not in (["fwmark"], ["group"]):
        return _server_head(block, words)
    if len(words) < 2:
        raise Refused(f"{words[0]} lacks its value")
    option = option_of(block, words[0])
    value = scalar(option, words[1])
    walk.check_value(option, value, option.name, _refuse)
    return {option.name: value}


def _said_protocol(statements: tuple[Statement, ...]) -> str | None:
    """The last protocol that is said and known."""
    said = [
        one.words[1].text.upper()
        for one in statements
        if one.words[0].text == "protocol" and len(one.words) > 1
    ]
    known = [one for one in said if one in _PROTOCOLS]
    return known[-1] if known else None


def _method(statements: tuple[Statement, ...], keywords: tuple[str, ...], usual: str) -> str:
    """NAT, DR or TUN: the last that one of `keywords` says in the block, else `usual`."""
    said = [
        one.words[1].text
        for one in statements
        if one.words[0].text in keywords and len(one.words) > 1
    ]
    known = [one for one in said if one in ("NAT", "DR", "TUN")]
    return known[-1] if known else usual


def _with_port(server: Values, head: Values, method: str) -> Values:
    """A server's address with its port. DR and TUN leave the packet's port as it is, whatever port
    the server is said to have: that one is where it is checked (CHECKED_PORT)."""
    usual = {"port": server["port"]} if "port" in server else {}
    if method == "NAT" or head.get("port") == usual.get("port"):
        return {"ip": head["ip"]} | usual | head
    found = {"ip": head["ip"]} | usual
    return found | ({CHECKED_PORT: head["port"]} if "port" in head else {})


def real_server(translator: Translator, statement: Statement, server: Values, path: str) -> None:
    """real_server ADDRESS [PORT], and its block."""
    place = places()["real_server"]
    assert place.block is not None
    try:
        head = _server_head(place.block, words_behind(statement))
    except Refused as refused:
        translator.note(path, statement, f"real_server {refused}; it is left out")
        return
    inside = statement.block or ()
    head = _with_port(server, head, _method(inside, ("lvs_method",), server[METHOD]))
    section = server.setdefault("real_servers", {})
    name = names.endpoint(head["ip"], str(head["port"]) if "port" in head else None)
    if name in section:
        translator.note(
            path, statement, f"real_server {name} is there already; this one is left out"
        )
        return
    here = f"{path}.real_servers.{name}"
    translator.positions[here] = statement.position
    section[name] = head
    translator.block(place, inside, here, head)
    if CHECKED_PORT in head:
        message = (
            f"without NAT the port stays as it is: {head[CHECKED_PORT]} is only where checks go"
        )
        translator.note(here, statement, message)


def sorry_server(translator: Translator, statement: Statement, server: Values, path: str) -> None:
    """sorry_server ADDRESS [PORT]."""
    option = option_of(places()["virtual_server"].block, "sorry_server")
    assert option.block is not None
    translator.positions[f"{path}.sorry_server"] = statement.position
    try:
        head = _server_head(option.block, words_behind(statement))
        head = _with_port(server, head, server[SORRY_METHOD_FIRST])
        head.pop(CHECKED_PORT, None)  # nobody checks it
        server["sorry_server"] = head
    except Refused as refused:
        translator.note(path, statement, f"sorry_server {refused}; it is left out")


def sorry_method(translator: Translator, statement: Statement, server: Values, path: str) -> None:
    """The method of the sorry server, which may be named further down."""
    option = option_of(places()["virtual_server"].block, "lb_kind")
    line = translator.line(
        option, words_behind(statement), statement, f"{path}.sorry_server.lb_kind"
    )
    if line is not None:
        server[SORRY_METHOD] = line


def group(translator: Translator, statement: Statement, document: Values, path: str) -> None:
    """virtual_server_group NAME, and its lines."""
    words = words_behind(statement)
    section = document.setdefault("virtual_server_groups", {})
    if not words or statement.block is None or words[0] in section:
        translator.note(
            path, statement, "virtual_server_group must have a name of its own and a block"
        )
        return
    option = option_of(option_of(DOCUMENT, "virtual_server_groups").block, "members")
    here = f"virtual_server_groups.{words[0]}"
    translator.positions[here] = statement.position
    members: list[Any] = []
    for one in statement.block:
        texts = [word.text for word in one.words]
        if texts[1:] == ["0"]:
            del texts[1]  # every port, where persistent
        line = translator.line(option, texts, one, f"{here}.members[{len(members)}]")
        if line is not None:
            members.append(line)
    section[words[0]] = {"members": members}
