# SPDX-License-Identifier: GPL-3.0-or-later
"""LVS by direct routing over IPv6 beside IPv4, seen from the client."""

from __future__ import annotations

import json

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
VIP6 = "2001:db8:1::254"
URL6 = f"http://[{VIP6}]/"
DIRECTORS = ("drct1", "drct2")
TABLE = sorted(
    [
        f"-A -t {VIP}:80 -s rr",
        f"-a -t {VIP}:80 -r 172.16.1.3:80 -g -w 1",
        f"-a -t {VIP}:80 -r 172.16.1.4:80 -g -w 1",
        f"-A -t [{VIP6}]:80 -s rr",
        f"-a -t [{VIP6}]:80 -r [2001:db8:1::3]:80 -g -w 1",
        f"-a -t [{VIP6}]:80 -r [2001:db8:1::4]:80 -g -w 1",
    ]
)


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> None:
    # Of the instances that the file before has left, not each has another director to take it over.
    cluster.apply("lvs_dr_ipv6", "-e", json.dumps({"director_hand_over": False}))


def answers(lab: Lab, url: str) -> set[str]:
    command = f"for i in $(seq 6); do curl -s -m 3 '{url}' | head -1; done"
    return set(lab.run("client", command, timeout=60).stdout.split())


def holder6(lab: Lab, *directors: str) -> list[str]:
    return [
        name
        for name in directors or DIRECTORS
        if lab.run(name, f"ip -o -6 address show to {VIP6}/128 dev eno16777736").stdout
    ]


def test_both_families_reach_both_real_servers(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("the table", lambda: all(cluster.ipvs(name) == TABLE for name in DIRECTORS))
    assert answers(lab, URL6) == {"rs1", "rs2"}
    assert answers(lab, f"http://{VIP}/") == {"rs1", "rs2"}


def test_real_servers_are_silent_to_neighbour_solicitation(lab: Lab) -> None:
    """Only the director may say where the virtual address is."""
    (holder,) = holder6(lab)
    mac = lab.run(holder, "cat /sys/class/net/eno16777736/address").stdout.strip()
    lab.run("client", f"ip -6 neigh flush to {VIP6}; curl -s -o /dev/null '{URL6}'")
    assert mac in lab.run("client", f"ip -6 neigh show to {VIP6}").stdout
    for host in ("rs1", "rs2"):
        assert f"{VIP6}/128" in lab.run(host, "ip -br -6 address show dev lo").stdout


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    again = cluster.apply("lvs_dr_ipv6")
    assert set(again.changed.values()) == {0}, again.output


def test_traffic_over_ipv6_goes_on_after_a_power_cut(lab: Lab, cluster: Cluster) -> None:
    (before,) = holder6(lab)
    (other,) = {*DIRECTORS} - {before}
    lab.run(before, "sync")
    lab.power_cut(before)
    cluster.wait("the other has it", lambda: holder6(lab, other) == [other])
    cluster.wait("it is served", lambda: answers(lab, URL6) == {"rs1", "rs2"})
    lab.boot(before)
    cluster.wait("it is back", lambda: holder6(lab) == [before], timeout_s=60)


def test_a_family_that_is_no_longer_served_leaves_the_real_servers(
    lab: Lab, cluster: Cluster
) -> None:
    servers = cluster.variables("lvs_dr_ipv6")["lvs_virtual_servers"]
    del servers["web6"]
    cluster.apply("lvs_dr_ipv6", "-e", json.dumps({"lvs_virtual_servers": servers}))
    for host in ("rs1", "rs2"):
        shown = lab.run(host, "ip -br address show dev lo").stdout
        assert VIP6 not in shown
        assert f"{VIP}/32" in shown
    assert answers(lab, f"http://{VIP}/") == {"rs1", "rs2"}
