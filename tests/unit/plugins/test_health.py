# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing wrong with a running cluster is told once, in words that say where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.action import cluster_health
from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster, _health

from .cluster_seen import RELEASE, SERVICE, VIP, infos, seen

Spoil = Callable[[dict[str, Any]], None]


def judged(spoil: Spoil, *, complete: bool = True) -> _health.Findings:
    found = infos()
    spoil(found)
    return _health.judge(seen(found, complete=complete))


def status(found: dict[str, Any], name: str, part: str) -> Any:
    (one,) = found[name]["status"][part]
    return one


def nothing(_: dict[str, Any]) -> None:
    """Leaves all as it is."""


def test_a_healthy_cluster_has_no_problems() -> None:
    found = judged(nothing)
    assert (found.problems, found.notes) == ([], [])


def unreachable(found: dict[str, Any]) -> None:
    found["drct2"] = "cannot be reached: timed out"


def no_agent(found: dict[str, Any]) -> None:
    found["drct2"]["status"] = None
    found["drct2"]["error"] = "no answer on the socket"
    found["drct2"]["unit"] |= {"active": "failed", "sub": "failed"}


def not_at_boot(found: dict[str, Any]) -> None:
    found["drct1"]["unit"]["enabled"] = "disabled"


def process_is_down(found: dict[str, Any]) -> None:
    agent = found["drct1"]["status"]["agent"]
    agent["processes"]["ha"]["state"] = "waiting"
    agent["warnings"] = ["process ha is waiting (failed 3 times)"]


def warning(found: dict[str, Any]) -> None:
    found["drct1"]["status"]["agent"]["warnings"] = ["the configuration file was rejected"]


def not_restarted(found: dict[str, Any]) -> None:
    for each in found.values():
        each["release"] = "f" * 16


def other_release(found: dict[str, Any]) -> None:
    found["drct2"]["status"]["agent"]["release"] = found["drct2"]["release"] = "f" * 16


def not_reloaded(found: dict[str, Any]) -> None:
    found["drct1"]["config_sha256"] = "other"


def not_the_inventorys(found: dict[str, Any]) -> None:
    found["drct1"]["config_sha256"] = "other"
    found["drct1"]["status"]["agent"]["config_sha256"] = "other"


def fault(found: dict[str, Any]) -> None:
    status(found, "drct2", "instances").update(state="FAULT", reason="eth0 is down")


def two_masters(found: dict[str, Any]) -> None:
    status(found, "drct2", "instances").update(state="MASTER")
    found["drct2"]["addresses"]["eth0"].append(f"{VIP}/32")


def no_master(found: dict[str, Any]) -> None:
    found["drct1"]["addresses"]["eth0"].remove(f"{VIP}/32")
    for name in found:
        status(found, name, "instances").update(state="BACKUP", master={"address": None})


def dual_active(found: dict[str, Any]) -> None:
    status(found, "drct1", "instances")["dual_active"] = {"active": True, "source": "172.16.1.7"}


def address_missing(found: dict[str, Any]) -> None:
    found["drct1"]["addresses"]["eth0"].remove(f"{VIP}/32")


def address_left(found: dict[str, Any]) -> None:
    found["drct2"]["addresses"]["eth0"].append(f"{VIP}/32")


def weight_differs(found: dict[str, Any]) -> None:
    found["drct2"]["ipvs"][0]["destinations"][0]["weight"] = 0


def destination_missing(found: dict[str, Any]) -> None:
    del found["drct2"]["ipvs"][0]["destinations"][1]


def scheduler_differs(found: dict[str, Any]) -> None:
    found["drct2"]["ipvs"][0]["scheduler"] = "wlc"


def no_quorum(found: dict[str, Any]) -> None:
    status(found, "drct1", "services")["quorum"] |= {"reached": False, "weight": 0}


def real_server_down(found: dict[str, Any]) -> None:
    server = status(found, "drct1", "services")["real_servers"][0]
    server.update(up=False, reason="connection refused")


def sorry(found: dict[str, Any]) -> None:
    status(found, "drct1", "services")["sorry_servers"][0]["in_use"] = True


