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
