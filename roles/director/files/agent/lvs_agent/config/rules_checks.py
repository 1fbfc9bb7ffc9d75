# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the options of checks, and with those of their virtual server.

Owns them. Must never repeat a range (`schema/checks*.py`).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from lvs_agent.config.addresses import family_of
from lvs_agent.config.build_checks import pattern
from lvs_agent.config.derive import CHECK_SECTIONS, or_else
from lvs_agent.config.derive_quorum import sorry_names
from lvs_agent.config.report import Report, suggestion
from lvs_agent.config.rules_names import full_path, run_as
from lvs_agent.core.health.dns import encode_name
from lvs_agent.core.health.pattern_parser import compile_pattern
from lvs_agent.schema import CHECK_NAMES

Values = dict[str, Any]

# Checks that go to the real server's port over TCP: wrong on that of a UDP or SCTP service.
_OVER_TCP = ("http_get", "ssl_get", "tcp_check", "smtp_check")
_REGEX_OPTIONS = ("caseless", "dotall", "multiline")
_HELO = re.compile(r"[A-Za-z0-9.:_\[\]-]+")


def check(name: str, server: Values, values: Values, report: Report) -> None:
    """Report every broken rule about the checks of a virtual server and its real servers.

    `values`: the document with defaults filled in, but for its virtual servers.
    """
    path = f"virtual_servers.{name}"
    _http_word(server["virtualhost"], f"{path}.virtualhost", report)
    _checks(server, path, server, values, report)
    shared = [one for kind in CHECK_NAMES for one in server[kind]]
    # There may be 65,536: what most of them do not say costs nothing here.
    for real_name, real in server["real_servers"].items():
        if real["virtualhost"] is not None:
            place = f"{path}.real_servers.{real_name}.virtualhost"
            _http_word(real["virtualhost"], place, report)
        if [True for kind in CHECK_NAMES if real[kind]]:
            _checks(real, f"{path}.real_servers.{real_name}", server, values, report)
            continue
        # The virtual server's checks go to this address.
        for one in shared:
            address = or_else(one.get("connect_ip"), real["ip"])
            if one.get("bindto") is not None or ":" in address:
                _source(one, address, f"{path}.real_servers.{real_name}", report)
    for sorry_name, sorry in sorry_names(server["sorry_server"]).items():
        _checks(sorry, f"{path}.{sorry_name}", server, values, report)


def _checks(holder: Values, path: str, server: Values, values: Values, report: Report) -> None:
    """Those said at `holder`, which is the virtual server `server` or one of its real servers."""
    for kind in CHECK_NAMES:
        for index, one in enumerate(holder[kind]):
            where = f"{path}.{kind}[{index}]"
            if (
                kind in _OVER_TCP
                and server["protocol"] in ("UDP", "SCTP")
                and one["connect_port"] is None
            ):
                # Such services may well be checked over TCP, on the port that the check names.
                report(
                    where,
                    f"checks a service of {server['protocol']} over TCP; give it the connect_port"
                    " of a TCP service",
                )
            if holder is not server:
                _source(one, or_else(one.get("connect_ip"), holder["ip"]), where, report)
            _one(kind, one, where, values, report)


def _one(kind: str, check: Values, path: str, values: Values, report: Report) -> None:
    """The rules of each kind of check."""
    match kind:
        case "http_get" | "ssl_get":
            for number, url in enumerate(check["url"]):
                _url(url, f"{path}.url[{number}]", report)
            if kind == "ssl_get":
                _tls(check, path, report)
        case "udp_check":
            _udp(check, path, report)
        case "dns_check":
            try:
                encode_name(check["name"])
            except ValueError as error:
                report(f"{path}.name", str(error))
        case "smtp_check":
            name = check["helo_name"]
            if name is not None and not _HELO.fullmatch(name):
                report(f"{path}.helo_name", f"{name!r} is not a host's name")
        case "misc_check":
            run_as(check["user"], f"{path}.user", report)
        case "file_check" | "bfd_check":
            option, section = CHECK_SECTIONS[kind]
            name, known = check[option], values[section]
            if name not in known:
                hint = suggestion(name, known) or "; describe it there"
                report(f"{path}.{option}", f"there is no {name} in {section}{hint}")


