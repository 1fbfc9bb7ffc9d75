# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed's section 4.4: LVS-NAT over two networks, seen from the client. From keepalived.conf
files of which the second lacks half, mended as the comments and lvs.cluster.validate say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import imported
import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

OUTER, INNER = "172.16.1.188", "192.168.1.188"
URL = f"http://{OUTER}/index.html"
CLIENT = "172.16.1.50"
DIRECTORS = ("drct1", "drct2")
SERVICE = f"-A -t {OUTER}:80 -s rr"
RS1 = f"-a -t {OUTER}:80 -r 192.168.1.3:80 -m -w 1"
RS2 = f"-a -t {OUTER}:80 -r 192.168.1.4:80 -m -w 2"
# What an operator changes in the inventory.
MENDED = (
    (
        "host_vars/drct2.yml",
        f"""\
    # drct2: {imported.CONF}:26: VI_2 lacks virtual_router_id: it is left out
    # Not on drct2, but on drct1; null takes it away.
    VI_2: null
""",
        """\
    VI_2:
      state: BACKUP
      priority: 90
""",
    ),
    (
        imported.SHARED,
        "    lb_kind: NAT\n",
        "    lb_kind: NAT\n    lb_algo: rr\n    delay_loop: 2\n",
    ),
    (
        imported.SHARED,
        "\nlvs_virtual_servers:\n",
        """
lvs_vrrp_sync_groups:
  VG_1:
    group: [VI_1, VI_2]

lvs_virtual_servers:
""",
    ),
)
# What the roles may leave on a host that is needed for nothing any more: nothing.
TRACES = {
    "rs1": "ip rule | grep -c 5400; ip route show table 5400 2>/dev/null;"
    " ls /etc/systemd/system/lvs-real-server* /etc/sysctl.d/90-lvs-* 2>/dev/null",
    "drct1": "sysctl -n net.ipv4.ip_forward net.ipv4.conf.all.send_redirects",
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own: real servers on a network that clients do not see."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: run make test as root")
    nat = Lab(os.environ.get("LVSLAB_TEST_NAME", "test") + "-nat", topology="nat")
    nat.down()
    try:
        nat.up()
        yield nat
    finally:
        nat.down()


@pytest.fixture(scope="module")
def cluster(lab: Lab, collections: Path) -> Cluster:
    return Cluster(lab, collections)


@pytest.fixture(scope="module", autouse=True)
def inventory(lab: Lab, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for director in DIRECTORS:
        # The sorry server of the seed is 127.0.0.1: something must answer there.
        lab.run(director, "echo sorry > /var/www/html/index.html; systemctl start nginx")
    hosts = {"192.168.1.3": "rs1", "192.168.1.4": "rs2"}
    made = imported.inventory(cluster, "lvs_nat", tmp_path_factory.mktemp("lvs_nat"), hosts)
    for file, before, after in MENDED:
        imported.edit(made, file, before, after)
    cluster.apply(made)
    return made


def everywhere(cluster: Cluster, *lines: str) -> bool:
    return all(cluster.ipvs(director) == sorted(lines) for director in DIRECTORS)


def answers(lab: Lab, count: int) -> list[str]:
    command = f"for i in $(seq {count}); do curl -s -m 3 {URL} | head -1; done"
    return lab.run("client", command, timeout=60).stdout.split("\n")[:count]


def on_one_director(cluster: Cluster, director: str) -> bool:
    return cluster.holders(OUTER) == cluster.holders(INNER) == [director]


def test_the_inventory_says_what_the_files_had_wrong(inventory: Path) -> None:
    said = imported.notes(inventory)
    assert f"drct2: {imported.CONF}:3: the block of global_defs is not closed" in said
    assert f"drct1: {imported.CONF}:49, drct2: {imported.CONF}:39: presistence_timeout" in said


def test_ipvs_rewrites_addresses_on_both_directors(cluster: Cluster) -> None:
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2))


def test_both_real_servers_answer_and_see_the_client_itself(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2))
    assert set(answers(lab, 6)) == {"rs1", "rs2"}
    for host in ("rs1", "rs2"):
        assert f"{CLIENT} - " in lab.run(host, "tail -3 /var/log/nginx/access.log").stdout


