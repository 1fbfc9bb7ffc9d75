# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's section 4.1: one virtual address, a master and a backup, from bare hosts with a
keepalived.conf. The inventory that comes of it needs no change."""

from __future__ import annotations

import json
import time
from pathlib import Path

import imported
import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.99"
# 3 x 1 s + (256 - 90) / 256 s: what drct2 waits for a master that says nothing (RFC 3768, 6.1).
MASTER_DOWN_S = 3.65
SKEW_S = 0.65
# One kernel CPU, shared with four other hosts and the tests themselves.
SLACK_S = 2.0


def everything(lab: Lab, host: str) -> str:
    """What an installation would change: files, units, addresses, modules, users."""
    return lab.run(
        host,
        "find /etc /opt /usr/local /var/lib/lvs-agent -xdev -newermt @0 -printf '%p %s %m\\n'"
        " 2>/dev/null | grep -v -e resolv.conf -e mtab | sort;"
        " systemctl list-unit-files --no-pager --no-legend | sort; ip -br address; ip rule;"
        " cat /proc/sys/net/ipv4/conf/all/arp_ignore; grep -c . /etc/passwd;"
        " lsmod | cut -d' ' -f1 | sort",
    ).stdout


@pytest.fixture(scope="module")
def inventory(bare: Lab, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imported.inventory(cluster, "single", tmp_path_factory.mktemp("single"))


@pytest.fixture(scope="module", autouse=True)
def installed(bare: Lab, cluster: Cluster, inventory: Path) -> None:
    before = {host: everything(bare, host) for host in ("drct1", "drct2")}
    checked = cluster.playbook(inventory, "--check", "--diff")
    assert checked.good, checked.output
    assert checked.changed["drct1"] > 0, "a bare host has everything to change"
    for host, state in before.items():
        assert everything(bare, host) == state, "--check changed the host"
    cluster.apply(inventory)


def state_of(cluster: Cluster, director: str) -> str:
    (instance,) = cluster.status(director)["instances"]
    return str(instance["state"])


def settled(cluster: Cluster) -> bool:
    return cluster.holders(VIP) == ["drct1"]


def test_the_inventory_says_what_the_file_had_wrong(inventory: Path) -> None:
    said = imported.notes(inventory)
    assert f"drct1: {imported.CONF}:14: the block of vrrp_instance VI_1 is not closed" in said
    assert f"drct1: {imported.CONF}:5: // and what is behind it" in said


def test_the_master_has_the_address_as_the_inventory_says_it(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("drct1 is master", lambda: settled(cluster))
    shown = lab.run("drct1", f"ip -o -4 address show to {VIP}").stdout
    assert "172.16.1.99/32 brd 172.16.1.99 scope global eno16777736:0" in shown


def test_a_second_run_changes_and_restarts_nothing(
    lab: Lab, cluster: Cluster, inventory: Path
) -> None:
    def processes() -> list[str]:
        return [lab.run(host, "pgrep -u lvs-agent").stdout for host in ("drct1", "drct2")]

    before = processes()
    again = cluster.apply(inventory)
    assert set(again.changed.values()) == {0}, again.output
    assert processes() == before


def test_backup_takes_over_after_a_power_cut_and_the_master_preempts_on_its_return(
    lab: Lab, cluster: Cluster
) -> None:
    cluster.wait("drct1 is master", lambda: settled(cluster))
    lab.power_cut("drct1")
    took = cluster.wait("drct2 has it", lambda: cluster.holders(VIP, "drct2") == ["drct2"])
    assert MASTER_DOWN_S - 1 - SLACK_S <= took <= MASTER_DOWN_S + SLACK_S
    lab.boot("drct1")
    cluster.wait("drct1 has preempted", lambda: settled(cluster), timeout_s=30)


def test_stop_hands_over_within_the_skew_time(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("drct1 is master", lambda: settled(cluster))
    with lab.capture("outside", "proto 112") as pcap:
        lab.run("drct1", "systemctl stop lvs-agent")
        assert cluster.holders(VIP, "drct1") == []
        took = cluster.wait("drct2 has it", lambda: cluster.holders(VIP) == ["drct2"])
        lab.run("drct1", "systemctl start lvs-agent")
        cluster.wait("drct1 is back", lambda: settled(cluster), timeout_s=20)
    assert took <= SKEW_S + SLACK_S
    assert pcap.stat().st_size > 0


def test_with_nopreempt_the_returning_master_stays_backup(
    lab: Lab, cluster: Cluster, inventory: Path
) -> None:
    instances = cluster.variables(inventory)["lvs_vrrp_instances"]
    instances["VI_1"]["nopreempt"] = True
    run = cluster.apply(inventory, "-e", json.dumps({"lvs_vrrp_instances": instances}))
    assert run.changed["drct1"] > 0
    cluster.wait("drct1 is still master", lambda: settled(cluster))
    lab.power_cut("drct1")
    cluster.wait("drct2 has it", lambda: cluster.holders(VIP, "drct2") == ["drct2"])
    lab.boot("drct1")
    cluster.wait("drct1 is backup", lambda: state_of(cluster, "drct1") == "BACKUP", timeout_s=30)
    time.sleep(2 * MASTER_DOWN_S)  # longer than a preempting router would wait
    assert cluster.holders(VIP) == ["drct2"]
