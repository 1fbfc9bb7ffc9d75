# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks on two directors with traffic: a program says the weight; who has no address rests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster import Cluster
from incident import clock_offsets, incident
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
URL = f"http://{VIP}/index.html"
OWN = {"drct1": "172.16.1.9", "drct2": "172.16.1.2"}
REAL_SERVERS = ("rs1", "rs2")
RS1 = f"-a -t {VIP}:80 -r 172.16.1.3:80 -g -w "
RS2 = f"-a -t {VIP}:80 -r 172.16.1.4:80 -g -w 2"
IN_PROC = {"AC100103:0050", "AC100104:0050"}  # both as /proc/net/ip_vs writes them
PROGRAM, STATUS = "/usr/local/lib/queue-check", "/etc/queue-status"
TURN_S = 2
LONG_TURN_S = 86400  # what comes while a test runs is not the next one of such turns
CONFIG = "/etc/lvs-agent/config.json"


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> None:
    """The cluster of lvs_dr, with a program that has a say in the weight of rs1."""
    for director in OWN:
        lived_in.put(director, PROGRAM, f'#!/bin/sh\nexit "$(cat {STATUS})"\n', mode="0755")
        lived_in.put(director, STATUS, "0\n")
    servers = cluster.variables("lvs_dr")["lvs_virtual_servers"]
    web = servers["web"]
    web.update(ha_suspend=True, lb_algo="wrr", delay_loop=TURN_S)
    web["real_servers"]["rs1"].update(
        http_get=web["http_get"],
        misc_check={"misc_path": PROGRAM, "misc_dynamic": True, "delay_loop": 1},
    )
    cluster.apply("lvs_dr", "-e", json.dumps({"lvs_virtual_servers": servers}))


@pytest.fixture(autouse=True)
def settled(cluster: Cluster, installed: None) -> None:
    """drct1 has the address and both real servers."""
    cluster.wait("drct1 has it", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
    cluster.wait("rs1 has its own weight", lambda: f"{RS1}1" in cluster.ipvs("drct1"))
    assert RS2 in cluster.ipvs("drct1")


def answers(lab: Lab) -> list[str]:
    """Who answers the client: one whole turn of the weights 7 and 2."""
    command = f"for i in $(seq 9); do curl -s -m 3 {URL} | head -1; done"
    return lab.run("client", command, timeout=60).stdout.split()


def test_the_status_of_a_program_is_the_weight_until_it_says_no_other(
    lab: Lab, cluster: Cluster
) -> None:
    lab.put("drct1", STATUS, "9\n")
    cluster.wait("rs1 has weight 7", lambda: f"{RS1}7" in cluster.ipvs("drct1"))
    assert sorted(answers(lab)) == ["rs1"] * 7 + ["rs2"] * 2
    lab.put("drct1", STATUS, "2\n")
    cluster.wait("rs1 has weight 0", lambda: f"{RS1}0" in cluster.ipvs("drct1"))
    assert set(answers(lab)) == {"rs2"}
    lab.put("drct1", STATUS, "0\n")
    cluster.wait("rs1 has its own weight", lambda: f"{RS1}1" in cluster.ipvs("drct1"))
    assert sorted(answers(lab)) == ["rs1"] * 3 + ["rs2"] * 6


def asked(lab: Lab, director: str) -> dict[str, int]:
    """How many requests of the director's own each real server has had."""
    command = f"grep -c '^{OWN[director]} ' /var/log/nginx/access.log"
    return {host: int(lab.run(host, command, check=False).stdout) for host in REAL_SERVERS}


def checks(cluster: Cluster, director: str) -> list[dict[str, Any]]:
    """What the director says of its checks: of both web servers, and of the program."""
    found = cluster.status(director)["checks"]
    assert isinstance(found, list)
    assert len(found) == 3
    return found


def rests(cluster: Cluster, director: str) -> bool:
    """Whether each check's turn has come, and was left out."""
    return all(check["paused"] for check in checks(cluster, director))


def lengthen_turns(lab: Lab, cluster: Cluster, director: str) -> None:
    """Have it check once a day what it checks every two seconds now."""
    document = lab.run(director, f"cat {CONFIG}").stdout
    for server in json.loads(document)["virtual_servers"].values():
        assert server["delay_loop"] == TURN_S
    changed = document.replace(f'"delay_loop": {TURN_S}', f'"delay_loop": {LONG_TURN_S}')
    assert changed != document
    generation = cluster.status(director)["agent"]["generation"]  # type: ignore[index]
    # In place: the file keeps its owner and mode.
    lab.run(director, f"cat > {CONFIG}", stdin=changed)
    lab.run(director, "systemctl reload lvs-agent")
    assert cluster.status(director)["agent"]["generation"] > generation  # type: ignore[index]


def test_checks_rest_without_the_address_and_run_when_it_comes_with_the_pool_as_it_was(
    lab: Lab, cluster: Cluster
) -> None:
    cluster.wait("drct2 leaves its turns out", lambda: rests(cluster, "drct2"))
    resting, working = asked(lab, "drct2"), asked(lab, "drct1")
    cluster.wait(
        "drct1 has gone on asking",
        lambda: all(asked(lab, "drct1")[host] >= working[host] + 3 for host in REAL_SERVERS),
        timeout_s=30,
    )
    assert asked(lab, "drct2") == resting
    lengthen_turns(lab, cluster, "drct2")
    cluster.wait("drct2 leaves the new turns out", lambda: rests(cluster, "drct2"))
    assert asked(lab, "drct2") == resting
    with (
        incident(cluster, clock_offsets(lab, *OWN), "eno16777736", "outside") as seen,
        cluster.watch(URL) as client,
    ):
        lab.run("drct1", "systemctl stop lvs-agent")
        cluster.wait("drct2 has the address", lambda: cluster.holders(VIP) == ["drct2"])
        cluster.wait(
            "drct2 asks both real servers",
            lambda: all(asked(lab, "drct2")[host] > resting[host] for host in REAL_SERVERS),
            timeout_s=30,
        )
        assert not rests(cluster, "drct2")
        cluster.wait("the client is served", lambda: client.read()[-1][1] in REAL_SERVERS)
    assert {f"{RS1}1", RS2} <= set(cluster.ipvs("drct2"))
    for table in seen.sights["drct2"].tables():
        assert {name for name in IN_PROC if any(name in line for line in table)} == IN_PROC
    lab.run("drct1", "systemctl start lvs-agent")
