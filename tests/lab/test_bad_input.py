# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong configurations on a running cluster: each is refused with its path, and changes nothing."""

from __future__ import annotations

import json

import pytest
from bad_documents import SLIPS, Slip
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

HOSTS = ("drct1", "drct2", "rs1", "rs2")
FILE = "/etc/lvs-agent/config.json"
LVS_AGENT = "/usr/local/sbin/lvs-agent"
LVSCTL = "/usr/local/sbin/lvsctl"


@pytest.fixture(scope="module", autouse=True)
def before(lived_in: Lab, cluster: Cluster) -> dict[str, str]:
    cluster.apply("lvs_dr")
    cluster.wait(
        "each director is master of its instance",
        lambda: (
            cluster.holders("172.16.1.254") == ["drct1"]
            and cluster.holders("172.16.1.88") == ["drct2"]
        ),
    )
    return footprint(lived_in)


def footprint(lab: Lab) -> dict[str, str]:
    """What a refused configuration must leave alone: files, addresses, IPVS, processes."""
    command = (
        f"sha256sum {FILE} /etc/systemd/system/*lvs* 2>/dev/null; ip -br -4 address;"
        " ipvsadm -Sn 2>/dev/null | sort; pgrep -u lvs-agent 2>/dev/null;"
        " readlink /opt/lvs-agent/current; true"
    )
    return {host: lab.run(host, command).stdout for host in HOSTS}


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.name)
def test_the_controller_refuses_it(cluster: Cluster, slip: Slip) -> None:
    document = slip.document()
    variables = {f"lvs_{key}": value for key, value in document.items()}
    # Without the overlay of the host variables, which would put some of the slips right.
    run = cluster.playbook("lvs_dr", "-e", json.dumps({**variables, "lvs_host": {}}))
    assert not run.good
    assert slip.words in run.output
    assert slip.path.split("[")[0] in run.output
    # The host that the task on the controller is counted for, and no other.
    assert list(run.changed.values()) == [0], run.output


def test_no_host_was_touched(lab: Lab, before: dict[str, str]) -> None:
    """By any of the runs above."""
    assert footprint(lab) == before


def test_the_agent_refuses_it_and_runs_on_with_the_old_one(
    lab: Lab, cluster: Cluster, before: dict[str, str]
) -> None:
    """A file that somebody wrote by hand, past Ansible: cut off in the middle."""
    good = lab.run("drct1", f"cat {FILE}").stdout
    generation = cluster.status("drct1")["agent"]["generation"]  # type: ignore[index]
    lab.put("drct1", "/root/cut.json", good[: len(good) // 2])
    checked = lab.run("drct1", f"{LVS_AGENT} check /root/cut.json", check=False)
    assert checked.rc == 1
    assert "/root/cut.json: line " in checked.stdout + checked.stderr
    try:
        lab.run("drct1", f"cp -p {FILE} /root/good.json; cat /root/cut.json > {FILE}")
        refused = lab.run("drct1", f"{LVSCTL} reload", check=False)
        assert refused.rc != 0
        assert "not valid JSON" in refused.stdout + refused.stderr
        status = cluster.status("drct1")["agent"]
        assert status["generation"] == generation  # type: ignore[index]
        assert status["config_rejected"]  # type: ignore[index]
    finally:
        lab.run("drct1", f"cat /root/good.json > {FILE}; {LVSCTL} reload")
    assert footprint(lab) == before


def test_an_interface_that_the_host_lacks_is_found_before_anything_changes(
    lab: Lab, cluster: Cluster, before: dict[str, str]
) -> None:
    known = json.dumps(cluster.variables("lvs_dr")["lvs_vrrp_instances"])
    variables = {
        "lvs_vrrp_instances": json.loads(known.replace("eno16777736", "eno1")),
        # Nothing declared: only the host itself can tell.
        "lvs_interfaces": {},
    }
    run = cluster.playbook("lvs_dr", "--limit", "drct1", "-e", json.dumps(variables))
    assert not run.good
    assert "eno1" in run.output
    assert set(run.changed.values()) <= {0}
    assert footprint(lab) == before
