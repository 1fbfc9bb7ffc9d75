# SPDX-License-Identifier: GPL-3.0-or-later
"""LVS by tunnels, seen from the client; and what a change of the method leaves behind."""

from __future__ import annotations

import json

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
DIRECTORS = ("drct1", "drct2")
SERVICE = f"-A -t {VIP}:80 -s rr"
RS1 = f"-a -t {VIP}:80 -r 172.16.1.3:80 -i -w 1 --tun-type ipip"
RS2 = f"-a -t {VIP}:80 -r 172.16.1.4:80 -i -w 2 --tun-type gue --tun-port 6080 --tun-nocsum"


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> None:
    cluster.apply("lvs_tun")


def everywhere(cluster: Cluster, *lines: str) -> bool:
    return all(cluster.ipvs(director) == sorted(lines) for director in DIRECTORS)


def answers(lab: Lab, address: str = VIP) -> set[str]:
    command = f"for i in $(seq 6); do curl -s -m 3 http://{address}/ | head -1; done"
    return set(lab.run("client", command, timeout=60).stdout.split())


def test_each_real_server_gets_its_own_kind_of_tunnel(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2))
    assert answers(lab) == {"rs1", "rs2"}
    assert "lvs-ipip" in lab.run("rs1", "ip -br link").stdout
    assert "port 6080 gue" in lab.run("rs2", "ip fou show").stdout


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    again = cluster.apply("lvs_tun")
    assert set(again.changed.values()) == {0}, again.output


def test_packets_arrive_where_source_addresses_are_checked_strictly(lab: Lab) -> None:
    """The client is not reached by way of the tunnel, which the strict check would mind."""
    strict = "sysctl -qw net.ipv4.conf.all.rp_filter={}"
    lab.run("rs1", strict.format(1))
    try:
        assert answers(lab) == {"rs1", "rs2"}
    finally:
        lab.run("rs1", strict.format(0))


def test_a_tunnel_works_again_after_a_reboot(lab: Lab, cluster: Cluster) -> None:
    lab.run("rs2", "sync")
    lab.power_cut("rs2")
    lab.boot("rs2")
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2), timeout_s=60)
    assert answers(lab) == {"rs1", "rs2"}


def test_what_is_wrong_on_a_real_server_is_said_before_directors_are_touched(
    lab: Lab, cluster: Cluster
) -> None:
    lab.run("rs1", "ip link set lvs-ipip down")
    seen = cluster.playbook("lvs_tun", "--tags", "verify")
    assert not seen.good
    assert f"rs1 (172.16.1.3) does not answer for {VIP} through the ipip tunnel" in seen.output
    assert "rs2 (" not in seen.output
    lab.run("rs1", "ip link set lvs-ipip up")


def test_another_method_leaves_nothing_of_the_tunnels(lab: Lab, cluster: Cluster) -> None:
    """From tunnels to direct routing. What a client sees meanwhile is another matter."""
    servers = cluster.variables("lvs_tun")["lvs_virtual_servers"]
    servers["web"]["lb_kind"] = "DR"
    del servers["web"]["real_servers"]["rs2"]["lb_kind"]
    cluster.apply("lvs_tun", "-e", json.dumps({"lvs_virtual_servers": servers}))
    direct = [line.replace(" -i -w", " -g -w").partition(" --tun")[0] for line in (RS1, RS2)]
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, *direct))
    assert answers(lab) == {"rs1", "rs2"}
    for host in ("rs1", "rs2"):
        links = lab.run(host, "ip -br link; ip fou show 2>/dev/null", check=False).stdout
        assert "lvs-" not in links
        assert "6080" not in links


def test_a_real_server_that_answers_arp_is_named(lab: Lab, cluster: Cluster) -> None:
    servers = cluster.variables("lvs_tun")["lvs_virtual_servers"]
    servers["web"]["lb_kind"] = "DR"
    del servers["web"]["real_servers"]["rs2"]["lb_kind"]
    lab.run("rs2", "sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.lo.arp_ignore=0")
    words = ["--tags", "verify", "-e", json.dumps({"lvs_virtual_servers": servers})]
    seen = cluster.playbook("lvs_tun", *words)
    assert not seen.good
    assert f"rs2 (172.16.1.4) answers ARP requests for {VIP}" in seen.output
    assert "rs1 (" not in seen.output
    lab.run("rs2", "ip address delete 172.16.1.254/32 dev lo")
    seen = cluster.playbook("lvs_tun", *words)
    assert f"rs2 (172.16.1.4) does not answer for {VIP} by direct routing" in seen.output
