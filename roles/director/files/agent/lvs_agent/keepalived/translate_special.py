# SPDX-License-Identifier: GPL-3.0-or-later
"""Keywords that stand in a way of their own: servers, groups of addresses, a few old ones.

Owns one translator for each entry of `keywords.SPECIAL`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lvs_agent.config import walk
from lvs_agent.keepalived import names
from lvs_agent.keepalived.keywords import HOST, TOP
from lvs_agent.keepalived.table import places
from lvs_agent.keepalived.translate import Translator
from lvs_agent.keepalived.translate_values import Refused, scalar
from lvs_agent.keepalived.tree import Statement
from lvs_agent.schema import DOCUMENT, Block, Option

Values = dict[str, Any]

# Beside the options of our document while a file is read; `completion.py` takes them out again.
DEFAULT_INTERFACE = "default_interface"
LOG_ALL_FAILURES = "checker_log_all_failures"
SSL = "SSL"
SORRY_METHOD = "sorry_server_lvs_method"
DYNAMIC = "dynamic"
METHOD = "method"
SORRY_METHOD_FIRST = "sorry_method"
CHECKED_PORT = "checked_port"

_MAC = re.compile(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_SYNC_WORDS = ("inst", "id", "maxlen", "port", "ttl", "group")
_PROTOCOLS = ("TCP", "UDP", "SCTP")


def _texts(statement: Statement) -> list[str]:
    return [word.text for word in statement.words[1:]]


def _option(block: Block | None, name: str) -> Option:
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
        found["port"] = scalar(_option(block, "port"), words[1])
    for name, value in found.items():
        walk.check_value(_option(block, name), value, name, _refuse)
    return found


def _virtual_server(
    translator: Translator, statement: Statement, document: Values, path: str
) -> None:
    block = places()["virtual_server"].block
    assert block is not None
    words = _texts(statement)
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
    option = _option(block, words[0])
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


def _real_server(translator: Translator, statement: Statement, server: Values, path: str) -> None:
    place = places()["real_server"]
    assert place.block is not None
    try:
        head = _server_head(place.block, _texts(statement))
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


def _sorry_server(translator: Translator, statement: Statement, server: Values, path: str) -> None:
    option = _option(places()["virtual_server"].block, "sorry_server")
    assert option.block is not None
    translator.positions[f"{path}.sorry_server"] = statement.position
    try:
        head = _server_head(option.block, _texts(statement))
        head = _with_port(server, head, server[SORRY_METHOD_FIRST])
        head.pop(CHECKED_PORT, None)  # nobody checks it
        server["sorry_server"] = head
    except Refused as refused:
        translator.note(path, statement, f"sorry_server {refused}; it is left out")


def _sorry_method(translator: Translator, statement: Statement, server: Values, path: str) -> None:
    option = _option(places()["virtual_server"].block, "lb_kind")
    line = translator.line(option, _texts(statement), statement, f"{path}.sorry_server.lb_kind")
    if line is not None:
        server[SORRY_METHOD] = line


def _group(translator: Translator, statement: Statement, document: Values, path: str) -> None:
    words = _texts(statement)
    section = document.setdefault("virtual_server_groups", {})
    if not words or statement.block is None or words[0] in section:
        translator.note(
            path, statement, "virtual_server_group must have a name of its own and a block"
        )
        return
    option = _option(_option(DOCUMENT, "virtual_server_groups").block, "members")
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


def _delays(translator: Translator, statement: Statement, document: Values, path: str) -> None:
    option = _option(DOCUMENT, "interface_up_down_delays")
    section = document.setdefault("interface_up_down_delays", {})
    for one in statement.block or ():
        name, *words = [word.text for word in one.words]
        line = translator.line(option, words, one, f"interface_up_down_delays.{name}")
        if line is not None:
            section[name] = line


def _ssl(translator: Translator, statement: Statement, document: Values, path: str) -> None:
    found: Values = document.setdefault(SSL, {})
    for one in statement.block or ():
        word, texts = one.words[0].text, _texts(one)
        if word == "password":
            translator.note(
                path, one, "password has no counterpart here: the key must have none:"
                " openssl pkey -in OLD -out NEW",
            )  # fmt: skip
        elif word in ("ca", "certificate", "key") and texts:
            found[word] = texts[0]
        else:
            translator.note(path, one, f"{word} is not a keyword of SSL: it has no effect")


def _dynamic_interfaces(
    translator: Translator, statement: Statement, values: Values, path: str
) -> None:
    words = _texts(statement)
    values["dynamic_interfaces"] = words[:1] not in (["off"], ["no"], ["false"])


def _default_interface(
    translator: Translator, statement: Statement, values: Values, path: str
) -> None:
    words = _texts(statement)
    if words:
        values[DEFAULT_INTERFACE] = words[0]
    else:
        translator.note(path, statement, "default_interface lacks its value; it is left out")


def _sync_daemon(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    words = _texts(statement)
    if len(words) > 1 and words[1] not in _SYNC_WORDS:
        words.insert(1, "inst")
    if len(words) > 3 and words[3].isdigit():
        words.insert(3, "id")
    option = _option(places()["global_defs"].block, "lvs_sync_daemon")
    line = translator.line(option, words, statement, f"{path}.lvs_sync_daemon")
    if line is not None:
        values["lvs_sync_daemon"] = line


def _all_failures(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    values[LOG_ALL_FAILURES] = _texts(statement)[:1] not in (["off"], ["no"], ["false"])


def _use_vmac(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    words = _texts(statement)
    translator.positions[f"{path}.use_vmac"] = statement.position
    option = _option(places()["vrrp_instance"].block, "use_vmac")
    if not words:
        values["use_vmac"] = True
    elif len(words) == 1 and _MAC.fullmatch(words[0]):
        values["use_vmac"] = {"mac": words[0]}
    else:
        line = translator.line(option, words, statement, f"{path}.use_vmac")
        values["use_vmac"] = True if line is None else line


def _virtualhost(translator: Translator, statement: Statement, check: Values, path: str) -> None:
    words = _texts(statement)
    if words:
        check["virtualhost"] = words[0]
    else:
        translator.note(path, statement, "virtualhost lacks its value; it is left out")


def _smtp_host(translator: Translator, statement: Statement, check: Values, path: str) -> None:
    place = places()["SMTP_CHECK"]
    known = tuple(one for one in statement.block or () if one.words[0].text in HOST)
    for one in statement.block or ():
        if one not in known:
            message = "is said by the SMTP_CHECK itself here: in host it has no effect"
            translator.note(path, one, f"{one.words[0].text} {message}")
    check.setdefault("host", []).append(translator.block(place, known, path))


def _dynamic(translator: Translator, statement: Statement, check: Values, path: str) -> None:
    check[DYNAMIC] = True


READERS: dict[tuple[str, str], Callable[[Translator, Statement, Values, str], None]] = {
    (TOP, "virtual_server"): _virtual_server,
    (TOP, "virtual_server_group"): _group,
    (TOP, "interface_up_down_delays"): _delays,
    (TOP, "SSL"): _ssl,
    ("global_defs", "dynamic_interfaces"): _dynamic_interfaces,
    ("global_defs", "default_interface"): _default_interface,
    ("global_defs", "lvs_sync_daemon"): _sync_daemon,
    ("global_defs", "checker_log_all_failures"): _all_failures,
    ("vrrp_instance", "use_vmac"): _use_vmac,
    ("virtual_server", "real_server"): _real_server,
    ("virtual_server", "sorry_server"): _sorry_server,
    ("virtual_server", "sorry_server_lvs_method"): _sorry_method,
    ("HTTP_GET", "virtualhost"): _virtualhost,
    ("SSL_GET", "virtualhost"): _virtualhost,
    ("SMTP_CHECK", "host"): _smtp_host,
    ("FILE_CHECK", "dynamic"): _dynamic,
}
