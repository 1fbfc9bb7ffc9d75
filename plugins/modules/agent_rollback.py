#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts back the release, unit and configuration that the agent ran with before a change."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_rollback
short_description: Go back to what lvs-agent ran with before a change
version_added: 0.1.0
description:
  - Puts back the release of the agent, its unit and its configuration as they were while the agent
    last ran with them, and restarts the agent. M(lvs.cluster.agent_release) remembers them before
    it changes anything.
  - Restarts nothing if the running agent has all of them in force.
options:
  to:
    description:
      - V(last) is what the agent ran with before the latest run that changed something.
      - V(release) is what it ran with before its release last changed, however many runs ago.
    type: str
    choices: [last, release]
    default: last
  configuration:
    description:
      - Put the configuration back as well. Without it the present one stays, and the module fails
        before it changes anything if the former release does not accept it.
    type: bool
    default: true
  root:
    description: Folder of all releases.
    type: path
    default: /opt/lvs-agent
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Go back to the former release, with the configuration as it is now
  lvs.cluster.agent_rollback:
    to: release
    configuration: false
"""

RETURN = r"""
release:
  description: Id of the release that is current now.
  returned: success
  type: str
  sample: 0123456789abcdef
from_release:
  description: Id of the release that was current before.
  returned: success
  type: str
changes:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _agent,
    _checkpoint,
    _host,
    _links,
    _text,
)

_UNIT_MODE = 0o644


def wanted(places: _checkpoint.Places, slot: str) -> _checkpoint.Checkpoint:
    """The checkpoint to go back to. Raises HostError if there is none that can be."""
    found = _checkpoint.load(places.root, slot)
    if found is None:
        raise _host.HostError(
            "there is nothing to go back to: no agent has run here before the latest change"
        )
    if not os.path.isdir(os.path.join(places.root, "releases", found.release)):
        raise _host.HostError(f"release {found.release}, to go back to, is no longer on the host")
    return found


def check(module: AnsibleModule, root: str, release: str, config: str) -> None:
    """Have `release` check `config`. Raises HostError with what it says."""
    command = os.path.join(root, "releases", release, "bin", "lvs-agent")
    code, output, errors = module.run_command([command, "check", "-"], data=config)
    if code != 0:
        said = (output.strip() or errors.strip()).replace("\n", "\n  ")
        raise _host.HostError(
            f"release {release} does not accept the present configuration; nothing was changed:\n"
            f"  {said}"
        )


def work(module: AnsibleModule, places: _checkpoint.Places) -> dict[str, Any]:
    """Go back; returns the module's result. Raises HostError or OSError."""
    target = wanted(places, module.params["to"])
    before = _agent.installed_release(places.root) or ""
    config = _host.read_text(places.config)
    if not module.params["configuration"] and config is not None:
        check(module, places.root, target.release, config)
        target = _checkpoint.Checkpoint(release=target.release, unit=target.unit, config=config)
    changes = _host.Changes()
    agent = _checkpoint.agent_of(places)
    needs_restart = not _checkpoint.runs(places, agent, target)
    if module.params["to"] == _checkpoint.RELEASE and not module.check_mode:
        # This is a change of the release too, and there is a way back from it.
        _checkpoint.take(places, agent, target.release)
    if before != target.release:
        changes.note(f"make release {target.release} the current one (was {before or 'none'})")
        if not module.check_mode:
            _links.switch(places.root, target.release)
    _host.ensure_file(module, changes, places.unit, target.unit, _UNIT_MODE)
    if config != target.config:
        _note_config(changes, places.config, config, target.config)
        if not module.check_mode:
            _host.write_atomically(places.config, target.config, _agent.CONFIG_MODE, _agent.GROUP)
    if not module.check_mode and places.unit in changes.paths:
        _host.ensure_units_loaded(module, changes)
        if not needs_restart:
            _checkpoint.mark_unit_as_used(places)
    if needs_restart:
        changes.note(f"restart {_agent.UNIT}")
        if not module.check_mode:
            _restart(module)
    return {"release": target.release, "from_release": before, **changes.result()}


def _note_config(changes: _host.Changes, path: str, before: str | None, after: str) -> None:
    """The file's change without its secrets."""
    old, new = _text.parsed(before), _text.parsed(after)
    changes.note_file(path, _text.render(old) if old is not None else "", _text.render(new, old))


def _restart(module: AnsibleModule) -> None:
    systemctl = _host.binary(module, "systemctl")
    # What failed too often, or a configuration that no restart cures, must not be in the way.
    module.run_command([*systemctl, "reset-failed", _agent.UNIT], check_rc=False)
    _host.run(module, [*systemctl, "restart", _agent.UNIT], f"restarting {_agent.UNIT}")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "to": {
                "type": "str",
                "choices": [_checkpoint.LAST, _checkpoint.RELEASE],
                "default": _checkpoint.LAST,
            },
            "configuration": {"type": "bool", "default": True},
            "root": {"type": "path", "default": _agent.ROOT},
        },
        supports_check_mode=True,
    )
    places = _checkpoint.Places(root=module.params["root"])
    try:
        if not os.path.isdir(places.root):
            raise _host.HostError(f"there is nothing to go back to: no {places.root}")
        with _host.exclusive(places.root):
            result = work(module, places)
    except (_host.HostError, OSError) as error:
        module.fail_json(msg=f"going back failed: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
