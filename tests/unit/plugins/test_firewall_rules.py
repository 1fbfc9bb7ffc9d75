# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send a director what, and how each firewall is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _firewall, _firewall_text, _host
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _firewall_rules


def rules(inventory: Any, director: str = "drct1", *further: str) -> list[dict[str, Any]]:
    cluster = _cluster.collect(inventory.groups, inventory.hostvars)
    return _firewall_rules.rules(cluster, director, further)


def rule(protocol: str, *sources: str, **others: Any) -> dict[str, Any]:
    usual = {"protocol": protocol, "port": 0, "family": 4, "destination": ""}
    return {**usual, "sources": list(sources), **others}


def test_adverts_come_from_the_other_director(lvs_dr: Any) -> None:
    assert rules(lvs_dr, "drct1") == [rule("vrrp", "172.16.1.2")]
    assert rules(lvs_dr, "drct2") == [rule("vrrp", "172.16.1.9")]


def test_peers_outside_the_inventory_are_let_in(lvs_dr: Any) -> None:
    assert rules(lvs_dr, "drct1", "172.16.1.7", "2001:db8::7") == [
        rule("vrrp", "172.16.1.2", "172.16.1.7")
    ]
    with pytest.raises(_firewall_rules.UnknownPeer, match="director_firewall_peers: drct9"):
        rules(lvs_dr, "drct1", "drct9")


def test_the_source_that_is_said_goes_before_the_interfaces_address(lvs_dr: Any) -> None:
    for instances in lvs_dr.everywhere("lvs_vrrp_instances"):
        instances["VI_1"]["unicast_peer"] = ["172.16.7.7"]
        instances["VI_1"]["unicast_src_ip"] = "172.16.8.8"
        del instances["VI_2"]
    for host in lvs_dr.groups["lvs_directors"]:
        lvs_dr.hostvars[host]["lvs_host"]["vrrp_instances"].pop("VI_2")
    assert rules(lvs_dr) == [rule("vrrp", "172.16.7.7", "172.16.8.8")]


def test_ipv6_adverts_come_from_the_link(lvs_dr_ipv6: Any) -> None:
    found = rules(lvs_dr_ipv6)
    assert [each for each in found if each["family"] == 6] == [rule("vrrp", "fe80::/10", family=6)]


def test_ah_is_limited_to_the_group_and_leaves_ipsec_alone(lvs_dr: Any) -> None:
    for instances in lvs_dr.everywhere("lvs_vrrp_instances"):
        instances["VI_1"]["authentication"]["auth_type"] = "AH"
    assert rules(lvs_dr) == [
        rule("ah", "172.16.1.2", destination="224.200.100.18"),
        rule("vrrp", "172.16.1.2"),
    ]


def test_bfd_and_the_sync_daemon(both_roles: Any) -> None:
    for name in both_roles.groups["lvs_directors"]:
        both_roles.hostvars[name]["lvs_bfd_instances"] = {"gw": {"neighbor_ip": "172.16.0.1"}}
    found = rules(both_roles)
    assert rule("udp", "172.16.0.1", port=3784) in found
    assert rule("udp", "172.16.1.2", port=8848, destination="224.0.0.81") in found


def test_a_director_of_which_no_address_is_known_is_named(lvs_dr: Any) -> None:
    del lvs_dr.hostvars["drct2"]["lvs_interfaces"]
    lvs_dr.hostvars["drct2"].pop("lvs_address", None)
    with pytest.raises(_firewall_rules.UnknownPeer, match="give drct2 lvs_interfaces"):
        rules(lvs_dr)


RULES = [
    rule("ah", "172.16.1.2", destination="224.0.0.18"),
    rule("udp", "172.16.1.2", port=8848, destination="224.0.0.81"),
    rule("vrrp", "172.16.1.2", "172.16.1.7"),
    rule("vrrp", "fe80::/10", family=6),
]


