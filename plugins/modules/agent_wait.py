#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits until a director's status is as it is to be."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_wait
short_description: Wait until a director meets conditions
version_added: 0.1.0
description:
  - Asks the running agent for its status, again and again, until all the given conditions are met
    at the same time.
  - An agent that does not answer yet is waited for as well.
  - After O(timeout) the module fails and says what is still wrong, each thing in a line.
options:
  settled:
    description:
      - All processes of the agent run, and each of its VRRP instances is master or knows a master.
        The default when no other condition is given.
    type: bool
  master_of:
    description: Instances of which this director is to be master.
    type: list
    elements: str
    default: []
  backup_of:
    description: Instances of which this director is to be a backup.
    type: list
    elements: str
    default: []
  pool_up:
    description:
      - Virtual servers that are to be in the kernel's table, to have their quorum, and whose real
        servers all have been checked.
    type: list
    elements: str
    default: []
  min_real_servers:
    description: So many real servers are to be up, in each of O(pool_up), or of all without it.
    type: int
  config:
    description: SHA-256 of the configuration file that is to be in force, in hexadecimal.
    type: str
  condition:
    description:
      - A JMESPath expression over the status that is to be true, as with C(lvsctl wait --for).
        Documented at C(docs/status.md).
    type: str
  timeout:
    description: How many seconds to wait at most.
    type: int
    default: 60
  interval:
    description: How many seconds lie between two looks.
    type: float
    default: 0.25
  stable_for:
    description: For so many seconds all of it has to be so without a break.
    type: float
    default: 0
  socket:
    description: The agent's control socket.
    type: path
    default: /run/lvs-agent/control.sock
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
seealso:
  - module: lvs.cluster.agent_info
"""

EXAMPLES = r"""
- name: Wait until the restarted director serves again
  lvs.cluster.agent_wait:
    settled: true
    pool_up: [web]
    min_real_servers: 2
    stable_for: 3
    timeout: 120

- name: Wait until this director has no instance any more
  lvs.cluster.agent_wait:
    condition: "length(instances[?state=='MASTER']) == `0`"
"""

RETURN = r"""
waited:
  description: How many seconds the module waited.
  returned: always
  type: float
  sample: 1.27
missing:
  description: What was still wrong at the end.
  returned: on failure
  type: list
  elements: str
  sample: ["instance VI_1 is BACKUP and knows no master"]
status:
  description: The last status. Without O(condition) real servers that are up may be left out.
  returned: always
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _conditions

_NEEDS_AGENT = "condition needs the jmespath of an installed agent; run the director role"
# To look costs the director something; an hour is as long as anybody waits in a playbook.
_INTERVAL_LEAST_S = 0.05


def conditions(params: dict[str, Any]) -> _conditions.Conditions:
    """What is asked for. Raises ImportError or ValueError."""
    others = (
        "master_of",
        "backup_of",
        "pool_up",
        "min_real_servers",
        "config",
        "condition",
    )
    settled = params["settled"]
    if settled is None:
        settled = not any(params[name] not in (None, []) for name in others)
    text = params["condition"]
    return _conditions.Conditions(
        settled=settled,
        master_of=tuple(params["master_of"]),
        backup_of=tuple(params["backup_of"]),
        pool_up=tuple(params["pool_up"]),
        min_real_servers=params["min_real_servers"],
        config=params["config"],
        condition=None if text is None else (text, _conditions.compiled(text)),
    )


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "settled": {"type": "bool"},
            "master_of": {"type": "list", "elements": "str", "default": []},
            "backup_of": {"type": "list", "elements": "str", "default": []},
            "pool_up": {"type": "list", "elements": "str", "default": []},
            "min_real_servers": {"type": "int"},
            "config": {"type": "str"},
            "condition": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
            "interval": {"type": "float", "default": 0.25},
            "stable_for": {"type": "float", "default": 0},
            "socket": {"type": "path", "default": _agent.CONTROL_SOCKET},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        wanted = conditions(params)
    except ImportError:
        module.fail_json(msg=_NEEDS_AGENT)
    except ValueError as error:
        module.fail_json(msg=f"condition: {error}")
    verb = "summary" if wanted.short else "status"
    try:
        waited = _conditions.wait(
            lambda: _agent.request(verb, params["socket"]),
            wanted.wrong,
            params["timeout"],
            max(params["interval"], _INTERVAL_LEAST_S),
            params["stable_for"],
        )
    except ValueError as error:
        module.fail_json(msg=f"condition: {error}")
    result: dict[str, Any] = {"waited": waited.waited_s, "status": waited.status}
    if waited.wrong:
        lines = "\n".join(f"  - {each}" for each in waited.wrong)
        text = f"Not so after {params['timeout']} s:\n{lines}"
        module.fail_json(msg=text, missing=waited.wrong, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
