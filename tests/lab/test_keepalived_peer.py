# SPDX-License-Identifier: GPL-3.0-or-later
"""One VRRP group of ours (drct1) and Debian's keepalived (drct2), on the wire and in both roles."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from cluster import Cluster
from lvslab import Lab
from witness import Advert, adverts

pytestmark = pytest.mark.lab

VIP = "172.16.1.99"
OURS, PEER = "172.16.1.9", "172.16.1.2"
GROUP = "224.200.100.18"
MASTER_DOWN_S = {"90": 3.65, "100": 3.61}
SLACK_S = 2.0

KEEPALIVED = """
global_defs {{
    router_id drct2
    vrrp_mcast_group4 {group}
    vrrp_version {version}
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eno16777736
    virtual_router_id 81
    priority {priority}
    advert_int 1
    {authentication}
    virtual_ipaddress {{
        {vip}/32 brd {vip} dev eno16777736 label eno16777736:0
    }}
}}
"""


def keepalived(lab: Lab, version: int, priority: int) -> None:
    password = "authentication {\n auth_type PASS\n auth_pass zrs66zrs\n }" if version == 2 else ""
    lab.keepalived(
        "drct2",
        KEEPALIVED.format(
            group=GROUP, version=version, priority=priority, authentication=password, vip=VIP
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def alone(lived_in: Lab) -> None:
    """Our other director, if there was one, makes room for keepalived; also after a power cut."""
    lived_in.run("drct2", "systemctl disable --now lvs-agent; sync", check=False)


@pytest.fixture(scope="module", params=[2, 3], ids=["v2", "v3"])
def version(lab: Lab, cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[int]:
    """Our director alone, in one VRRP version; keepalived is the other one."""
    number: int = request.param
    instances = cluster.variables("single_instance")["lvs_vrrp_instances"]
    if number == 3:
        # keepalived 2.2.7 takes nothing but checksums with a pseudo-header.
        instances["VI_1"].update(version="3", v3_checksum_as_v2=False)
        del instances["VI_1"]["authentication"]
    variables = json.dumps({"lvs_vrrp_instances": instances})
    cluster.apply("single_instance", "--limit", "drct1", "-e", variables)
    yield number
    lab.keepalived("drct2", None)
    lab.run("drct2", f"ip address del {VIP}/32 dev eno16777736", check=False)


def test_we_are_master_beside_a_keepalived_of_lower_priority(
    lab: Lab, cluster: Cluster, version: int
) -> None:
    keepalived(lab, version, 90)
    cluster.wait("we hold it", lambda: cluster.holders(VIP) == ["drct1"])
    with lab.capture("outside", "proto 112") as pcap:
        time.sleep(4)
    seen = adverts(pcap, v3_checksum_as_v2=False)
    assert len(seen) >= 3
    assert {advert.source for advert in seen} == {OURS}
    for advert in seen:
        check_fields(advert, version)
    gaps = [later.at_s - at.at_s for at, later in pairwise(seen)]
    assert all(0.8 < gap < 1.4 for gap in gaps), gaps


def check_fields(advert: Advert, version: int) -> None:
    assert not advert.malformed
    assert advert.checksum_good
    assert (advert.version, advert.virtual_router_id, advert.ttl) == (version, 81, 255)
    assert advert.destination == GROUP
    assert advert.addresses == (VIP,)
    assert advert.interval == ("1" if version == 2 else "100")
    assert advert.password == ("zrs66zrs" if version == 2 else "")


def test_keepalived_takes_over_at_our_stop_and_gives_back(
    lab: Lab, cluster: Cluster, version: int
) -> None:
    keepalived(lab, version, 90)
    cluster.wait("we hold it", lambda: cluster.holders(VIP) == ["drct1"])
    with lab.capture("outside", "proto 112") as pcap:
        lab.run("drct1", "systemctl stop lvs-agent")
        took = cluster.wait("keepalived holds it", lambda: cluster.holders(VIP) == ["drct2"])
        lab.run("drct1", "systemctl start lvs-agent")
        cluster.wait("we preempt", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=20)
    assert took < MASTER_DOWN_S["90"], "it did not have to wait for silence"
    assert any(advert.source == OURS and advert.priority == 0 for advert in adverts(pcap))


def test_we_are_backup_of_a_keepalived_of_higher_priority(
    lab: Lab, cluster: Cluster, version: int
) -> None:
    keepalived(lab, version, 110)
    cluster.wait("keepalived preempts", lambda: cluster.holders(VIP) == ["drct2"])
    with lab.capture("outside", "proto 112") as pcap:
        time.sleep(3)
    assert {advert.source for advert in adverts(pcap)} == {PEER}
    (instance,) = cluster.status("drct1")["instances"]  # type: ignore[misc]
    assert instance["state"] == "BACKUP"
    lab.keepalived("drct2", None)
    took = cluster.wait("we take over", lambda: cluster.holders(VIP) == ["drct1"])
    assert took < MASTER_DOWN_S["100"], "keepalived resigned with priority 0"


def test_we_take_over_after_master_down_when_keepalived_loses_its_power(
    lab: Lab, cluster: Cluster, version: int
) -> None:
    keepalived(lab, version, 110)
    cluster.wait("keepalived preempts", lambda: cluster.holders(VIP) == ["drct2"])
    start = time.monotonic()
    lab.power_cut("drct2")
    cluster.wait("we take over", lambda: cluster.holders(VIP, "drct1") == ["drct1"])
    took = time.monotonic() - start
    lab.boot("drct2")
    assert MASTER_DOWN_S["100"] - 1 - SLACK_S < took < MASTER_DOWN_S["100"] + SLACK_S


def test_version_3_checksums_are_rfc_9568s_by_default(lab: Lab, cluster: Cluster) -> None:
    instances = cluster.variables("single_instance")["lvs_vrrp_instances"]
    instances["VI_1"]["version"] = "3"
    del instances["VI_1"]["authentication"]
    variables = json.dumps({"lvs_vrrp_instances": instances})
    cluster.apply("single_instance", "--limit", "drct1", "-e", variables)
    with lab.capture("outside", f"proto 112 and src {OURS}") as pcap:
        time.sleep(6)
    seen = adverts(pcap, v3_checksum_as_v2=True)
    assert seen
    assert all(advert.checksum_good for advert in seen)
    assert not any(advert.checksum_good for advert in adverts(pcap, v3_checksum_as_v2=False))
