# SPDX-License-Identifier: GPL-3.0-or-later
"""Several clusters in one inventory: each by itself, and what two of them must not both use."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.filter import cluster as filters
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _problem

from .conftest import Inventory
from .test_cluster_check import found

WEB, MAIL = ("web-lb1", "web-lb2"), ("mail-lb1", "mail-lb2")


@pytest.fixture
def both() -> Inventory:
    return Inventory("several_clusters")


def errors(inventory: Inventory) -> list[_problem.Problem]:
    return [each for each in found(inventory) if not each.warning]


def in_all(inventory: Inventory, hosts: tuple[str, ...], name: str, value: Any) -> None:
    for host in hosts:
        inventory.hostvars[host][name] = value


def instance(inventory: Inventory, hosts: tuple[str, ...], **options: Any) -> None:
    for host in hosts:
        inventory.hostvars[host]["lvs_group"]["vrrp_instances"]["VI_1"] |= options


def test_each_cluster_has_its_own_directors_and_real_servers(both: Inventory) -> None:
    clusters = _cluster.clusters(_cluster.collect(both.groups, both.hostvars))
    assert [(each.name, each.directors, each.real_servers) for each in clusters] == [
        ("web", WEB, ("web1", "web2")),
        ("mail", MAIL, ("mail1", "mail2")),
    ]


def test_the_groups_part_is_merged_over_what_all_directors_share(both: Inventory) -> None:
    web, _ = _cluster.clusters(_cluster.collect(both.groups, both.hostvars))
    assert _cluster.document(web, "web-lb2")["vrrp_instances"]["VI_1"] == {
        "interface": "eth0",
        "priority": 190,
        "virtual_router_id": 51,
        "virtual_ipaddress": ["192.0.2.80/24"],
    }


def test_the_hosts_part_is_merged_over_the_groups(both: Inventory) -> None:
    both.hostvars["web-lb2"]["lvs_host"] = {"vrrp_instances": {"VI_1": {"virtual_router_id": 9}}}
    web, _ = _cluster.clusters(_cluster.collect(both.groups, both.hostvars))
    document = _cluster.document(web, "web-lb2")
    assert document["vrrp_instances"]["VI_1"]["virtual_router_id"] == 9


def test_priorities_and_peers_stay_within_a_cluster(both: Inventory) -> None:
    for host in (*WEB, *MAIL):
        both.hostvars[host]["lvs_vrrp_instances"]["VI_1"]["unicast_peer"] = "auto"
    plan = filters.vrrp_plan(both.groups, both.hostvars)
    assert plan["conflicts"] == []
    shown = {name: each["VI_1"] for name, each in plan["directors"].items()}
    assert [each["priority"] for each in shown.values()] == [200, 190, 200, 190]
    assert [each["unicast_peer"] for each in shown.values()] == [
        ["192.0.2.12"],
        ["192.0.2.11"],
        ["192.0.2.14"],
        ["192.0.2.13"],
    ]


def test_a_real_server_is_prepared_for_its_own_cluster_only(both: Inventory) -> None:
    needs = filters.real_server_needs("mail1", both.groups, both.hostvars)
    assert needs["virtual_addresses"] == ["192.0.2.25"]


def test_a_real_server_that_names_no_cluster_is_prepared_for_all(both: Inventory) -> None:
    del both.hostvars["mail1"]["lvs_cluster"]
    for host in WEB:
        both.hostvars[host]["lvs_group"]["virtual_servers"]["web"]["real_servers"]["mail1"] = {}
    assert errors(both) == []
    needs = filters.real_server_needs("mail1", both.groups, both.hostvars)
    assert needs["virtual_addresses"] == ["192.0.2.80", "192.0.2.25"]


def test_one_cluster_is_touched_after_the_other_backups_first(both: Inventory) -> None:
    order = filters.rolling_order(both.groups["lvs_directors"], both.groups, both.hostvars)
    assert order == ["web-lb2", "web-lb1", "mail-lb2", "mail-lb1"]


def test_an_error_names_its_cluster(both: Inventory) -> None:
    instance(both, MAIL, advert_intt=1)
    [error] = errors(both)
    where = "group_vars of cluster mail: lvs_group.vrrp_instances.VI_1.advert_intt"
    assert error.where == where


def test_a_vrid_of_another_cluster_on_the_same_network_is_an_error(both: Inventory) -> None:
    instance(both, MAIL, virtual_router_id=51)
    error = errors(both)[0]
    assert "group_vars of cluster mail" in error.where
    assert "51 is already that of VI_1 on web-lb1, on the same network, in cluster web" in str(
        error
    )


def test_a_virtual_address_of_another_cluster_is_an_error(both: Inventory) -> None:
    instance(both, MAIL, virtual_ipaddress=["192.0.2.25/24", "192.0.2.80/24"])
    error = errors(both)[0]
    assert error.where.endswith("VI_1.virtual_ipaddress[1]")
    assert "192.0.2.80 is already a virtual address of VI_1 on web-lb1, in cluster web" in str(
        error
    )


def test_isolated_clusters_may_use_the_same_numbers(both: Inventory) -> None:
    instance(both, MAIL, virtual_router_id=51)
    in_all(both, MAIL, "lvs_isolated", True)
    both.hostvars["mail1"]["lvs_address"] = "192.0.2.21"
    assert errors(both) == []


def test_an_address_of_a_host_in_another_cluster_is_an_error(both: Inventory) -> None:
    both.hostvars["mail1"]["lvs_address"] = "192.0.2.21"
    [error] = errors(both)
    assert error.where == "host_vars mail1: lvs_address"
    assert "192.0.2.21 is already that of web1, in cluster web" in error.message


def test_a_director_must_name_its_cluster_where_others_do(both: Inventory) -> None:
    del both.hostvars["web-lb2"]["lvs_cluster"]
    message = "is required: other directors name their cluster (web, mail)"
    assert ("host_vars web-lb2: lvs_cluster", message) in [
        (each.where, each.message) for each in errors(both)
    ]


def test_a_real_server_in_a_cluster_without_directors_is_an_error(both: Inventory) -> None:
    both.hostvars["mail2"]["lvs_cluster"] = "mial"
    where, message = "host_vars mail2: lvs_cluster", "no director is in cluster mial"
    assert [each for each in errors(both) if each.where == where and message in each.message]
    assert any("did you mean mail?" in each.message for each in errors(both))


def test_a_real_server_of_another_cluster_cannot_be_named(both: Inventory) -> None:
    for host in MAIL:
        both.hostvars[host]["lvs_group"]["virtual_servers"]["smtp"]["real_servers"] |= {"web1": {}}
    error = errors(both)[0]
    assert error.where.endswith("virtual_servers.smtp.real_servers.web1")
    assert (
        "web1 is no host with an lvs_address in lvs_real_servers of cluster mail" in error.message
    )


def test_one_named_cluster_is_as_one_without_a_name(both: Inventory) -> None:
    both.groups["lvs_directors"] = list(WEB)
    both.groups["lvs_real_servers"] = ["web1", "web2"]
    assert found(both) == []


def test_instances_of_a_host_that_replace_the_groups_are_explained(lvs_dr: Any) -> None:
    lvs_dr.hostvars["drct2"]["lvs_vrrp_instances"] = {"VI_1": {"priority": 90}}
    told = [each for each in errors(lvs_dr) if each.where.startswith("host_vars drct2: lvs_vrrp")]
    hint = "what differs on drct2 belongs into lvs_host.vrrp_instances"
    assert [each for each in told if hint in each.message and "interface" in each.where], told
