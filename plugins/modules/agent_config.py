#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installs the agent's configuration file and has the agent take it over."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_config
short_description: Install the configuration of lvs-agent
version_added: 0.1.0
description:
  - Writes the configuration document atomically after the installed agent has checked it, and
    asks a running agent to reload. The agent keeps the states of its VRRP instances and what it
    knows of real servers.
  - If the agent does not accept the document, the old file stays (or comes back) and the module
    fails with all the agent's errors.
  - Also reloads when the file is right but the running agent has another one in force.
options:
  document:
    description:
      - The configuration, with C(global_defs), C(vrrp_instances) and C(virtual_servers).
      - It is kept out of logs, and passwords are hidden in diffs.
    type: raw
    required: true
  path:
    description: The configuration file. It gets mode 0640 and belongs to root and O(group).
    type: path
    default: /etc/lvs-agent/config.json
  group:
    description: Group that may read the file.
    type: str
    default: lvs-agent
  validate:
    description:
      - Have the installed agent check the document. Without an installed agent nothing is checked
        here; the module M(lvs.cluster.cluster_check) did it on the controller.
    type: bool
    default: true
  reload:
    description: Ask a running agent to reload.
    type: bool
    default: true
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  action:
    description: Has an action plugin that keeps the document out of logs.
    support: full
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Install the agent's configuration
  lvs.cluster.agent_config:
    document:
      vrrp_instances:
        VI_1:
          interface: eth0
          virtual_router_id: 81
          virtual_ipaddress: ["172.16.1.99/32"]
"""

RETURN = r"""
change:
  description:
    - What the document changes for the running agent, in check mode too. The agent works it out,
      as C(lvs-agent check --change) does; without a running agent it is V(none).
    - V(none) - nothing that the agent does. It may still reload, if only the file's text differs.
    - V(weights) - weights of real servers and sorry servers only. They are edited in place.
    - V(addresses) - besides, virtual and static addresses, routes and rules.
    - V(structure) - anything else. Instances, virtual servers, real servers or checks come, go or
      behave otherwise. None of these takes a restart.
    - V(restart) - the running agent is of another release than the installed one, which the module
      leaves to the caller.
  returned: always
  type: str
  choices: [none, weights, addresses, structure, restart]
  sample: weights
reloaded:
  description: Whether the running agent has taken over the configuration.
  returned: always
  type: bool
errors:
  description: The agent's errors.
  returned: when the document is not accepted
  type: list
  elements: dict
  contains:
    path:
      description: Place in the document.
      type: str
      returned: always
    message:
      description: What is wrong.
      type: str
      returned: always
"""

import hashlib
import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _host, _text


class Rejected(Exception):
    """The agent does not accept the document."""

    def __init__(self, text: str, errors: list[dict[str, str]]) -> None:
        lines = [f"  {each['path']}: {each['message']}" for each in errors]
        super().__init__("\n".join([text, *lines]))
        self.errors = errors


def file_text(document: str) -> str:
    """The document as the file has it."""
    return _text.document_text(json.loads(document))


def check(module: AnsibleModule, text: str) -> str | None:
    """Have the installed agent check `text`; gives the kind of change that it is, if one runs.

    Raises Rejected. Without an installed agent, nothing.
    """
    command = _agent.command("lvs-agent")
    if command is None:
        return None
    words = [command, "check", "--json", "--change", "-"]
    code, output, errors = module.run_command(words, data=text)
    answer = _text.parsed(output)
    if not isinstance(answer, dict) or not answer.get("files"):
        said = errors.strip() or output.strip() or "it said nothing"
        raise Rejected(f"lvs-agent check failed (return code {code}): {said}", [])
    if code == 0:
        kind: str | None = answer["files"][0].get("change")
        return kind
    found = [error for file in answer["files"] for error in file["errors"]]
    raise Rejected("The agent does not accept the configuration; the old one stays:", found)


def needed(text: str, file_differs: bool) -> str:
    """none, reload or restart: what it takes until a running agent has `text` in force."""
    try:
        agent = _agent.request("summary")["agent"]
    except (_agent.AgentUnreachable, _agent.AgentRefused):
        return "none"
    installed = _agent.installed_release()
    if installed is not None and agent.get("release") not in (None, installed):
        return "restart"
    in_force = agent.get("config_sha256")
    same = in_force is None or in_force == hashlib.sha256(text.encode()).hexdigest()
    return "reload" if file_differs or not same else "none"


def reload(path: str, group: str, before: str | None) -> None:
    """Ask the agent; put the old file back if it refuses. Raises Rejected."""
    try:
        _agent.request("reload")
    except (_agent.AgentUnreachable, _agent.AgentRefused) as error:
        if before is not None:
            _host.write_atomically(path, before, _agent.CONFIG_MODE, group)
        errors = error.errors if isinstance(error, _agent.AgentRefused) else []
        raise Rejected(
            f"The agent did not reload, the old file is back: {error}", errors
        ) from error


def alone(module: AnsibleModule) -> dict[str, Any]:
    """`install`, while no other run changes the agent; before it is installed, nobody does."""
    if module.check_mode or not os.path.isdir(_agent.ROOT):
        return install(module)
    with _host.exclusive(_agent.ROOT):
        return install(module)


def install(module: AnsibleModule) -> dict[str, Any]:
    """Do it; returns the module's result. Raises Rejected, HostError or OSError."""
    path, group = module.params["path"], module.params["group"]
    text = file_text(module.params["document"])
    before = _host.read_text(path)
    differs = text != before
    changed = differs or _host.permissions_differ(path, _agent.CONFIG_MODE, group)
    step = needed(text, differs)
    kind = None
    if module.params["validate"] and (differs or step == "reload"):
        kind = check(module, text)
    # Unchecked, it can be anything.
    change = {"reload": kind or "structure"}.get(step, step)
    reloaded = False
    if not module.check_mode:
        if changed:
            _host.write_atomically(path, text, _agent.CONFIG_MODE, group)
        if step == "reload" and module.params["reload"]:
            reload(path, group, before)
            reloaded = True
    return {
        "changed": changed or step != "none",
        "change": change,
        "reloaded": reloaded,
        "diff": _diff(path, before, text, step, change),
    }


def _diff(
    path: str, before: str | None, after: str, step: str, change: str
) -> list[dict[str, str]]:
    """What people see: both documents as YAML with secrets hidden, and what the agent does."""
    diffs: list[dict[str, str]] = []
    if before != after:
        old, new = _text.parsed(before), _text.parsed(after)
        diffs.append(
            {
                "before": _text.render(old) if old is not None else "",
                "after": _text.render(new, old),
                "before_header": path,
                "after_header": path,
            }
        )
    if step == "reload":
        diffs.append({"prepared": f"reload {_agent.UNIT} (change: {change})\n"})
    elif step != "none":
        diffs.append({"prepared": f"{step} {_agent.UNIT}\n"})
    return diffs


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "document": {"type": "raw", "required": True, "no_log": True},
            "path": {"type": "path", "default": _agent.CONFIG},
            "group": {"type": "str", "default": _agent.GROUP},
            "validate": {"type": "bool", "default": True},
            "reload": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        result = alone(module)
    except Rejected as error:
        module.fail_json(msg=str(error), errors=error.errors, change="none", reloaded=False)
    except (_host.HostError, OSError, KeyError, ValueError) as error:
        module.fail_json(msg=f"{type(error).__name__}: {error}", change="none", reloaded=False)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
