# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory variables to documents."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.filter import cluster as filters
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _document, _locate

from .conftest import REPOSITORY


def cluster_of(inventory: Any) -> _cluster.Cluster:
    return _cluster.collect(inventory.groups, inventory.hostvars)


def test_a_director_gets_what_the_group_says_with_its_own_values_over_it(lvs_dr: Any) -> None:
    document = _cluster.document(cluster_of(lvs_dr), "drct2")
    assert document["global_defs"] == {
        "vrrp_mcast_group4": "224.200.100.18",
        "router_id": "drct2",
    }
    instance = document["vrrp_instances"]["VI_1"]
    assert (instance["priority"], instance["virtual_router_id"]) == (90, 81)


def test_a_real_server_named_like_a_host_takes_the_hosts_address(lvs_dr: Any) -> None:
    real_servers = _cluster.document(cluster_of(lvs_dr), "drct1")["virtual_servers"]["web"][
        "real_servers"
    ]
    assert real_servers == {
        "rs1": {"ip": "172.16.1.3", "weight": 1},
        "rs2": {"ip": "172.16.1.4", "weight": 2},
    }


def test_an_address_of_its_own_wins_over_the_hosts() -> None:
    base = {"virtual_servers": {"web": {"real_servers": {"rs1": {"ip": "10.0.0.1"}}}}}
    merged = _document.merge_document(base, [], {"rs1": ["172.16.1.3"]})
    assert merged["virtual_servers"]["web"]["real_servers"]["rs1"]["ip"] == "10.0.0.1"


def test_merging_does_not_change_what_it_merges() -> None:
    base = {"virtual_servers": {"web": {"real_servers": {"rs1": None}}}}
    overlay = {"virtual_servers": {"web": {"port": 80}}}
    _document.merge_document(base, [overlay], {"rs1": ["10.0.0.1"]})
    assert base == {"virtual_servers": {"web": {"real_servers": {"rs1": None}}}}


def test_lists_are_replaced_and_null_removes() -> None:
    base = {"vrrp_instances": {"A": {"virtual_ipaddress": ["1.1.1.1", "2.2.2.2"]}, "B": {}}}
    overlay = {"vrrp_instances": {"A": {"virtual_ipaddress": ["3.3.3.3"]}, "B": None}}
    merged = _document.merge_document(base, [overlay], {})
    assert merged == {"vrrp_instances": {"A": {"virtual_ipaddress": ["3.3.3.3"]}}}


def test_the_roles_own_variable_goes_before_the_clusters(lvs_dr: Any) -> None:
    lvs_dr.hostvars["drct1"]["director_host"] = {"global_defs": {"router_id": "other"}}
    document = _cluster.document(cluster_of(lvs_dr), "drct1")
    assert document["global_defs"]["router_id"] == "other"


def test_a_real_server_answers_for_the_virtual_servers_that_name_it(lvs_dr: Any) -> None:
    cluster = cluster_of(lvs_dr)
    needs = _cluster.real_server_needs(cluster, "rs1")
    assert needs == {
        "virtual_addresses": ["172.16.1.254"],
        "tunnels": [],
        "gateways": [],
        "kernel_modules": [],
    }
    assert _cluster.real_server_needs(cluster, "drct1")["virtual_addresses"] == []


def test_the_master_of_more_instances_is_touched_last(two_instances: Any) -> None:
    assert _cluster.rolling_order(cluster_of(two_instances)) == ["drct1", "drct2"]
    own = two_instances.hostvars["drct1"]["lvs_host"]["vrrp_instances"]
    own["VI_2"]["priority"] = 120
    assert _cluster.rolling_order(cluster_of(two_instances)) == ["drct2", "drct1"]


def test_rolling_order_keeps_to_the_hosts_asked_for(two_instances: Any) -> None:
    assert _cluster.rolling_order(cluster_of(two_instances), ["drct2"]) == ["drct2"]


def test_kernel_modules_are_ipvs_and_the_schedulers_in_use() -> None:
    document = {"virtual_servers": {"a": {"lb_algo": "RR"}, "b": {}, "c": {"lb_algo": "rr"}}}
    assert _cluster.kernel_modules(document) == ["ip_vs", "ip_vs_rr", "ip_vs_wlc"]


def test_kernel_modules_are_none_without_ipvs() -> None:
    assert _cluster.kernel_modules({"vrrp_instances": {}}) == []
    daemon = {"global_defs": {"lvs_sync_daemon": "eth1"}}
    assert _cluster.kernel_modules(daemon) == ["ip_vs"]


def test_kernel_modules_of_vrrp_come_behind_those_of_ipvs() -> None:
    document = {"virtual_servers": {"a": {}}, "vrrp_instances": {"A": {"use_vmac": True}}}
    modules = ["ip_vs", "ip_vs_wlc", "macvlan", "nf_tables"]
    assert _cluster.kernel_modules(document) == modules


