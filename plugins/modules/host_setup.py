#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files, users, kernel modules, sysctls and units of a host, all in one module execution."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_setup
short_description: Set up files, users, kernel modules, sysctls and units of a host in one go
version_added: 0.1.0
description:
  - Takes everything that a role wants of a host as lists and does only what is missing, in the
    order users, files, systemd's reload, kernel modules, kernel parameters, network managers,
    firewall, units. M(lvs.cluster.host_remove) undoes it.
  - One execution of this module replaces some ten tasks; each of them would cost more than a
    second over SSH.
options:
  system_users:
    description: System users, each with a group of the same name.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      description:
        description: What the user is for.
        type: str
        default: ""
  files:
    description: Small text files that belong to root. They are replaced atomically.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Full path.
        type: path
        required: true
      content:
        description: The whole content; required unless O(files[].state=absent).
        type: str
      mode:
        description: Permissions, octal.
        type: str
        default: "0644"
      state:
        description: Whether the file is to be there.
        type: str
        choices: [present, absent]
        default: present
  kernel_modules:
    description:
      - Kernel modules to load now. Loading at boot takes a file in C(/etc/modules-load.d) as
        well.
    type: list
    elements: str
    default: []
  sysctls:
    description:
      - Kernel parameters to set now. Setting at boot takes O(sysctl_file) as well.
    type: dict
    default: {}
  sysctl_file:
    description:
      - File in C(/etc/sysctl.d) that sets O(sysctls) at boot. It records the values from before;
        a parameter that is in it and no longer wanted gets its former value back.
      - With C(net.ipv6.conf.all.forwarding) 1, C(accept_ra) becomes 2 on interfaces that have a
        default route from router advertisements, so that they keep it.
    type: path
  network_managers:
    description:
      - What systemd-networkd and NetworkManager are to leave alone. Each gets a drop-in file only
        where it runs. systemd-networkd reads its own at its next start; NetworkManager is told.
    type: dict
    suboptions:
      state:
        description: Whether the drop-ins are to be there.
        type: str
        choices: [present, absent]
        default: present
      owner:
        description: Names the drop-in files.
        type: str
        required: true
      devices:
        description: Names, or patterns, of network interfaces that the role's software makes.
        type: list
        elements: str
        default: []
      interfaces:
        description: Network interfaces of the host that get addresses from the role's software.
        type: list
        elements: str
        default: []
  firewall:
    description: What may come in for the agent, and only that of its kind.
    type: dict
    suboptions:
      kind:
        description:
          - V(nftables) is a table of its own, which only holds back. V(firewalld) and V(ufw) get
            rules that let in; what they refuse is their business. V(auto) is firewalld or ufw where
            one of them is in force, else nftables. V(none) takes away what an earlier run made.
        type: str
        choices: [none, nftables, firewalld, ufw, auto]
        default: none
      rules:
        description: As the filter P(lvs.cluster.director_firewall_rules#filter) makes them.
        type: list
        elements: dict
        default: []
        suboptions:
          protocol:
            description: Protocol.
            type: str
            choices: [vrrp, ah, udp]
            required: true
          port:
            description: Port of UDP.
            type: int
            default: 0
          family:
            description: IPv4 or IPv6.
            type: int
            choices: [4, 6]
            required: true
          destination:
            description: Multicast group; empty for any address.
            type: str
            default: ""
          sources:
            description: Who may send it; nobody else may.
            type: list
            elements: str
            default: []
      interfaces:
        description: Interfaces whose zones of firewalld get the rules.
        type: list
        elements: str
        default: []
  units:
    description: systemd units.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit.
        type: str
        required: true
      enabled:
        description: Whether to start it at boot.
        type: bool
        default: true
      state:
        description: Whether it is to run.
        type: str
        choices: [started, stopped]
        default: started
      restart:
        description: Restart it if it runs already and is to run.
        type: bool
        default: false
      later:
        description: Leave it as it is; only say in RV(pending) what there is to do.
        type: bool
        default: false
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Load IPVS now and at every boot
  lvs.cluster.host_setup:
    files:
      - path: /etc/modules-load.d/ipvs.conf
        content: "ip_vs\n"
    kernel_modules: [ip_vs]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in order.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/modules-load.d/ipvs.conf", "load kernel module ip_vs"]
pending:
  description: What is left to do for the units with O(units[].later=true).
  returned: success
  type: list
  elements: str
  sample: ["start lvs-agent.service"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _firewall,
    _host,
    _network_managers,
    _router_advertisements,
    _sysctls,
)

_NOTICE = "# Managed by Ansible, collection lvs.cluster."

ARGUMENT_SPEC = {
    "system_users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "description": {"type": "str", "default": ""},
        },
    },
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str"},
            "mode": {"type": "str", "default": "0644"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        "required_if": [("state", "present", ("content",))],
    },
    "kernel_modules": {"type": "list", "elements": "str", "default": []},
    "sysctls": {"type": "dict", "default": {}},
    "sysctl_file": {"type": "path"},
    "network_managers": {
        "type": "dict",
        "options": {
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "owner": {"type": "str", "required": True},
            "devices": {"type": "list", "elements": "str", "default": []},
            "interfaces": {"type": "list", "elements": "str", "default": []},
        },
    },
    "firewall": {
        "type": "dict",
        "options": {
            "kind": {
                "type": "str",
                "choices": ["none", "nftables", "firewalld", "ufw", "auto"],
                "default": "none",
            },
            "rules": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "protocol": {"type": "str", "choices": ["vrrp", "ah", "udp"], "required": True},
                    "port": {"type": "int", "default": 0},
                    "family": {"type": "int", "choices": [4, 6], "required": True},
                    "destination": {"type": "str", "default": ""},
                    "sources": {"type": "list", "elements": "str", "default": []},
                },
            },
            "interfaces": {"type": "list", "elements": "str", "default": []},
        },
    },
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "enabled": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "restart": {"type": "bool", "default": False},
            "later": {"type": "bool", "default": False},
        },
    },
}


