# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong inventories: each slip gives its error, with the place, and no other error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.action import cluster_check
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _problem

from . import conftest


def found(inventory: Any) -> list[_problem.Problem]:
    """All but the warning about PASS, which the examples have from the article they follow."""
    everything = cluster_check.problems(_cluster.collect(inventory.groups, inventory.hostvars))
    return [each for each in everything if "PASS is readable" not in each.message]


@pytest.mark.parametrize(
    "name", sorted(each.name for each in (conftest.REPOSITORY / "playbooks/inventories").iterdir())
)
def test_the_example_inventories_are_without_fault(name: str) -> None:
    assert found(conftest.Inventory(name)) == []


def instances(inventory: Any) -> list[Any]:
    return inventory.everywhere("lvs_vrrp_instances")


def own(inventory: Any, host: str) -> Any:
    return inventory.hostvars[host]["lvs_host"]


def vrid_of_another(inventory: Any) -> None:
    own(inventory, "drct1")["vrrp_instances"]["VI_3"] = {
        **instances(inventory)[0]["VI_1"],
        "virtual_router_id": 90,
        "priority": 10,
        "virtual_ipaddress": ["172.16.1.70"],
    }
    own(inventory, "drct2")["vrrp_instances"]["VI_4"] = {
        **instances(inventory)[0]["VI_1"],
        "virtual_router_id": 90,
        "priority": 10,
        "virtual_ipaddress": ["172.16.1.71"],
    }


def set_everywhere(instance: str, option: str, value: Any) -> Callable[[Any], None]:
    def spoil(inventory: Any) -> None:
        for each in instances(inventory):
            each[instance][option] = value

    return spoil


def set_own(host: str, instance: str, option: str, value: Any) -> Callable[[Any], None]:
    def spoil(inventory: Any) -> None:
        own(inventory, host)["vrrp_instances"][instance][option] = value

    return spoil


def set_variable(host: str, name: str, value: Any) -> Callable[[Any], None]:
    def spoil(inventory: Any) -> None:
        inventory.hostvars[host][name] = value

    return spoil


def set_web(option: str, value: Any) -> Callable[[Any], None]:
    def spoil(inventory: Any) -> None:
        for each in inventory.everywhere("lvs_virtual_servers"):
            each["web"][option] = value

    return spoil


def stray_real_server(inventory: Any) -> None:
    for each in inventory.everywhere("lvs_virtual_servers"):
        each["web"]["real_servers"]["stray"] = {"ip": "172.16.1.77"}


def misspelt_real_server(inventory: Any) -> None:
    for each in inventory.everywhere("lvs_virtual_servers"):
        each["web"]["real_servers"]["rs22"] = {"weight": 1}


def director_and_real_server(inventory: Any) -> None:
    inventory.groups["lvs_real_servers"].append("drct1")
    for each in inventory.everywhere("lvs_virtual_servers"):
        each["web"]["real_servers"]["drct1"] = {"weight": 1}


