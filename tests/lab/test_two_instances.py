# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's section 4.2: two instances, each director master of one."""

from __future__ import annotations

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP_1, VIP_2 = "172.16.1.99", "172.16.1.88"


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> None:
    cluster.apply("two_instances")


def one_each(cluster: Cluster) -> bool:
    return cluster.holders(VIP_1) == ["drct1"] and cluster.holders(VIP_2) == ["drct2"]


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    again = cluster.apply("two_instances")
    assert set(again.changed.values()) == {0}, again.output


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
