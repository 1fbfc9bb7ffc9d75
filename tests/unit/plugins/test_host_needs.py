# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document needs of the host: users for scripts, sight of processes, kernel modules."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _host_needs, _real_server


@pytest.mark.parametrize(
    ("document", "users"),
    [
        ({}, []),
        ({"global_defs": {"script_user": "web"}}, ["web"]),
        ({"global_defs": {"script_user": "web www-data"}}, ["web"]),
        ({"global_defs": {"script_user": "web:www-data"}}, ["web"]),
        ({"global_defs": {"script_user": "lvs-agent"}}, []),
        ({"global_defs": {"script_user": "lvs-agent:lvs-agent"}}, []),
        ({"global_defs": {"script_user": "lvs-agent:www-data"}}, ["lvs-agent"]),
        (
            {
                "global_defs": {"script_user": "web"},
                "vrrp_scripts": {"a": {"user": "probe"}, "b": {"user": "web"}, "c": {}},
            },
            ["probe", "web"],
        ),
        (
            {
                "global_defs": {"script_user": "web"},
                "virtual_servers": {
                    "v": {
                        "misc_check": {"misc_path": "/bin/true", "user": "a"},
                        "real_servers": {
                            "one": {"misc_check": [{"user": "b:mail"}, {"user": "lvs-agent"}]},
                            "two": {"misc_check": True, "tcp_check": {"user": "x"}},
                        },
                        "sorry_server": [{"misc_check": {"user": "c"}}],
                    },
                },
            },
            ["a", "b", "c", "web"],
        ),
        # What the checker refuses must not fail here: the user is to see its words.
        ({"global_defs": None, "vrrp_scripts": {"a": None, "b": {"user": 7}}}, []),
        ({"global_defs": {"script_user": ""}, "vrrp_scripts": ["a"]}, []),
    ],
)
def test_script_users_are_those_other_than_the_agents_own(
    document: dict[str, Any], users: list[str]
) -> None:
    assert _host_needs.script_users(document) == users


def test_processes_are_to_be_seen_only_when_some_are_tracked() -> None:
    assert _host_needs.tracks_processes({"vrrp_track_processes": {"nginx": {"process": "nginx"}}})
    assert not _host_needs.tracks_processes({"vrrp_track_processes": {}})
    assert not _host_needs.tracks_processes({})


@pytest.mark.parametrize(
    ("global_defs", "limits"),
    [
        ({}, {"LimitRTPRIO": "50"}),
        ({"vrrp_rt_priority": 20, "vrrp_priority": 5}, {"LimitRTPRIO": "50"}),
        ({"vrrp_rt_priority": 60, "max_auto_priority": 70}, {"LimitRTPRIO": "70"}),
        ({"max_auto_priority": -1}, {"LimitRTPRIO": "50"}),
        (
            {"vrrp_priority": -5, "vrrp_no_swap": True},
            {"LimitRTPRIO": "50", "LimitNICE": "-5", "LimitMEMLOCK": "infinity"},
        ),
        # What the checker refuses must not fail here.
        ({"vrrp_rt_priority": "x", "vrrp_priority": True}, {"LimitRTPRIO": "50"}),
    ],
)
def test_unit_allows_what_the_scheduling_needs_and_no_more(
    global_defs: dict[str, Any], limits: dict[str, str]
) -> None:
    assert _host_needs.process_limits({"global_defs": global_defs}) == limits


BOTH = ["macvlan", "nf_tables"]


@pytest.mark.parametrize(
    ("instance", "modules"),
    [
        ({}, []),
        ({"accept": True}, []),
        ({"use_vmac": False, "no_accept": False}, []),
        ({"use_vmac": True}, BOTH),
        ({"use_vmac": "vrrp.51"}, BOTH),
        ({"use_vmac": {}}, BOTH),
        ({"no_accept": True}, ["nf_tables"]),
        ({"accept": False}, ["nf_tables"]),
        ({"strict_mode": True}, ["nf_tables"]),
        ({"strict_mode": True, "accept": True}, []),
    ],
)
def test_modules_of_an_instance(instance: dict[str, Any], modules: list[str]) -> None:
    assert _host_needs.vrrp_modules({"vrrp_instances": {"A": {}, "B": instance}}) == modules


def test_strictness_of_all_closes_the_instances_that_do_not_say_otherwise() -> None:
    strict = {"global_defs": {"vrrp_strict": True}}
    assert _host_needs.vrrp_modules({**strict, "vrrp_instances": {"A": {}}}) == ["nf_tables"]
    lax = {"A": {"strict_mode": False}}
    assert _host_needs.vrrp_modules({**strict, "vrrp_instances": lax}) == []


