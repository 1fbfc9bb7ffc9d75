# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become the checks of a real server.

Owns what a check takes from its real server, and that from its virtual server.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from lvs_agent.config.build_commands import runs_as
from lvs_agent.config.derive import or_else
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.checks import (
    BfdCheck,
    BodyPattern,
    Check,
    DnsCheck,
    FileCheck,
    HttpCheck,
    HttpUrl,
    MiscCheck,
    PingCheck,
    Reply,
    SmtpCheck,
    Source,
    TcpCheck,
    Tls,
    UdpCheck,
)
from lvs_agent.schema import CHECK_NAMES
from lvs_agent.schema.checks_common import REAL_SERVER_PACE

Values = dict[str, Any]
_DAY_NS = 86_400_000_000_000


# What a real server may say for the checks of its virtual server.
_said = itemgetter(*(option.name for option in REAL_SERVER_PACE), "alpha")
_all_kinds = itemgetter(*CHECK_NAMES)


class _Recipe(NamedTuple):
    """A check but for the address and port of its real server: a virtual server says it once, for
    up to 65,536 of them. `place` is what the check says in their place, if anything; None: it is
    not about the network."""

    kind: Callable[..., Check]
    options: Values
    place: tuple[str | None, int | None] | None

    def made(self, address: str, port: int) -> Check:
        """The check of the real server with this address and port."""
        if self.place is None:
            return self.kind(**self.options)
        own_address, own_port = self.place
        return self.kind(
            address=own_address or address, port=or_else(own_port, port), **self.options
        )


class ChecksOf:
    """The checks of the real servers and sorry servers of one virtual server."""

    def __init__(self, server: Values, document: Values) -> None:
        self._server = server
        self._document = document
        self._shared = any(_all_kinds(server))
        self._recipes: dict[tuple[Any, ...], list[_Recipe]] = {}

    def real_server(self, values: Values, port: int) -> tuple[Check, ...]:
        """Each once; a real server's own replace those said once at the virtual server."""
        if any(_all_kinds(values)):
            return self.own(values, port)
        if not self._shared:
            return ()
        said = _said(values)
        if said not in self._recipes:
            self._recipes[said] = self._said_at(self._server, values)
        return _made(self._recipes[said], values, port)

    def own(self, values: Values, port: int) -> tuple[Check, ...]:
        """Those said at `values` itself, a real server or a sorry server; each once."""
        return _made(self._said_at(values, values), values, port)

    def _said_at(self, holder: Values, real: Values) -> list[_Recipe]:
        return [
            _recipe(name, check, real, self._server, self._document)
            for name, found in zip(CHECK_NAMES, _all_kinds(holder), strict=True)
            for check in found
        ]


def _made(recipes: list[_Recipe], real: Values, port: int) -> tuple[Check, ...]:
    found = [recipe.made(real["ip"], port) for recipe in recipes]
    return tuple(found if len(found) < 2 else dict.fromkeys(found))


def _recipe(name: str, check: Values, real: Values, server: Values, document: Values) -> _Recipe:
    if name == "bfd_check":
        return _Recipe(BfdCheck, _bfd(check, real, server, document), place=None)
    pace = _pace(check, real, server)
    match name:
        case "misc_check":
            return _Recipe(MiscCheck, _misc(check, pace, document), place=None)
        case "file_check":
            return _Recipe(FileCheck, _file(check, pace, document), place=None)
    kind, options = _network(name, check, real, server)
    # A check without the option has no port at all (PING_CHECK).
    place = check["connect_ip"], check.get("connect_port", 0)
    common = {
        "connect_timeout_ns": nanoseconds(_inherited("connect_timeout", check, real, server)),
        "source": _source(check),
    }
    return _Recipe(kind, pace | common | options, place)


def _network(
    name: str, check: Values, real: Values, server: Values
) -> tuple[Callable[..., Check], Values]:
    match name:
        case "http_get":
            return HttpCheck, _http(check, real, server)
        case "ssl_get":
            return HttpCheck, _http(check, real, server) | {"tls": _tls(check)}
        case "tcp_check":
            return TcpCheck, {}
        case "ping_check":
            return PingCheck, {}
        case "udp_check":
            return UdpCheck, {"payload": check["payload"] or b"", "reply": _reply(check)}
        case "smtp_check":
            return SmtpCheck, {"helo_name": check["helo_name"]}
        case "dns_check":
            return DnsCheck, {"name": check["name"], "type": check["type"]}
    raise AssertionError(name)


