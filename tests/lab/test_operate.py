# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's later life by its playbooks: looked at, upgraded, put back, deployed to; and what
can go wrong on the way, with a client at work.

On the seed's section 4.3, with connection synchronisation. drct1 is master of the virtual server's
address.
"""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import client_load
import pytest
from client_load import Requests
from cluster import Cluster, kill
from lvslab import Lab

pytestmark = pytest.mark.lab

VIP = "172.16.1.254"
URL = f"http://{VIP}/index.html"
DIRECTORS = ("drct1", "drct2")
LOAD_S = 400
PAGE = "/var/www/html/index.html"
BIG_BYTES = 3_000_000
# In place of the inventory's: the group stays, or directors would be deaf to each other on the way.
DEFS = {"vrrp_mcast_group4": "224.200.100.18", "lvs_sync_daemon": "eno16777736 inst VI_1"}
SYNC = json.dumps({"lvs_global_defs": DEFS})
# Of the directors in turn: a run that waits for another needs no more than that.
CLAIM = ("-e", "director_claim_expires=200")
AGENT = "ansible_collections/lvs/cluster/roles/director/files/agent"


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster) -> str:
    """The release of the agent that both directors have."""
    for director in DIRECTORS:
        # The sorry server of the seed is 127.0.0.1: something must answer there.
        lived_in.run(director, "echo sorry > /var/www/html/index.html; systemctl start nginx")
    for host in ("rs1", "rs2"):
        big = f"head -c {BIG_BYTES} /dev/urandom > /var/www/html/big; sync"
        lived_in.run(host, big)
    cluster.apply("lvs_dr", "-e", SYNC)
    cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
    return release(lived_in, "drct1")


def handovers_s(lab: Lab) -> list[float]:
    """When a director became master of the virtual server's address, since the boot."""
    command = "journalctl -b -u lvs-agent -o short-unix --no-pager | grep 'VI_1.*-> MASTER'"
    lines = "".join(lab.run(name, command, check=False).stdout for name in DIRECTORS).splitlines()
    return [float(line.split()[0]) for line in lines]


def record(requests: Requests, lab: Lab, what: str, record_property: pytest.RecordProperty) -> None:
    """Tell what a client noticed, and check that it lost nothing but in a hand-over."""
    told = f"gap at {what}: {requests.gap_s():.2f} s; {requests.counts()}, lost {requests.lost()}"
    print(told)
    record_property(what, told)
    assert requests.lost_without(handovers_s(lab)) == [], told


def load(lab: Lab, cluster: Cluster) -> AbstractContextManager[Requests]:
    """The client works while the block runs."""
    return client_load.load(lab, cluster, URL, f"http://{VIP}/big", LOAD_S)


def release(lab: Lab, director: str) -> str:
    return lab.run(director, "basename $(readlink /opt/lvs-agent/current)").stdout.strip()


def pid(lab: Lab, director: str) -> str:
    return lab.run(director, "systemctl show -p MainPID --value lvs-agent").stdout.strip()


def starts(lab: Lab, director: str) -> int:
    """How often the agent was started since the boot."""
    command = "journalctl -b -u lvs-agent -o cat --no-pager | grep -c ' is ready$'"
    return int(lab.run(director, command, check=False).stdout)


