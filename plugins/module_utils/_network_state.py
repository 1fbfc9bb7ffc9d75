# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's network has of the things that a real server needs.

Owns reading that from `ip` and `nft`, in the words of `_network_plan`. Must never change anything.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import _host, _network_plan


class State(NamedTuple):
    """`have`: the things there are, as a Thing's `what`. Interfaces by address, and their MTU."""

    have: set[str]
    holders: dict[str, set[str]]
    mtu: dict[str, int]


def read(module: Any, *, firewall: bool) -> State:
    """Look at everything. Raises HostError. `firewall`: whether nft is to be asked."""
    ip = _host.binary(module, "ip")[0]
    have: set[str] = set()
    holders: dict[str, set[str]] = {}
    mtu: dict[str, int] = {}
    for link in _json(module, [ip, "-details", "-json", "address", "show"]):
        have.update(_tunnel_devices(link))
        for each in link.get("addr_info", []):
            address = each.get("local", "")
            holders.setdefault(address, set()).add(link["ifname"])
            mtu.setdefault(address, link.get("mtu", 0))
            if link["ifname"] == "lo" or link["ifname"].startswith("lvs-"):
                have.add(f"address {address}/{each['prefixlen']} dev {link['ifname']}")
    for family in (4, 6):
        have.update(_rules(module, ip, family))
        have.update(_routes(module, ip, family))
    have.update(_gue_ports(module, ip))
    # None where the kernel has not loaded SCTP.
    if scope := _host.read_text(_network_plan.SCTP_SCOPE_FILE):
        have.add(f"sctp scope {scope.strip()}")
    if firewall:
        for word in ("ip", "ip6"):
            have.update(_mss(module, word))
    return State(have, holders, mtu)


def _tunnel_devices(link: dict[str, Any]) -> list[str]:
    info = link.get("linkinfo", {})
    data = info.get("info_data", {})
    if not str(link.get("ifname")).startswith("lvs-") or "UP" not in link.get("flags", []):
        return []
    checksum = " icsum" if data.get("icsum") else ""
    kind, local = info.get("info_kind"), data.get("local")
    return [f"link {link['ifname']} type {kind} local {local}{checksum}"]


def _rules(module: Any, ip: str, family: int) -> list[str]:
    found = []
    # An error where the kernel runs without IPv6.
    for each in _json(module, [ip, f"-{family}", "-json", "rule", "show"], may_fail=family == 6):
        words = [f"rule pref {each.get('priority')} from {each.get('src')}"]
        for key, name in (("ipproto", "ipproto"), ("sport", "sport"), ("table", "lookup"),
                          ("suppress_prefixlen", "suppress_prefixlength")):  # fmt: skip
            if key in each:
                words.append(f"{name} {each[key]}")
        found.append(" ".join(words))
    return found


def _routes(module: Any, ip: str, family: int) -> list[str]:
    table = _network_plan.TABLE
    command = [ip, f"-{family}", "-json", "route", "show", "table", table]
    # An error where the table has never had a route.
    return [
        f"route default via {each['gateway']} table {table}{_source(each)}"
        for each in _json(module, command, may_fail=True)
        if each.get("dst") == "default" and "gateway" in each
    ]


def _source(route: dict[str, Any]) -> str:
    return f" src {route['prefsrc']}" if "prefsrc" in route else ""


def _gue_ports(module: Any, ip: str) -> list[str]:
    # An error where the kernel has no fou, or has not loaded it.
    return [
        f"gue port {each['port']} IPv{6 if each.get('family') == 'inet6' else 4}"
        for each in _json(module, [ip, "-json", "fou", "show"], may_fail=True)
        if "gue" in each and "local" not in each
    ]


def _mss(module: Any, word: str) -> list[str]:
    nft = _host.binary(module, "nft")[0]
    command = [nft, "-json", "list", "table", word, _network_plan.NFT_TABLE]
    listing = _json(module, command, may_fail=True)
    objects: list[dict[str, Any]] = listing.get("nftables", []) if listing else []
    addresses = [e for each in objects for e in each.get("set", {}).get("elem", [])]
    sizes = [
        statement["mangle"]["value"]
        for each in objects
        for statement in each.get("rule", {}).get("expr", [])
        if "mangle" in statement
    ]
    # As the plan sorts them, not as the kernel does.
    listed = sorted(str(ipaddress.ip_address(each)) for each in addresses if isinstance(each, str))
    return [f"mss {size} of {word} {' '.join(listed)}" for size in sizes]


def _json(module: Any, command: list[str], *, may_fail: bool = False) -> Any:
    """The answer of a command; an empty list where it fails and that `may_fail`."""
    code, output, errors = module.run_command(command, check_rc=False)
    if code != 0 and not may_fail:
        raise _host.HostError(f"{' '.join(command)} failed: {(errors or output).strip()}")
    try:
        return json.loads(output) if code == 0 and output.strip() else []
    except ValueError as error:
        raise _host.HostError(f"{' '.join(command)} gave no JSON: {error}") from error
