# SPDX-License-Identifier: GPL-3.0-or-later
"""When a route or rule of the kernel is the configured one, and the words for it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lvs_agent import config as configuration
from lvs_agent.core.model import Config, NextHop, Route, Rule
from lvs_agent.core.routes import STATIC, configured, describe, is_exactly, place

HOP = NextHop(via="192.0.2.254", interface=None)
WANTED = Route(family=4, kind="unicast", destination=("198.51.100.0", 24), next_hops=(HOP,))
FOUND = replace(WANTED, next_hops=(replace(HOP, interface="eth0"),), metric=0, scope="global")
RULE = Rule(family=4, preference=100, action="lookup", table=7, source=("192.0.2.9", 32))


def loaded(*routes: Any, name: str = "VI_1", rules: tuple[Any, ...] = ()) -> Config:
    instance = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "virtual_ipaddress": ["192.0.2.99"],
        "virtual_routes": list(routes),
        "virtual_rules": list(rules),
    }
    return configuration.load(json.dumps({"vrrp_instances": {name: instance}}))


def test_what_is_left_open_may_be_anything() -> None:
    assert is_exactly(WANTED, FOUND)
    assert is_exactly(WANTED, replace(FOUND, source="192.0.2.1"))


@pytest.mark.parametrize(
    "change",
    [
        {"destination": ("198.51.100.0", 25)},
        {"table": 100},
        {"metric": 7},
        {"kind": "blackhole", "next_hops": ()},
        {"mtu": 1400},
        {"advmss": 1300},
        {"protocol": 4},
        {"next_hops": (NextHop(via="192.0.2.253", interface="eth0"),)},
        {"next_hops": (NextHop(via=None, interface="eth0"),)},
        {"next_hops": FOUND.next_hops * 2},
    ],
)
def test_every_difference_counts(change: dict[str, Any]) -> None:
    assert not is_exactly(WANTED, replace(FOUND, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"source": "192.0.2.1"},
        {"scope": "link"},
        {"next_hops": (replace(HOP, interface="eth1"),)},
        {"next_hops": (replace(HOP, onlink=True),)},
    ],
)
def test_what_is_asked_for_has_to_be_there(change: dict[str, Any]) -> None:
    assert not is_exactly(replace(WANTED, **change), FOUND)


def test_paths_match_in_any_order_with_their_weights() -> None:
    one, two = (
        NextHop(via="2001:db8::1", interface="eth0", weight=2),
        NextHop(via="2001:db8::2", interface="eth0"),
    )
    wanted = Route(family=6, kind="unicast", destination=("2001:db8:1::", 48), next_hops=(one, two))
    assert is_exactly(wanted, replace(wanted, next_hops=(two, one), metric=1024))
    assert not is_exactly(wanted, replace(wanted, next_hops=(two, replace(one, weight=1))))
    assert not is_exactly(wanted, replace(wanted, next_hops=(one, one)))


def test_ipv6_route_without_a_metric_is_the_one_with_the_kernels_default() -> None:
    wanted = replace(WANTED, family=6, destination=("2001:db8::", 32))
    assert place(wanted) == place(replace(wanted, metric=1024))
    assert place(wanted) != place(replace(wanted, metric=1))


def test_rule_is_compared_whole_but_for_what_says_nothing() -> None:
    assert is_exactly(RULE, replace(RULE, destination=("0.0.0.0", 0), tos=0, track=False))
    for change in ({"table": 8}, {"source": None}, {"inverted": True}, {"fwmark": (1, 255)}):
        assert not is_exactly(RULE, replace(RULE, **change))
    assert not is_exactly(RULE, WANTED)
    assert not is_exactly(WANTED, RULE)


def test_routes_come_before_rules_and_instances_without_are_left_out() -> None:
    config = loaded("198.51.100.0/24 via 192.0.2.254", rules=("from 192.0.2.99 lookup 7",))
    assert [type(entry) for entry in configured(config)["VI_1"]] == [Route, Rule]
    assert STATIC not in configured(config)
    assert configured(loaded()) == {}


@pytest.mark.parametrize(
    "line",
    [
        "198.51.100.0/24 via 192.0.2.254",
        "198.51.100.0/24 via 192.0.2.254 dev eth0 onlink table 100 metric 5 src 192.0.2.1 mtu 1400",
        "blackhole 198.51.100.0/24",
        "default via 192.0.2.254",
        "2001:db8:1::/48 nexthop via 2001:db8::1 weight 2 nexthop via 2001:db8::2 weight 1",
    ],
)
def test_route_is_described_as_it_may_be_configured(line: str) -> None:
    route = loaded(line).vrrp_instances[0].routes[0]
    assert describe(route) == line
    assert loaded(describe(route)).vrrp_instances[0].routes[0] == route


def test_rule_is_described_with_its_preference() -> None:
    assert describe(RULE) == "rule 100: from 192.0.2.9/32 lookup 7"
    rule = replace(
        RULE, source=None, inverted=True, fwmark=(1, 255), destination_ports=(80, 81), family=6
    )
    assert describe(rule) == "inet6 rule 100: not from all fwmark 0x1/0xff dport 80-81 lookup 7"