V1 = "lvs_vrrp_instances.VI_1"
CASES: list[tuple[Callable[[Any], None], str, str]] = [
    (vrid_of_another, "drct2: lvs_host.vrrp_instances.VI_4.virtual_router_id", "VI_3 on drct1"),
    (set_everywhere("VI_1", "advert_intt", 1), f"group_vars: {V1}.advert_intt", "advert_int?"),
    (set_everywhere("VI_1", "advert_int", "soon"), f"{V1}.advert_int", "number of seconds"),
    (set_everywhere("VI_1", "virtual_router_id", 256), f"{V1}.virtual_router_id", "1 to 255"),
    (
        set_everywhere("VI_1", "virtual_ipaddress", ["10.1.1.1", "172.16.1.254"]),
        f"{V1}.virtual_ipaddress[0]",
        "outside the networks of eno16777736",
    ),
    (
        set_everywhere("VI_1", "interface", "eno16777735"),
        f"{V1}.interface",
        "did you mean eno16777736?",
    ),
    (set_own("drct2", "VI_1", "priority", 100), "drct2: lvs_host", "both have priority 100"),
    (set_own("drct2", "VI_1", "advert_int", 2), "VI_1.advert_int", "must be the same"),
    (set_own("drct2", "VI_1", "virtual_router_id", 82), "virtual_router_id", "must be the same"),
    (set_own("drct2", "VI_1", "virtual_ipaddress", ["172.16.1.99", "172.16.1.254", "172.16.1.8"]),
     "VI_1.virtual_ipaddress", "must be the same"),
    (set_variable("drct2", "lvs_virtual_server", {}), "lvs_virtual_server", "lvs_virtual_servers?"),
    (set_variable("drct2", "lvs_host", []), "host_vars drct2: lvs_host", "must be a mapping"),
    (set_variable("drct2", "lvs_interfaces", {"eth0": 1}), "lvs_interfaces.eth0", "must be a list"),
    (set_variable("rs2", "lvs_address", "172.16.1.3"), "rs2: lvs_address", "already that of rs1"),
    (set_variable("rs2", "lvs_address", "172.16.1.x"), "rs2: lvs_address", "an IP address"),
    (set_web("ip", "172.16.1.253"), "web.ip", "no address of drct1"),
    (
        set_variable("drct2", "lvs_unmanaged_virtual_addresses", ["172.16.1"]),
        "lvs_unmanaged_virtual_addresses[0]",
        "must be an IP address",
    ),
    (set_web("lb_algo", "rrr"), "lvs_virtual_servers.web.lb_algo", "did you mean rr?"),
    (set_web("delay_lop", 3), "lvs_virtual_servers.web.delay_lop", "did you mean delay_loop?"),
    (stray_real_server, "web.real_servers.stray.ip", "lvs_unmanaged_real_servers"),
    (misspelt_real_server, "web.real_servers.rs22", "did you mean rs2?"),
    (director_and_real_server, "lvs_sync_daemon", "drct1 is a director and a real server"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "where", "message"), CASES)
def test_a_wrong_inventory_gives_its_error_with_its_place(
    lvs_dr: Any, spoil: Callable[[Any], None], where: str, message: str
) -> None:
    spoil(lvs_dr)
    errors = [each for each in found(lvs_dr) if not each.warning]
    assert [e for e in errors if where in e.where and message in e.message], errors


def test_every_error_is_in_one_list(lvs_dr: Any) -> None:
    for spoil, _, _ in (CASES[1], CASES[6], CASES[10], CASES[16], CASES[18]):
        spoil(lvs_dr)
    errors = [each for each in found(lvs_dr) if not each.warning]
    assert len(errors) == 5
    text = _problem.text(errors)
    assert text.startswith("The inventory has 5 errors. Nothing was changed on any host.\n  1. ")


def test_a_missing_group_is_an_error() -> None:
    problems = cluster_check.problems(_cluster.collect({}, {}))
    assert [each.message for each in problems] == ["the group lvs_directors has no hosts"]


def test_an_instance_on_one_director_only_is_a_warning(lvs_dr: Any) -> None:
    own(lvs_dr, "drct2")["vrrp_instances"]["VI_2"] = None
    [warning] = found(lvs_dr)
    assert warning.warning
    assert "no other director can take over" in warning.message


def test_the_same_vrid_on_separate_networks_is_fine(lvs_dr: Any) -> None:
    vrid_of_another(lvs_dr)
    for host, network in (("drct1", "10.1.0.1/24"), ("drct2", "10.2.0.1/24")):
        lvs_dr.hostvars[host]["lvs_interfaces"]["eth1"] = [network]
    drct1 = own(lvs_dr, "drct1")["vrrp_instances"]["VI_3"]
    drct2 = own(lvs_dr, "drct2")["vrrp_instances"]["VI_4"]
    drct1 |= {"interface": "eth1", "virtual_ipaddress": ["10.1.0.9"]}
    drct2 |= {"interface": "eth1", "virtual_ipaddress": ["10.2.0.9"]}
    assert [each for each in found(lvs_dr) if not each.warning] == []


def test_an_unmanaged_real_server_is_accepted_when_listed(lvs_dr: Any) -> None:
    stray_real_server(lvs_dr)
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_unmanaged_real_servers"] = ["172.16.1.77"]
    assert found(lvs_dr) == []