def test_interfaces_that_the_agent_makes_are_not_expected_on_the_host() -> None:
    document = {
        "vrrp_instances": {
            "A": {
                "interface": "eth0",
                "virtual_router_id": 51,
                "use_vmac": True,
                "virtual_ipaddress": ["10.0.0.9", "10.0.0.10 dev vrrp.51", "10.0.0.11 dev eth1"],
                "virtual_ipaddress_excluded": ["2001:db8::1 nodad dev eth2"],
            },
            "B": {"interface": "eth3", "use_vmac": "v0", "virtual_ipaddress": "fe80::9 dev v0"},
        },
        "static_ipaddress": ["10.1.0.1/24 dev eth4"],
    }
    assert _cluster.vrrp_interfaces(document) == ["eth0", "eth1", "eth2", "eth3", "eth4"]


def test_every_section_of_the_document_has_a_variable_of_the_role() -> None:
    variables = (REPOSITORY / "roles" / "director" / "vars" / "main.yml").read_text()
    for section in _cluster.SECTIONS:
        assert f"'{section}': director_{section}" in variables


def test_sections_that_nobody_uses_are_not_in_the_document(lvs_dr: Any) -> None:
    lvs_dr.hostvars["drct1"]["lvs_vrrp_scripts"] = {"chk": {"script": "/bin/true"}}
    lvs_dr.hostvars["drct1"]["lvs_static_routes"] = []
    document = _cluster.document(cluster_of(lvs_dr), "drct1")
    assert set(document) == {"global_defs", "vrrp_instances", "virtual_servers", "vrrp_scripts"}


def test_interfaces_are_those_of_instances_and_of_addresses(lvs_dr: Any) -> None:
    document = _cluster.document(cluster_of(lvs_dr), "drct1")
    instance = document["vrrp_instances"]["VI_1"]
    instance["virtual_ipaddress"] += [{"address": "10.0.0.1", "dev": "eth7"}]
    assert _cluster.vrrp_interfaces(document) == ["eno16777736", "eth7"]


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("vrrp_instances.VI_1.priority", "host_vars drct2: lvs_host.vrrp_instances.VI_1.priority"),
        ("vrrp_instances.VI_1.advert_int", "group_vars: lvs_vrrp_instances.VI_1.advert_int"),
        ("vrrp_instances.VI_1.absent", "group_vars: lvs_vrrp_instances.VI_1.absent"),
        (
            "virtual_servers.web.http_get[0].url",
            "group_vars: lvs_virtual_servers.web.http_get[0].url",
        ),
        ("", "drct2"),
    ],
)
def test_an_error_is_located_where_the_inventory_says_it(
    lvs_dr: Any, path: str, where: str
) -> None:
    assert _locate.locate(cluster_of(lvs_dr), "drct2", path) == where


def test_group_values_that_differ_between_directors_are_those_of_the_host(lvs_dr: Any) -> None:
    lvs_dr.hostvars["drct2"]["lvs_global_defs"] = {"vrrp_version": "4"}
    where = _locate.locate(cluster_of(lvs_dr), "drct2", "global_defs.vrrp_version")
    assert where == "host_vars drct2: lvs_global_defs.vrrp_version"


def test_names_with_dots_do_not_confuse_the_location() -> None:
    value = {"real_servers": {"172.16.1.3": {"weight": 1}, "172": {"x": 1}}}
    path = "real_servers.172.16.1.3.weight"
    assert _locate.matched(value, path) == len(path)


def test_plain_strips_ansibles_own_types() -> None:
    class Tagged(str):
        __slots__ = ("origin",)

    value = _cluster.plain({Tagged("a"): [Tagged("b"), 1, True, None, 1.5]})
    assert value == {"a": ["b", 1, True, None, 1.5]}
    assert all(type(each) is not Tagged for each in (*value, *value["a"]))


def test_a_host_has_to_do_with_the_directors_of_its_cluster(lvs_dr: Any) -> None:
    whole = cluster_of(lvs_dr)
    assert _cluster.directors_of(whole, "drct2") == ["drct1", "drct2"]
    assert _cluster.directors_of(whole, "rs1") == ["drct1", "drct2"]


def test_a_real_server_has_to_do_with_the_directors_that_have_it(lvs_dr: Any) -> None:
    lvs_dr.hostvars["drct1"]["lvs_cluster"] = "web"
    lvs_dr.hostvars["drct2"]["lvs_cluster"] = "mail"
    del lvs_dr.hostvars["drct2"]["lvs_virtual_servers"]["web"]["real_servers"]["rs1"]
    whole = cluster_of(lvs_dr)
    assert _cluster.directors_of(whole, "drct2") == ["drct2"]
    assert _cluster.directors_of(whole, "rs1") == ["drct1"]


def test_the_directors_of_a_director_are_known_without_looking_at_real_servers(
    lvs_dr: Any,
) -> None:
    for name in ("rs1", "rs2"):
        del lvs_dr.hostvars[name]
    assert filters.directors_of("drct2", lvs_dr.groups, lvs_dr.hostvars) == ["drct1", "drct2"]


def test_the_directors_of_a_real_server_are_known_without_looking_at_others(lvs_dr: Any) -> None:
    del lvs_dr.hostvars["rs2"]
    assert filters.directors_of("rs1", lvs_dr.groups, lvs_dr.hostvars) == ["drct1", "drct2"]
