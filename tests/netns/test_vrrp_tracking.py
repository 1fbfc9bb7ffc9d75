# SPDX-License-Identifier: GPL-3.0-or-later
"""Trackers of a document on the wire: the priority in the adverts, and FAULT."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.messages import TrackerState
from netns.vrrp_harness import Lan, eventually, run

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


def test_what_is_static_is_tracked_by_its_interface(tmp_path: Path) -> None:
    instance = {"interface": "eth0", "advert_int": 0.3, "version": "3"}
    names = ("address", "route", "rule", "none")
    document = {
        "vrrp_instances": {
            name: {
                **instance,
                "virtual_router_id": number,
                "virtual_ipaddress": [f"10.7.1.{number}/32"],
            }
            for number, name in enumerate(names, 1)
        },
        "track_groups": {name: {"group": [name]} for name in names},
        "static_ipaddress": ["10.9.1.1/24 dev eth1 track_group address"],
        "static_routes": ["10.8.0.0/16 via 10.9.2.9 dev eth2 track_group route"],
        "static_rules": ["iif eth3 lookup 9 preference 900 track_group rule"],
    }
    lan = Lan(tmp_path, {"a": "10.7.0.1/24"})
    namespace = lan.namespace("a")
    try:
        for number in (1, 2, 3):
            names_of = (f"eth{number}", "type", "veth", "peer", "name", f"p{number}")
            run("ip", "-n", namespace, "link", "add", *names_of)
            run("ip", "-n", namespace, "link", "set", f"p{number}", "up")
            run("ip", "-n", namespace, "link", "set", f"eth{number}", "up")
        run("ip", "-n", namespace, "address", "add", "10.9.2.1/24", "dev", "eth2")
        agent = lan.agent("a", document)
        for name in names:
            agent.wait_for("MASTER", 15, name)

        # What somebody removes is put back, and nobody gives anything up for it.
        run("ip", "-n", namespace, "address", "del", "10.9.1.1/24", "dev", "eth1")
        eventually(lambda: "10.9.1.1/24" in shown(namespace, "address"), 5, "the address is back")
        assert agent.state("address") == "MASTER"
        for number, name in enumerate(names[:3], 1):
            run("ip", "-n", namespace, "link", "set", f"eth{number}", "down")
            agent.wait_for("FAULT", 5, name)
            others = [agent.state(other) for other in names if other != name]
            assert others == ["MASTER"] * 3
            run("ip", "-n", namespace, "link", "set", f"eth{number}", "up")
            agent.wait_for("MASTER", 10, name)
        eventually(lambda: "10.8.0.0/16" in shown(namespace, "route"), 5, "the route is back")
    finally:
        lan.close()


def shown(namespace: str, what: str) -> str:
    return run("ip", "-n", namespace, what)