def test_an_address_that_something_else_brings_is_a_warning_and_not_an_error(lvs_dr: Any) -> None:
    set_web("ip", "172.16.1.253")(lvs_dr)
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_unmanaged_virtual_addresses"] = ["172.16.1.253"]
    (warning,) = found(lvs_dr)
    assert warning.warning
    assert warning.where == "group_vars: lvs_unmanaged_virtual_addresses"
    assert warning.message.startswith("no VRRP instance has 172.16.1.253: nothing here brings it")


def test_an_address_is_listed_in_vain_where_the_director_has_it(lvs_dr: Any) -> None:
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_unmanaged_virtual_addresses"] = ["172.16.1.254"]
    assert found(lvs_dr) == []


def test_passwords_are_not_in_the_errors(lvs_dr: Any) -> None:
    own(lvs_dr, "drct2")["vrrp_instances"]["VI_1"]["authentication"] = {
        "auth_type": "PASS",
        "auth_pass": "s3cr3t!!",
    }
    text = "\n".join(map(str, found(lvs_dr)))
    assert "authentication" in text
    assert "s3cr3t" not in text
    assert "zrs66zrs" not in text


def peers(inventory: Any, drct1: list[str], drct2: list[str]) -> None:
    for host, address, listed in (
        ("drct1", "172.16.1.9", drct1),
        ("drct2", "172.16.1.2", drct2),
    ):
        own(inventory, host)["vrrp_instances"]["VI_1"] |= {
            "unicast_src_ip": address,
            "unicast_peer": listed,
        }


def test_unicast_peers_that_list_each_other_are_fine(lvs_dr: Any) -> None:
    peers(lvs_dr, ["172.16.1.2 min_ttl 255"], ["172.16.1.9"])
    assert found(lvs_dr) == []


def test_a_director_that_is_not_in_the_peers_of_another_is_an_error(lvs_dr: Any) -> None:
    peers(lvs_dr, ["172.16.1.7"], ["172.16.1.9"])
    [error] = found(lvs_dr)
    assert not error.warning
    assert error.where == "host_vars drct1: lvs_host.vrrp_instances.VI_1.unicast_peer"
    assert "lacks 172.16.1.2, the unicast_src_ip of drct2" in error.message


def test_unicast_on_one_director_and_multicast_on_the_other_is_an_error(lvs_dr: Any) -> None:
    own(lvs_dr, "drct2")["vrrp_instances"]["VI_1"]["unicast_peer"] = ["172.16.1.9"]
    [error] = found(lvs_dr)
    assert "must be the same" in error.message
    assert "(unicast and 224.200.100.18)" in error.message


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("use_vmac", True, "MAC address changes at each takeover"),
        ("nopreempt", True, "differ in nopreempt"),
    ],
)
def test_what_directors_should_share_is_a_warning(
    lvs_dr: Any, option: str, value: Any, words: str
) -> None:
    own(lvs_dr, "drct2")["vrrp_instances"]["VI_2"][option] = value
    warnings = [each for each in found(lvs_dr) if words in each.message]
    assert [each.warning for each in warnings] == [True]


@pytest.mark.parametrize(
    ("use", "weight", "warned"),
    [
        ("chk", -5, True),
        ("chk", -11, False),
        ("chk weight 10", 0, True),
        ({"name": "chk", "weight": 11}, -1, False),
        ("chk", 0, False),
    ],
)
def test_a_weight_that_moves_nothing_is_a_warning(
    lvs_dr: Any, use: Any, weight: int, warned: bool
) -> None:
    """drct1 has priority 100 and drct2 90."""
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_vrrp_scripts"] = {
            "chk": {"script": "/bin/true", "weight": weight}
        }
    set_everywhere("VI_1", "track_script", [use])(lvs_dr)
    assert bool(found(lvs_dr)) is warned
    if warned:
        [warning] = found(lvs_dr)
        assert warning.where == "group_vars: lvs_vrrp_instances.VI_1.track_script[0]"
        assert "make the weight larger than 10" in warning.message


