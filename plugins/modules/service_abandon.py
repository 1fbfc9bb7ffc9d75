#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ends a service so that nothing of what it has made is cleaned up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_abandon
short_description: End a service and leave everything that it has made
version_added: 0.1.0
description:
  - Ends all processes of a systemd unit at the same moment, without letting them clean up, for the
    case that another program goes on with what they made in the kernel. It is how
    C(lvs.cluster.migrate) replaces keepalived by the agent, and the agent by keepalived, under
    running connections.
  - All processes are stopped first, so that none of them sees another one die. Then systemd kills
    them, by a drop-in file that is there for that moment, so that C(Restart), C(ExecStop),
    C(ExecStopPost) and C(OnFailure) of the unit do not act.
  - If it does not work, the processes run on as if nothing had been.
options:
  name:
    description: Name of the unit.
    type: str
    required: true
  enabled:
    description: Whether it is to be started at boot from now on. Left as it is without it.
    type: bool
  successor:
    description:
      - Another unit, which goes on with what was made and is to be started at boot instead. It is
        enabled before anything ends, and has to run.
    type: str
  files:
    description:
      - Files that the service would have removed itself, such as those with its process ids. A
        later process with the same id would look like the service.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: End keepalived and leave its addresses and virtual servers
  lvs.cluster.service_abandon:
    name: keepalived.service
    enabled: false
    successor: lvs-agent.service
    files: [/run/keepalived.pid]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in order.
  returned: always
  type: list
  elements: str
  sample: ["end keepalived.service without its clean-up", "disable keepalived.service"]
ended:
  description: Ids of the processes that were ended.
  returned: success
  type: list
  elements: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _unit_processes


def work(module: AnsibleModule, changes: _host.Changes) -> list[int]:
    """Do it; gives the processes that ended. Raises HostError or OSError."""
    name, enabled, successor = (module.params[one] for one in ("name", "enabled", "successor"))
    found = _host.unit_state(module, name)
    there = found.get("LoadState") != "not-found"
    # Or is about to be started again, or has been left with processes after its end.
    runs = there and (
        found.get("ActiveState") not in ("inactive", "failed")
        or bool(_unit_processes.of_unit(_unit_processes.control_group(module, name)))
    )
    ended: list[int] = []
    if successor is not None:
        if _host.unit_state(module, successor).get("ActiveState") != "active":
            raise _host.HostError(f"{successor} does not run: {name} is left as it is")
        # To end the other one has systemd read its files again.
        reload = not runs
        _host.ensure_unit(module, changes, successor, enabled=True, started=True, reload=reload)

    def finish(reload: bool) -> None:
        for path in module.params["files"]:
            _host.ensure_no_file(module, changes, path)
        if there and enabled is not None:
            active = runs and module.check_mode
            _host.ensure_unit(module, changes, name, enabled=enabled, started=active, reload=reload)

    if runs:
        changes.note(f"end {name} without its clean-up")
    if runs and not module.check_mode:
        ended = _unit_processes.abandon(module, name, then=lambda: finish(reload=False))
    else:
        finish(reload=True)
    return ended


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "enabled": {"type": "bool"},
            "successor": {"type": "str"},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    changes = _host.Changes()
    try:
        ended = work(module, changes)
    except (_host.HostError, OSError) as error:
        module.fail_json(msg=str(error), **changes.result())
    module.exit_json(ended=ended, **changes.result())


if __name__ == "__main__":
    main()