@pytest.fixture(scope="module")
def another(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The collection with a newer release of the agent."""
    return changed(cluster, tmp_path_factory.mktemp("another"), "# A newer release.\n")


@pytest.fixture(scope="module")
def broken(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The collection with a release whose agent accepts configurations, but does not run."""
    return changed(
        cluster,
        tmp_path_factory.mktemp("broken"),
        'def run(*_):\n    raise RuntimeError("this release is broken")\n',
    )


def changed(cluster: Cluster, folder: Path, more: str) -> Cluster:
    """A copy of the collection with `more` at the end of what starts the agent."""
    shutil.copytree(cluster.collections / "ansible_collections", folder / "ansible_collections")
    path = folder / AGENT / "lvs_agent" / "cli" / "run.py"
    path.write_text(path.read_text() + more)
    return Cluster(cluster.lab, folder)


def test_a_healthy_cluster_is_found_healthy(cluster: Cluster) -> None:
    run = cluster.playbook("lvs_dr", "-e", SYNC, name="lvs.cluster.verify")
    assert run.good, run.output


def test_everything_wrong_is_in_one_message_and_in_the_report(
    lab: Lab, cluster: Cluster, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere.yml"
    # A port that refuses at once; the lab's own way to the host, and its open connection, are off.
    nowhere.write_text(
        "all: {hosts: {drct2: {ansible_host: 127.0.0.1, ansible_port: 1, ansible_control_path: '',"
        " ansible_ssh_common_args: '-oControlMaster=no', ansible_ssh_args: ''}}}\n"
    )
    away = ("-i", str(nowhere), "-e", SYNC)
    lab.run(
        "drct1", "systemctl disable lvs-agent; ip address del 172.16.1.254/32 dev lo", check=False
    )
    lab.run("rs1", "ip address del 172.16.1.254/32 dev lo")
    try:
        verified = cluster.playbook("lvs_dr", *away, name="lvs.cluster.verify")
        report = ("-e", f"lvs_report={tmp_path}/state")
        reported = cluster.playbook("lvs_dr", *away, *report, name="lvs.cluster.report")
    finally:
        lab.run("drct1", "systemctl enable lvs-agent")
        lab.run("rs1", "ip address replace 172.16.1.254/32 dev lo")
    assert verified.returncode != 0
    for words in (
        "drct1: the agent does not start at boot",
        "drct2: cannot be reached",
        "rs1: is not as the inventory has it",
    ):
        assert words in verified.output, verified.output
    assert reported.good, reported.output
    page = (tmp_path / "state.md").read_text()
    assert "- drct2: cannot be reached" in page
    assert "| VI_1 | 81 | eno16777736 | drct1 (100) |" in page
    facts = json.loads((tmp_path / "state.json").read_text())
    assert facts["healthy"] is False
    assert "zrs66zrs" not in page + json.dumps(facts)
    # Neither site.yml nor upgrade.yml begins anything on half a cluster.
    pids = pid(lab, "drct1")
    for name in ("lvs.cluster.site", "lvs.cluster.upgrade"):
        stopped = cluster.playbook("lvs_dr", *away, name=name)
        assert stopped.unreachable["drct2"] == 1, stopped.output
        assert stopped.changed.get("drct1") == 0, stopped.output
    assert pid(lab, "drct1") == pids


def test_an_upgrade_in_check_mode_tells_and_changes_nothing(
    lab: Lab, cluster: Cluster, another: Cluster
) -> None:
    before = {name: (release(lab, name), pid(lab, name)) for name in DIRECTORS}
    run = another.playbook("lvs_dr", "-e", SYNC, "--check", name="lvs.cluster.upgrade")
    assert run.good, run.output
    assert all(run.changed[name] for name in DIRECTORS), run.output
    assert {name: (release(lab, name), pid(lab, name)) for name in DIRECTORS} == before
    assert cluster.holders(VIP) == ["drct1"]


def test_two_upgrades_at_once_take_turns_and_the_client_is_served(
    lab: Lab, cluster: Cluster, another: Cluster, record_property: pytest.RecordProperty
) -> None:
    before = {name: (release(lab, name), starts(lab, name)) for name in DIRECTORS}
    words = ("-e", SYNC, *CLAIM)
    with load(lab, cluster) as requests:
        other = another.begin("lvs_dr", *words, name="lvs.cluster.upgrade")
        try:
            run = another.playbook("lvs_dr", *words, name="lvs.cluster.upgrade")
            output, _ = other.communicate(timeout=300)
        finally:
            kill(other)
        assert run.good, run.output
        assert other.returncode == 0, output
    after = {name: (release(lab, name), starts(lab, name)) for name in DIRECTORS}
    for name in DIRECTORS:
        assert after[name][0] != before[name][0], "another release"
        assert after[name][1] == before[name][1] + 1, "restarted by one of the two runs"
    assert after["drct1"][0] == after["drct2"][0]
    record(requests, lab, "upgrade", record_property)


def test_the_former_release_comes_back_on_request(
    lab: Lab, cluster: Cluster, installed: str, record_property: pytest.RecordProperty
) -> None:
    assert installed not in {release(lab, name) for name in DIRECTORS}
    with load(lab, cluster) as requests:
        run = cluster.playbook("lvs_dr", "-e", SYNC, name="lvs.cluster.rollback")
        assert run.good, run.output
    assert {release(lab, name) for name in DIRECTORS} == {installed}
    record(requests, lab, "return to the former release", record_property)


def test_a_release_that_does_not_run_is_put_back_and_ends_the_upgrade(
    lab: Lab, cluster: Cluster, broken: Cluster, record_property: pytest.RecordProperty
) -> None:
    before = {name: release(lab, name) for name in DIRECTORS}
    pids = {name: pid(lab, name) for name in DIRECTORS}
    with load(lab, cluster) as requests:
        run = broken.playbook("lvs_dr", "-e", SYNC, name="lvs.cluster.upgrade")
    assert run.returncode != 0
    assert "this release is broken" in run.output, run.output
    assert "is back at release" in run.output, run.output
    assert {name: release(lab, name) for name in DIRECTORS} == before
    touched = [name for name in DIRECTORS if pid(lab, name) != pids[name]]
    assert len(touched) == 1, "the other director is not touched"
    record(requests, lab, "rollback", record_property)
    for name in DIRECTORS:
        assert all(each["hold"] is None for each in cluster.status(name)["instances"])  # type: ignore[attr-defined]


def test_no_room_for_a_release_leaves_all_as_it_was(
    lab: Lab, cluster: Cluster, broken: Cluster
) -> None:
    lab.run(
        "drct2",
        "cp -a /opt/lvs-agent/releases /root/releases; rm -rf /root/releases/*.tmp; "
        "size=$(du -sk /root/releases | cut -f1); "
        "mount -t tmpfs -o size=$((size + 300))k tmpfs /opt/lvs-agent/releases; "
        "cp -a /root/releases/. /opt/lvs-agent/releases/; rm -rf /root/releases",
    )
    pids = {name: pid(lab, name) for name in DIRECTORS}
    try:
        # Not there yet: the one that was staged before is of another id.
        newest = changed(cluster, broken.collections / "more", "# Another one.\n" * 2)
        run = newest.playbook("lvs_dr", "-e", SYNC, name="lvs.cluster.upgrade")
        left = lab.run("drct2", "ls /opt/lvs-agent/releases").stdout
    finally:
        lab.run("drct2", "umount /opt/lvs-agent/releases")
    assert run.returncode != 0
    assert "no space left in /opt/lvs-agent/releases" in run.output, run.output
    assert ".tmp" not in left
    assert {name: pid(lab, name) for name in DIRECTORS} == pids


def test_a_run_that_was_killed_is_made_good_by_the_next(
    lab: Lab, cluster: Cluster, another: Cluster, installed: str
) -> None:
    def claimed(director: str) -> bool:
        return any(each["hold"] for each in cluster.status(director)["instances"])  # type: ignore[attr-defined]

    # Killed while a director is being replaced; the next run is of somebody who thought better of
    # it. Nobody takes back what the dead run claimed: that ends by itself.
    words = ("-e", SYNC, "-e", "director_claim_expires=40")
    begun = another.begin("lvs_dr", *words, name="lvs.cluster.upgrade")
    try:
        cluster.wait(
            "the first director has the other release",
            lambda: any(release(lab, name) != installed for name in DIRECTORS),
            timeout_s=120,
        )
    finally:
        kill(begun)
    again = cluster.playbook("lvs_dr", *words, name="lvs.cluster.upgrade")
    assert again.good, again.output
    assert {release(lab, name) for name in DIRECTORS} == {installed}
    # The next run may have had nothing to wait for: the agent had not been restarted yet.
    cluster.wait("the dead run's claim ends", lambda: not any(map(claimed, DIRECTORS)), 60)
    cluster.wait("drct1 is master", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
    verified = cluster.playbook("lvs_dr", "-e", SYNC, name="lvs.cluster.verify")
    assert verified.good, verified.output


def test_a_rolling_deploy_loses_no_request(
    lab: Lab, cluster: Cluster, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    tasks = tmp_path / "deploy.yml"
    tasks.write_text(
        "- ansible.builtin.shell: systemctl stop nginx; sleep 1; "
        "echo deployed on $(hostname) > /var/www/html/index.html; systemctl start nginx\n"
    )
    words = ("-e", f"lvs_deploy_tasks={tasks}", "-e", "lvs_deploy_port=80", "-e", SYNC)
    with load(lab, cluster) as requests:
        run = cluster.playbook("lvs_dr", *words, name="lvs.cluster.rolling_deploy")
        assert run.good, run.output
    for host in ("rs1", "rs2"):
        served = lab.run(host, f"cat {PAGE}; echo {host} > {PAGE}").stdout
        assert served == f"deployed on {host}\n"
    record(requests, lab, "deploy", record_property)
    assert requests.lost() == [], "no hand-over, nothing lost"


def test_a_deploy_that_fails_leaves_its_server_drained_and_says_so(
    lab: Lab, cluster: Cluster, tmp_path: Path
) -> None:
    tasks = tmp_path / "deploy.yml"
    tasks.write_text("- ansible.builtin.command: /bin/false\n")
    words = ("-e", f"lvs_deploy_tasks={tasks}", "-e", "lvs_deploy_expires=20s", "-e", SYNC)
    run = cluster.playbook("lvs_dr", *words, name="lvs.cluster.rolling_deploy")
    assert run.returncode != 0
    assert "rs1 stays drained" in run.output, run.output
    drained = f"-a -t {VIP}:80 -r 172.16.1.3:80 -g -w 0"
    cluster.wait(
        "the end of the drain by itself",
        lambda: all(drained not in cluster.ipvs(name) for name in DIRECTORS),
        timeout_s=60,
    )
    assert "rs2" not in run.failed or run.failed["rs2"] == 0


def test_an_instance_is_given_away_and_comes_back(lab: Lab, cluster: Cluster) -> None:
    words = ("-e", "instance=VI_1")
    run = cluster.playbook("lvs_dr", *words, name="lvs.cluster.failover")
    assert run.good, run.output
    assert cluster.holders(VIP) == ["drct2"]
    words = ("-e", "director=drct1", "-e", "state=ordinary")
    run = cluster.playbook("lvs_dr", *words, name="lvs.cluster.failover")
    assert run.good, run.output
    cluster.wait("drct1 is master again", lambda: cluster.holders(VIP) == ["drct1"], timeout_s=30)