def test_the_agents_warnings_come_with_their_place_in_the_inventory(lvs_dr: Any) -> None:
    set_everywhere("VI_1", "advert_int", 0.05)(lvs_dr)
    set_everywhere("VI_1", "version", 3)(lvs_dr)
    set_everywhere("VI_1", "authentication", None)(lvs_dr)
    for each in instances(lvs_dr):
        del each["VI_1"]["authentication"]
    [warning] = found(lvs_dr)
    assert warning.warning
    assert warning.where == "group_vars: lvs_vrrp_instances.VI_1.advert_int"


def two_unicast_instances_of_one_vrid(inventory: Any, peer: str) -> None:
    """VI_3 of drct1 has the peer 172.16.1.77, VI_4 of drct2 has `peer`."""
    vrid_of_another(inventory)
    for host, name, other in (("drct1", "VI_3", "172.16.1.77"), ("drct2", "VI_4", peer)):
        own(inventory, host)["vrrp_instances"][name]["unicast_peer"] = [other]


def test_unicast_instances_may_share_a_vrid_where_they_never_meet(lvs_dr: Any) -> None:
    two_unicast_instances_of_one_vrid(lvs_dr, "172.16.1.78")
    assert [each for each in found(lvs_dr) if not each.warning] == []


def test_a_vrid_that_a_peer_uses_for_something_else_is_an_error(lvs_dr: Any) -> None:
    drct1 = lvs_dr.hostvars["drct1"]["lvs_interfaces"]["eno16777736"][0]
    two_unicast_instances_of_one_vrid(lvs_dr, drct1.partition("/")[0])
    (error,) = [each for each in found(lvs_dr) if not each.warning]
    assert error.where == "host_vars drct2: lvs_host.vrrp_instances.VI_4.virtual_router_id"
    assert "90 is already that of VI_3 on drct1" in error.message


def ipv6(inventory: Any, networks: list[str]) -> None:
    for host in ("drct1", "drct2"):
        inventory.hostvars[host]["lvs_interfaces"]["eno16777736"] += networks
    for each in instances(inventory):
        each["VI_6"] = {
            "interface": "eno16777736",
            "virtual_router_id": 81,  # as VI_1: another family
            "virtual_ipaddress": ["fe80::81/64", "2001:db8::81/64"],
        }
    for host, priority in (("drct1", 100), ("drct2", 90)):
        own(inventory, host)["vrrp_instances"]["VI_6"] = {"priority": priority}


def test_an_ipv6_instance_beside_one_of_ipv4_is_fine(lvs_dr: Any) -> None:
    ipv6(lvs_dr, [])
    assert found(lvs_dr) == []


def test_an_ipv6_address_outside_the_declared_networks_is_an_error(lvs_dr: Any) -> None:
    ipv6(lvs_dr, ["2001:db8:1::1/64"])
    errors = [each for each in found(lvs_dr) if not each.warning]
    assert ["2001:db8::81 is outside" in each.message for each in errors] == [True] * 2


def test_options_of_the_new_variables_are_located(lvs_dr: Any) -> None:
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_vrrp_scripts"] = {"chk": {"script": "nginx -t"}}
        lvs_dr.hostvars[host]["lvs_static_routes"] = ["default"]
    places = {each.where for each in found(lvs_dr) if not each.warning}
    assert places == {"group_vars: lvs_vrrp_scripts.chk.script"}  # values first, then rules
    for host in ("drct1", "drct2"):
        del lvs_dr.hostvars[host]["lvs_vrrp_scripts"]
    places = {each.where for each in found(lvs_dr) if not each.warning}
    assert places == {"group_vars: lvs_static_routes[0]"}


def test_a_sync_group_that_directors_do_not_share_is_a_warning(lvs_dr: Any) -> None:
    both = {"G": {"group": ["VI_1", "VI_2"], "sync_group_tracking_weight": True}}
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_vrrp_sync_groups"] = both
    shared = [each for each in found(lvs_dr) if "different directors" in each.message]
    assert shared == []
    own(lvs_dr, "drct2")["vrrp_sync_groups"] = {"G": None}
    [warning] = [each for each in found(lvs_dr) if "different directors" in each.message]
    assert warning.warning
    assert "does not exist on drct2 and binds VI_1, VI_2 on drct1" in warning.message
