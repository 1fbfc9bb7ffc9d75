# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings: each has its place and says what to do; a sound document has none."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from lvs_agent import config

SOUND: dict[str, Any] = {
    "vrrp_instances": {
        "VI_1": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 100,
            "version": 3,
            "virtual_ipaddress": ["10.0.0.9/24"],
            "track_script": ["chk"],
        },
        "VI_6": {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 100,
            "virtual_ipaddress": ["fe80::9/64", "2001:db8::9/64"],
        },
    },
    "vrrp_sync_groups": {"G": {"group": ["VI_1", "VI_6"]}},
    "vrrp_scripts": {"chk": {"script": "/bin/true"}},
}


def warnings_of(document: dict[str, Any]) -> list[config.Warning]:
    return list(config.lint(json.dumps(document)))


def test_a_sound_document_has_no_warnings() -> None:
    assert warnings_of(SOUND) == []


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"state": "MASTER", "nopreempt": True}, "state", "say state: BACKUP on every director"),
    ({"priority": None}, "priority", "is not set, so it is 100"),
    ({"priority": 255}, "priority", "use 254 or less"),
    ({"advert_int": 0.05}, "advert_int", "0.1 s or more is safe"),
    ({"version": 2, "authentication": {"auth_type": "PASS", "auth_pass": "s3cr3t"}},
     "authentication", "readable by everybody"),
    ({"version": 2, "authentication": {"auth_type": "AH", "auth_pass": "s3cr3t"}},
     "authentication", "can be replayed"),
    ({"virtual_ipaddress": [f"10.1.{number // 250}.{number % 250 + 1}" for number in range(256)]},
     "virtual_ipaddress", "room for 255 of the 256 addresses"),
    ({"virtual_rules": ["from 10.0.0.9 lookup 5"]}, "virtual_rules[0]", "has no preference"),
    ({"virtual_rules": ["from 10.0.0.9 lookup 5 pref 9", "to 10.0.0.9 lookup 5 pref 9"]},
     "virtual_rules[1]", "give each its own"),
    ({"smtp_alert": True}, "smtp_alert", "set notification_email"),
    ({"track_interface": ["eth1 weight 5"]}, "track_interface",
     "sync_group_tracking_weight: true"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "option", "words"), CASES)
def test_an_instance_is_warned_about(changes: dict[str, Any], option: str, words: str) -> None:
    document = copy.deepcopy(SOUND)
    document["vrrp_instances"]["VI_1"].update(changes)
    if "priority" in changes:
        del document["vrrp_sync_groups"]  # whose members would differ
    (warning,) = warnings_of(document)
    assert warning.path == f"vrrp_instances.VI_1.{option}"
    assert words in warning.message
    assert "s3cr3t" not in str(warning)


def changed(**sections: Any) -> dict[str, Any]:
    document = copy.deepcopy(SOUND)
    for name, value in sections.items():
        document.setdefault(name, {}).update(value)
    return document


TOP: list[tuple[dict[str, Any], str, str]] = [
    (changed(vrrp_sync_groups={"G": {"group": "VI_1"}}), "vrrp_sync_groups.G.group", "one member"),
    (changed(vrrp_scripts={"idle": {"script": "/bin/true"}}), "vrrp_scripts.idle",
     "add it to a track_script"),
    (changed(bfd_instances={"idle": {"neighbor_ip": "10.0.0.3"}}), "bfd_instances.idle",
     "add it to a track_bfd, or to a bfd_check of a real server"),
    (changed(vrrp_scripts={"chk": {"script": "/bin/true", "timeout": 3}}),
     "vrrp_scripts.chk.timeout", "make the interval longer"),
    (changed(interface_up_down_delays={"eth0": {"down": 2}}),
     "interface_up_down_delays.eth0.down", "two masters meet"),
    (changed(global_defs={"smtp_server": "127.0.0.1"}), "global_defs.smtp_server",
     "nobody gets mail"),
    (changed(global_defs={"smtp_server": "127.0.0.1", "notification_email": "root"}),
     "global_defs.notification_email", "set smtp_alert: true"),
    (changed(vrrp_scripts={"chk": {"script": "/bin/true", "weight": 5}}),
     "vrrp_instances.VI_1.track_script", "no effect within the sync group G"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path", "words"), TOP)
def test_a_document_is_warned_about(document: dict[str, Any], path: str, words: str) -> None:
    assert any(each.path == path and words in each.message for each in warnings_of(document))


CHECKS = {"bfd_check": {"name": "b"}, "file_check": {"track_file": "f"}}


@pytest.mark.parametrize(
    "server",
    [
        {"real_servers": {"a": {"ip": "10.1.0.1", **CHECKS}}},
        {"real_servers": {"a": {"ip": "10.1.0.1"}}, **CHECKS},
        {
            "real_servers": {"a": {"ip": "10.1.0.1"}},
            "sorry_server": {"ip": "10.1.0.2", **CHECKS},
        },
    ],
)
def test_what_a_check_names_is_used(server: dict[str, Any]) -> None:
    document = changed(
        bfd_instances={"b": {"neighbor_ip": "10.1.0.1"}},
        vrrp_track_files={"f": {"file": "/run/f"}},
        virtual_servers={"web": {"ip": "10.0.0.9", "port": 80, **server}},
    )
    assert warnings_of(document) == []


def test_members_of_a_sync_group_with_different_priorities() -> None:
    document = copy.deepcopy(SOUND)
    document["vrrp_instances"]["VI_6"]["priority"] = 90
    (warning,) = warnings_of(document)
    assert "VI_1 100, VI_6 90" in str(warning)


def test_an_owner_cannot_be_weighted() -> None:
    document = copy.deepcopy(SOUND)
    del document["vrrp_sync_groups"]
    document["vrrp_instances"]["VI_1"]["priority"] = 255
    document["vrrp_scripts"]["chk"]["weight"] = 5
    assert "vrrp_instances.VI_1.track_script" in [each.path for each in warnings_of(document)]


def test_the_first_ipv6_address_should_be_link_local() -> None:
    document = copy.deepcopy(SOUND)
    document["vrrp_instances"]["VI_6"]["virtual_ipaddress"] = ["2001:db8::9/64"]
    (warning,) = warnings_of(document)
    assert "should be link-local" in warning.message


def test_a_document_with_errors_is_refused() -> None:
    with pytest.raises(config.ConfigRejected):
        config.lint('{"vrrp_instances": {"A": {}}}')
