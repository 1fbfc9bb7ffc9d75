# SPDX-License-Identifier: GPL-3.0-or-later
"""What several statements of a virtual server mean together, and keepalived's defaults for it.

Owns the virtual servers' part of `completion.py`.
"""

from __future__ import annotations

from typing import Any

from lvs_agent.config.derive import CHECK_SECTIONS
from lvs_agent.keepalived.completion_addresses import mapping
from lvs_agent.keepalived.translate import Translator
from lvs_agent.keepalived.translate_servers import CHECKED_PORT, SORRY_METHOD
from lvs_agent.keepalived.translate_special import DYNAMIC, LOG_ALL_FAILURES, SSL
from lvs_agent.schema import CHECK_NAMES, GROUP_MEMBER

Values = dict[str, Any]

_PERSISTENCE_S = 360  # keepalived's persistence_timeout where it has to have one
# keepalived's defaults of checks that differ from ours, by check; delay_loop: as often as that.
_RETRIES = {"dns_check": 3, "misc_check": 0}
_WITH_PORTS = ("http_get", "ssl_get", "tcp_check", "udp_check", "smtp_check", "dns_check")
_OVER_TCP = ("http_get", "ssl_get", "tcp_check", "smtp_check")
_DELAYS_BEFORE_RETRY_S = {"http_get": 3, "ssl_get": 3}


def complete(document: Values, translator: Translator) -> None:
    """Change the virtual servers in `document` into what the agent takes."""
    certificate = document.pop(SSL, {})
    log_all = document["global_defs"].pop(LOG_ALL_FAILURES, False)
    servers = document.get("virtual_servers", {})
    for name in list(servers):
        path = f"virtual_servers.{name}"
        server = servers[name]
        useless = _useless(server, document)
        if useless:
            message = f"{useless}: it is left out, as in keepalived"
            translator.note(path, translator.positions[path], message)
            del servers[name]
            continue
        _server(path, server, document, translator)
        for real_name, real in server["real_servers"].items():
            _urls(f"{path}.real_servers.{real_name}", real, translator)
            _trackers(f"{path}.real_servers.{real_name}", real, document, translator)
            _checks(real, server, certificate, document)
            if log_all:
                for check in _all_checks(real):
                    check.setdefault("log_all_failures", True)
            _collapse(real)


def _useless(server: Values, document: Values) -> str | None:
    """Why keepalived drops the virtual server; None: it does not."""
    if not server.get("real_servers"):
        return "has no real servers"
    if not _mixed(server, document):
        return None
    return f"{server['group']} has addresses of both families and a mark that says neither"


def _mixed(server: Values, document: Values) -> bool:
    group = document.get("virtual_server_groups", {}).get(server.get("group"))
    members = [mapping(GROUP_MEMBER, one) for one in (group["members"] if group else ())]
    families = {":" in one["ip"] for one in members if "ip" in one}
    return len(families) == 2 and any(
        "fwmark" in one and not one.get("ip_family") for one in members
    )


def _server(path: str, server: Values, document: Values, translator: Translator) -> None:
    def note(option: str, message: str) -> None:
        where = translator.positions.get(f"{path}.{option}") or translator.positions[path]
        translator.note(path, where, message)

    server.setdefault("lb_kind", "NAT")
    addressed = "fwmark" not in server and not _marks_only(server, document)
    if addressed and "protocol" not in server:
        server["protocol"] = "UDP"
        note("protocol", "without protocol it is UDP, as in keepalived; say protocol TCP if meant")
    if "ip" in server and "port" not in server and not server.get("persistence_timeout"):
        server["persistence_timeout"] = _PERSISTENCE_S
        note("port", "without a port it must be persistent: persistence_timeout 360, as keepalived")
    if server.get("ha_suspend") and not addressed:
        del server["ha_suspend"]
        note("ha_suspend", "ha_suspend is left out: a firewall mark has no address to look for")
    if server.get("ops") and addressed and server["protocol"] != "UDP":
        del server["ops"]
        note("ops", "ops is left out: it is for UDP, in keepalived as well")
    for option in ("sh_port", "sh_fallback", "mh_port", "mh_fallback"):
        scheduler = option[:2]
        if server.get(option) and server.get("lb_algo", "wlc") != scheduler:
            del server[option]
            flag = option.replace("_", "-")
            note(option, f"{flag} is left out: it is for the scheduler {scheduler}")
    _family(server)
    _quorum(server, note)
    method = server.pop(SORRY_METHOD, None)
    if method is not None and "sorry_server" in server:
        server["sorry_server"]["lb_kind"] = method


def _marks_only(server: Values, document: Values) -> bool:
    group = document.get("virtual_server_groups", {}).get(server.get("group"))
    members = group["members"] if group else []
    return bool(members) and all(str(one).startswith("fwmark") for one in members)


def _family(server: Values) -> None:
    """A firewall mark has the family of its real servers, where none is said."""
    addresses = [real["ip"] for real in server["real_servers"].values()]
    if "fwmark" in server and "ip_family" not in server and all(":" in one for one in addresses):
        server["ip_family"] = "inet6"


