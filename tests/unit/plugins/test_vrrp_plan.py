# SPDX-License-Identifier: GPL-3.0-or-later
"""What is derived of VRRP instances: priorities from the order, peers from the addresses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lvs.cluster.plugins.filter import cluster as filters
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _vrrp_plan

from .test_cluster_check import found

VIP = "172.16.1.254/32"


class Directors:
    """An inventory of `count` directors with one instance; each is `own` in its host_vars."""

    def __init__(self, count: int, **options: Any) -> None:
        names = [f"d{number}" for number in range(1, count + 1)]
        self.groups = {"lvs_directors": names, "lvs_real_servers": []}
        self.hostvars: dict[str, dict[str, Any]] = {
            name: {
                "lvs_address": f"172.16.{number // 200}.{number % 200 + 1}",
                "lvs_vrrp_instances": {
                    "VI_1": {
                        "interface": "eth0",
                        "virtual_router_id": 51,
                        "virtual_ipaddress": [VIP],
                        **options,
                    }
                },
            }
            for number, name in enumerate(names)
        }

    def own(self, director: str, **options: Any) -> None:
        self.hostvars[director]["lvs_host"] = {"vrrp_instances": {"VI_1": options}}

    def planned(self) -> dict[str, Any]:
        documents = _cluster.documents(_cluster.collect(self.groups, self.hostvars))
        return {name: each["vrrp_instances"]["VI_1"] for name, each in documents.items()}

    def priorities(self) -> list[int]:
        return [each["priority"] for each in self.planned().values()]


def test_priorities_follow_the_inventory_ten_apart() -> None:
    assert Directors(3, priority="auto").priorities() == [200, 190, 180]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 20, 21, 100, 199, 200, 201, 254])
def test_priorities_are_distinct_and_valid_for_any_number_of_directors(count: int) -> None:
    listed = [_vrrp_plan.priority(position, count) for position in range(count)]
    assert listed == sorted(set(listed), reverse=True)
    assert len(listed) == count
    assert listed[-1] >= 1
    assert listed[0] <= 254


def test_a_director_keeps_its_priority_when_others_come_after_it() -> None:
    assert Directors(20, priority="auto").priorities()[:2] == [200, 190]


def test_more_directors_than_priorities_are_an_error() -> None:
    with pytest.raises(ValueError, match="255 directors"):
        _vrrp_plan.priority(0, 255)


def test_an_instance_may_prefer_directors_in_an_order_of_its_own() -> None:
    preferring = Directors(3, priority_order=["d3"])
    assert preferring.priorities() == [190, 180, 200]
    assert "priority_order" not in preferring.planned()["d1"]


def test_a_host_may_say_its_priority_outright() -> None:
    mixed = Directors(2, priority="auto")
    mixed.own("d2", priority=250)
    assert mixed.priorities() == [200, 250]


def test_a_derived_priority_equal_to_one_said_outright_is_an_error() -> None:
    mixed = Directors(2, priority="auto")
    mixed.own("d2", priority=200)
    [error] = [each for each in found(mixed) if not each.warning]
    assert error.where == "host_vars d2: lvs_host.vrrp_instances.VI_1.priority"
    assert "d2 and d1 both have priority 200" in error.message


@pytest.mark.parametrize(
    ("order", "message"),
    [(["d7"], "d7 is no director of this cluster (d1, d2)"), ({"d1": 1}, "must be a list")],
)
def test_an_order_that_cannot_be_read_is_the_only_error(order: Any, message: str) -> None:
    wrong = [each for each in found(Directors(2, priority_order=order)) if not each.warning]
    assert {each.where for each in wrong} == {"group_vars: lvs_vrrp_instances.VI_1.priority_order"}
    assert message in wrong[0].message


def test_peers_are_the_other_directors_and_never_the_director_itself() -> None:
    planned = Directors(3, priority="auto", unicast_peer="auto").planned()
    assert planned["d1"]["unicast_src_ip"] == "172.16.0.1"
    assert planned["d1"]["unicast_peer"] == ["172.16.0.2", "172.16.0.3"]
    assert planned["d3"]["unicast_peer"] == ["172.16.0.1", "172.16.0.2"]


def test_a_peers_address_is_that_of_its_interface() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    inventory.hostvars["d2"]["lvs_interfaces"] = {
        "eth0": ["172.16.5.5/16"],
        "eth1": ["172.16.0.2/16"],
    }
    assert inventory.planned()["d1"]["unicast_peer"] == ["172.16.5.5"]


def test_an_address_that_may_be_on_another_interface_is_not_taken() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    for values in inventory.hostvars.values():
        values["lvs_vrrp_instances"]["VI_2"] = {
            "interface": "eth1",
            "virtual_router_id": 52,
            "priority": "auto",
            "virtual_ipaddress": ["192.168.1.1"],
        }
    [error] = [each for each in found(inventory) if "unicast_peer" in each.where]
    assert "no IPv4 address of d1, d2 is known on the interface of VI_1" in error.message
    assert "lvs_interfaces" in error.message


def test_peers_said_outright_may_be_on_another_network_than_the_cluster(lvs_nat: Any) -> None:
    for name, peer in (("drct1", "192.168.1.200"), ("drct2", "192.168.1.100")):
        del lvs_nat.hostvars[name]["lvs_interfaces"]
        own = lvs_nat.hostvars[name]["lvs_host"]["vrrp_instances"]["VI_2"]
        own["unicast_peer"] = [peer]
    assert [each for each in found(lvs_nat) if "unicast_peer" in each.where] == []


def test_a_source_said_outright_is_what_the_others_speak_to() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    inventory.own("d2", unicast_src_ip="172.16.9.9")
    planned = inventory.planned()
    assert planned["d1"]["unicast_peer"] == ["172.16.9.9"]
    assert planned["d2"]["unicast_src_ip"] == "172.16.9.9"


def test_an_ipv6_instance_has_ipv6_peers() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto", virtual_ipaddress=["fd00::9"])
    for number, name in enumerate(inventory.hostvars, 1):
        inventory.hostvars[name]["lvs_address6"] = f"fd00::{number}"
    assert inventory.planned()["d1"]["unicast_peer"] == ["fd00::2"]


def test_peers_derived_and_said_outright_must_name_each_other() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    inventory.own("d2", unicast_peer=["172.16.0.77"])
    [error] = [each for each in found(inventory) if not each.warning]
    assert error.where == "host_vars d2: lvs_host.vrrp_instances.VI_1.unicast_peer"
    assert "lacks 172.16.0.1, the unicast_src_ip of d1" in error.message


def test_a_director_without_an_address_is_named_and_nothing_else_is_said() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    del inventory.hostvars["d2"]["lvs_address"]
    wrong = [each for each in found(inventory) if not each.warning]
    assert {each.where for each in wrong} == {"group_vars: lvs_vrrp_instances.VI_1.unicast_peer"}
    assert "no IPv4 address of d2 is known on the interface of VI_1" in wrong[0].message


def test_an_instance_without_another_director_has_no_peers_which_is_an_error() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    inventory.hostvars["d2"]["lvs_vrrp_instances"] = {}
    [error] = [each for each in found(inventory) if not each.warning]
    assert "no other director has VI_1, so there is nobody to speak to" in error.message


def test_what_asks_for_nothing_is_left_as_it_is() -> None:
    draft = {"vrrp_instances": {"VI_1": {"priority": 100}, "odd": 3}}
    assert not _vrrp_plan.wanted(draft)
    assert _vrrp_plan.make({"d1": draft}, {}).derived == {}


# -- the filters -------------------------------------------------------------------------


class Lazy(dict[str, Any]):
    """Host variables that remember which of them somebody resolved."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.resolved: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.resolved.add(name)
        return super().__getitem__(name)