def test_the_words_of_firewalld() -> None:
    """As firewall-offline-cmd of 2.3.1 takes them, and lists them again."""
    assert _firewall_text.firewalld_rules(RULES) == [
        'rule family="ipv4" source address="172.16.1.2" destination address="224.0.0.18"'
        ' protocol value="ah" accept',
        'rule family="ipv4" source address="172.16.1.2" destination address="224.0.0.81"'
        ' port port="8848" protocol="udp" accept',
        'rule family="ipv4" source address="172.16.1.2" protocol value="vrrp" accept',
        'rule family="ipv4" source address="172.16.1.7" protocol value="vrrp" accept',
        'rule family="ipv6" source address="fe80::/10" protocol value="vrrp" accept',
    ]


def test_the_words_of_ufw() -> None:
    """As ufw 0.36.2 takes them."""
    assert [" ".join(each) for each in _firewall_text.ufw_rules(RULES)] == [
        "allow in proto ah from 172.16.1.2 to 224.0.0.18",
        "allow in proto udp from 172.16.1.2 to 224.0.0.81 port 8848",
        "allow in proto vrrp from 172.16.1.2 to any",
        "allow in proto vrrp from 172.16.1.7 to any",
        "allow in proto vrrp from fe80::/10 to any",
    ]


def test_nftables_close_after_they_have_opened() -> None:
    lines = _firewall_text.nft_ruleset(RULES, "# Managed.").splitlines()
    four = lines[: lines.index("table ip6 lvs_agent_host")]
    verdicts = [line.split()[-1] for line in four if "counter" in line]
    assert verdicts == ["accept"] * 3 + ["drop"] * 3
    assert "\t\tmeta l4proto 51 ip daddr 224.0.0.18 counter drop" in four
    assert "\t\tmeta l4proto 112 counter drop" in four


class Firewalld:
    """A host with firewalld, eth0 in the zone `internal`."""

    check_mode = False

    def __init__(self) -> None:
        self.rules: dict[tuple[str, str], list[str]] = {}

    def get_bin_path(self, name: str, **_: object) -> str:
        return name

    def run_command(self, words: list[str], **_: object) -> tuple[int, str, str]:
        name, *options = words
        if name == "systemctl":
            return 0, "ActiveState=active\nLoadState=loaded\n", ""
        if options[0].startswith("--get-zone-of-interface"):
            return 0, "internal\n", ""
        kind = "permanent" if "--permanent" in options else "runtime"
        zone = next(each.partition("=")[2] for each in options if each.startswith("--zone="))
        rules = self.rules.setdefault((kind, zone), [])
        for each in options:
            verb, _, rule = each.partition("=")
            if verb == "--add-rich-rule":
                rules.append(rule)
            elif verb == "--remove-rich-rule":
                rules.remove(rule)
            elif verb == "--list-rich-rules":
                return 0, "\n".join(rules), ""
        return 0, "success\n", ""


def test_firewalld_gets_each_rule_twice_and_loses_those_that_go(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UNIT_PATH", "RULESET", "RECORD"):
        monkeypatch.setattr(_firewall, name, str(tmp_path / name.lower()))
    host = Firewalld()

    def converge(kind: str, *wanted: dict[str, Any]) -> list[str]:
        changes = _host.Changes()
        wish = _firewall.Wish(kind, list(wanted), ["eth0"], "# Managed.")
        _firewall.ensure(host, changes, wish)
        return changes.done

    assert converge("auto", *RULES)
    both = [("runtime", "internal"), ("permanent", "internal")]
    assert [len(host.rules[each]) for each in both] == [5, 5]
    assert converge("auto", *RULES) == []
    # A reload of firewalld by somebody who had changed the permanent configuration.
    host.rules[both[1]].pop()
    assert len(converge("auto", *RULES)) == 1
    host.rules[both[0]].pop()
    converge("firewalld", RULES[0])
    assert [len(host.rules[each]) for each in both] == [1, 1]
    converge("none")
    assert [host.rules[each] for each in both] == [[], []]
    assert not (tmp_path / "record").exists()
