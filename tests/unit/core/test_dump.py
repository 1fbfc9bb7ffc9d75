# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's dumps of this agent; tests/netns/test_dump_files.py has keepalived beside."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from lvs_agent.config import from_document
from lvs_agent.core import dump, dump_text

NOW_S = 1_800_000_000.5
CONFIG = from_document(
    {
        "vrrp_track_processes": {
            "web": {"process": "nginx -g x", "quorum": 2, "quorum_max": 9, "delay": 1.5}
        },
        "vrrp_scripts": {"check": {"script": ["/bin/check", "it's"], "interval": 2}},
        "vrrp_instances": {
            "VI_1": {
                "interface": "eth0",
                "virtual_router_id": 51,
                "priority": 150,
                "virtual_ipaddress": ["192.0.2.99/24", "192.0.2.98"],
                "authentication": {"auth_type": "PASS", "auth_pass": "verysecret"},
                "track_process": ["web weight 4"],
                "track_script": ["check weight 5 reverse"],
            },
            "VI_2": {
                "interface": "eth0",
                "virtual_router_id": 52,
                "advert_int": 2,
                "virtual_ipaddress": ["192.0.2.97"],
            },
        },
    }
)
COUNTERS = {
    "adverts_received": 1,
    "adverts_sent": 2,
    "became_master": 3,
    "released_master": 4,
    "priority_zero_received": 5,
    "priority_zero_sent": 6,
    "rejected": {"length": 7, "truncated": 8, "ttl": 9, "auth_data": 10, "replay": 11},
}
REPORT: dict[str, Any] = {
    "name": "VI_1",
    "state": "BACKUP",
    "since_s": 100.25,
    "priority": 149,
    "sync_group": "G",
    "master": {"address": "192.0.2.7", "priority": 200},
    "timers": {"master_adver_interval_s": 1.0, "master_down_interval_s": 3.5},
    "counters": COUNTERS,
}
STATUS: dict[str, Any] = {
    "agent": {"router_id": "drct1"},
    "instances": [
        REPORT,
        {
            **REPORT,
            "name": "VI_2",
            "state": "MASTER",
            "sync_group": None,
            "master": {"address": None, "priority": 100},
        },
        {"name": "of a reload that comes"},
    ],
    "sync_groups": [{"name": "G", "state": "BACKUP", "members": ["VI_1"]}],
    "addresses": [
        {"interface": "eth0", "address": "192.0.2.97", "present": True},
        {"interface": "eth0", "address": "192.0.2.98", "present": False},
    ],
    "trackers": [
        {"type": "process", "name": "web", "up": True, "count": 3},
        {"type": "script", "name": "check", "up": False, "running": True},
    ],
}


def as_json(status: Any = STATUS, version: str = "1") -> Any:
    return json.loads(dump.as_json(CONFIG, status, now_s=NOW_S, version=version))


def test_state_counters_and_times_of_an_instance() -> None:
    one, two = as_json()
    data, stats = one["data"], one["stats"]
    assert (data["state"], data["vipset"], data["master_priority"]) == (1, False, 200)
    assert (two["data"]["state"], two["data"]["vipset"]) == (2, True)
    assert two["data"]["master_priority"] == 0  # nobody else's
    assert (data["base_priority"], data["effective_priority"]) == (150, 149)
    assert data["last_transition"] == NOW_S - 100.25
    assert data["vips"] == [
        "192.0.2.99/24 dev eth0 scope global",
        "192.0.2.98 dev eth0 scope global",
    ]
    assert two["data"]["vips"] == ["192.0.2.97 dev eth0 scope global set"]
    assert (data["track_process"], data["track_script"]) == (
        ["nginx"],
        ["'/bin/check' 'it'\"'\"'s'"],
    )
    # Whole numbers are written as such: some readers take nothing else.
    assert type(two["data"]["adver_int"]) is int
    assert stats["packet_len_err"] == 7 + 8
    assert (stats["ip_ttl_err"], stats["auth_failure"], stats["authtype_mismatch"]) == (9, 21, 0)
    assert [stats[name] for name in ("advert_rcvd", "pri_zero_sent")] == [1, 6]


def test_password_is_in_no_file() -> None:
    assert as_json()[0]["data"]["auth_type"] == 1
    texts = (
        dump.as_json(CONFIG, STATUS, now_s=NOW_S, version="2"),
        dump_text.state(CONFIG, STATUS, now_s=NOW_S),
        dump_text.statistics(CONFIG, STATUS),
    )
    assert "verysec" not in "".join(texts)


def test_second_layout_names_the_list_and_has_the_processes() -> None:
    found = as_json(version="2")
    assert found["vrrp"] == as_json()
    assert found["track_process"] == [
        {
            "process": "nginx",
            "parameters": "-g x",
            "param_match": "exact",
            "min_processes": 2,
            "max_processes": 9,
            "current_processes": 3,
            "have_quorum": True,
            "weight": 4,
            "terminate_delay": 1.5,
            "fork_delay": 1.5,
            "fork_delay_timer_running": False,
            "terminate_delay_timer_running": False,
            "full_command": False,
        }
    ]


def test_lines_that_readers_look_for() -> None:
    text = dump_text.state(CONFIG, STATUS, now_s=NOW_S)
    for line in (
        " VRRP Instance = VI_1",
        "   State = BACKUP",
        "   Interface = eth0",
        "   Virtual Router ID = 51",
        "   Gratuitous ARP delay = 5",
        "   Virtual IP (2):",
        "     192.0.2.98 dev eth0 scope global",
        " VRRP Script = check",
        "   Status = BAD",
        "   State = running",
        "     VI_1, weight -5",
        " VRRP Sync Group = G, BACKUP",
    ):
        assert line in text.splitlines(), line


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something is in the status, but for what nobody reads."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from paths(one, (*path, key))


@pytest.mark.parametrize("path", list(paths(STATUS)), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [None]], ids=str)
def test_malformed_status_is_one_of_four_errors_or_none(path: tuple[Any, ...], value: Any) -> None:
    status = copy.deepcopy(STATUS)
    inner: Any = status
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    for render in (
        lambda: as_json(status),
        lambda: as_json(status, "2"),
        lambda: dump_text.state(CONFIG, status, now_s=NOW_S),
        lambda: dump_text.statistics(CONFIG, status),
    ):
        try:
            render()
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