def many_down(found: dict[str, Any]) -> None:
    status(found, "drct1", "services")["left_out"]["down"] = 7


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unreachable, "drct2: cannot be reached: timed out"),
        (no_agent, "drct2: no agent answers (no answer on the socket); its unit is loaded, failed"),
        (not_at_boot, "drct1: the agent does not start at boot: its unit is disabled"),
        (process_is_down, "drct1: process ha is waiting"),
        (warning, "drct1: the configuration file was rejected"),
        (not_reloaded, "drct1: the configuration file is not what is in force"),
        (not_the_inventorys, "drct1: the configuration in force is not the inventory's"),
        (fault, "drct2: instance VI_1 is FAULT: eth0 is down"),
        (two_masters, "instance VI_1 has 2 masters: drct1 and drct2"),
        (dual_active, "drct1: instance VI_1 has a second master, 172.16.1.7"),
        (address_missing, f"drct1: {VIP}/32 (of master instance VI_1) is not on eth0"),
        (address_left, f"drct2: {VIP}/32 is on eth0 though instance VI_1 is not master"),
        (
            weight_differs,
            f"IPVS differs for {SERVICE}: 172.16.1.3:80 is DR weight 1 on drct1, DR w",
        ),
        (destination_missing, "172.16.1.4:80 is DR weight 1 on drct1, absent on drct2"),
        (scheduler_differs, f"IPVS differs for {SERVICE}: scheduler rr on drct1, wlc on drct2"),
        (no_quorum, f"drct1: virtual server web ({SERVICE}) has no quorum: weight 0 of 1"),
        (real_server_down, "real server rs1 is down: connection refused"),
        (sorry, "is answered by its sorry server 127.0.0.1"),
        (many_down, "7 more real servers are down"),
        (
            other_release,
            f"different releases of the agent: {RELEASE} on drct1; {'f' * 16} on drct2",
        ),
    ],
)
def test_one_fault_is_one_problem(spoil: Spoil, words: str) -> None:
    (problem,) = judged(spoil).problems
    assert words in problem


def test_an_interrupted_run_is_told_of_each_director() -> None:
    problems = judged(not_restarted).problems
    assert len(problems) == 2
    assert all("a run was interrupted" in each for each in problems)


def test_an_instance_without_master_is_told_only_where_all_directors_were_seen() -> None:
    words = "instance VI_1 has no master on drct1 and drct2"
    assert words in judged(no_master).problems
    assert words not in judged(no_master, complete=False).problems


def made_way(found: dict[str, Any], *, for_s: float) -> None:
    """drct1 has made way for drct2, which was looked at a second earlier, as a backup still."""
    found["drct2"]["status"]["at"] = "2025-12-31T23:59:59.000+00:00"
    made = {"state": "BACKUP", "master": {"address": "172.16.1.2"}, "since_s": for_s}
    status(found, "drct1", "instances").update(made)


def took_over(found: dict[str, Any], *, for_s: float) -> None:
    """drct2 has become master; drct1 was looked at a second earlier, as the master still."""
    found["drct1"]["status"]["at"] = "2025-12-31T23:59:59.000+00:00"
    status(found, "drct2", "instances").update(state="MASTER", since_s=for_s)


def test_a_hand_over_between_two_looks_is_no_problem() -> None:
    words = ("has no master", "masters")
    for change in (made_way, took_over):
        just, before = (
            judged(lambda found, for_s=for_s, change=change: change(found, for_s=for_s))
            for for_s in (0.9, 60.0)
        )
        assert not any(word in each for word in words for each in just.problems), change
        assert any(word in each for word in words for each in before.problems), change


def test_a_master_that_is_not_of_the_inventory_is_a_note() -> None:
    def keepalived(found: dict[str, Any]) -> None:
        no_master(found)
        for name in found:
            status(found, name, "instances")["master"] = {"address": "172.16.1.77"}

    found = judged(keepalived)
    assert found.problems == []
    assert found.notes == ["instance VI_1: its master 172.16.1.77 is not of the inventory"]


def test_a_master_that_ansible_does_not_reach_is_a_master() -> None:
    def partition(found: dict[str, Any]) -> None:
        found["drct1"] = "cannot be reached: timed out"

    found = judged(partition)
    assert found.problems == ["drct1: cannot be reached: timed out"]
    assert found.notes == ["instance VI_1: its master is drct1, which is not seen"]


