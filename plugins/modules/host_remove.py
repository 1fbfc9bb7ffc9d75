#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Undoes on a host what host_setup and agent_release have made, all in one module execution."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_remove
short_description: Take away what was set up on a host
version_added: 0.1.0
description:
  - The counterpart of M(lvs.cluster.host_setup) and M(lvs.cluster.agent_release). Stops units
    first, then puts kernel parameters back to the values from before, and removes rules of
    firewalls, drop-ins of network managers, files, links, folders and users, in this order.
  - What is gone already is no change. Kernel modules stay loaded until the host is rebooted.
options:
  units:
    description: systemd units to stop and disable, and whose files in C(/etc/systemd/system) go.
    type: list
    elements: str
    default: []
  sysctl_file:
    description:
      - The file that O(lvs.cluster.host_setup#module:sysctl_file) made. Each parameter in it gets
        the value from before, unless somebody has changed it since; then the file goes.
    type: path
  firewall:
    description: Take the rules of O(lvs.cluster.host_setup#module:firewall) away.
    type: bool
    default: false
  network_managers:
    description: The owner of O(lvs.cluster.host_setup#module:network_managers).
    type: str
  files:
    description: Files to remove.
    type: list
    elements: path
    default: []
  links:
    description: Links to remove, if they lead into O(links_into).
    type: list
    elements: path
    default: []
  links_into:
    description: Folder that O(links) lead into; other links are left alone.
    type: path
  folders:
    description: Folders to remove with all that is in them.
    type: list
    elements: path
    default: []
  users:
    description: System users to remove, with the groups of the same names.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Remove a service
  lvs.cluster.host_remove:
    units: [my.service]
    files: [/etc/modules-load.d/my.conf]
    folders: [/opt/my]
    users: [my]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in order.
  returned: always
  type: list
  elements: str
  sample: ["stop lvs-agent.service", "remove /opt/lvs-agent"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _firewall,
    _host,
    _network_managers,
    _removal,
    _sysctls,
)

ARGUMENT_SPEC = {
    "units": {"type": "list", "elements": "str", "default": []},
    "sysctl_file": {"type": "path"},
    "firewall": {"type": "bool", "default": False},
    "network_managers": {"type": "str"},
    "files": {"type": "list", "elements": "path", "default": []},
    "links": {"type": "list", "elements": "path", "default": []},
    "links_into": {"type": "path"},
    "folders": {"type": "list", "elements": "path", "default": []},
    "users": {"type": "list", "elements": "str", "default": []},
}


def apply(module: AnsibleModule, changes: _host.Changes) -> None:
    """Do what the parameters want. Raises HostError."""
    unwanted = module.params
    for unit in unwanted["units"]:
        path = f"{_host.SYSTEMD_UNIT_DIRECTORIES[0]}/{unit}"
        _removal.ensure_no_unit(module, changes, unit, path)
    if unwanted["sysctl_file"]:
        _sysctls.Recorded(unwanted["sysctl_file"], "").put_back(module, changes, {})
    if unwanted["firewall"]:
        _firewall.remove(module, changes)
    if unwanted["network_managers"]:
        _network_managers.remove(module, changes, unwanted["network_managers"])
    for path in unwanted["files"]:
        _host.ensure_no_file(module, changes, path)
    for path in unwanted["links"]:
        _removal.ensure_no_link(module, changes, path, unwanted["links_into"])
    for path in unwanted["folders"]:
        _removal.ensure_no_folder(module, changes, path)
    for name in unwanted["users"]:
        _removal.ensure_no_user(module, changes, name)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        supports_check_mode=True,
    )
    if module.params["links"] and not module.params["links_into"]:
        module.fail_json(msg="links are removed only with links_into, the folder they lead into")
    changes = _host.Changes()
    try:
        apply(module, changes)
    except (_host.HostError, OSError) as error:
        module.fail_json(msg=str(error), **changes.result())
    module.exit_json(**changes.result())


if __name__ == "__main__":
    main()