def _quorum(server: Values, note: Any) -> None:
    usual = server.get("weight", 1)
    total = sum(real.get("weight", usual) for real in server["real_servers"].values())
    quorum = server.get("quorum", 1)
    if quorum > total >= 1:
        note("quorum", f"quorum is reduced to {total}, the real servers' weight, as in keepalived")
        quorum = server["quorum"] = total
    if server.get("hysteresis", 0) >= quorum:
        note("hysteresis", f"hysteresis is reduced to {quorum - 1}, below the quorum")
        server["hysteresis"] = quorum - 1


def _all_checks(real: Values) -> list[Values]:
    return [check for name in CHECK_NAMES if name != "bfd_check" for check in real.get(name, ())]


def _checks(real: Values, server: Values, certificate: Values, document: Values) -> None:
    """Bring the checks into our form, and say keepalived's defaults where nobody says anything."""
    if "smtp_check" in real:
        real["smtp_check"] = [one for check in real["smtp_check"] for one in _hosts(check)]
    port = real.pop(CHECKED_PORT, None)
    for name in CHECK_NAMES:
        for check in real.get(name, ()):
            holders = (check, real, server)
            if port is not None and name in _WITH_PORTS:
                check.setdefault("connect_port", port)
            if "port" in real and name in _OVER_TCP and server.get("protocol", "TCP") != "TCP":
                check.setdefault("connect_port", real["port"])  # of another protocol's service
            if name in _RETRIES and not _said("retry", holders):
                check["retry"] = _RETRIES[name]
            if not _said("delay_before_retry", holders):
                _delay_before_retry(name, check, holders)
            if name in ("http_get", "ssl_get"):
                _http(check)
            if name == "ssl_get":
                check.setdefault("enable_sni", False)
                check.update(certificate)
            if name == "file_check" and check.pop(DYNAMIC, False) and "weight" not in check:
                files = document.get("vrrp_track_files", {})
                check["weight"] = files.get(check.get("track_file"), {}).get("weight", 1)


def _urls(path: str, real: Values, translator: Translator) -> None:
    """Urls that keepalived does not ask for, and words that it does not look at."""
    for name in ("http_get", "ssl_get"):
        for number, check in enumerate(real.get(name, ())):
            kept = []
            for index, url in enumerate(check.get("url", ())):
                here = f"{path}.{name}[{number}].url[{index}]"
                where = translator.positions[here]
                if "path" not in url:
                    translator.note(here, where, "a url without path is left out, as in keepalived")
                    continue
                kept.append(url)
                for option in ("regex_no_match", "regex_options"):
                    if "regex" not in url and url.pop(option, None):
                        translator.note(here, where, f"{option} is left out: there is no regex")
            check["url"] = kept
            if not kept:
                here = f"{path}.{name}[{number}]"
                message = "a check without a url is left out, as in keepalived"
                translator.note(here, translator.positions[here], message)
        real[name] = [check for check in real.get(name, ()) if check["url"]]
        if not real[name]:
            del real[name]


def _trackers(path: str, real: Values, document: Values, translator: Translator) -> None:
    """Checks that name what is not there, or not yet; keepalived goes on without them."""
    for name, (option, section) in CHECK_SECTIONS.items():
        kept = []
        for index, check in enumerate(real.get(name, ())):
            here = f"{path}.{name}[{index}]"
            tracker = check.get(option, "")
            if why := translator.not_yet(document, section, tracker, here):
                message = f"{name.upper()} of {tracker or 'nothing'} is left out: {why}"
                translator.note(here, translator.positions[here], message)
            else:
                kept.append(check)
        if kept:
            real[name] = kept
        else:
            real.pop(name, None)


def _said(option: str, holders: tuple[Values, ...]) -> bool:
    return any(option in values for values in holders)


def _delay_before_retry(name: str, check: Values, holders: tuple[Values, ...]) -> None:
    if name in _DELAYS_BEFORE_RETRY_S:
        check["delay_before_retry"] = _DELAYS_BEFORE_RETRY_S[name]
    elif name == "dns_check":
        loops = [values["delay_loop"] for values in holders if "delay_loop" in values]
        check["delay_before_retry"] = loops[0] if loops else 60


def _http(check: Values) -> None:
    virtualhost = check.pop("virtualhost", None)
    if virtualhost is not None:
        for url in check.get("url", ()):
            url.setdefault("virtualhost", virtualhost)
    if len(check.get("url", ())) == 1:
        check["url"] = check["url"][0]


def _hosts(check: Values) -> list[Values]:
    """One check for each of the old `host` blocks."""
    hosts = check.pop("host", None)
    return [check] if not hosts else [{**check, **host} for host in hosts]


def _collapse(real: Values) -> None:
    """A single check needs no list."""
    for name in CHECK_NAMES:
        if len(real.get(name, ())) == 1:
            real[name] = real[name][0]
