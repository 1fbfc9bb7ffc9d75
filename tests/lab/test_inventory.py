# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory leaves to be derived, its secrets, and the inventory of live states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from cluster import Cluster, Run
from lvslab import Lab

pytestmark = pytest.mark.lab

DIRECTORS = {"drct1": "172.16.1.9", "drct2": "172.16.1.2"}
VIP_1, VIP_2 = "172.16.1.99", "172.16.1.88"
SECRET = "Hush8910"
VAULT_PASSWORD = "of the test"

# Neither peers nor priorities nor states. Each director is master of one instance.
GROUP = """---
lvs_vrrp_instances:
  VI_1:
    interface: eno16777736
    virtual_router_id: 81
    priority: auto
    unicast_peer: auto
    authentication: {{auth_type: PASS, auth_pass: "{{{{ cluster_password }}}}"}}
    virtual_ipaddress: [{vip_1}/32]
  VI_2:
    interface: eno16777736
    virtual_router_id: 80
    priority_order: [drct2]
    unicast_peer: auto
    authentication:
      auth_type: PASS
      auth_pass: {vault}
    virtual_ipaddress: [{vip_2}/32]

cluster_password: {vault}
"""


def encrypted(text: str) -> str:
    """`text` as a vault value in YAML."""
    vault = VaultLib([("default", VaultSecret(VAULT_PASSWORD.encode()))])
    lines = vault.encrypt(text).decode().splitlines()
    return "\n".join(["!vault |", *(f"        {line}" for line in lines)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inventory")
    hosts = {"lvs_directors": {"hosts": dict.fromkeys(DIRECTORS)}, "lvs_real_servers": None}
    group = GROUP.format(vault=encrypted(SECRET), vip_1=VIP_1, vip_2=VIP_2)
    files = {"hosts.yml": json.dumps(hosts), "group_vars/lvs_directors.yml": group}
    for name, address in DIRECTORS.items():
        files[f"host_vars/{name}.yml"] = json.dumps({"lvs_address": address})
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "lvs_live.yml"
    path.write_text("plugin: lvs.cluster.live\n")
    return path


@pytest.fixture(scope="module", autouse=True)
def installed(lived_in: Lab, cluster: Cluster, folder: Path) -> Run:
    password = folder.parent / "vault-password"
    password.write_text(VAULT_PASSWORD)
    return cluster.apply(folder, "-vvv", "--diff", "--vault-password-file", str(password))


def instance(cluster: Cluster, director: str, name: str) -> dict[str, Any]:
    found: Any = cluster.status(director)["instances"]
    (one,) = [each for each in found if each["name"] == name]
    return dict(one)


def one_each(cluster: Cluster) -> bool:
    return cluster.holders(VIP_1) == ["drct1"] and cluster.holders(VIP_2) == ["drct2"]


def test_peers_and_priorities_come_from_the_inventory(cluster: Cluster) -> None:
    cluster.wait("one address each", lambda: one_each(cluster))
    for director, other, first, second in (
        ("drct1", "drct2", 200, 190),
        ("drct2", "drct1", 190, 200),
    ):
        shown = [instance(cluster, director, name) for name in ("VI_1", "VI_2")]
        assert [each["base_priority"] for each in shown] == [first, second]
        assert all(DIRECTORS[other] in str(each["unicast_peers"]) for each in shown)
        assert not any(DIRECTORS[director] in str(each["unicast_peers"]) for each in shown)


def test_a_secret_of_the_vault_is_in_no_output(installed: Run) -> None:
    assert "+++" in installed.output, "no diff was shown"
    assert "auth_pass" in installed.output
    assert SECRET not in installed.output


@pytest.mark.parametrize("director", DIRECTORS)
def test_a_secret_is_in_no_file_or_log_that_others_can_read(lab: Lab, director: str) -> None:
    config = "/etc/lvs-agent/config.json"
    assert lab.run(director, f"grep -c {SECRET} {config}").stdout.strip() != "0"
    places = "/etc /opt /run /tmp /var /root/.ansible"
    command = f"find {places} -type f -perm /o+r -size -10M -exec grep -l {SECRET} {{}} +"
    assert lab.run(director, f"{command} 2>/dev/null", check=False).stdout == ""
    journal = lab.run(director, f"journalctl -b --no-pager | grep -c {SECRET}", check=False)
    assert journal.stdout.strip() == "0"


def test_directors_are_grouped_by_their_live_state(
    lab: Lab, cluster: Cluster, folder: Path, live: Path
) -> None:
    cluster.wait("one address each", lambda: one_each(cluster))
    groups = cluster.groups(folder, live)
    assert {name: hosts for name, hosts in groups.items() if name.startswith("vrrp_")} == {
        "vrrp_active_VI_1": ["drct1"],
        "vrrp_backup_VI_1": ["drct2"],
        "vrrp_active_VI_2": ["drct2"],
        "vrrp_backup_VI_2": ["drct1"],
    }
    lab.run("drct2", "systemctl stop lvs-agent")
    cluster.wait("drct1 holds both", lambda: cluster.holders(VIP_2) == ["drct1"])
    groups = cluster.groups(folder, live)
    lab.run("drct2", "systemctl start lvs-agent")
    assert {name: hosts for name, hosts in groups.items() if name.startswith("vrrp_")} == {
        "vrrp_active_VI_1": ["drct1"],
        "vrrp_active_VI_2": ["drct1"],
        "vrrp_unreachable": ["drct2"],
    }
    cluster.wait("one address each again", lambda: one_each(cluster), timeout_s=20)
