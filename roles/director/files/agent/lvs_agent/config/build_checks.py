# SPDX-License-Identifier: GPL-3.0-or-later
"""Checked values become the checks of a real server.

Owns what a check takes from its real server, and that from its virtual server.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lvs_agent.config.derive import or_else
from lvs_agent.config.units import nanoseconds
from lvs_agent.core.checks import (
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

Values = dict[str, Any]
_DAY_NS = 86_400_000_000_000


def checks(values: Values, port: int, server: Values, document: Values) -> tuple[Check, ...]:
    """The checks of the real server `values`, each once: its own replace those said once at the
    virtual server."""
    real = values | {"port": port}
    return _checks(values, real, server, document) or _checks(server, real, server, document)


def _checks(holder: Values, real: Values, server: Values, document: Values) -> tuple[Check, ...]:
    # There may be 65,536 real servers: the nine kinds are looked through once.
    kinds = [name for name in CHECK_NAMES if holder[name]]
    found = [
        _check(name, check, real, server, document) for name in kinds for check in holder[name]
    ]
    return tuple(found if len(found) < 2 else dict.fromkeys(found))


def _check(name: str, check: Values, real: Values, server: Values, document: Values) -> Check:
    match name:
        case "misc_check":
            return _misc(check, _pace(check, real, server), document)
        case "file_check":
            return _file(check, _pace(check, real, server), document)
    common = _network(check, real, server)
    match name:
        case "http_get":
            return _http(check, common, real, server)
        case "ssl_get":
            return _http(check, common | {"tls": _tls(check)}, real, server)
        case "tcp_check":
            return TcpCheck(**common)
        case "ping_check":
            return PingCheck(**common)
        case "udp_check":
            return UdpCheck(payload=check["payload"] or b"", reply=_reply(check), **common)
        case "smtp_check":
            return SmtpCheck(helo_name=check["helo_name"], **common)
        case "dns_check":
            return DnsCheck(name=check["name"], type=check["type"], **common)
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


def _network(check: Values, real: Values, server: Values) -> Values:
    return {
        "address": or_else(check["connect_ip"], real["ip"]),
        # A check without the option has no port at all (PING_CHECK).
        "port": or_else(check["connect_port"], real["port"]) if "connect_port" in check else 0,
        "connect_timeout_ns": nanoseconds(_inherited("connect_timeout", check, real, server)),
        "source": _source(check),
        **_pace(check, real, server),
    }


def _source(check: Values) -> Source | None:
    address, port, interface = check["bindto"], check.get("bind_port"), check["bind_if"]
    if address is None and port is None and interface is None:
        return None
    return Source(address=address, port=port or 0, interface=interface)


def _http(check: Values, common: Values, real: Values, server: Values) -> HttpCheck:
    urls = tuple(_url(url, _inherited("virtualhost", url, real, server)) for url in check["url"])
    return HttpCheck(urls=_shared(urls), version=check["http_protocol"], **common)


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


def _misc(check: Values, pace: Values, document: Values) -> MiscCheck:
    timeout = check["misc_timeout"]
    return MiscCheck(
        argv=check["misc_path"],
        timeout_ns=pace["delay_loop_ns"] if timeout is None else nanoseconds(timeout),
        dynamic=check["misc_dynamic"],
        secure=document["global_defs"]["enable_script_security"],
        **pace,
    )


def _file(check: Values, pace: Values, document: Values) -> FileCheck:
    return FileCheck(
        name=check["track_file"],
        path=document["vrrp_track_files"][check["track_file"]]["file"],
        weight=check["weight"],
        reverse=check["reverse"],
        **pace,
    )