def apply(module: AnsibleModule, changes: _host.Changes, pending: _host.Changes) -> None:
    """Do what the parameters want; `pending` gets what is to be done later. Raises HostError."""
    wanted = module.params
    for user in wanted["system_users"]:
        _host.ensure_user(module, changes, user["name"], user["description"])
    for file in wanted["files"]:
        if file["state"] == "absent":
            _host.ensure_no_file(module, changes, file["path"])
        else:
            mode = int(file["mode"], 8)
            _host.ensure_file(module, changes, file["path"], file["content"], mode)
    _host.ensure_units_loaded(module, changes)
    for name in wanted["kernel_modules"]:
        _host.ensure_kernel_module(module, changes, name)
    values = {key: str(value) for key, value in wanted["sysctls"].items()}
    if wanted["sysctl_file"]:
        recorded = _sysctls.Recorded(wanted["sysctl_file"], _NOTICE)
        kept = _router_advertisements.needed(module, values, recorded.set_before)
        values = {**kept, **values}
        recorded.apply(module, changes, values)
        recorded.put_back(module, changes, values)
    else:
        for key, value in values.items():
            _host.ensure_sysctl(module, changes, key, value)
    managers = wanted["network_managers"]
    if managers and managers["state"] == "present":
        names = (managers["owner"], managers["devices"], managers["interfaces"])
        _network_managers.ensure(module, changes, _network_managers.Wish(*names, _NOTICE))
    elif managers:
        _network_managers.remove(module, changes, managers["owner"])
    if wanted["firewall"]:
        _firewall.ensure(module, changes, _firewall.Wish(notice=_NOTICE, **wanted["firewall"]))
    for unit in wanted["units"]:
        _host.ensure_unit(
            module,
            pending if unit["later"] else changes,
            unit["name"],
            enabled=unit["enabled"],
            started=unit["state"] == "started",
            restart=unit["restart"],
            look=unit["later"],
        )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    changes, pending = _host.Changes(), _host.Changes()
    try:
        apply(module, changes, pending)
    except (_host.HostError, OSError) as error:
        module.fail_json(msg=str(error), **changes.result())
    module.exit_json(pending=pending.done, **changes.result())


if __name__ == "__main__":
    main()
