# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server's network has to have, as things, units and records."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _network_plan, _network_units

NOTHING: dict[str, list[Any]] = {"virtual_addresses": [], "tunnels": [], "gateways": []}
PATHS = {name: f"/usr/sbin/{name}" for name in ("ip", "modprobe", "nft", "sh")}
NAT = {
    "address": "192.168.1.3",
    "gateway": "192.168.1.188",
    "services": [{"protocol": "tcp", "port": 80}],
}


def tunnel(**other: Any) -> dict[str, Any]:
    usual = {"type": "ipip", "address": "172.16.1.3", "port": None, "checksum": "nocsum"}
    return {**usual, "family": 4, "virtual_addresses": [], **other}


def whats(mtu: dict[str, int] | None = None, route: str = "service", **needs: Any) -> list[str]:
    things = _network_plan.things({**NOTHING, **needs}, route, mtu or {})
    return [thing.what for thing in things]


def test_a_host_that_is_needed_for_nothing_gets_nothing() -> None:
    assert whats() == []


def test_virtual_addresses_are_on_lo_with_their_full_length() -> None:
    assert whats(virtual_addresses=["172.16.1.254", "2001:db8::254"]) == [
        "address 172.16.1.254/32 dev lo",
        "address 2001:db8::254/128 dev lo",
    ]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "link lvs-ipip type ipip local 172.16.1.3"),
        ({"family": 6}, "link lvs-sit type sit local 172.16.1.3"),
        ({"address": "2001:db8::3"}, "link lvs-ip6tnl type ip6tnl local 2001:db8::3"),
        ({"type": "gre"}, "link lvs-gre type gre local 172.16.1.3"),
        ({"type": "gre", "checksum": "csum"}, "link lvs-gre type gre local 172.16.1.3 icsum"),
        ({"type": "gue", "port": 6080}, "link lvs-ipip type ipip local 172.16.1.3"),
    ],
)
def test_each_encapsulation_has_the_device_that_takes_it_off(
    options: dict[str, Any], what: str
) -> None:
    assert whats(tunnels=[tunnel(**options)])[0] == what


def test_what_comes_through_a_tunnel_is_for_an_address_of_its_device() -> None:
    assert whats(tunnels=[tunnel(virtual_addresses=["172.16.1.254"])])[1:] == [
        "address 172.16.1.254/32 dev lvs-ipip"
    ]


def test_gue_opens_its_port_besides_and_two_tunnels_share_a_device() -> None:
    assert whats(tunnels=[tunnel(), tunnel(type="gue", port=6080)]) == [
        "link lvs-ipip type ipip local 172.16.1.3",
        "gue port 6080 IPv4",
    ]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 1500 - 20 - 40),
        ({"type": "gre"}, 1500 - 20 - 4 - 40),
        ({"type": "gre", "checksum": "csum"}, 1500 - 20 - 8 - 40),
        ({"type": "gue", "port": 6080}, 1500 - 20 - 8 - 4 - 40),
        ({"type": "gue", "port": 6080, "checksum": "remcsum"}, 1500 - 20 - 8 - 4 - 8 - 40),
    ],
)
def test_clients_are_asked_for_segments_that_fit_into_the_tunnel(
    options: dict[str, Any], size: int
) -> None:
    found = whats(
        {"172.16.1.3": 1500}, tunnels=[tunnel(virtual_addresses=["172.16.1.254"], **options)]
    )
    assert found[-1] == f"mss {size} of ip 172.16.1.254"


def test_the_smallest_of_several_tunnels_holds() -> None:
    found = whats(
        {"172.16.1.3": 1500},
        tunnels=[
            tunnel(virtual_addresses=["172.16.1.254"]),
            tunnel(type="gre", virtual_addresses=["172.16.1.254"]),
        ],
    )
    assert found[-1] == "mss 1436 of ip 172.16.1.254"