def test_what_an_operator_ordered_is_a_note_and_no_problem() -> None:
    def ordered(found: dict[str, Any]) -> None:
        status(found, "drct1", "services")["real_servers"][0].update(
            up=False,
            override={"state": "drain", "owner": "alice", "reason": "disk", "expires": None},
        )

    found = judged(ordered)
    assert found.problems == []
    assert found.notes == [
        "drct1: virtual server web: real server rs1: drain, by alice: disk, for ever"
    ]


def test_services_of_others_are_not_compared() -> None:
    def foreign(found: dict[str, Any]) -> None:
        found["drct1"]["ipvs"].append({"service": "FWM 7", "scheduler": "lc", "destinations": []})

    assert judged(foreign).problems == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, []),
        ({"changed": False}, []),
        ({"unreachable": True, "changed": False, "msg": "x"}, []),
        (
            {"failed": True, "msg": "rs1 answers ARP\n for the address"},
            ["rs1: rs1 answers ARP for"],
        ),
        ({"changed": True, "changes": ["add 172.16.1.254/32"]}, ["(add 172.16.1.254/32)"]),
        ({"changed": True, "skipped": True}, []),
    ],
)
def test_trials_are_told_by_their_registered_results(answer: Any, told: list[str]) -> None:
    found = cluster_health.tried("rs1", answer)
    assert len(found) == len(told)
    assert all(words in problem for words, problem in zip(told, found, strict=True))


def test_the_message_lists_everything() -> None:
    found = judged(unreachable)
    found.notes.append("something to remember")
    text = cluster_health.message(found, [seen(infos())])
    assert text.splitlines()[0] == "There is 1 problem:"
    assert "  1. drct2: cannot be reached" in text
    assert text.endswith("note: something to remember")


def test_a_healthy_cluster_is_counted() -> None:
    text = cluster_health.message(judged(nothing), [seen(infos())])
    assert text == "All is well: 2 directors, 1 instance, 1 virtual server, 2 real servers."


def brought_by_hand(lvs_dr: Any, *there: str, networks: list[str] | None = None) -> list[str]:
    """What is wrong with a cluster of which no instance has 172.16.1.253."""
    for host in ("drct1", "drct2"):
        lvs_dr.hostvars[host]["lvs_virtual_servers"]["web"]["ip"] = "172.16.1.253"
    (whole,) = _cluster.clusters(_cluster.collect(lvs_dr.groups, lvs_dr.hostvars))
    shown = infos()
    for name in there:
        shown[name]["addresses"]["lo"].append("172.16.1.253/32")
    shown["drct2"]["local_networks"] = networks or []
    sights = {name: _health.Sight(info=info) for name, info in shown.items()}
    found = _health.judge(cluster_health.gathered(whole, sights))
    return [each for each in found.problems if "no director has" in each]


def test_a_virtual_server_whose_address_is_on_no_director_is_told(lvs_dr: Any) -> None:
    (problem,) = brought_by_hand(lvs_dr)
    assert problem.startswith("virtual server web: no director has 172.16.1.253, and no instance")


def test_whoever_brings_an_address_to_one_director_has_done_enough(lvs_dr: Any) -> None:
    assert brought_by_hand(lvs_dr, "drct2") == []


def test_a_local_route_takes_a_whole_network(lvs_dr: Any) -> None:
    assert brought_by_hand(lvs_dr, networks=["172.16.1.252/31"]) == []


def test_two_clusters_may_have_instances_of_one_name(lvs_dr: Any) -> None:
    hosts = ["drct1", "drct2"]
    for name, host in zip(("web", "mail"), hosts, strict=True):
        lvs_dr.hostvars[host]["lvs_cluster"] = name
    whole = _cluster.collect(lvs_dr.groups, lvs_dr.hostvars)
    shown = infos()
    two_masters(shown)
    sights = {name: _health.Sight(info=shown[name]) for name in hosts}
    parts = [cluster_health.gathered(each, sights) for each in _cluster.clusters(whole)]
    problems = [problem for part in parts for problem in _health.judge(part).problems]
    assert [list(part.directors) for part in parts] == [["drct1"], ["drct2"]]
    assert not any("masters" in each for each in problems)
    assert all("is not the inventory's" in each for each in problems)
