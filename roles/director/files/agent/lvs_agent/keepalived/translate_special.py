# SPDX-License-Identifier: GPL-3.0-or-later
"""Keywords that stand in a way of their own: a few old ones, and some of two forms.

Owns one translator for each entry of `keywords.SPECIAL`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lvs_agent.keepalived import translate_servers
from lvs_agent.keepalived.keywords import HOST, HOST_PACE, TOP
from lvs_agent.keepalived.table import places
from lvs_agent.keepalived.translate import Translator
from lvs_agent.keepalived.translate_servers import option_of, words_behind
from lvs_agent.keepalived.tree import Statement
from lvs_agent.schema import DOCUMENT

Values = dict[str, Any]

# Beside the options of our document while a file is read; `completion.py` takes them out again.
DEFAULT_INTERFACE = "default_interface"
LOG_ALL_FAILURES = "checker_log_all_failures"
SSL = "SSL"
DYNAMIC = "dynamic"

_MAC = re.compile(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")
_SYNC_WORDS = ("inst", "id", "maxlen", "port", "ttl", "group")


def _delays(translator: Translator, statement: Statement, document: Values, path: str) -> None:
    option = option_of(DOCUMENT, "interface_up_down_delays")
    section = document.setdefault("interface_up_down_delays", {})
    for one in statement.block or ():
        name, *words = [word.text for word in one.words]
        line = translator.line(option, words, one, f"interface_up_down_delays.{name}")
        if line is not None:
            section[name] = line


def _ssl(translator: Translator, statement: Statement, document: Values, path: str) -> None:
    found: Values = document.setdefault(SSL, {})
    for one in statement.block or ():
        word, texts = one.words[0].text, words_behind(one)
        if word == "password":
            why = places()[SSL].keywords[word].note
            translator.note(path, one, f"password has no counterpart here: {why}")
        elif word == "ca":
            translator.note(path, one, f"ca {places()[SSL].keywords[word].note}")
        elif word in ("certificate", "key") and texts:
            found[word] = texts[0]
        else:
            translator.note(path, one, f"{word} is not a keyword of SSL: it has no effect")


def _dynamic_interfaces(
    translator: Translator, statement: Statement, values: Values, path: str
) -> None:
    words = words_behind(statement)
    values["dynamic_interfaces"] = words[:1] not in (["off"], ["no"], ["false"])


def _default_interface(
    translator: Translator, statement: Statement, values: Values, path: str
) -> None:
    words = words_behind(statement)
    if words:
        values[DEFAULT_INTERFACE] = words[0]
    else:
        translator.note(path, statement, "default_interface lacks its value; it is left out")


def _sync_daemon(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    words = words_behind(statement)
    if len(words) > 1 and words[1] not in _SYNC_WORDS:
        words.insert(1, "inst")
    if len(words) > 3 and words[3].isdigit():
        words.insert(3, "id")
    option = option_of(places()["global_defs"].block, "lvs_sync_daemon")
    line = translator.line(option, words, statement, f"{path}.lvs_sync_daemon")
    if line is not None:
        values["lvs_sync_daemon"] = line


def _all_failures(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    values[LOG_ALL_FAILURES] = words_behind(statement)[:1] not in (["off"], ["no"], ["false"])


def _use_vmac(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    words = words_behind(statement)
    translator.positions[f"{path}.use_vmac"] = statement.position
    option = option_of(places()["vrrp_instance"].block, "use_vmac")
    if not words:
        values["use_vmac"] = True
    elif len(words) == 1 and _MAC.fullmatch(words[0]):
        values["use_vmac"] = {"mac": words[0]}
    else:
        line = translator.line(option, words, statement, f"{path}.use_vmac")
        values["use_vmac"] = True if line is None else line


def _virtualhost(translator: Translator, statement: Statement, check: Values, path: str) -> None:
    words = words_behind(statement)
    if words:
        check["virtualhost"] = words[0]
    else:
        translator.note(path, statement, "virtualhost lacks its value; it is left out")


def _smtp_host(translator: Translator, statement: Statement, check: Values, path: str) -> None:
    """In a host block, a pace is that of the whole check, in keepalived too."""
    place, own = places()["SMTP_CHECK"], places()["host"]
    host: Values = {}
    for one in statement.block or ():
        word = one.words[0].text
        within = place if word in (*HOST, *HOST_PACE) else own
        translator.statement(within, one, check if word in HOST_PACE else host, path)
    check.setdefault("host", []).append(host)


def _dynamic(translator: Translator, statement: Statement, check: Values, path: str) -> None:
    check[DYNAMIC] = True


def _as_it_is(translator: Translator, statement: Statement, values: Values, path: str) -> None:
    """What it asks for holds in any case."""


READERS: dict[tuple[str, str], Callable[[Translator, Statement, Values, str], None]] = {
    (TOP, "virtual_server"): translate_servers.virtual_server,
    (TOP, "virtual_server_group"): translate_servers.group,
    (TOP, "interface_up_down_delays"): _delays,
    (TOP, "SSL"): _ssl,
    ("global_defs", "dynamic_interfaces"): _dynamic_interfaces,
    ("global_defs", "default_interface"): _default_interface,
    ("global_defs", "lvs_sync_daemon"): _sync_daemon,
    ("global_defs", "checker_log_all_failures"): _all_failures,
    ("global_defs", "lvs_flush_on_stop"): _as_it_is,
    ("global_defs", "lvs_flush_onstop"): _as_it_is,
    ("vrrp_instance", "use_vmac"): _use_vmac,
    ("virtual_server", "real_server"): translate_servers.real_server,
    ("virtual_server", "sorry_server"): translate_servers.sorry_server,
    ("virtual_server", "sorry_server_lvs_method"): translate_servers.sorry_method,
    ("HTTP_GET", "virtualhost"): _virtualhost,
    ("SSL_GET", "virtualhost"): _virtualhost,
    ("SMTP_CHECK", "host"): _smtp_host,
    ("FILE_CHECK", "dynamic"): _dynamic,
}
