# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document needs of the host: users for scripts, sight of processes, kernel modules."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _host_needs


@pytest.mark.parametrize(
    ("document", "users"),
    [
        ({}, []),
        ({"global_defs": {"script_user": "web"}}, ["web"]),
        ({"global_defs": {"script_user": "web www-data"}}, ["web"]),
        ({"global_defs": {"script_user": "lvs-agent"}}, []),
        (
            {
                "global_defs": {"script_user": "web"},
                "vrrp_scripts": {"a": {"user": "probe"}, "b": {"user": "web"}, "c": {}},
            },
            ["probe", "web"],
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


def test_no_module_is_needed_of_what_cannot_be_read() -> None:
    assert _host_needs.vrrp_modules({"vrrp_instances": {"A": None}}) == []
    assert _host_needs.vrrp_modules({"vrrp_instances": None, "global_defs": None}) == []
