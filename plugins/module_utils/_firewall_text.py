# SPDX-License-Identifier: GPL-3.0-or-later
"""The same few rules, as each of the firewalls takes them.

Owns their words for nftables, firewalld and ufw. Pure: it must never run a command. A rule is a
mapping as `plugin_utils/_firewall_rules.py` makes it.
"""

from __future__ import annotations

from typing import Any

NFT_TABLE = "lvs_agent_host"
_NUMBERS = {"vrrp": 112, "ah": 51}
_WORDS = {4: ("ipv4", "ip"), 6: ("ipv6", "ip6")}


def nft_ruleset(rules: list[dict[str, Any]], notice: str) -> str:
    """A file for `nft --file`, which replaces our tables in one transaction.

    They only hold back: what is accepted here may still be dropped by a table of somebody else.
    Before the usual filter, so that what is dropped here does not open state there. One table for
    each family: not every kernel has tables for both at once.
    """
    lines = [notice]
    for family in nft_families(rules):
        table = f"table {_WORDS[family][1]} {NFT_TABLE}"
        own = [rule for rule in rules if rule["family"] == family]
        lines += [table, f"delete {table}", f"{table} {{", "\tchain input {"]
        lines.append("\t\ttype filter hook input priority filter - 10; policy accept;")
        lines.append('\t\tiifname "lo" accept')
        lines += [f"\t\t{each}" for each in (*_nft_opened(own), *_nft_closed(own))]
        lines += ["\t}", "}"]
    return "\n".join([*lines, ""])


def nft_families(rules: list[dict[str, Any]]) -> list[int]:
    """The families that have a table."""
    return sorted({rule["family"] for rule in rules})


def nft_table(family: int) -> list[str]:
    """How nft's commands name our table of a family."""
    return ["table", _WORDS[family][1], NFT_TABLE]


def _nft_opened(rules: list[dict[str, Any]]) -> list[str]:
    """What the peers may send."""
    return [
        f"{_nft_what(rule)} {_WORDS[rule['family']][1]} saddr {{ {', '.join(rule['sources'])} }}"
        " counter accept"
        for rule in rules
        if rule["sources"]
    ]


def _nft_closed(rules: list[dict[str, Any]]) -> list[str]:
    """The same from anybody else."""
    return list(dict.fromkeys(f"{_nft_what(rule)} counter drop" for rule in rules))


def _nft_what(rule: dict[str, Any]) -> str:
    what = f"meta l4proto {_NUMBERS.get(rule['protocol'])}"
    if rule["protocol"] == "udp":
        what = f"udp dport {rule['port']}"
    to = rule["destination"]
    return f"{what} {_WORDS[rule['family']][1]} daddr {to}" if to else what


def firewalld_rules(rules: list[dict[str, Any]]) -> list[str]:
    """Rich rules for a zone (firewalld.richlanguage(5)); what has none is the zone's business."""
    found = []
    for rule in rules:
        family = _WORDS[rule["family"]][0]
        to = f' destination address="{rule["destination"]}"' if rule["destination"] else ""
        what = f'protocol value="{rule["protocol"]}"'
        if rule["protocol"] == "udp":
            what = f'port port="{rule["port"]}" protocol="udp"'
        for source in rule["sources"]:
            found.append(f'rule family="{family}" source address="{source}"{to} {what} accept')
    return found


def ufw_rules(rules: list[dict[str, Any]]) -> list[list[str]]:
    """Arguments of `ufw`, without the first `ufw`; behind `delete` they take the rule away."""
    found = []
    for rule in rules:
        to = [rule["destination"] or "any"]
        if rule["protocol"] == "udp":
            to += ["port", str(rule["port"])]
        for source in rule["sources"]:
            words = ["allow", "in", "proto", rule["protocol"], "from", source, "to", *to]
            found.append(words)
    return found
