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
    """A file for `nft -f`, which replaces the whole table in one transaction.

    It only holds back: what it accepts here may still be dropped by a table of somebody else.
    Before the usual filter, so that what is dropped here does not open state there.
    """
    lines = [notice, f"table inet {NFT_TABLE}", f"delete table inet {NFT_TABLE}"]
    lines += [f"table inet {NFT_TABLE} {{", "\tchain input {"]
    lines.append("\t\ttype filter hook input priority filter - 10; policy accept;")
    lines.append('\t\tiifname "lo" accept')
    closed: dict[str, None] = {}
    for rule in rules:
        what = _nft_what(rule)
        if rule["sources"]:
            word = _WORDS[rule["family"]][1]
            destination = f"{word} daddr {rule['destination']} " if rule["destination"] else ""
            sources = ", ".join(rule["sources"])
            lines.append(f"\t\t{what} {destination}{word} saddr {{ {sources} }} counter accept")
        closed[_nft_closed(rule, what)] = None
    lines += [f"\t\t{each} counter drop" for each in closed]
    return "\n".join([*lines, "\t}", "}", ""])


def _nft_what(rule: dict[str, Any]) -> str:
    if rule["protocol"] == "udp":
        return f"udp dport {rule['port']}"
    return f"meta l4proto {_NUMBERS[rule['protocol']]}"


def _nft_closed(rule: dict[str, Any], what: str) -> str:
    if not rule["destination"]:
        return what
    return f"{what} {_WORDS[rule['family']][1]} daddr {rule['destination']}"


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
