# SPDX-License-Identifier: GPL-3.0-or-later
"""Trackers of a document on the wire: the priority in the adverts, and FAULT."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.messages import TrackerState
from netns.vrrp_harness import Lan, run

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
HOSTS = {"a": "10.7.0.1/24", "b": "10.7.0.2/24"}
SECTIONS = {
    "script": ("vrrp_scripts", {"script": "/bin/true"}),
    "process": ("vrrp_track_processes", {"process": "nobody"}),
    "file": ("vrrp_track_files", {"file": "/nowhere"}),
    "bfd": ("bfd_instances", {}),
}
# The number in every tracked file.
FILE_SAYS = 5


class Plan:
    """Instances with a VRID each, and the priority that each has to tell."""

    def __init__(self) -> None:
        self.instances: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.expected: dict[int, int] = {}

    def add(self, priority: int, *, group: dict[str, Any] | None = None, **options: Any) -> None:
        """An instance of base priority 100; `group` gives it a sync group of its own."""
        vrid = 1 + len(self.instances)
        name = f"of{vrid}"
        self.instances[name] = {
            "interface": "eth0",
            "virtual_router_id": vrid,
            "version": "3",
            "advert_int": 0.4,
            "virtual_ipaddress": [f"10.7.1.{vrid}/32"],
            "garp_master_delay": 0,
            **options,
        }
        if group is not None:
            self.groups[name] = {"group": [name], **group}
        self.expected[vrid] = priority


def planned() -> tuple[dict[str, Any], Plan, list[TrackerState]]:
    """The document, what it has to come to, and what the trackers say."""
    plan = Plan()
    document: dict[str, Any] = {}
    states = []
    for number, (kind, (section, plain)) in enumerate(SECTIONS.items()):
        use = f"track_{kind}"
        document[section] = {}
        for turn, reverse in enumerate((False, True)):
            name = f"{kind}{turn}"
            own = {"neighbor_ip": f"10.7.0.{10 + 2 * number + turn}"} if kind == "bfd" else {}
            weight = 7 if kind == "file" else -20
            document[section][name] = {**plain, **own, "weight": weight, "reverse": reverse}
            states.append(TrackerState(kind=kind, name=name, up=False, value=FILE_SAYS, reason=""))
        of_file = kind == "file"
        plain_use, turned_use = [f"{kind}0"], [f"{kind}1"]
        # The tracker's own weight and direction.
        plan.add(100 + 7 * FILE_SAYS if of_file else 80, **{use: plain_use})
        plan.add(100 - 7 * FILE_SAYS if of_file else 120, **{use: turned_use})
        # Those of its use.
        lighter = [{"name": f"{kind}0", "weight": -3}]
        plan.add(100 - 3 * FILE_SAYS if of_file else 97, **{use: lighter})
        around = [{"name": f"{kind}0", "weight": -4, "reverse": True}]
        plan.add(100 + 4 * FILE_SAYS if of_file else 104, **{use: around})
        # In a sync group, and a member's own, which counts there only where it is told to.
        plan.add(100 + 7 * FILE_SAYS if of_file else 80, group={use: plain_use})
    member = {"track_script": ["script0"]}
    plan.add(100, group={}, **member)
    plan.add(80, group={"sync_group_tracking_weight": True}, **member)
    down = {"name": "eth7", "weight": -11}
    plan.add(89, track_interface=[down])
    plan.add(106, track_interface=[{"name": "eth7", "weight": -6, "reverse": True}])
    plan.add(89, group={"track_interface": [down]})
    plan.add(100)
    document |= {"vrrp_instances": plan.instances, "vrrp_sync_groups": plan.groups}
    return document, plan, states


@pytest.fixture
def lan(tmp_path: Path) -> Any:
    made = Lan(tmp_path, HOSTS)
    yield made
    made.close()


def test_priority_in_the_adverts_is_what_the_trackers_come_to(lan: Lan) -> None:
    document, plan, states = planned()
    run("ip", "-n", lan.namespace("a"), "link", "add", "eth7", "type", "veth")
    a = lan.node("a", document)
    a.from_track(*states)
    for name in plan.instances:
        a.wait_for("MASTER", 6, name)
    capture = lan.capture("b", "priorities")
    time.sleep(1)
    columns = ("vrrp.virt_rtr_id", "vrrp.prio")
    rows = {tuple(map(int, row)) for row in capture.fields("vrrp", *columns)}
    assert rows == set(plan.expected.items())


def test_tracker_of_weight_0_is_fault_of_instance_or_group(lan: Lan) -> None:
    plan = Plan()
    document: dict[str, Any] = {}
    states = []
    for kind, (section, plain) in SECTIONS.items():
        own = {"neighbor_ip": "10.7.0.9"} if kind == "bfd" else {}
        document[section] = {kind: {**plain, **own, "weight": 0}}
        plan.add(0, **{f"track_{kind}": [kind]})
        plan.add(0, group={f"track_{kind}": [kind]})
        states.append(TrackerState(kind=kind, name=kind, up=False, value=1, reason=""))
    plan.add(0, track_interface=["eth7"])
    plan.add(0, group={"track_interface": ["eth7"]})
    run("ip", "-n", lan.namespace("a"), "link", "add", "eth7", "type", "veth")
    document |= {"vrrp_instances": plan.instances, "vrrp_sync_groups": plan.groups}
    a = lan.node("a", document)
    a.from_track(*states)
    for name in plan.instances:
        a.wait_for("FAULT", 4, name)
