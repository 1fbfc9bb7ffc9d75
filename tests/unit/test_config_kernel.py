# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, routes and rules: lines and mappings mean the same; each family has its defaults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent import config
from lvs_agent.core.model import NextHop, Route, Rule, VirtualAddress


def loaded(**sections: Any) -> config.Config:
    return config.from_document(sections)


def address(value: Any) -> VirtualAddress:
    (one,) = loaded(static_ipaddress=[value]).static_addresses
    return one


def route(value: Any) -> Route:
    (one,) = loaded(static_routes=[value]).static_routes
    return one


def rule(value: Any) -> Rule:
    (one,) = loaded(static_rules=[value]).static_rules
    return one


def plain(text: str, length: int, **fields: Any) -> VirtualAddress:
    return VirtualAddress(address=text, prefix_length=length, interface="eth0", **fields)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("10.0.0.9", plain("10.0.0.9", 32)),
        ("10.0.0.9/24 brd +", plain("10.0.0.9", 24, broadcast="10.0.0.255")),
        ("10.0.0.9/24 brd -", plain("10.0.0.9", 24, broadcast="10.0.0.0")),
        ("10.0.0.9/24 broadcast 10.0.0.7", plain("10.0.0.9", 24, broadcast="10.0.0.7")),
        ("10.0.0.9 label eth0:web scope host", plain("10.0.0.9", 32, label="eth0:web",
                                                     scope="host")),
        ("10.0.0.9 peer 10.0.0.1", plain("10.0.0.9", 32, peer="10.0.0.1")),
        ("10.0.0.9 preferred_lft 30 no_track", plain("10.0.0.9", 32, preferred_lft_s=30,
                                                     track=False)),
        ("2001:DB8::9", plain("2001:db8::9", 128, nodad=True, preferred_lft_s=0)),
        ("2001:db8::9 preferred_lft forever", plain("2001:db8::9", 128, nodad=True)),
        ("2001:db8::9/64 -nodad", plain("2001:db8::9", 64)),
        ("2001:db8::9/64 home noprefixroute mngtmpaddr",
         plain("2001:db8::9", 64, nodad=True, home=True, noprefixroute=True, mngtmpaddr=True)),
        ("fe80::9/64", plain("fe80::9", 64, nodad=True, scope="link")),
        ("ff02::99 autojoin", plain("ff02::99", 128, nodad=True, autojoin=True,
                                    preferred_lft_s=0)),
    ],
)  # fmt: skip
def test_an_address_line(line: str, expected: VirtualAddress) -> None:
    assert address(f"{line} dev eth0") == expected


@pytest.mark.parametrize(
    ("line", "lifetime"),
    [
        ("2001:db8::9/64", 0),
        ("2001:db8::9", 0),
        ("2001:db8::9/64 preferred_lft forever", None),
        ("2001:db8::9/64 mngtmpaddr", None),
        ("10.0.0.9/24", None),
    ],
)
def test_the_host_itself_sends_nothing_from_a_virtual_address_of_ipv6(
    line: str, lifetime: int | None
) -> None:
    values = {"virtual_router_id": 51, "virtual_ipaddress": ["fe80::51/64"], "interface": "eth0"}
    if ":" not in line:
        values["virtual_ipaddress"] = []
    values["virtual_ipaddress"].append(line)
    (instance,) = loaded(vrrp_instances={"A": values}).vrrp_instances
    assert instance.addresses[-1].preferred_lft_s == lifetime


def test_an_address_mapping_is_the_same_as_its_line() -> None:
    assert address("2001:db8::9/64 -nodad dev eth1 preferred_lft 5") == address(
        {"address": "2001:db8::9/64", "nodad": False, "dev": "eth1", "preferred_lft": 5}
    )


def test_excluded_addresses_may_be_of_both_families() -> None:
    values = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "virtual_ipaddress": ["10.0.0.9"],
        "virtual_ipaddress_excluded": ["10.0.0.10 dev eth1", "2001:db8::1/64"],
    }
    (instance,) = loaded(vrrp_instances={"VI_1": values}).vrrp_instances
    assert [(each.address, each.interface) for each in instance.excluded] == [
        ("10.0.0.10", "eth1"),
        ("2001:db8::1", "eth0"),
    ]


def test_a_link_local_address_is_one_per_link() -> None:
    values = {"virtual_router_id": 51, "virtual_ipaddress": ["fe80::51"]}
    document = {"A": {**values, "interface": "eth0"}, "B": {**values, "interface": "eth1"}}
    assert len(loaded(vrrp_instances=document).vrrp_instances) == 2
    document["B"] |= {"interface": "eth0", "virtual_router_id": 52}
    with pytest.raises(config.ConfigRejected, match="already in"):
        loaded(vrrp_instances=document)


def to(destination: tuple[str, int], *hops: NextHop, family: int = 4, **fields: Any) -> Route:
    fields = {"kind": "unicast", **fields}
    return Route(family=family, destination=destination, next_hops=hops, **fields)


def hop(via: str | None, interface: str | None = None, **fields: Any) -> NextHop:
    return NextHop(via=via, interface=interface, **fields)