def director(lb_kind: str, *addresses: str, own: str = "10.0.0.9") -> _real_server.Director:
    real_servers = {f"rs{index}": {"ip": each} for index, each in enumerate(addresses)}
    server = {"ip": "10.0.0.1", "port": 80, "lb_kind": lb_kind, "real_servers": real_servers}
    return _real_server.Director(
        name="d",
        document={
            "vrrp_instances": {"V": {"interface": "eth0.5"}},
            "virtual_servers": {"web": server},
        },
        interfaces={},
        own=frozenset([ipaddress.ip_address(own)]),
    )


IPVS = {
    "net.ipv4.vs.conn_reuse_mode": "1",
    "net.ipv4.vs.expire_nodest_conn": "1",
    "net.ipv4.vs.expire_quiescent_template": "1",
}
ROUTER = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.eth0/5.send_redirects": "0",
}


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        (director("DR", "10.0.0.2"), IPVS),
        (director("TUN", "10.0.0.2"), IPVS),
        (director("NAT", "10.0.0.2"), {**IPVS, **ROUTER}),
        (director("NAT", "2001:db8::2"), {**IPVS, "net.ipv6.conf.all.forwarding": "1"}),
        # A server on the director itself needs no router.
        (director("NAT", "127.0.0.1"), IPVS),
        (director("DR", "10.0.0.9"), {**IPVS, "net.ipv4.vs.backup_only": "1"}),
    ],
)
def test_kernel_parameters_follow_from_the_forwarding_method(
    of: _real_server.Director, wanted: dict[str, str]
) -> None:
    assert _host_needs.sysctls(of, {}, {}) == wanted


def test_the_inventory_goes_before_the_usual_kernel_parameters() -> None:
    found = _host_needs.sysctls(
        director("DR", "10.0.0.2"), {"expire_nodest_conn": False, "sloppy_tcp": 1}, {"kernel.x": 3}
    )
    assert found["net.ipv4.vs.expire_nodest_conn"] == "0"
    assert found["net.ipv4.vs.sloppy_tcp"] == "1"
    assert found["kernel.x"] == "3"


def test_a_director_without_virtual_servers_sets_nothing_of_ipvs() -> None:
    idle = _real_server.Director(name="d", document={}, interfaces={}, own=frozenset())
    assert _host_needs.sysctls(idle, {"sloppy_tcp": 1}, {}) == {}


@pytest.mark.parametrize(
    ("server", "pings"),
    [
        ({}, False),
        ({"ping_check": None}, False),
        ({"ping_check": []}, False),
        ({"tcp_check": {}}, False),
        ({"ping_check": {}}, True),
        ({"ping_check": [{"retry": 1}]}, True),
        ({"real_servers": {"a": {"tcp_check": {}}, "b": {"ping_check": {}}}}, True),
        ({"real_servers": {"a": {"ip": "10.0.0.2"}, "b": None}}, False),
        ({"sorry_server": {"ip": "10.0.0.3", "ping_check": {}}}, True),
        ({"sorry_server": [{"ip": "10.0.0.3"}, {"ip": "10.0.0.4", "ping_check": {}}]}, True),
        ({"sorry_server": [None, "x"]}, False),
    ],
)
def test_who_pings_gets_the_permission_of_the_kernel(server: dict[str, Any], pings: bool) -> None:
    document = {"virtual_servers": {"idle": None, "web": server}}
    of = _real_server.Director(name="d", document=document, interfaces={}, own=frozenset())
    found = _host_needs.sysctls(of, {}, {})
    assert found.get("net.ipv4.ping_group_range") == ("0 2147483647" if pings else None)
    own = {"net.ipv4.ping_group_range": "998 998"}
    assert _host_needs.sysctls(of, {}, own)["net.ipv4.ping_group_range"] == "998 998"


def test_ipvs_modules_are_schedulers_and_engines() -> None:
    servers = {
        "a": {"lb_algo": "sh"},
        "b": {"persistence_engine": "sip"},
        "c": None,
    }
    assert _host_needs.ipvs_modules({"virtual_servers": servers}) == [
        "ip_vs",
        "ip_vs_sh",
        "ip_vs_wlc",
        "ip_vs_pe_sip",
    ]
    assert _host_needs.ipvs_modules({"virtual_servers": {}}) == []


def test_no_module_is_needed_of_what_cannot_be_read() -> None:
    assert _host_needs.vrrp_modules({"vrrp_instances": {"A": None}}) == []
    assert _host_needs.vrrp_modules({"vrrp_instances": None, "global_defs": None}) == []
