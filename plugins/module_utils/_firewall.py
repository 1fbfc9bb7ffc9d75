# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the host's firewall let in what the agent listens to, from its peers only.

Owns doing that with nftables, firewalld or ufw, and undoing it. For nftables there is a table of
our own, loaded by a unit of our own; in firewalld and ufw there are rules of ours among others, so
a record tells which. Must never decide who a peer is.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _firewall_text,
    _host,
    _removal,
)

NONE, NFTABLES, FIREWALLD, UFW, AUTO = KINDS = ("none", "nftables", "firewalld", "ufw", "auto")
UNIT = "lvs-agent-firewall.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
RULESET = "/etc/lvs-agent/firewall.nft"
RECORD = "/etc/lvs-agent/firewall.json"
_UFW_CONF = "/etc/ufw/ufw.conf"

_UNIT_TEXT = """{notice}
[Unit]
Description=VRRP and its companions only from the peers of lvs-agent
DefaultDependencies=no
After=nftables.service systemd-modules-load.service local-fs.target
Before=network-pre.target lvs-agent.service shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
# What that loads usually begins by flushing all tables, ours too; then ours comes back.
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} --file {ruleset}
ExecReload={nft} --file {ruleset}
ExecStop=-{nft} delete table ip {table}
ExecStop=-{nft} delete table ip6 {table}

[Install]
WantedBy=multi-user.target nftables.service
"""


class Wish(NamedTuple):
    """`kind` of KINDS; `rules` as `_firewall_text` takes them; `interfaces` that they are for."""

    kind: str
    rules: list[dict[str, Any]]
    interfaces: list[str]
    notice: str


class _Record(NamedTuple):
    """What we told firewalld (a rich rule and its zone) or ufw (its arguments)."""

    kind: str
    rules: list[list[str]]


def ensure(module: Any, changes: _host.Changes, wish: Wish) -> None:
    """The wanted firewall has the rules, and no other has any of ours. Raises HostError."""
    kind = _resolved(module, wish.kind)
    if not wish.rules:
        kind = NONE
    recorded = _recorded()
    wanted = _Record(kind, _wanted(module, kind, wish))
    if recorded.rules and recorded.kind != kind:
        _tell(module, changes, recorded.kind, recorded.rules, add=False)
        recorded = _Record(kind, [])
    if kind != NFTABLES:
        _remove_nftables(module, changes)
    if kind == NFTABLES:
        _ensure_nftables(module, changes, wish)
    if kind in (FIREWALLD, UFW):
        missing = [each for each in wanted.rules if each not in recorded.rules]
        if kind == FIREWALLD:
            missing = _not_in_firewalld(module, wanted.rules)
        _tell(module, changes, kind, missing, add=True)
        gone = [each for each in recorded.rules if each not in wanted.rules]
        _tell(module, changes, kind, gone, add=False)
        text = json.dumps({"kind": kind, "rules": wanted.rules}, indent=1) + "\n"
        _host.ensure_file(module, changes, RECORD, text)
    else:
        _host.ensure_no_file(module, changes, RECORD)


def remove(module: Any, changes: _host.Changes) -> None:
    """No firewall has anything of ours. Raises HostError."""
    ensure(module, changes, Wish(NONE, [], [], ""))


def _resolved(module: Any, kind: str) -> str:
    """For `auto`: the front end that is in charge of the host, else nftables itself."""
    if kind != AUTO:
        return kind
    if module.get_bin_path("firewall-cmd") is not None:
        state = _host.unit_state(module, "firewalld.service")
        if state.get("ActiveState") == "active":
            return FIREWALLD
    if "ENABLED=yes" in (_host.read_text(_UFW_CONF) or "").split():
        return UFW
    return NFTABLES


def _recorded() -> _Record:
    try:
        values = json.loads(_host.read_text(RECORD) or "{}")
        return _Record(str(values["kind"]), [list(map(str, each)) for each in values["rules"]])
    except (ValueError, KeyError, TypeError):
        return _Record(NONE, [])


# -- nftables ---------------------------------------------------------------------------------


