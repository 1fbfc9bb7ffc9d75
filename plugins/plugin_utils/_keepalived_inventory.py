# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an inventory that was made of keepalived.conf files.

Owns which files there are and how they begin; what stands in them is `_keepalived_cluster.py`'s,
and how YAML looks the agent's (`lvs_agent/keepalived/yaml_text.py`). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.plugin_utils import _cluster
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_cluster import Made
from ansible_collections.lvs.cluster.plugins.plugin_utils._keepalived_comments import (
    SHARED,
    Comments,
)

HOSTS = "hosts.yml"
VAULT = f"group_vars/{_cluster.DIRECTORS_GROUP}/vault.yml"
_GROUP = f"group_vars/{_cluster.DIRECTORS_GROUP}/main.yml"

_SHARED_HEAD = (
    "What all directors have in common, from their keepalived.conf. A comment with a line of such",
    "a file says what became of that line; take it out when you have read it.",
)
_OWN_HEAD = "What {} has of its own. lvs_host is merged over the group's variables."
_NO_ADDRESS = (
    "A keepalived.conf does not say the host's own addresses. With them, lvs.cluster.validate sees",
    "whether the others fit the host's networks:",
    "lvs_address: 192.0.2.11",
    "lvs_interfaces:",
    "  eth0: [192.0.2.11/24]",
)
_UNMANAGED = (
    "Real servers that are no hosts of this inventory: nothing is prepared on them. To have that",
    "done, make them hosts of lvs_real_servers with their lvs_address, and take them out here.",
)
_BROUGHT = (
    "Addresses of virtual servers that no vrrp_instance has. As with keepalived, clients do not",
    "get there unless something else brings them to a director. If one is to move with an",
    "instance, add it to that instance's virtual_ipaddress, and take it out here.",
)
_LISTS = {"unmanaged_real_servers": _UNMANAGED, "unmanaged_virtual_addresses": _BROUGHT}
_VAULT_HEAD = ("The passwords of keepalived.conf. Encrypt this file:", "ansible-vault encrypt {}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def files(made: Made, found: Comments) -> dict[str, dict[str, Any]]:
    """By relative path: {document, comments} of each file but `HOSTS`."""
    written = {
        _GROUP: _file(made.shared, found.by_holder.get(SHARED, {}), _SHARED_HEAD),
        **{
            f"host_vars/{name}.yml": _file(own, found.by_holder.get(name, {}), _own_head(name, own))
            for name, own in made.own.items()
        },
        **{f"host_vars/{name}.yml": _file(own, {}, []) for name, own in made.real_servers.items()},
    }
    comments = written[_GROUP]["comments"]
    for name, said in _LISTS.items():
        if name in made.shared:
            comments.setdefault(_cluster.PREFIX + name, []).extend(said)
    if made.secrets:
        head = [line.format(VAULT) for line in _VAULT_HEAD]
        written[VAULT] = {"document": dict(made.secrets), "comments": {"": head}}
    return written


def _file(
    variables: Mapping[str, Any], comments: Mapping[str, list[str]], head: Iterable[str]
) -> dict[str, Any]:
    document = {_cluster.PREFIX + name: value for name, value in variables.items()}
    top = [*head, *comments.get("", [])]
    return {"document": document, "comments": {**comments, "": top}}


def _own_head(name: str, own: Mapping[str, Any]) -> list[str]:
    head = [_OWN_HEAD.format(name)]
    return head if "address" in own or "interfaces" in own else [*head, *_NO_ADDRESS]


def hosts(made: Made) -> str:
    """The hosts and their groups."""
    lines = [
        "# The hosts, directors in order of preference. How to reach them is said here as well",
        "# (ansible_host and the like), or in another inventory beside this one.",
        "---",
        f"{_cluster.DIRECTORS_GROUP}:",
        "  hosts:",
        *(f"    {_name(name)}:" for name in made.own),
    ]
    if made.real_servers:
        lines += [f"{_cluster.REAL_SERVERS_GROUP}:", "  hosts:"]
        lines += [f"    {_name(name)}:" for name in made.real_servers]
    else:
        lines += [
            "# No real server is a host here, so none is prepared.",
            f"{_cluster.REAL_SERVERS_GROUP}:",
        ]
    return "\n".join(lines) + "\n"


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name)