ANY4, ANY6 = ("0.0.0.0", 0), ("::", 0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("default via 10.0.0.1", to(ANY4, hop("10.0.0.1"))),
        ("default via fe80::1 dev eth0", to(ANY6, hop("fe80::1", "eth0"), family=6)),
        ("default dev tun0 inet6", to(ANY6, hop(None, "tun0"), family=6)),
        ("0.0.0.0/0 gw 10.0.0.1", to(ANY4, hop("10.0.0.1"))),
        ("10.9.0.0/16 via inet 10.0.0.1", None),
        (
            "10.9.0.0/16 via 10.0.0.1 dev eth0 onlink src 10.0.0.9 table 100 metric 5 scope link"
            " mtu 1400 advmss 1360 proto static no_track",
            to(("10.9.0.0", 16), hop("10.0.0.1", "eth0", onlink=True), source="10.0.0.9",
               table=100, metric=5, scope="link", mtu=1400, advmss=1360, protocol=4, track=False),
        ),
        ("src 10.0.0.9 to 10.9.0.0/16 via 10.0.0.1",
         to(("10.9.0.0", 16), hop("10.0.0.1"), source="10.0.0.9")),
        ("10.9.1.1 dev eth0 table local", to(("10.9.1.1", 32), hop(None, "eth0"), table=255)),
        ("unreachable 2001:db8::/32 metric 7",
         to(("2001:db8::", 32), family=6, kind="unreachable", metric=7)),
        ("blackhole default", to(ANY4, kind="blackhole")),
        ("10.9.0.0/16 table 7 nexthop via 10.0.0.1 dev eth0 weight 3 nexthop dev eth1",
         to(("10.9.0.0", 16), hop("10.0.0.1", "eth0", weight=3), hop(None, "eth1"), table=7)),
    ],
)  # fmt: skip
def test_a_route_line(line: str, expected: Route | None) -> None:
    if expected is None:
        with pytest.raises(config.ConfigRejected):
            route(line)
    else:
        assert route(line) == expected


def test_a_route_mapping_is_the_same_as_its_line() -> None:
    assert route("10.9.0.0/16 nexthop via 10.0.0.1 weight 3 nexthop via 10.0.0.2") == route(
        {
            "to": "10.9.0.0/16",
            "nexthop": [{"via": "10.0.0.1", "weight": 3}, {"via": "10.0.0.2"}],
        }
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from 10.0.0.9 lookup 100 pref 9",
         Rule(family=4, preference=9, action="lookup", table=100, source=("10.0.0.9", 32))),
        ("not from 10.0.0.0/8 to 10.1.0.0/16 iif eth0 oif eth1 table main priority 9",
         Rule(family=4, preference=9, action="lookup", table=254, source=("10.0.0.0", 8),
              destination=("10.1.0.0", 16), input_interface="eth0", output_interface="eth1",
              inverted=True)),
        ("from all fwmark 16/0xff lookup 5 order 9",
         Rule(family=4, preference=9, action="lookup", table=5, source=ANY4, fwmark=(16, 255))),
        ("fwmark 0x10 blackhole preference 9",
         Rule(family=4, preference=9, action="blackhole", fwmark=(16, 2**32 - 1))),
        ("inet6 ipproto tcp sport 1024-65535 dport 80 prohibit preference 9",
         Rule(family=6, preference=9, action="prohibit", ip_protocol=6,
              source_ports=(1024, 65535), destination_ports=(80, 80))),
        ("to 2001:db8::/32 tos 0x10 lookup 5 suppress_prefixlength 0 preference 9 no_track",
         Rule(family=6, preference=9, action="lookup", table=5, destination=("2001:db8::", 32),
              tos=16, suppress_prefix_length=0, track=False)),
    ],
)  # fmt: skip
def test_a_rule_line(line: str, expected: Rule) -> None:
    assert rule(line) == expected


def test_rules_without_a_preference_get_free_ones_in_order() -> None:
    values = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "virtual_ipaddress": ["10.0.0.9"],
        "virtual_rules": ["from 10.0.0.9 lookup 5", "from 10.0.0.9 lookup 6 pref 31001"],
    }
    accepted = loaded(vrrp_instances={"VI_1": values}, static_rules=["to 10.1.0.0/16 lookup 7"])
    assert [each.preference for each in accepted.vrrp_instances[0].rules] == [31_000, 31_001]
    assert [each.preference for each in accepted.static_rules] == [31_002]


_VOCABULARY = """10.0.0.9 10.0.0.9/24 default fe80::1 via dev eth0 eth0:1 label brd + - nodad -nodad
peer scope link table 5 main metric src to from not fwmark 1/1 weight nexthop or inet6 iif pref
blackhole lookup tos dport 80-90 preferred_lft forever use_vmac no_track"""
WORDS = st.lists(st.sampled_from(tuple(_VOCABULARY.split())) | st.text(max_size=4), max_size=12)


@given(st.sampled_from(["static_ipaddress", "static_routes", "static_rules"]), WORDS)
def test_any_line_is_accepted_or_refused_with_its_path(section: str, words: list[str]) -> None:
    try:
        loaded(**{section: [" ".join(words)]})
    except config.ConfigRejected as rejected:
        assert all(error.path.startswith(f"{section}[0]") for error in rejected.errors)
