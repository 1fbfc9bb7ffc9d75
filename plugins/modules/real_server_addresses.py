#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Virtual addresses of direct routing on a real server's loopback interface."""

from __future__ import annotations

DOCUMENTATION = r"""
module: real_server_addresses
short_description: Virtual addresses of LVS direct routing on a real server
version_added: 0.1.0
description:
  - With direct routing a real server gets packets that are addressed to the virtual address, so
    it must have the address, and must not answer ARP requests for it. This module sets the kernel
    parameters first, then the addresses with prefix length 32 on C(lo), and has systemd do the
    same at boot.
  - Addresses that it set before and that are no longer wanted are removed, or with O(prune=false)
    only told.
  - Verifies afterwards that everything is in force.
options:
  addresses:
    description: The virtual addresses, without prefix length.
    type: list
    elements: str
    required: true
  sysctls:
    description: Kernel parameters that keep the host silent to ARP requests for the addresses.
    type: dict
    default:
      net.ipv4.conf.all.arp_ignore: 1
      net.ipv4.conf.all.arp_announce: 2
      net.ipv4.conf.lo.arp_ignore: 1
      net.ipv4.conf.lo.arp_announce: 2
  prune:
    description:
      - Remove addresses that are no longer wanted. While a director still sends packets for them,
        the host must keep them.
    type: bool
    default: true
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Be a real server of 172.16.1.254
  lvs.cluster.real_server_addresses:
    addresses: [172.16.1.254]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in order.
  returned: always
  type: list
  elements: str
unwanted:
  description: Addresses that are no longer wanted; removed unless O(prune=false).
  returned: always
  type: list
  elements: str
"""

import ipaddress
import json
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _host

UNIT = "lvs-real-server.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"
SYSCTL_PATH = "/etc/sysctl.d/90-lvs-real-server.conf"
_NOTICE = "# Managed by the Ansible role lvs.cluster.real_server."
_ADDED = re.compile(r"^ExecStart=.* address replace (\S+)/32 dev lo$", re.MULTILINE)
_ARP = {
    "net.ipv4.conf.all.arp_ignore": 1,
    "net.ipv4.conf.all.arp_announce": 2,
    "net.ipv4.conf.lo.arp_ignore": 1,
    "net.ipv4.conf.lo.arp_announce": 2,
}


def unit_text(addresses: list[str], ip: str) -> str:
    """The unit that sets the addresses at boot, before the network can ask for them."""
    lines = [
        _NOTICE,
        "[Unit]",
        "Description=Virtual addresses of LVS direct routing on lo",
        "DefaultDependencies=no",
        # The kernel parameters must hold before the first address is there.
        "After=systemd-sysctl.service",
        "Before=network-pre.target shutdown.target",
        "Wants=network-pre.target",
        "Conflicts=shutdown.target",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
    ]
    lines += [f"ExecStart={ip} address replace {address}/32 dev lo" for address in addresses]
    lines += [f"ExecStop=-{ip} address delete {address}/32 dev lo" for address in addresses]
    return "\n".join([*lines, "", "[Install]", "WantedBy=multi-user.target", ""])


def sysctl_text(sysctls: dict[str, Any]) -> str:
    """The file that sets the kernel parameters at boot."""
    return "\n".join([_NOTICE, *(f"{key} = {value}" for key, value in sysctls.items()), ""])


def present(module: AnsibleModule, ip: str) -> dict[str, set[str]]:
    """Address -> interfaces that have it."""
    found: dict[str, set[str]] = {}
    output = _host.run(module, [ip, "-4", "-json", "address", "show"], "ip address show")
    for link in json.loads(output or "[]"):
        for each in link.get("addr_info", []):
            found.setdefault(each["local"], set()).add(link["ifname"])
    return found


def apply(module: AnsibleModule, changes: _host.Changes) -> list[str]:
    """Bring the host into the wanted state; returns what it no longer needs. Raises HostError."""
    wanted: list[str] = list(dict.fromkeys(module.params["addresses"]))
    sysctls: dict[str, Any] = module.params["sysctls"]
    ip = _host.binary(module, "ip")[0]
    have = present(module, ip)
    _refuse_elsewhere(have, wanted)
    before = _ADDED.findall(_host.read_text(UNIT_PATH) or "")
    unwanted = [address for address in before if address not in wanted]
    if not module.params["prune"]:
        wanted += unwanted
    if wanted:
        _host.ensure_file(module, changes, SYSCTL_PATH, sysctl_text(sysctls))
        for key, value in sysctls.items():
            _host.ensure_sysctl(module, changes, key, str(value))
        _host.ensure_file(module, changes, UNIT_PATH, unit_text(wanted, ip))
    for address in wanted:
        if "lo" not in have.get(address, ()):
            _ip_address(module, changes, ip, "replace", address)
    for address in before:
        if address not in wanted and "lo" in have.get(address, ()):
            _ip_address(module, changes, ip, "delete", address)
    if wanted:
        _host.ensure_units_loaded(module, changes)
        _host.ensure_unit(module, changes, UNIT, enabled=True, started=True)
    elif before:
        _host.ensure_unit(module, changes, UNIT, enabled=False, started=False)
        _host.ensure_no_file(module, changes, UNIT_PATH)
        _host.ensure_no_file(module, changes, SYSCTL_PATH)
        _host.ensure_units_loaded(module, changes)
    if changes.done and not module.check_mode:
        _verify(module, ip, wanted, sysctls)
    return unwanted


def _ip_address(
    module: AnsibleModule, changes: _host.Changes, ip: str, verb: str, address: str
) -> None:
    changes.note(f"ip address {verb} {address}/32 dev lo")
    if not module.check_mode:
        command = [ip, "address", verb, f"{address}/32", "dev", "lo"]
        _host.run(module, command, " ".join(command))


def _refuse_elsewhere(have: dict[str, set[str]], wanted: list[str]) -> None:
    for address in wanted:
        others = have.get(address, set()) - {"lo"}
        if others:
            raise _host.HostError(
                f"the virtual address {address} is on {', '.join(sorted(others))}, where it answers"
                " ARP; remove it there"
            )


def _verify(module: AnsibleModule, ip: str, wanted: list[str], sysctls: dict[str, Any]) -> None:
    have = present(module, ip)
    for address in wanted:
        if "lo" not in have.get(address, ()):
            raise _host.HostError(f"{address} is not on lo; does something else manage lo?")
    for key, value in sysctls.items() if wanted else ():
        if _host.sysctl(key) != str(value):
            raise _host.HostError(f"{key} is {_host.sysctl(key)}, not {value}")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True},
            "sysctls": {"type": "dict", "default": _ARP},
            "prune": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    changes = _host.Changes()
    try:
        for address in module.params["addresses"]:
            ipaddress.IPv4Address(address)
        unwanted = apply(module, changes)
    except (_host.HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error), **changes.result())
    module.exit_json(unwanted=unwanted, **changes.result())


if __name__ == "__main__":
    main()
