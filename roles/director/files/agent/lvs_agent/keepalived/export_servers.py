# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual servers of a document become statements.

Owns what keepalived has in another place than we do: the checks of all real servers, sorry servers,
certificates, and the defaults of a virtual server that differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lvs_agent.keepalived import export_values
from lvs_agent.keepalived.table import places
from lvs_agent.keepalived.tree import Statement, Word
from lvs_agent.schema import CHECK_NAMES, GROUP_MEMBER, LB_KIND

if TYPE_CHECKING:
    from lvs_agent.keepalived.exporting import Writer

Values = dict[str, Any]

# More lines than this nobody wants to read.
_PORTS_LIMIT = 256
# Checks whose defaults are other than 1 in keepalived.
_RETRIES = ("dns_check", "misc_check")
_DELAYS = ("http_get", "ssl_get", "dns_check")


def groups(writer: Writer, value: Values) -> list[Statement]:
    """virtual_server_group NAME { LINE... }, of every group."""
    from lvs_agent.keepalived.exporting import statement  # noqa: PLC0415 - each needs the other

    found = []
    for name, group in value.items():
        inside = []
        for index, member in enumerate(_several(group.get("members"))):
            first, *rest = export_values.line(GROUP_MEMBER, member)
            ports = _ports(rest[0].text) if rest and first.text != "fwmark" else None
            if ports is None:
                inside.append(statement(first.text, rest))
            elif len(ports) <= _PORTS_LIMIT:
                inside += [statement(first.text, [Word(str(port))]) for port in ports]
            else:
                where = f"virtual_server_groups.{name}.members[{index}]"
                writer.lost.append(f"{where}: keepalived has no ranges of ports")
        found.append(statement("virtual_server_group", [export_values.word(name)], inside))
    return found


def _ports(text: str) -> range | None:
    """The ports of FIRST-LAST; keepalived wants a line for each."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else None


def virtual_servers(writer: Writer, servers: Values, document: Values) -> list[Statement]:
    """virtual_server ... { }, of every virtual server, and SSL { } if they have a certificate."""
    from lvs_agent.keepalived.exporting import statement  # noqa: PLC0415 - each needs the other

    found: list[Statement] = []
    certificates: list[Values] = []
    for name, server in servers.items():
        path = f"virtual_servers.{name}"
        # keepalived takes sorry_server_inhibit behind sorry_server only.
        inside = _sorry(writer, server, path)
        inside += writer.block(places()["virtual_server"], _said(server), path)
        for real_name, real in (server.get("real_servers") or {}).items():
            here = f"{path}.real_servers.{real_name}"
            own = {**real, **_checks(real, server)}
            certificates += [
                one
                for check in _several(own.get("ssl_get"))
                if (one := {key: check[key] for key in ("certificate", "key") if check.get(key)})
            ]
            block = writer.block(places()["real_server"], own, here)
            found_head = _head(real, server)
            inside.append(statement("real_server", found_head, block))
        found.append(statement("virtual_server", _virtual_head(server), inside))
    return [*_ssl(writer, certificates), *found]


def _several(value: Any) -> list[Any]:
    """A list; one thing stands for a list of it."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _said(server: Values) -> Values:
    """The virtual server with our defaults said where keepalived's differ."""
    usual: Values = {"lb_kind": "DR"}
    if server.get("fwmark") is None:
        usual["protocol"] = "TCP"
    return usual | {name: value for name, value in server.items() if value is not None}


def _virtual_head(server: Values) -> list[Word]:
    for option in ("fwmark", "group"):
        if server.get(option) is not None:
            return [Word(option), export_values.word(export_values.plain(server[option]))]
    return _head(server, {})


def _head(one: Values, server: Values) -> list[Word]:
    """ADDRESS [PORT]; keepalived takes no port of the virtual server."""
    port = one.get("port") or server.get("port")
    return [Word(one["ip"]), *([Word(export_values.plain(port))] if port else [])]


def _sorry(writer: Writer, server: Values, path: str) -> list[Statement]:
    from lvs_agent.keepalived.exporting import statement  # noqa: PLC0415 - each needs the other

    several = _several(server.get("sorry_server"))
    if not several:
        return []
    sorry = several[0]
    if len(several) > 1:
        writer.lost.append(f"{path}.sorry_server: keepalived has one; the first is written")
    if any(_several(sorry.get(name)) for name in CHECK_NAMES):
        writer.lost.append(f"{path}.sorry_server: keepalived does not check it")
    found = [statement("sorry_server", _head(sorry, server))]
    if sorry.get("lb_kind") is not None:
        words = export_values.line(LB_KIND, sorry["lb_kind"])
        found.append(statement("sorry_server_lvs_method", words))
    return found


def _checks(real: Values, server: Values) -> Values:
    """The checks of a real server, those of its virtual server if it has none of its own."""
    holder = real if any(_several(real.get(name)) for name in CHECK_NAMES) else server
    found: Values = {}
    for name in CHECK_NAMES:
        checks = _several(holder.get(name))
        if checks:
            found[name] = [_check(name, one, (real, server)) for one in checks]
    return found


def _check(name: str, check: Values, holders: tuple[Values, ...]) -> Values:
    """The check with our defaults said where keepalived's differ."""
    usual: Values = {"enable_sni": True} if name == "ssl_get" else {}
    for option, differs in (("retry", _RETRIES), ("delay_before_retry", _DELAYS)):
        if name in differs and all(one.get(option) is None for one in holders):
            usual[option] = 1
    return usual | {option: value for option, value in check.items() if value is not None}


def _ssl(writer: Writer, certificates: list[Values]) -> list[Statement]:
    """SSL { }, which keepalived has once for all."""
    from lvs_agent.keepalived.exporting import statement  # noqa: PLC0415 - each needs the other

    if not certificates:
        return []
    if any(one != certificates[0] for one in certificates):
        writer.lost.append("virtual_servers: keepalived has one client certificate; the first is"
                           " written")  # fmt: skip
    lines = [statement(name, [export_values.word(text)]) for name, text in certificates[0].items()]
    return [statement("SSL", block=lines)]
