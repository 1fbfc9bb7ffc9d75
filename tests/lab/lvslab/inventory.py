# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory fragment of a lab: connection data only, as YAML.

Pure text; it knows no variable of the product.
"""

from __future__ import annotations

import json
import shlex

from lvslab.ssh import Ssh
from lvslab.topology import Topology

# Ansible brings its own: they would differ from the shared connection's.
_OWN_VARIABLE = frozenset({"IdentityFile"})


def render(topology: Topology, ssh: Ssh) -> str:
    """YAML with all hosts under `all`, and in a group for each role (directors, ...)."""
    lines = ["---", "all:", "  hosts:"]
    for host in topology.hosts:
        options = ssh.options(host)
        arguments = [
            shlex.quote(f"-o{name}={value}")
            for name, value in options.items()
            if name not in _OWN_VARIABLE
        ]
        # The lab's own connection if it stands, else one that later commands share.
        arguments += ["-oControlMaster=auto", "-oControlPersist=60s", "-F/dev/null"]
        variables: dict[str, object] = {
            "ansible_connection": "ssh",
            "ansible_host": host.management,
            "ansible_port": 22,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": options["IdentityFile"],
            "ansible_ssh_common_args": " ".join(arguments),
            "ansible_control_path": options["ControlPath"],
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        lines.append(f"    {host.name}:")
        # A JSON string is a YAML string, with all its quoting.
        lines += [f"      {name}: {json.dumps(value)}" for name, value in variables.items()]
    groups: dict[str, list[str]] = {}
    for host in topology.hosts:
        groups.setdefault(f"{host.role}s", []).append(host.name)
    lines.append("  children:")
    for group, names in groups.items():
        lines += [f"    {group}:", "      hosts:", *(f"        {name}: {{}}" for name in names)]
    return "\n".join(lines) + "\n"
