# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's section 4.2: two instances, each director master of one; giving one away. From
keepalived.conf files; the inventory that comes of them needs no change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imported
import pytest
from cluster import Cluster
from lvslab import Lab
from lvslab.errors import LabError
from witness import adverts

pytestmark = pytest.mark.lab

VIP_1, VIP_2 = "172.16.1.99", "172.16.1.88"


@pytest.fixture(scope="module", autouse=True)
def inventory(lived_in: Lab, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = imported.inventory(cluster, "two", tmp_path_factory.mktemp("two"))
    cluster.apply(made)
    return made


def one_each(cluster: Cluster) -> bool:
    return cluster.holders(VIP_1) == ["drct1"] and cluster.holders(VIP_2) == ["drct2"]


def test_the_inventory_says_what_the_files_had_wrong(inventory: Path) -> None:
    said = imported.notes(inventory)
    assert "All directors have this router_id" in said
    assert f"drct1: {imported.CONF}:30: // and what is behind it is ignored" in said


def test_the_example_inventory_says_the_same_of_vrrp(lab: Lab, cluster: Cluster) -> None:
    """Going over to it moves nothing."""
    cluster.wait("one address each", lambda: one_each(cluster), timeout_s=20)
    with lab.capture("outside", "proto 112") as pcap:
        cluster.apply("two_instances")
        assert one_each(cluster)
    seen = {(each.source, each.virtual_router_id, each.priority) for each in adverts(pcap)}
    assert seen == {("172.16.1.9", 81, 100), ("172.16.1.2", 80, 100)}


@pytest.mark.parametrize(("stopped", "other"), [("drct1", "drct2"), ("drct2", "drct1")])
def test_one_each_then_one_holds_both_then_one_each_again(
    lab: Lab, cluster: Cluster, stopped: str, other: str
) -> None:
    cluster.wait("one address each", lambda: one_each(cluster))
    lab.run(stopped, "systemctl stop lvs-agent")
    cluster.wait(
        f"{other} holds both",
        lambda: cluster.holders(VIP_1) == [other] and cluster.holders(VIP_2) == [other],
    )
    lab.run(stopped, "systemctl start lvs-agent")
    cluster.wait("one address each again", lambda: one_each(cluster), timeout_s=20)


GIVE_AWAY = """
- hosts: drct1
  gather_facts: false
  module_defaults:
    lvs.cluster.vrrp_failover: {instance: VI_1, owner: tests, reason: a new kernel, expires: 1h}
  tasks:
    - lvs.cluster.vrrp_failover:
      check_mode: true
      register: planned
    - lvs.cluster.vrrp_failover:
      register: given
    - lvs.cluster.vrrp_failover:
      register: again
    - lvs.cluster.agent_wait: {backup_of: [VI_1], stable_for: 1, timeout: 20}
    - lvs.cluster.agent_info: {sections: [instances, statistics]}
      register: info
    - ansible.builtin.assert:
        that:
          - planned is changed and planned.state_after == 'given_away'
          - given is changed and given.state_before == 'ordinary'
          - given.new_master == '172.16.1.2'
          - again is not changed
          - info.status.instances[0].hold.owner == 'tests'
          - info.status.statistics.instances.VI_1.priority_zero_sent == 0
"""


def instance(cluster: Cluster, director: str, name: str = "VI_1") -> dict[str, Any]:
    """What a director says of its instance; nothing while its agent does not answer."""
    try:
        instances: Any = cluster.status(director)["instances"]
    except LabError:
        return {}
    return next((each for each in instances if each["name"] == name), {})


def stands_aside(cluster: Cluster) -> bool:
    found = instance(cluster, "drct1")
    known = (found.get("master") or {}).get("address")
    return bool(found.get("hold")) and found["state"] == "BACKUP" and known == "172.16.1.2"


def test_given_away_it_stays_away_until_nobody_else_is_there_and_returns_when_resumed(
    lab: Lab, cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.wait("one address each", lambda: one_each(cluster), timeout_s=20)
    for director in ("drct1", "drct2"):  # somebody has to answer the client
        lab.run(director, f"echo {director} > /var/www/html/index.html; systemctl start nginx")
    playbook = tmp_path / "give_away.yml"
    playbook.write_text(GIVE_AWAY)
    lvsctl = "/opt/lvs-agent/current/bin/lvsctl"
    with cluster.watch(f"http://{VIP_1}/") as watch:
        run = cluster.playbook("two_instances", name=str(playbook))
        assert run.good, run.output
        given_s = watch.gap_s()
    assert cluster.holders(VIP_1) == ["drct2"]

    lab.run("drct1", "systemctl restart lvs-agent")
    cluster.wait("drct1 stands aside after its restart", lambda: stands_aside(cluster))
    assert cluster.holders(VIP_1) == ["drct2"]

    lab.power_cut("drct2")
    cluster.wait("drct1 is there for both", lambda: cluster.holders(VIP_1, "drct1") == ["drct1"])
    with cluster.watch(f"http://{VIP_1}/") as watch:
        forced = lab.run("drct1", f"{lvsctl} failover VI_1 --force", check=False)
        cluster.wait("drct1 has it again", lambda: cluster.holders(VIP_1, "drct1") == ["drct1"])
        nobody_s = watch.gap_s()
    assert forced.rc == 1
    assert "resigned, but no other director took over; taken back" in forced.stderr

    lab.boot("drct2")
    cluster.wait("drct1 stands aside again", lambda: stands_aside(cluster), timeout_s=40)
    lab.run("drct1", f"systemctl stop nginx; {lvsctl} resume VI_1")
    cluster.wait("one address each again", lambda: one_each(cluster), timeout_s=20)
    with capsys.disabled():
        print(f"\n  given away: {given_s:.2f} s without an answer; to nobody: {nobody_s:.2f} s")
    # A silent death costs 3.6 s: neither handing over nor finding nobody may cost as much.
    assert given_s < 3.6
    assert nobody_s < 3.6
