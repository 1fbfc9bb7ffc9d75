# SPDX-License-Identifier: GPL-3.0-or-later
"""From Debian's keepalived to the agent and back by lvs.cluster.migrate, with a client at work.

On the seed's section 4.3, as an administrator wrote it for keepalived. Each director is master of
one instance, so both ways are gone by a master and by a backup.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import client_load
import pytest
from client_load import Requests
from cluster import Cluster, Run, kill
from lvslab import Lab
from witness import adverts

# Takes minutes more than `make test` has: `make test-keepalived`.
pytestmark = [pytest.mark.lab, pytest.mark.keepalived]

VIP, VIP_2 = "172.16.1.254", "172.16.1.88"
URL = f"http://{VIP}/index.html"
DIRECTORS = {"drct1": (100, 90), "drct2": (90, 100)}
REAL = ("rs1", "rs2")
HERE = Path(__file__).parent
AGENT = "ansible_collections/lvs/cluster/roles/director/files/agent"
LOAD_S = 400
BIG_BYTES, BYTES_PER_SECOND = 6_000_000, 10_000

CONF = """
global_defs {{
    router_id {host}
    vrrp_mcast_group4 224.200.100.18
}}
vrrp_instance outside {{
    state BACKUP
    interface eno16777736
    virtual_router_id 81
    priority {one}
    authentication {{
        auth_type PASS
        auth_pass zrs66zrs
    }}
    virtual_ipaddress {{
        172.16.1.99/32 brd 172.16.1.99 dev eno16777736 label eno16777736:0
        172.16.1.254/32 dev eno16777736
    }}
}}
vrrp_instance other {{
    state BACKUP
    interface eno16777736
    virtual_router_id 80
    priority {two}
    authentication {{
        auth_type PASS
        auth_pass zrs88zrs
    }}
    virtual_ipaddress {{
        172.16.1.88/32 brd 172.16.1.88 dev eno16777736 label eno16777736:1
    }}
}}
virtual_server 172.16.1.254 80 {{
    delay_loop 3
    lb_algo rr
    lb_kind DR
    protocol TCP
    sorry_server 127.0.0.1 80
    real_server 172.16.1.3 80 {{
        weight 1
        {check}
    }}
    real_server 172.16.1.4 80 {{
        weight 2
        {check}
    }}
}}
"""
CHECK = """HTTP_GET {
    url {
        path /index.html
        status_code 200
    }
    connect_timeout 3
    retry 3
    delay_before_retry 1
}"""


@pytest.fixture(scope="module", autouse=True)
def running(lived_in: Lab, cluster: Cluster) -> Iterator[None]:
    """keepalived runs on both directors, and the real servers are ready."""
    for director, (one, two) in DIRECTORS.items():
        lived_in.run(director, "systemctl disable --now lvs-agent", check=False)
        lived_in.run(director, "echo sorry > /var/www/html/index.html; systemctl start nginx")
        conf = CONF.format(host=director, one=one, two=two, check=CHECK)
        lived_in.keepalived(director, conf)
    for host in REAL:
        lived_in.run(host, f"head -c {BIG_BYTES} /dev/urandom > /var/www/html/big")
        lived_in.run(host, "echo $(hostname) > /var/www/html/index.html")
    cluster.apply("lvs_dr", "--limit", "lvs_real_servers")
    cluster.wait("one instance each", lambda: one_each(cluster), timeout_s=30)
    yield
    for director in DIRECTORS:
        lived_in.run(director, "systemctl disable --now keepalived", check=False)


def one_each(cluster: Cluster) -> bool:
    return cluster.holders(VIP) == ["drct1"] and cluster.holders(VIP_2) == ["drct2"]


def migrate(cluster: Cluster, way: str, *words: str) -> Run:
    return cluster.playbook(
        "lvs_dr", "-e", f"lvs_migrate={way}", *words, name="lvs.cluster.migrate"
    )


def running_units(lab: Lab, director: str) -> list[str]:
    """Of the two; with whether each starts at boot."""
    command = (
        "for unit in keepalived lvs-agent; do"
        " echo $unit $(systemctl is-active $unit) $(systemctl is-enabled $unit); done"
    )
    return lab.run(director, command, check=False).stdout.splitlines()


@contextmanager
def at_work(
    lab: Lab, cluster: Cluster, what: str, record_property: pytest.RecordProperty
) -> Iterator[Requests]:
    """A client with requests of all kinds and a slow download; nothing of it may be lost, and no
    director may tell the network that it resigns."""
    sums = {lab.run(host, "md5sum < /var/www/html/big").stdout.split()[0] for host in REAL}
    script = HERE / "slow_download.py"
    lab.put("client", f"/root/{script.name}", script.read_text())
    words = ["python3", f"/root/{script.name}", f"http://{VIP}/big", str(BYTES_PER_SECOND)]
    with lab.capture("outside", "proto 112") as pcap:
        with client_load.load(lab, cluster, URL, f"http://{VIP}/big", LOAD_S) as requests:
            download = lab.start("client", words)
            yield requests
        assert download.running(), "it must still be on its way, or this shows nothing"
    lab.run("client", "pkill -USR1 -x python3")
    assert download.wait(60) == 0
    assert download.output().strip() in sums
    told = f"{what}: {requests.counts()}, lost {requests.lost()}, gap {requests.gap_s():.2f} s"
    print(told)
    record_property(what, told)
    assert requests.lost() == [], told
    seen = adverts(pcap, v3_checksum_as_v2=True)
    assert seen
    assert not [advert for advert in seen if advert.priority == 0], "nobody resigned"


def test_a_release_that_does_not_run_leaves_keepalived_as_it_was(
    lab: Lab, cluster: Cluster, tmp_path: Path
) -> None:
    shutil.copytree(cluster.collections / "ansible_collections", tmp_path / "ansible_collections")
    path = tmp_path / AGENT / "lvs_agent" / "cli" / "run.py"
    broken = 'def run(*_):\n    raise RuntimeError("this release is broken")\n'
    path.write_text(path.read_text() + broken)
    before = {director: cluster.ipvs(director) for director in DIRECTORS}
    run = migrate(Cluster(lab, tmp_path), "to_agent")
    assert run.returncode != 0
    assert "runs keepalived as before" in run.output, run.output
    assert "the agent has the same to do as keepalived" in run.output, run.output
    assert one_each(cluster)
    assert {director: cluster.ipvs(director) for director in DIRECTORS} == before
    for director in DIRECTORS:
        keepalived, agent = running_units(lab, director)
        assert keepalived.startswith("keepalived active"), keepalived
        assert not agent.startswith("lvs-agent active"), agent


def test_the_agent_takes_over_also_after_a_run_that_was_killed(
    lab: Lab, cluster: Cluster, record_property: pytest.RecordProperty
) -> None:
    with at_work(lab, cluster, "to the agent", record_property):
        words = ("-e", "lvs_migrate=to_agent")
        begun = cluster.begin("lvs_dr", *words, name="lvs.cluster.migrate")
        try:
            cluster.wait(
                "the agent beside keepalived",
                lambda: beside(lab) or begun.poll() is not None,
                timeout_s=180,
            )
            assert begun.poll() is None, begun.communicate()[0]
        finally:
            kill(begun)
        # A crash at that moment is the worst that can happen: the sweep must not take what is
        # keepalived's as well.
        first = next(director for director in DIRECTORS if shares(lab, director))
        lab.run(first, "systemctl kill --kill-whom=main --signal=KILL lvs-agent")
        assert one_each(cluster)
        run = migrate(cluster, "to_agent")
        assert run.good, run.output
    assert one_each(cluster)
    for director in DIRECTORS:
        assert running_units(lab, director) == [
            "keepalived inactive disabled",
            "lvs-agent active enabled",
        ]
        assert not shares(lab, director)


def shares(lab: Lab, director: str) -> bool:
    return lab.run(director, "test -e /run/lvs-agent/adopt", check=False).rc == 0


def beside(lab: Lab) -> bool:
    """Whether an agent has begun to share a director with keepalived."""
    command = "test -e /run/lvs-agent/adopt && systemctl -q is-active lvs-agent"
    return any(lab.run(director, command, check=False).rc == 0 for director in DIRECTORS)


def test_keepalived_takes_back_over(
    lab: Lab, cluster: Cluster, record_property: pytest.RecordProperty
) -> None:
    with at_work(lab, cluster, "back to keepalived", record_property):
        run = migrate(cluster, "to_keepalived")
        assert run.good, run.output
    assert one_each(cluster)
    for director in DIRECTORS:
        keepalived, agent = running_units(lab, director)
        assert keepalived.startswith("keepalived active"), keepalived
        assert agent == "lvs-agent inactive disabled"
        # Whatever sweeps later must not take what is keepalived's now.
        lab.run(director, "/opt/lvs-agent/current/bin/lvs-agent sweep")
    assert one_each(cluster)