def test_answers_of_the_service_alone_go_back_through_the_gateway() -> None:
    assert whats(gateways=[NAT]) == [
        "route default via 192.168.1.188 table 5400",
        "rule pref 5400 from 192.168.1.3 ipproto tcp sport 80 lookup main suppress_prefixlength 0",
        "rule pref 5401 from 192.168.1.3 ipproto tcp sport 80 lookup 5400",
        "rule pref 33000 from 192.168.1.3 lookup 5400",
    ]


def test_everything_with_the_address_may_go_back_through_the_gateway() -> None:
    assert whats(route="address", gateways=[NAT])[1:3] == [
        "rule pref 5400 from 192.168.1.3 lookup main suppress_prefixlength 0",
        "rule pref 5401 from 192.168.1.3 lookup 5400",
    ]
    assert whats(route="none", gateways=[NAT]) == []


def test_a_service_of_all_ports_has_a_rule_without_one() -> None:
    service = {"protocol": "udp", "port": 0}
    found = whats(gateways=[{**NAT, "services": [service]}])
    assert "rule pref 5401 from 192.168.1.3 ipproto udp lookup 5400" in found


@pytest.mark.parametrize("route", ["service", "address"])
def test_answers_of_sctp_find_the_gateway_before_they_have_a_source(route: str) -> None:
    service = {"protocol": "sctp", "port": 9000}
    found = whats(route=route, gateways=[{**NAT, "services": [service]}])
    assert found[0] == "route default via 192.168.1.188 table 5400 src 192.168.1.3"
    words = "from 0.0.0.0 ipproto sctp sport 9000 lookup"
    assert f"rule pref 5402 {words} main suppress_prefixlength 0" in found
    assert f"rule pref 5403 {words} 5400" in found
    assert "sctp scope 2" in found
    six = {"address": "2001:db8::3", "gateway": "2001:db8::188", "services": [service]}
    found = whats(route=route, gateways=[six])
    assert found[0] == "route default via 2001:db8::188 table 5400"
    assert "rule pref 5403 from all ipproto sctp sport 9000 lookup 5400" in found
    assert "sctp scope 2" not in found
    assert "sctp scope 2" not in whats(gateways=[NAT])


def test_kernel_modules_are_those_of_the_tunnels() -> None:
    listed = [tunnel(type="gue", port=6080), tunnel(type="gre", address="2001:db8::3")]
    assert _network_plan.kernel_modules(listed) == ["fou", "ip6_gre", "ipip"]


def test_a_unit_is_the_record_of_what_it_makes() -> None:
    needs = {
        "virtual_addresses": ["172.16.1.254", "2001:db8::254"],
        "tunnels": [
            tunnel(virtual_addresses=["172.16.1.253"]),
            tunnel(type="gue", port=6080, virtual_addresses=["172.16.1.253"]),
        ],
        "gateways": [{**NAT, "services": [*NAT["services"], {"protocol": "sctp", "port": 9000}]}],
    }
    things = _network_plan.things(needs, "service", {"172.16.1.3": 1500})
    for late in (False, True):
        wanted = [thing for thing in things if thing.late is late]
        text = _network_units.unit(wanted, PATHS, late=late)
        found = _network_units.recorded(text, late=late)
        assert [(thing.what, thing.slot) for thing in found] == [
            (thing.what, thing.slot) for thing in wanted
        ]
        # Written again from its record, as for something that is kept a while, it is the same.
        assert _network_units.unit(found, PATHS, late=late) == text


def test_what_needs_the_network_waits_for_it_and_the_rest_is_there_before() -> None:
    things = _network_plan.things({**NOTHING, "gateways": [NAT]}, "service", {})
    assert all(thing.late for thing in things)
    assert "After=network-online.target" in _network_units.unit(things, PATHS, late=True)
    early = _network_plan.things({**NOTHING, "virtual_addresses": ["10.0.0.1"]}, "service", {})
    assert "Before=network-pre.target" in _network_units.unit(early, PATHS, late=False)


def test_a_text_that_is_no_unit_of_ours_records_nothing() -> None:
    assert _network_units.recorded("", late=False) == []
    assert _network_units.recorded("[Service]\nExecStart=/bin/true\n", late=False) == []