def test_a_second_run_changes_nothing(cluster: Cluster, inventory: Path) -> None:
    again = cluster.apply(inventory)
    assert set(again.changed.values()) == {0}, again.output


def test_what_is_no_answer_of_the_service_goes_its_own_way(lab: Lab) -> None:
    """SSH from afar must not come to depend on the directors."""
    shown = lab.run("rs1", "ip rule; ip route show table main").stdout
    assert "from 192.168.1.3 ipproto tcp sport 80 lookup 5400" in shown
    assert "default" not in shown.split("lookup default")[1].split("lookup 5400")[1]
    neighbour = "ip route get 192.168.1.100 from 192.168.1.3 ipproto tcp sport 80"
    assert "via" not in lab.run("rs1", neighbour).stdout


def test_a_lost_cable_outside_moves_the_inner_address_too(lab: Lab, cluster: Cluster) -> None:
    cluster.wait("drct1 has both", lambda: on_one_director(cluster, "drct1"), timeout_s=30)
    lab.link("drct1", "eno16777736", False)
    try:
        cluster.wait("drct2 has both", lambda: on_one_director(cluster, "drct2"))
        assert set(answers(lab, 6)) == {"rs1", "rs2"}
    finally:
        lab.link("drct1", "eno16777736", True)
    cluster.wait("drct1 has both again", lambda: on_one_director(cluster, "drct1"), timeout_s=30)


def test_traffic_goes_on_after_a_power_cut(
    lab: Lab, cluster: Cluster, record_property: pytest.RecordProperty
) -> None:
    lab.run("drct1", "sync")
    with cluster.watch(URL) as watch:
        lab.power_cut("drct1")
        cluster.wait("drct2 has it", lambda: cluster.holders(OUTER, "drct2") == ["drct2"])
        cluster.wait("the client is served again", lambda: watch.read()[-1][1] is not None)
        record_property("gap_at_power_cut_s", watch.gap_s())
    assert cluster.holders(INNER, "drct2") == ["drct2"]
    assert set(answers(lab, 6)) == {"rs1", "rs2"}
    lab.boot("drct1")
    cluster.wait("drct1 has both again", lambda: on_one_director(cluster, "drct1"), timeout_s=60)


def test_a_real_server_finds_its_way_back_after_a_reboot(lab: Lab, cluster: Cluster) -> None:
    lab.run("rs1", "sync")
    lab.power_cut("rs1")
    lab.boot("rs1")
    cluster.wait("the table", lambda: everywhere(cluster, SERVICE, RS1, RS2), timeout_s=60)
    assert set(answers(lab, 6)) == {"rs1", "rs2"}


def test_a_real_server_without_its_way_back_is_named_and_put_right(
    lab: Lab, cluster: Cluster
) -> None:
    cluster.wait("drct1 has both", lambda: on_one_director(cluster, "drct1"), timeout_s=60)
    lab.run("rs2", "ip route delete default table 5400")
    seen = cluster.playbook("lvs_nat", "--tags", "verify")
    assert not seen.good
    assert "rs2 (192.168.1.4): what it answers from port 80 to 172.16.1.9" in seen.output
    assert f"not come back through {INNER}" in seen.output
    assert "rs1 (" not in seen.output
    # The example has less in its global_defs, and says the same of real servers.
    repaired = cluster.apply("lvs_nat")
    assert {host for host, count in repaired.changed.items() if count} == {"rs2", *DIRECTORS}
    assert set(answers(lab, 6)) == {"rs1", "rs2"}


def test_without_virtual_servers_nothing_of_it_is_left(lab: Lab, cluster: Cluster) -> None:
    cluster.apply("lvs_nat", "-e", json.dumps({"lvs_virtual_servers": {}}))
    assert lab.run("rs1", TRACES["rs1"], check=False).stdout.split() == ["0"]
    assert lab.run("drct1", TRACES["drct1"]).stdout.split() == ["0", "1"]
