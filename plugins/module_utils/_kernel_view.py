# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has, as its kernel and its files say it: a witness beside the programs.

Owns the looking. Must never ask the agent, nor change anything.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _host, _ipvs_table

# 127.0.0.0/8 is such a network on every host.
_LOOPBACK = "127."
# RTPROT_KEEPALIVED of linux/rtnetlink.h.
_PROTOCOL = 18
# What of a route says how it is doing, and what all of them have.
_UNTOLD = ("flags", "protocol", "expires", "cache")


def addresses(module: Any) -> dict[str, list[str]]:
    """Interface -> its addresses with prefix length. Raises HostError."""
    output = _host.run(module, [*_host.binary(module, "ip"), "-j", "address"], "ip -j address")
    return {
        str(link["ifname"]): [
            f"{each['local']}/{each['prefixlen']}"
            for each in link.get("addr_info", [])
            if "local" in each
        ]
        for link in json.loads(output)
        if "ifname" in link
    }


def local_networks(module: Any) -> list[str]:
    """Networks of which the host takes every address for its own, by a route of type local.

    None where ip(8) does not tell: a kernel may be without a family.
    """
    command = [*_host.binary(module, "ip"), "-j"]
    found = []
    for family in ("-4", "-6"):
        words = [family, "route", "show", "table", "local", "type", "local"]
        code, output, __ = module.run_command([*command, *words], check_rc=False)
        routes = json.loads(output or "[]") if code == 0 else []
        found += [str(each["dst"]) for each in routes if "/" in str(each.get("dst"))]
    return [each for each in found if not each.startswith(_LOOPBACK)]


def policies(module: Any) -> list[str]:
    """Routes and rules that have keepalived's protocol number, which the agent gives its own as
    well, a line for each. Raises HostError."""
    found = []
    for family in ("-4", "-6"):
        ip = [*_host.binary(module, "ip"), family, "-j"]
        # Chosen by the kernel: a router may have a million others.
        routes = [*ip, "route", "show", "table", "all", "protocol", str(_PROTOCOL)]
        shown = json.loads(_host.run(module, routes, "ip route show") or "[]")
        found += [_words("route", each) for each in shown if each]
        # A rule list does not choose in all versions of ip.
        shown = json.loads(_host.run(module, [*ip, "rule", "list"], "ip rule list") or "[]")
        ours = ("keepalived", str(_PROTOCOL), _PROTOCOL)
        found += [_words("rule", each) for each in shown if each.get("protocol") in ours]
    return sorted(found)


def _words(what: str, facts: dict[str, Any]) -> str:
    told = [f"{key} {facts[key]}" for key in sorted(facts) if key not in _UNTOLD]
    return f"{what} {', '.join(told)}"


def services() -> list[dict[str, Any]]:
    """The IPVS table, as in `_ipvs_table`; empty without IPVS."""
    return _ipvs_table.parse(_host.read_text(_ipvs_table.PATH) or "")


def digest(path: str) -> str:
    """SHA-256 of a file's bytes; empty if there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""
