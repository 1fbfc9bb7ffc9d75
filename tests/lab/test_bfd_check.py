# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers that speak BFD (FRR's bfdd): who is in IPVS follows their sessions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
DIRECTORS = {"drct1": "172.16.1.9", "drct2": "172.16.1.2"}
REAL_SERVERS = {"rs1": "172.16.1.3", "rs2": "172.16.1.4"}
# A session is lost after 2 s: the hosts share the machine with others.
TIMES = {"min_rx": 200, "min_tx": 200, "multiplier": 10}
SERVICE = f"-A -t {VIP}:80 -s rr"
LINES = {name: f"-a -t {VIP}:80 -r {address}:80 -g -w 1" for name, address in REAL_SERVERS.items()}
BOTH = sorted((SERVICE, *LINES.values()))
ONLY_RS2 = sorted((SERVICE, LINES["rs2"]))
RUN_BFDD = "/usr/lib/frr/bfdd -d -u frr -g frr -P 0 -f /etc/frr/bfdd.conf -i /run/frr/bfdd.pid"
# As keepalived would have it: an hour between the checks that ask.
SERVERS = {
    "web": {
        "ip": VIP,
        "port": 80,
        "lb_algo": "rr",
        "lb_kind": "DR",
        "delay_loop": 3600,
        "real_servers": {name: {"bfd_check": {"name": name}} for name in REAL_SERVERS},
    }
}


def speak_bfd(lab: Lab, host: str) -> None:
    """Start bfdd with a session with each director."""
    lines = ["bfd"]
    for address in DIRECTORS.values():
        lines += [f" peer {address}", "  receive-interval 200", "  transmit-interval 200"]
        lines += ["  detect-multiplier 10", "  no shutdown", " !"]
    lab.put(host, "/etc/frr/bfdd.conf", "\n".join([*lines, "!", ""]))
    lab.run(host, f"install -d -o frr -g frr /run/frr; {RUN_BFDD}")


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> None:
    for host in REAL_SERVERS:
        speak_bfd(lived_in, host)
    sessions = {name: {"neighbor_ip": address, **TIMES} for name, address in REAL_SERVERS.items()}
    variables = {"lvs_bfd_instances": sessions, "lvs_virtual_servers": SERVERS}
    cluster.apply("lvs_dr", "-e", json.dumps(variables))
    for director in DIRECTORS:
        cluster.wait(f"{director} has both", lambda d=director: known(cluster, d), timeout_s=30)


def servers(cluster: Cluster, director: str) -> dict[str, dict[str, Any]]:
    services: Any = cluster.status(director)["services"]
    return {row["name"]: row for row in services[0]["real_servers"]}


def known(cluster: Cluster, director: str) -> bool:
    """Whether the sessions are up, and not merely assumed to be."""
    rows = servers(cluster, director).values()
    return all(row["up"] and row["checked"] for row in rows) and cluster.ipvs(director) == BOTH


def everywhere(cluster: Cluster, lines: list[str]) -> bool:
    return all(cluster.ipvs(director) == lines for director in DIRECTORS)


def test_real_server_leaves_ipvs_with_its_session_and_comes_back(
    lab: Lab, cluster: Cluster
) -> None:
    lab.run("rs1", "pkill -STOP -x bfdd")
    spent = cluster.wait("rs1 is out", lambda: everywhere(cluster, ONLY_RS2))
    print(f"out after {spent:.1f} s")
    reason = servers(cluster, "drct1")["rs1"]["reason"]
    assert reason.startswith("BFD_CHECK rs1 (172.16.1.3): nothing received for ")
    shown = lab.run("drct1", "/opt/lvs-agent/current/bin/lvsctl status").stdout
    assert reason in shown
    lab.run("rs1", "pkill -CONT -x bfdd")
    spent = cluster.wait("rs1 is back", lambda: everywhere(cluster, BOTH))
    print(f"back after {spent:.1f} s")


def test_neighbour_that_says_admin_down_is_out_until_it_says_otherwise(
    lab: Lab, cluster: Cluster
) -> None:
    def say(*words: str) -> None:
        commands = ["configure terminal", "bfd", "peer 172.16.1.9", *words]
        lab.run("rs1", "vtysh -d bfdd " + " ".join(f"-c '{one}'" for one in commands))

    say("shutdown")
    spent = cluster.wait("drct1 has heard", lambda: cluster.ipvs("drct1") == ONLY_RS2)
    print(f"out after {spent:.1f} s")
    assert cluster.ipvs("drct2") == BOTH
    say("no shutdown")
    cluster.wait("rs1 is back", lambda: everywhere(cluster, BOTH))


def test_new_track_process_leaves_everybody_in_ipvs(lab: Lab, cluster: Cluster) -> None:
    def session() -> dict[str, Any]:
        bfd: Any = cluster.status("drct1")["bfd"]
        return next((one for one in bfd.get("sessions", []) if one["name"] == "rs1"), {})

    before = session()["discriminator"]
    # Ended by a file and not by a signal, which could cut its last look short.
    looking = "while [ -e /run/looking ]; do ipvsadm -Sn | grep -c -- -r; done"
    watch = lab.start("drct1", f"touch /run/looking; {looking}")
    cluster.wait("the first look", lambda: bool(watch.output()))
    lab.run("drct1", "pkill -KILL -x lvs-track")
    cluster.wait("a new session", lambda: session().get("discriminator") not in (None, before))
    cluster.wait("which is up", lambda: bool(session().get("up")), timeout_s=30)
    lab.run("drct1", "rm /run/looking")
    watch.wait(20)
    seen = watch.output().split()
    print(f"looked {len(seen)} times")
    assert set(seen) == {"2"}
    # And it goes on from there.
    lab.run("rs1", "pkill -STOP -x bfdd")
    cluster.wait("rs1 is out", lambda: everywhere(cluster, ONLY_RS2))
    lab.run("drct1", "pkill -KILL -x lvs-health")
    lab.run("rs1", "pkill -CONT -x bfdd")
    cluster.wait("rs1 is back", lambda: everywhere(cluster, BOTH))