def _source(check: Values, address: str, path: str, report: Report) -> None:
    """Where a check of `address` starts from."""
    bound = check.get("bindto")
    if bound is not None and family_of(bound) != family_of(address):
        report(
            f"{path}.bindto" if path.endswith("]") else path,
            f"bindto {bound} cannot reach {address}: one is IPv4, the other IPv6",
        )
    local = family_of(address) == 6 and ipaddress.IPv6Address(address).is_link_local
    # That of a real server is wrong in any case, and reported as such.
    if local and check.get("connect_ip") == address and check["bind_if"] is None:
        report(path, f"{address} is a link-local address; say bind_if, the interface to it")


def _url(url: Values, path: str, report: Report) -> None:
    """What goes into a request line or a Host header must be one ASCII word."""
    _http_word(url["virtualhost"], f"{path}.virtualhost", report)
    _http_word(url["path"], f"{path}.path", report)
    if not url["path"].startswith("/"):
        report(f"{path}.path", f"{url['path']!r} must begin with /")
    digest = url["digest"]
    if digest is not None and digest.lower().strip("0123456789abcdef"):
        report(f"{path}.digest", f"{digest!r} is not 32 hexadecimal digits")
    unknown = [option for option in url["regex_options"] if option not in _REGEX_OPTIONS]
    for option in unknown:
        hint = suggestion(option, _REGEX_OPTIONS) or f"; known are {', '.join(_REGEX_OPTIONS)}"
        report(f"{path}.regex_options", f"{option!r} is not known{hint}")
    if url["regex"] is None:
        for name in ("regex_no_match", "regex_options"):
            if url[name]:
                report(f"{path}.{name}", "has no effect without regex; set it, or remove this")
        return
    try:
        compile_pattern(pattern(url))
    except ValueError as error:
        report(f"{path}.regex", str(error))


def _http_word(text: str | None, path: str, report: Report) -> None:
    if text is not None and (not text.isascii() or " " in text):
        report(path, f"{text!r} must be ASCII without blanks; encode others as %20 and the like")


def _tls(check: Values, path: str, report: Report) -> None:
    for name in ("ca", "certificate", "key"):
        if check[name] is not None:
            full_path(check[name], f"{path}.{name}", report)
    if check["key"] is not None and check["certificate"] is None:
        report(f"{path}.key", "is of no use without the certificate; set certificate")
    if check["ca"] is not None and not check["verify"]:
        report(f"{path}.ca", "nothing is verified by it; set verify: true, or remove this")
    if not check["enable_sni"]:
        for name, why in (("sni_name", "is not told"), ("verify", "compares a name not told")):
            if check[name]:
                report(f"{path}.{name}", f"{why} to the server without SNI; set enable_sni: true")
    lowest, highest = check["tls_min_version"], check["tls_max_version"]
    if highest is not None and highest < lowest:
        report(f"{path}.tls_max_version", f"{highest} is below tls_min_version ({lowest})")
    if check["sni_name"] is not None:
        _sni_name(check["sni_name"], f"{path}.sni_name", report)


def _sni_name(name: str, path: str, report: Report) -> None:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", name):
            report(path, f"{name!r} is not a host's name; write others as xn--...")
        return
    report(path, f"{name} is an address; SNI knows names only")


def _udp(check: Values, path: str, report: Report) -> None:
    least, most = check["min_reply_length"], check["max_reply_length"]
    if least > most:
        report(f"{path}.min_reply_length", f"{least} is above max_reply_length ({most})")
    if check["require_reply"] is None:
        if (least, most) != (0, 255):
            report(path, "the lengths of a reply need require_reply: true")
        return
    if len(check["require_reply"][0]) > most:
        report(f"{path}.require_reply", f"is longer than max_reply_length ({most})")
