# SPDX-License-Identifier: GPL-3.0-or-later
"""Topology files: what is derived from them, and what they are refused for."""

from __future__ import annotations

import pytest
from lvslab import topology
from lvslab.errors import LabError
from lvslab.network import pairs_between
from lvslab.paths import TOPOLOGIES

GOOD = """
memory_mib = 256
[networks.outside]
interface = "eno1"
[networks.inside]
interface = "eno2"
[hosts.one]
role = "director"
addresses.outside = "172.16.1.9/16"
addresses.inside = "192.168.1.100/16"
[hosts.two]
role = "client"
services = ["nginx"]
memory_mib = 512
addresses.inside = "192.168.1.3/16"
addresses6.inside = "2001:db8::3/64"
"""


def parse(text: str = GOOD) -> topology.Topology:
    return topology.parse(text, name="t", source="t.toml")


def test_seed_has_the_seed_s_hosts_and_addresses() -> None:
    seed = topology.load("seed")
    assert {h.name: str(h.interface("eno16777736").address) for h in seed.hosts} == {
        "drct1": "172.16.1.9/16",
        "drct2": "172.16.1.2/16",
        "rs1": "172.16.1.3/16",
        "rs2": "172.16.1.4/16",
        "client": "172.16.1.50/16",
    }
    assert [h.name for h in seed.hosts if "nginx" in h.services] == ["rs1", "rs2"]


def test_nat_s_real_servers_are_inside_only_and_its_client_outside_only() -> None:
    nat = topology.load("nat")
    assert {h.name: [i.name for i in h.interfaces[1:]] for h in nat.hosts} == {
        "drct1": ["eno16777736", "eno50332200"],
        "drct2": ["eno16777736", "eno50332200"],
        "rs1": ["eno50332200"],
        "rs2": ["eno50332200"],
        "client": ["eno16777736"],
    }


def test_every_topology_beside_the_lab_is_good() -> None:
    for path in TOPOLOGIES.glob("*.toml"):
        assert topology.load(str(path)).hosts


def test_names_addresses_and_macs_of_all_cables_are_unique_and_fit() -> None:
    parsed = parse()
    cables = [interface for host in parsed.hosts for interface in host.interfaces]
    assert len({c.tap for c in cables}) == len({c.mac for c in cables}) == len(cables) == 5
    assert all(len(c.tap) <= 15 and len(c.bridge) <= 15 for c in cables)
    assert all(int(c.mac[:2], 16) & 3 == 2 for c in cables)  # local, unicast
    assert [h.management for h in parsed.hosts] == ["10.99.0.11", "10.99.0.12"]


def test_memory_and_management_interface_are_filled_in() -> None:
    one, two = parse().hosts
    assert (one.memory_mib, two.memory_mib) == (256, 512)
    assert one.interfaces[0].name == "mgmt0"
    assert one.interface("inside") is one.interface("eno2")


def test_an_ipv6_address_is_beside_the_other() -> None:
    one, two = parse().hosts
    assert one.interface("inside").address6 is None
    assert str(two.interface("inside").address6) == "2001:db8::3/64"
    assert all(host.interface("outside").address6 for host in topology.load("seed").hosts)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('role = "client"', 'role = "king"', r"t\.toml: hosts\.two\.role: .*real_server.*'king'"),
        ('role = "client"', "", r"hosts\.two\.role"),
        ('role = "client"', 'rule = "client"', r"hosts\.two\.rule: unknown; known here: role"),
        ("172.16.1.9/16", "172.16.1.9", r"hosts\.one\.addresses\.outside: .*172\.16\.1\.9'"),
        ("172.16.1.9/16", "172.16.1.900/16", r"hosts\.one\.addresses\.outside"),
        ("192.168.1.3/16", "192.168.1.100/16", r"192\.168\.1\.100 belongs to one"),
        ("2001:db8::3/64", "2001:db8::3", r"hosts\.two\.addresses6\.inside: an IPv6 address"),
        ("addresses6.inside", "addresses6.outside", r"hosts\.two\.addresses6\.outside: unknown"),
        ("addresses.outside", "addresses.elsewhere", r"hosts\.one\.addresses\.elsewhere: unknown"),
        ("[hosts.two]", '[hosts."two-2"]', r"hosts\.two-2: a name is"),
        ("[hosts.two]", "[hosts.twelveletter2]", r"hosts\.twelveletter2: a name is 1 to 12"),
        ('interface = "eno2"', 'interface = "eno1"', r"networks\.inside\.interface: eno1 is taken"),
        ('interface = "eno2"', 'interface = "mgmt0"', r"networks\.inside\.interface: mgmt0 is"),
        ('interface = "eno2"', "", r"networks\.inside\.interface"),
        ("[networks.inside]", "[networks.mgmt]", r"networks\.mgmt: "),
        ("memory_mib = 256", "memory_mib = 64", r"memory_mib: .*at least 128"),
        ("memory_mib = 512", "memory_mib = true", r"hosts\.two\.memory_mib"),
        ('["nginx"]', '["nginx; reboot"]', r"hosts\.two\.services"),
        ('["nginx"]', '"nginx"', r"hosts\.two\.services"),
        ("[hosts.two]", "[hosts.two", r"t\.toml: "),
    ],
)
def test_wrong_topology_is_refused_with_its_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(LabError, match=message):
        parse(GOOD.replace(old, new))


def test_no_hosts_or_no_such_topology_is_refused() -> None:
    with pytest.raises(LabError, match="hosts: from 1 to"):
        parse("")
    with pytest.raises(LabError, match=r"nowhere\.toml: .*; there are .*seed"):
        topology.load("nowhere")


def test_unknown_names_are_told_with_those_that_exist() -> None:
    parsed = parse()
    with pytest.raises(LabError, match="there are one, two"):
        parsed.host("three")
    with pytest.raises(LabError, match="there are outside, inside, mgmt"):
        parsed.network("moon")
    with pytest.raises(LabError, match="two has no interface 'eno1'; it has mgmt0, eno2"):
        parsed.host("two").interface("eno1")


def test_partition_pairs_are_of_the_networks_that_both_groups_share() -> None:
    parsed = parse()
    both = pairs_between(parsed, ["one"], ["two"], ["outside", "inside"], direction="both")
    assert both == [("one-2", "two-2"), ("two-2", "one-2")]
    one_way = pairs_between(parsed, ["one"], ["two"], ["inside"], direction="from-second")
    assert one_way == [("two-2", "one-2")]
    with pytest.raises(LabError, match="both sides"):
        pairs_between(parsed, ["one"], ["one", "two"], ["inside"], direction="both")
    with pytest.raises(LabError, match="no network"):
        pairs_between(parsed, ["one"], ["two"], ["moon"], direction="both")