def document(inventory: Directors, director: str, hostvars: Any = None) -> Any:
    own = inventory.hostvars[director]
    return filters.director_document(
        {"vrrp_instances": own["lvs_vrrp_instances"]},
        [own.get("lvs_group"), own.get("lvs_host")],
        director=director,
        groups=inventory.groups,
        hostvars=inventory.hostvars if hostvars is None else hostvars,
    )


def test_the_role_gets_the_same_document_as_the_check() -> None:
    inventory = Directors(3, priority="auto", unicast_peer="auto")
    for director, instance in inventory.planned().items():
        assert document(inventory, director)["vrrp_instances"]["VI_1"] == instance


def test_a_document_without_auto_reads_no_variable_of_another_host() -> None:
    inventory = Directors(2, priority=7)
    lazy = {name: Lazy(values) for name, values in inventory.hostvars.items()}
    document(inventory, "d1", lazy)
    assert [each.resolved for each in lazy.values()] == [set(), set()]


def test_a_plan_reads_only_what_it_needs_of_other_hosts() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    lazy = {name: Lazy(values) for name, values in inventory.hostvars.items()}
    lazy["d2"]["lvs_virtual_servers"] = {"web": {}}
    document(inventory, "d1", lazy)
    assert lazy["d2"].resolved == {"lvs_address", "lvs_vrrp_instances"}


def test_the_role_fails_where_something_cannot_be_derived() -> None:
    inventory = Directors(2, priority="auto", unicast_peer="auto")
    del inventory.hostvars["d2"]["lvs_address"]
    with pytest.raises(AnsibleFilterError, match=r"unicast_peer: auto: no IPv4 address of d2"):
        document(inventory, "d1")


def test_the_plan_shows_every_director_and_no_password() -> None:
    inventory = Directors(
        2, priority="auto", authentication={"auth_type": "PASS", "auth_pass": "s3cret"}
    )
    plan = filters.vrrp_plan(inventory.groups, inventory.hostvars)
    assert plan == {
        "directors": {
            name: {
                "VI_1": {
                    "interface": "eth0",
                    "virtual_router_id": 51,
                    "priority": priority,
                    "virtual_ipaddress": [VIP],
                }
            }
            for name, priority in (("d1", 200), ("d2", 190))
        },
        "conflicts": [],
    }


def test_the_plan_lists_conflicts_with_their_place() -> None:
    inventory = Directors(2, priority=100)
    [conflict] = filters.vrrp_plan(inventory.groups, inventory.hostvars)["conflicts"]
    assert conflict["where"] == "group_vars: lvs_vrrp_instances.VI_1.priority"
    assert "say `priority: auto`" in conflict["message"]