def _inherited(name: str, check: Values, real: Values, server: Values) -> Any:
    """What the check says, else its real server, else its virtual server."""
    for values in (check, real, server):
        value = values.get(name)
        if value is not None:
            return value
    return None


def _pace(check: Values, real: Values, server: Values) -> Values:
    def of(name: str) -> Any:
        return _inherited(name, check, real, server)

    warmup = of("warmup")
    return {
        "retry": of("retry"),
        "delay_before_retry_ns": nanoseconds(of("delay_before_retry")),
        "delay_loop_ns": nanoseconds(of("delay_loop")),
        "alpha": bool(of("alpha")),
        "warmup_ns": None if warmup is None else nanoseconds(warmup),
        "log_failures": check["log_all_failures"],
    }


def _source(check: Values) -> Source | None:
    address, port, interface = check["bindto"], check.get("bind_port"), check["bind_if"]
    if address is None and port is None and interface is None:
        return None
    return Source(address=address, port=port or 0, interface=interface)


def _http(check: Values, real: Values, server: Values) -> Values:
    urls = tuple(_url(url, _inherited("virtualhost", url, real, server)) for url in check["url"])
    return {"urls": _shared(urls), "version": check["http_protocol"]}


@lru_cache(maxsize=1024)
def _shared(urls: tuple[HttpUrl, ...]) -> tuple[HttpUrl, ...]:
    """One and the same for all real servers that are asked alike: there may be 65,536."""
    return urls


def _url(values: Values, virtualhost: str | None) -> HttpUrl:
    digest = values["digest"]
    return HttpUrl(
        path=values["path"],
        status_codes=values["status_code"],
        virtualhost=virtualhost,
        digest=digest and digest.lower(),
        pattern=None if values["regex"] is None else pattern(values),
    )


def pattern(url: Values) -> BodyPattern:
    """The pattern of a url that has one."""
    options = url["regex_options"]
    return BodyPattern(
        text=url["regex"],
        wanted=not url["regex_no_match"],
        ignore_case="caseless" in options,
        dot_all="dotall" in options,
        multi_line="multiline" in options,
    )


def _tls(check: Values) -> Tls:
    return Tls(
        sni=check["enable_sni"],
        server_name=check["sni_name"],
        verify=check["verify"],
        ca=check["ca"],
        certificate=check["certificate"],
        key=check["key"],
        minimum=check["tls_min_version"],
        maximum=check["tls_max_version"],
        expire_warning_ns=check["expire_warning"] * _DAY_NS,
    )


def _reply(check: Values) -> Reply | None:
    if check["require_reply"] is None:
        return None
    wanted, mask = check["require_reply"]
    return Reply(
        minimum=check["min_reply_length"],
        maximum=check["max_reply_length"],
        pattern=wanted,
        mask=mask,
    )


def _misc(check: Values, pace: Values, document: Values) -> Values:
    timeout, global_defs = check["misc_timeout"], document["global_defs"]
    user, group = runs_as(check["user"], global_defs)
    return pace | {
        "argv": check["misc_path"],
        "timeout_ns": pace["delay_loop_ns"] if timeout is None else nanoseconds(timeout),
        "dynamic": check["misc_dynamic"],
        "secure": global_defs["enable_script_security"],
        "user": user,
        "group": group,
    }


def _file(check: Values, pace: Values, document: Values) -> Values:
    return pace | {
        "name": check["track_file"],
        "path": document["vrrp_track_files"][check["track_file"]]["file"],
        "weight": check["weight"],
        "reverse": check["reverse"],
    }


def _bfd(check: Values, real: Values, server: Values, document: Values) -> Values:
    return {
        "name": check["name"],
        "neighbor": document["bfd_instances"][check["name"]]["neighbor_ip"],
        "alpha": bool(_inherited("alpha", check, real, server)),
        "delay_loop_ns": nanoseconds(_inherited("delay_loop", check, real, server)),
        "retry": 0,
        "delay_before_retry_ns": 0,
        "warmup_ns": 0,
    }
