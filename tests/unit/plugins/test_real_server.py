# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server needs follows from the virtual servers; and what the ends must agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.action import cluster_check
from ansible_collections.lvs.cluster.plugins.plugin_utils import (
    _cluster,
    _forwarding,
    _problem,
    _real_server,
    _verification,
)


def cluster_of(inventory: Any) -> _cluster.Cluster:
    return _cluster.collect(inventory.groups, inventory.hostvars)


def needs(inventory: Any, host: str) -> dict[str, list[Any]]:
    return _cluster.real_server_needs(cluster_of(inventory), host)


def found(inventory: Any) -> list[_problem.Problem]:
    everything = cluster_check.problems(cluster_of(inventory))
    return [each for each in everything if "PASS is readable" not in each.message]


def test_nat_needs_the_inner_virtual_address_as_way_back(lvs_nat: Any) -> None:
    assert needs(lvs_nat, "rs1") == {
        "virtual_addresses": [],
        "tunnels": [],
        "gateways": [
            {
                "address": "192.168.1.3",
                "gateway": "192.168.1.188",
                "services": [{"protocol": "tcp", "port": 80}],
            }
        ],
        "kernel_modules": [],
    }


def test_the_way_back_is_found_without_declared_interfaces(lvs_nat: Any) -> None:
    for host in ("drct1", "drct2"):
        del lvs_nat.hostvars[host]["lvs_interfaces"]
    (gateway,) = needs(lvs_nat, "rs2")["gateways"]
    assert gateway["gateway"] == "192.168.1.188"


def test_the_way_back_moves_together_with_the_virtual_server(lvs_nat: Any) -> None:
    """Of two inner addresses the one of the sync group, whatever stands first."""
    for each in lvs_nat.everywhere("lvs_vrrp_instances"):
        other = {**each["VI_2"], "virtual_router_id": 60, "virtual_ipaddress": ["192.168.1.99/16"]}
        first = {"VI_0": other, **each}
        each.clear()
        each.update(first)
    (gateway,) = needs(lvs_nat, "rs1")["gateways"]
    assert gateway["gateway"] == "192.168.1.188"


def test_tunnels_are_as_each_real_server_gets_them(lvs_tun: Any) -> None:
    plain, gue = needs(lvs_tun, "rs1"), needs(lvs_tun, "rs2")
    assert plain["virtual_addresses"] == gue["virtual_addresses"] == []
    assert plain["tunnels"][0]["virtual_addresses"] == ["172.16.1.254"]
    assert [(t["type"], t["port"]) for t in plain["tunnels"]] == [("ipip", None)]
    assert [(t["type"], t["port"]) for t in gue["tunnels"]] == [("gue", 6080)]
    assert gue["kernel_modules"] == ["fou", "ipip"]


def test_a_name_stands_for_the_address_of_the_virtual_servers_family(lvs_dr_ipv6: Any) -> None:
    assert needs(lvs_dr_ipv6, "rs1")["virtual_addresses"] == ["172.16.1.254", "2001:db8:1::254"]
    servers = _cluster.document(cluster_of(lvs_dr_ipv6), "drct1")["virtual_servers"]
    assert servers["web"]["real_servers"]["rs2"]["ip"] == "172.16.1.4"
    assert servers["web6"]["real_servers"]["rs2"]["ip"] == "2001:db8:1::4"


def test_a_host_of_one_family_serves_the_other_through_a_tunnel(lvs_dr_ipv6: Any) -> None:
    for host in ("rs1", "rs2"):
        del lvs_dr_ipv6.hostvars[host]["lvs_address6"]
    for each in lvs_dr_ipv6.everywhere("lvs_virtual_servers"):
        each["web6"]["lb_kind"] = "TUN"
    assert found(lvs_dr_ipv6) == []
    (tunnel,) = needs(lvs_dr_ipv6, "rs1")["tunnels"]
    assert (tunnel["address"], tunnel["family"]) == ("172.16.1.3", 6)


