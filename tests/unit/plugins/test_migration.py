# SPDX-License-Identifier: GPL-3.0-or-later
"""What the way from keepalived to the agent, or back, would mean, in words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.plugin_utils import _migration

ROUTER = "eth0 VRID 51 IPv4"


def seen(*, running: bool = True, agent: bool = False, **more: Any) -> dict[str, Any]:
    program = {
        "installed": True,
        "running": running,
        "masters": [ROUTER] if running else [],
        "elsewhere": [],
        "silent": "",
        "config": "/etc/keepalived/keepalived.conf",
        "sha256": "abc",
    }
    changed = {name: more.pop(name) for name in list(more) if name in program}
    nothing = {"plan": [], "differences": [], "notices": [], "error": "", "record": None}
    other = {"running": agent, "masters": [ROUTER] if agent else []}
    return {"keepalived": program | changed, "agent": other, **nothing, **more}


def hindered(direction: str, **more: Any) -> list[str]:
    found: list[str] = _migration.plan({"lb1": seen(**more)})["hindered"][direction].get("lb1", [])
    return found


def test_a_director_that_stays_as_it_is_takes_two_lines() -> None:
    assert _migration.plan({"lb1": seen()})["lines"] == [
        "lb1: keepalived runs, master of eth0 VRID 51 IPv4; the agent does not run",
        "  the agent has the same to do as keepalived, and changes nothing that clients use",
    ]


def test_addresses_of_instances_that_others_hold_are_no_change() -> None:
    plan = _migration.plan(
        {"lb1": seen(plan=["add 192.0.2.9/32 to eth0 when VI_2 becomes master"])}
    )
    assert plan == _migration.plan({"lb1": seen()})


def test_differences_are_told_and_are_no_hindrance() -> None:
    line = "~ vrrp_instances.VI_1.priority: 90 -> 100"
    plan = _migration.plan({"lb1": seen(differences=[line], plan=["add x"])})
    assert f"    {line}" in plan["lines"]
    assert "    add x" in plan["lines"]
    assert plan["hindered"]["to_agent"] == {}


def test_of_thousands_of_lines_the_first_are_shown_with_the_number_of_the_rest() -> None:
    lines = _migration.plan({"lb1": seen(plan=[f"add {n}" for n in range(1000)])})["lines"]
    assert len(lines) < 50
    assert "    and 960 more" in lines


@pytest.mark.parametrize(
    "line",
    [
        "- vrrp_instances.VI_2",
        "- vrrp_instances.VI_1 (keepalived's)",
        "- vrrp_instances.VI_1.addresses.192.0.2.98/32 on eth0",
        "- vrrp_instances.VI_1.excluded.2001:db8::1/128 on bond0.17",
        "- virtual_servers.web.services.TCP 192.0.2.99 81 0",
        "- virtual_servers.192.0.2.99:80",
        "- virtual_servers.[2001:db8::1]:80",
        "~ static_routes: [] -> []",
    ],
)
def test_what_would_stay_behind_in_the_kernel_hinders(line: str) -> None:
    (reason,) = hindered("to_agent", differences=[line])
    assert line[2:] in reason


@pytest.mark.parametrize(
    "line",
    [
        "+ vrrp_instances.VI_2",
        "- virtual_servers.web.real_servers.192.0.2.11:80",
        "~ virtual_servers.web.real_servers.192.0.2.11:80.weight: 1 -> 2",
        "+ virtual_servers.web",
        '~ vrrp_instances.VI_1.addresses.192.0.2.98/32 on eth0.label: null -> "eth0:1"',
        "- virtual_servers.web.settings.persistence_engine",
    ],
)
def test_what_the_agent_takes_care_of_itself_does_not_hinder(line: str) -> None:
    assert hindered("to_agent", differences=[line]) == []


def test_a_director_that_has_the_agent_already_is_not_hindered() -> None:
    assert hindered("to_agent", running=False, agent=True, error="whatever") == []
    (reason,) = hindered("to_agent", running=False, agent=False)
    assert "lvs.cluster.site" in reason


@pytest.mark.parametrize("direction", ["to_agent", "to_keepalived"])
def test_a_keepalived_that_is_not_understood_hinders_both_ways(direction: str) -> None:
    (reason,) = hindered(direction, elsewhere=[77])
    assert "process 77" in reason
    (reason,) = hindered(direction, silent="no new file")
    assert "no new file" in reason


def test_the_way_back_needs_the_file_of_before() -> None:
    assert hindered("to_keepalived", record={"sha256": "abc"}) == []
    assert hindered("to_keepalived") == [], "there was none before the agent"
    (reason,) = hindered("to_keepalived", record={"sha256": "other", "path": "/x/y.json"})
    assert "/x/y.json" in reason
    (reason,) = hindered("to_keepalived", sha256="")
    assert "lvs-agent export" in reason
    (reason,) = hindered("to_keepalived", installed=False)
    assert "not installed" in reason
