# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts that are directors and real servers at once: no packet goes round between them."""

from __future__ import annotations

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
URL = f"http://{VIP}/"
DIRECTORS = ("drct1", "drct2")


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> None:
    for host in DIRECTORS:
        lived_in.run(host, f"echo {host} > /var/www/html/index.html; systemctl start nginx")
    cluster.apply("directors_as_real_servers")


def answers(lab: Lab, count: int) -> list[str]:
    command = f"for i in $(seq {count}); do curl -s -m 3 {URL} | head -1; done"
    return lab.run("client", command, timeout=120).stdout.split("\n")[:count]


def master(lab: Lab, *directors: str) -> list[str]:
    """Who has the address on the network: both have it on lo."""
    return [
        name
        for name in directors or DIRECTORS
        if lab.run(name, f"ip -o -4 address show to {VIP} dev eno16777736").stdout
    ]


def balanced(lab: Lab, director: str) -> int:
    """How many connections IPVS of a director has taken."""
    shown = lab.run(director, f"ipvsadm -Ln --stats --exact -t {VIP}:80").stdout
    return int(shown.splitlines()[-3].split()[2])


def test_every_request_is_answered_by_one_or_the_other(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("drct1 is master", lambda: master(lab) == ["drct1"], timeout_s=30)
    before = {name: balanced(lab, name) for name in DIRECTORS}
    seen = answers(lab, 20)
    assert sorted(set(seen)) == ["drct1", "drct2"]
    assert seen.count("drct1") == 10
    # The kernel adds its counters up every 2 s.
    taken = before["drct1"] + 20
    cluster.wait("all are counted", lambda: balanced(lab, "drct1") == taken, timeout_s=10)
    # What the master sends the backup is not balanced there a second time.
    assert balanced(lab, "drct2") == before["drct2"]


def test_the_backup_is_silent_to_arp(lab: Lab) -> None:
    mac = lab.run("drct1", "cat /sys/class/net/eno16777736/address").stdout.strip()
    shown = lab.run("client", f"arping -I eno16777736 -c 3 -w 4 {VIP}", check=False).stdout
    assert mac.upper() in shown.upper()
    assert len({line.split()[4] for line in shown.splitlines() if "reply from" in line}) == 1


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    again = cluster.apply("directors_as_real_servers")
    assert set(again.changed.values()) == {0}, again.output


def test_the_other_balances_after_a_handover_and_the_former_master_serves(
    lab: Lab, cluster: Cluster
) -> None:
    """Without its agent a host is a real server like any other."""
    lab.run("drct1", "systemctl stop lvs-agent")
    cluster.wait("drct2 is master", lambda: master(lab) == ["drct2"])
    assert sorted(set(answers(lab, 10))) == ["drct1", "drct2"]
    lab.run("drct1", "systemctl start lvs-agent")
    cluster.wait("drct1 is master", lambda: master(lab) == ["drct1"], timeout_s=30)
    assert sorted(set(answers(lab, 10))) == ["drct1", "drct2"]