def test_a_firewall_mark_needs_its_addresses_said(lvs_dr: Any) -> None:
    for each in lvs_dr.everywhere("lvs_virtual_servers"):
        each["web"] |= {"fwmark": 7}
        del each["web"]["ip"], each["web"]["port"]
        for real in each["web"]["real_servers"].values():
            real["port"] = 80
    [warning] = [each for each in found(lvs_dr) if "lvs_fwmark_addresses" in each.message]
    assert warning.warning
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_fwmark_addresses"] = {7: ["172.16.1.254"]}
    assert needs(lvs_dr, "rs1")["virtual_addresses"] == ["172.16.1.254"]
    assert not [each for each in found(lvs_dr) if "lvs_fwmark_addresses" in each.message]


def test_a_director_that_is_a_real_server_has_its_needs_too(both_roles: Any) -> None:
    assert needs(both_roles, "drct2")["virtual_addresses"] == ["172.16.1.254"]


def no_sync_group(inventory: Any) -> None:
    for host in ("drct1", "drct2"):
        del inventory.hostvars[host]["lvs_vrrp_sync_groups"]


def far_away(inventory: Any) -> None:
    inventory.hostvars["rs1"]["lvs_address"] = "10.9.9.3"


def web(option: str, value: Any) -> Callable[[Any], None]:
    def spoil(inventory: Any) -> None:
        for each in inventory.everywhere("lvs_virtual_servers"):
            each["web"][option] = value

    return spoil


def two_gateways(inventory: Any) -> None:
    """A second virtual server whose addresses move by themselves."""
    for each in inventory.everywhere("lvs_vrrp_instances"):
        each["VI_3"] = {
            **each["VI_1"],
            "virtual_router_id": 53,
            "virtual_ipaddress": ["172.16.1.189/16"],
        }
        each["VI_4"] = {
            **each["VI_2"],
            "virtual_router_id": 54,
            "virtual_ipaddress": ["192.168.1.189/16"],
        }
    for host, priority in (("drct1", 90), ("drct2", 100)):
        values = inventory.hostvars[host]
        values["lvs_vrrp_sync_groups"]["VG_2"] = {"group": ["VI_3", "VI_4"]}
        for name in ("VI_3", "VI_4"):
            values["lvs_host"]["vrrp_instances"][name] = {"priority": priority}
        values["lvs_virtual_servers"]["other"] = {
            **values["lvs_virtual_servers"]["web"],
            "ip": "172.16.1.189",
        }


@pytest.mark.parametrize(
    ("spoil", "where", "message"),
    [
        (no_sync_group, "lvs_vrrp_instances.VI_2", "put them into one of vrrp_sync_groups"),
        (far_away, "web.real_servers.rs1", "no virtual address of drct1 is in the network of rs1"),
        (two_gateways, "other.real_servers.rs1", "would need 192.168.1.189 as its way back here"),
    ],
)
def test_nat_that_cannot_work_is_an_error(
    lvs_nat: Any, spoil: Callable[[Any], None], where: str, message: str
) -> None:
    spoil(lvs_nat)
    errors = [each for each in found(lvs_nat) if not each.warning]
    assert [e for e in errors if where in e.where and message in e.message], errors


def test_addresses_that_do_not_move_together_are_told_once(lvs_nat: Any) -> None:
    """However many real servers and directors there are: it is one mistake."""
    no_sync_group(lvs_nat)
    (error,) = [each for each in found(lvs_nat) if not each.warning]
    assert error.where == "group_vars: lvs_vrrp_instances.VI_2.virtual_ipaddress"


def test_a_way_back_that_somebody_else_sees_to_is_no_error(lvs_nat: Any) -> None:
    far_away(lvs_nat)
    lvs_nat.hostvars["rs1"]["lvs_nat_route"] = "none"
    assert [each for each in found(lvs_nat) if not each.warning] == []


def test_direct_routing_to_another_network_is_an_error(lvs_dr: Any) -> None:
    far_away(lvs_dr)
    errors = [each for each in found(lvs_dr) if not each.warning]
    assert errors
    assert all("direct routing cannot reach it; use lb_kind TUN" in e.message for e in errors)


def test_gre_with_and_without_checksum_to_one_host_is_an_error(lvs_tun: Any) -> None:
    for each in lvs_tun.everywhere("lvs_virtual_servers"):
        each["web"]["lb_kind"] = "TUN type gre"
        each["other"] = {**each["web"], "port": 81, "lb_kind": "TUN type gre csum"}
    errors = [each for each in found(lvs_tun) if not each.warning]
    assert {e.message.split(" gets ")[0] for e in errors if "GRE with checksum" in e.message} == {
        "rs1"
    }


