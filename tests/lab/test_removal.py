# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that a network manager configures, and that are to be as they were before the roles.

drct1 has systemd-networkd, which removes what others have made whenever it starts. Both hosts are
directors and real servers, so they have had all that the roles make.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import host_state
import pytest
from cluster import Cluster, Run
from conftest import Past
from lvslab import Lab

pytestmark = pytest.mark.lab

INVENTORY = "directors_as_real_servers"
INTERFACE, ADDRESS, VIP = "eno16777736", "172.16.1.9/16", "172.16.1.254"
ROUTE, RULE = "198.51.100.0/24", "1000:"
NETWORK_FILE = "/etc/systemd/network/20-cluster.network"
NETWORKD = "systemd-networkd.service systemd-networkd.socket"
LOOK = f"ip -o -4 address show dev {INTERFACE}; ip route show {ROUTE}; ip rule show pref 1000"


@pytest.fixture(scope="module", autouse=True)
def networkd(lived_in: Lab) -> Iterator[None]:
    """The lab's image has it masked."""
    text = f"[Match]\nName={INTERFACE}\n\n[Network]\nAddress={ADDRESS}\nIPv6AcceptRA=no\n"
    lived_in.put("drct1", NETWORK_FILE, text)
    lived_in.run("drct1", f"systemctl unmask {NETWORKD} && systemctl start {NETWORKD}")
    yield
    put_back(lived_in)


def put_back(lab: Lab) -> None:
    """Without networkd again, as far as it was us who brought it."""
    command = f"rm -f {NETWORK_FILE}; systemctl stop {NETWORKD}; systemctl mask {NETWORKD}"
    lab.run("drct1", command)


@pytest.fixture(scope="module")
def variables(cluster: Cluster) -> list[str]:
    """The inventory's, with a route and a rule that move as well."""
    instances = cluster.variables(INVENTORY)["lvs_vrrp_instances"]
    (instance,) = instances.values()
    instance["virtual_routes"] = [f"{ROUTE} via 172.16.1.1 dev {INTERFACE}"]
    instance["virtual_rules"] = [f"from {ROUTE} table 77 preference 1000"]
    return ["-e", json.dumps({"lvs_vrrp_instances": instances})]


@pytest.fixture(scope="module")
def installed(lab: Lab, cluster: Cluster, networkd: None, variables: list[str]) -> None:
    def managed() -> bool:
        return f"NETWORK_FILE={NETWORK_FILE}" in lab.run("drct1", f"cat {link}", check=False).stdout

    link = f"/run/systemd/netif/links/$(cat /sys/class/net/{INTERFACE}/ifindex)"
    cluster.wait("networkd configures the interface", managed)
    cluster.apply(INVENTORY, *variables)
    cluster.wait("drct1 holds all", lambda: holds_all(lab), timeout_s=30)


def holds_all(lab: Lab) -> bool:
    text = lab.run("drct1", LOOK).stdout
    return all(each in text for each in (VIP, ROUTE, RULE))


def elections(lab: Lab) -> str:
    """What the agent has said of VRRP since the boot."""
    command = "journalctl -b -u lvs-agent -o cat --no-pager | grep -F 'ha: vrrp'"
    return lab.run("drct1", command).stdout


def remove(cluster: Cluster, *words: str) -> Run:
    return cluster.playbook(INVENTORY, *words, name="lvs.cluster.remove")


def test_a_restart_of_networkd_takes_nothing_from_a_master(
    lab: Lab, cluster: Cluster, installed: None
) -> None:
    before = elections(lab)
    watch = lab.start("drct1", ["ip", "monitor", "address", "route", "rule"])
    mark = "ip address add 192.0.2.1/32 dev lo; ip address delete 192.0.2.1/32 dev lo"

    def listens() -> bool:
        lab.run("drct1", mark)
        return "Deleted 1: lo    inet 192.0.2.1/32" in watch.output()

    cluster.wait("the monitor listens", listens)
    lab.run("drct1", "systemctl restart systemd-networkd")
    # It sets its own addresses after it has removed what is none of them.
    cluster.wait("networkd has done its work", lambda: f"inet {ADDRESS}" in watch.output())
    watch.stop()
    assert holds_all(lab)
    deleted = [line for line in watch.output().splitlines() if line.startswith("Deleted")]
    assert all("192.0.2.1" in line for line in deleted), deleted
    assert elections(lab) == before


def test_a_second_run_changes_nothing(cluster: Cluster, variables: list[str]) -> None:
    again = cluster.apply(INVENTORY, *variables)
    assert set(again.changed.values()) == {0}, again.output


def test_nothing_is_removed_without_a_confirmation(
    lab: Lab, cluster: Cluster, installed: None
) -> None:
    run = remove(cluster)
    assert not run.good
    assert "-e lvs_remove_confirm=yes" in run.output
    assert holds_all(lab)


def test_a_real_server_is_not_taken_from_under_a_director_that_stays(
    lab: Lab, cluster: Cluster, installed: None
) -> None:
    run = remove(cluster, "-e", "lvs_remove_confirm=yes", "--limit", "drct2")
    assert not run.good
    assert "drct2 is a real server of directors that stay" in run.output
    assert lab.run("drct2", "systemctl is-active lvs-agent").stdout.strip() == "active"


def test_hosts_are_as_they_were_before_the_roles(
    lab: Lab, cluster: Cluster, past: Past, installed: None
) -> None:
    run = remove(cluster, "-e", "lvs_remove_confirm=yes")
    assert run.good, run.output
    again = remove(cluster, "-e", "lvs_remove_confirm=yes")
    assert set(again.changed.values()) == {0}, again.output
    put_back(lab)
    left = host_state.differences(past.pristine["drct2"], host_state.read(lab, "drct2"))
    assert not left, "\n".join(left)
    # What networkd has made of the interface stays: that was not ours.
    own = ("addresses", "routes", "sysctls")
    after = host_state.read(lab, "drct1")
    left = host_state.differences(past.pristine["drct1"], after, without=own)
    assert not left, "\n".join(left)
    assert VIP not in str(after["addresses"]) + str(after["routes"])
