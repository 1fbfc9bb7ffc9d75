# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory fragment: YAML that Ansible understands, with each lab's own connection."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml
from lvslab import inventory, topology
from lvslab.network import Namespace
from lvslab.paths import LabPaths
from lvslab.ssh import Ssh


def document(name: str) -> dict[str, Any]:
    paths = LabPaths(name=name, cache=Path("/a b/cache"))
    namespace = Namespace(name=paths.namespace)
    ssh = Ssh(paths=paths, namespace=namespace, private_key=Path("/a b/key"))
    return dict(yaml.safe_load(inventory.render(topology.load("seed"), ssh))["all"])


def test_every_host_has_its_connection_and_its_role_s_group() -> None:
    everything = document("x")
    host = everything["hosts"]["drct2"]
    assert host["ansible_host"] == "10.99.0.12"
    assert host["ansible_port"] == 22
    assert host["ansible_user"] == "root"
    assert host["ansible_ssh_private_key_file"] == "/a b/key"
    assert host["ansible_python_interpreter"] == "/usr/bin/python3"
    groups = {name: list(group["hosts"]) for name, group in everything["children"].items()}
    assert groups == {
        "directors": ["drct1", "drct2"],
        "real_servers": ["rs1", "rs2"],
        "clients": ["client"],
    }


def test_arguments_survive_a_shell_and_name_the_lab_s_own_files() -> None:
    arguments = shlex.split(document("x")["hosts"]["rs1"]["ansible_ssh_common_args"])
    assert "-oProxyCommand=ip netns exec lvslab-x nc %h %p" in arguments
    assert "-oUserKnownHostsFile=/a b/cache/run/x/known_hosts" in arguments
    assert "-oControlPath=/run/lvslab/x/rs1.ssh" in arguments
    assert "-oStrictHostKeyChecking=no" in arguments


def test_two_labs_never_share_a_connection_though_they_share_addresses() -> None:
    one, two = (document(name)["hosts"]["rs1"] for name in ("x", "y"))
    assert one["ansible_host"] == two["ansible_host"]
    assert one["ansible_control_path"] != two["ansible_control_path"]