def unfollowed(inventory: Any) -> None:
    for each in inventory.everywhere("lvs_global_defs"):
        each["lvs_sync_daemon"] = "eno16777736"


def apart(inventory: Any) -> None:
    for each in inventory.everywhere("lvs_vrrp_instances"):
        each["VI_2"] = {
            **each["VI_1"],
            "virtual_router_id": 82,
            "virtual_ipaddress": ["172.16.1.88/32"],
        }
    for host, priority in (("drct1", 90), ("drct2", 100)):
        own = inventory.hostvars[host]["lvs_host"]["vrrp_instances"]
        own["VI_2"] = {"priority": priority}
    web("ip", "172.16.1.88")(inventory)


def balancing_anyway(inventory: Any) -> None:
    for host in ("drct1", "drct2"):
        inventory.hostvars[host]["lvs_ipvs_sysctls"] = {"backup_only": 0}


@pytest.mark.parametrize(
    ("spoil", "where", "message"),
    [
        (unfollowed, "lvs_global_defs.lvs_sync_daemon", "drct1 is a director and a real server"),
        (apart, "lvs_virtual_servers.web", "lvs_sync_daemon follows VI_1"),
        (web("lb_kind", "NAT"), "web.real_servers.drct1", "with lb_kind DR only, not NAT"),
        (balancing_anyway, "lvs_ipvs_sysctls.backup_only", "must not be 0"),
    ],
)
def test_a_director_that_is_a_real_server_and_would_loop_is_an_error(
    both_roles: Any, spoil: Callable[[Any], None], where: str, message: str
) -> None:
    spoil(both_roles)
    errors = [each for each in found(both_roles) if not each.warning]
    assert [e for e in errors if where in e.where and message in e.message], errors


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lvs_nat_route", "services", "did you mean service?"),
        ("lvs_fwmark_addresses", ["172.16.1.254"], "write it as 7: [172.16.1.254]"),
        ("lvs_fwmark_addresses", {"seven": ["172.16.1.254"]}, "write it as 7: [172.16.1.254]"),
        ("lvs_ipvs_sysctls", {"expire_nodest": 1}, "did you mean expire_nodest_conn?"),
        ("lvs_address6", "172.16.1.7", "must be an IPv6 address"),
    ],
)
def test_the_variables_of_forwarding_are_checked(
    lvs_dr: Any, name: str, value: Any, message: str
) -> None:
    lvs_dr.hostvars["drct1"][name] = value
    errors = [each for each in found(lvs_dr) if not each.warning]
    assert [e for e in errors if name in e.where and message in e.message], errors


def test_a_director_tries_every_real_server_in_its_way(
    lvs_dr: Any, lvs_nat: Any, lvs_tun: Any, both_roles: Any
) -> None:
    def tried(inventory: Any) -> list[tuple[Any, ...]]:
        probes = _verification.probes(cluster_of(inventory), "drct1")
        return [(p["real_server"], p["kind"], p["virtual_address"], p["port"]) for p in probes]

    assert tried(lvs_dr) == [
        ("rs1", "DR", "172.16.1.254", 80),
        ("rs2", "DR", "172.16.1.254", 80),
    ]
    assert tried(lvs_tun)[1] == ("rs2", "TUN", "172.16.1.254", 80)
    assert tried(lvs_nat) == [
        ("rs1", "NAT", "172.16.1.188", 80),
        ("rs2", "NAT", "172.16.1.188", 80),
    ]
    # Not itself.
    assert tried(both_roles) == [("drct2", "DR", "172.16.1.254", 80)]


def test_a_document_is_read_once_however_many_real_servers_there_are(
    lvs_dr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    pools = _forwarding.pools
    monkeypatch.setattr(_forwarding, "pools", lambda document: read.append(1) or pools(document))
    cluster = cluster_of(lvs_dr)
    directors = _cluster.directors(cluster)
    for _ in range(50):
        for host in cluster.real_servers:
            assert list(_real_server.uses(directors, _cluster.addresses_of(cluster, host)))
    assert len(read) == len(directors)