def _ensure_nftables(module: Any, changes: _host.Changes, wish: Wish) -> None:
    nft = _host.binary(module, "nft")[0]
    text = _firewall_text.nft_ruleset(wish.rules, wish.notice)
    unit = _UNIT_TEXT.format(
        notice=wish.notice, nft=nft, ruleset=RULESET, table=_firewall_text.NFT_TABLE
    )
    _host.ensure_file(module, changes, RULESET, text)
    _host.ensure_file(module, changes, UNIT_PATH, unit)
    _host.ensure_units_loaded(module, changes)
    wanted = set(_firewall_text.nft_families(wish.rules))
    there = {family for family in (4, 6) if _table_is_there(module, nft, family)}
    if RULESET in changes.paths or wanted - there:
        changes.note(f"load {RULESET}")
        if not module.check_mode:
            _load(module, nft)
    for family in there - wanted:
        words = _firewall_text.nft_table(family)
        changes.note(f"delete {' '.join(words)}")
        if not module.check_mode:
            _host.run(module, [nft, "delete", *words], f"deleting {' '.join(words)}")
    # Starting it loads the same once more, which changes nothing.
    _host.ensure_unit(module, changes, UNIT, enabled=True, started=True)


def _load(module: Any, nft: str) -> None:
    try:
        _host.run(module, [nft, "--file", RULESET], f"loading {RULESET}")
    except _host.HostError as error:
        if "Operation not supported" in str(error):
            raise _host.HostError(
                "this kernel has no nftables for IPv4 or IPv6 (CONFIG_NF_TABLES_IPV4,"
                f" CONFIG_NF_TABLES_IPV6); set director_firewall to none. {error}"
            ) from error
        raise


def _table_is_there(module: Any, nft: str, family: int) -> bool:
    """Somebody may have flushed all tables since."""
    command = [nft, "list", *_firewall_text.nft_table(family)]
    return bool(module.run_command(command, check_rc=False)[0] == 0)


def _remove_nftables(module: Any, changes: _host.Changes) -> None:
    if os.path.exists(UNIT_PATH):
        _removal.ensure_no_unit(module, changes, UNIT, UNIT_PATH)
    _host.ensure_no_file(module, changes, RULESET)


# -- firewalld and ufw ------------------------------------------------------------------------


def _wanted(module: Any, kind: str, wish: Wish) -> list[list[str]]:
    if kind == FIREWALLD:
        zones = [_zone(module, name) for name in wish.interfaces] or [_zone(module, None)]
        rich = _firewall_text.firewalld_rules(wish.rules)
        return [[zone, rule] for zone in dict.fromkeys(zones) for rule in rich]
    if kind == UFW:
        return _firewall_text.ufw_rules(wish.rules)
    return []


def _zone(module: Any, interface: str | None) -> str:
    command = _host.binary(module, "firewall-cmd")
    if interface is not None:
        query = [*command, f"--get-zone-of-interface={interface}"]
        code, output, __ = module.run_command(query, check_rc=False)
        if code == 0 and output.strip():
            return str(output.strip())
    return _host.run(module, [*command, "--get-default-zone"], "asking firewalld").strip()


def _not_in_firewalld(module: Any, rules: list[list[str]]) -> list[list[str]]:
    """Those that either the permanent configuration or the one in force has not."""
    command = _host.binary(module, "firewall-cmd")
    missing = []
    for zone in dict.fromkeys(zone for zone, __ in rules):
        have = None
        for permanent in ([], ["--permanent"]):
            query = [*command, *permanent, f"--zone={zone}", "--list-rich-rules"]
            lines = set(_host.run(module, query, "asking firewalld for its rules").splitlines())
            have = lines if have is None else have & lines
        missing += [[each, rule] for each, rule in rules if each == zone and rule not in have]
    return missing


def _tell(
    module: Any, changes: _host.Changes, kind: str, rules: list[list[str]], *, add: bool
) -> None:
    """Add rules to firewalld or ufw, or take them away; both take what is so already."""
    for rule in rules:
        if kind == FIREWALLD:
            zone, rich = rule
            word = "add" if add else "remove"
            command = [f"--zone={zone}", f"--{word}-rich-rule={rich}"]
            commands = [["firewall-cmd", *command], ["firewall-cmd", "--permanent", *command]]
        else:
            commands = [["ufw", *([] if add else ["delete"]), *rule]]
        changes.note(f"{kind}: {'add' if add else 'remove'} {' '.join(rule)}")
        for name, *words in commands:
            if not module.check_mode:
                _run(module, [*_host.binary(module, name), *words], kind)


def _run(module: Any, command: list[str], kind: str) -> None:
    try:
        _host.run(module, command, " ".join(command))
    except _host.HostError as error:
        hint = ""
        if kind == UFW and "vrrp" in command:
            hint = ". ufw knows the protocol vrrp from 0.36.2 on; nftables does without it"
        raise _host.HostError(f"{error}{hint}") from error
