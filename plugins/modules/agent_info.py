#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status of the running agent, at once or as soon as it is settled."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_info
short_description: Read the status of lvs-agent
version_added: 0.1.0
description:
  - Asks the running agent over its control socket for its status. Instances, addresses, services
    and checks.
options:
  query:
    description: JMESPath expression; the module then returns what it selects as RV(result).
    type: str
  settled:
    description:
      - Wait until all processes of the agent run and each of its VRRP instances is master or
        knows a master.
    type: bool
    default: false
  timeout:
    description: How many seconds to wait at most with O(settled=true).
    type: int
    default: 60
  socket:
    description: The agent's control socket.
    type: path
    default: /run/lvs-agent/control.sock
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: See which director is master
  lvs.cluster.agent_info:
    query: "instances[].{name: name, state: state}"
  register: instances

- name: Wait until every instance has a master
  lvs.cluster.agent_info:
    settled: true
    timeout: 30
"""

RETURN = r"""
status:
  description: The whole status, as C(lvsctl status --json) prints it.
  returned: success, without O(query)
  type: dict
result:
  description: What O(query) selects.
  returned: success, with O(query)
  type: raw
waited:
  description: How many seconds the module waited.
  returned: with O(settled=true)
  type: float
"""

import os
import sys
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _status

_POLL_S = 0.25


def wait(path: str, timeout_s: float) -> tuple[dict[str, Any], list[str]]:
    """The first settled status, or after `timeout_s` the last one with what is wrong with it."""
    deadline = time.monotonic() + timeout_s
    while True:
        status: dict[str, Any] = {}
        try:
            status = _agent.request("status", path)
            wrong = _status.unsettled(status)
        except (_agent.AgentUnreachable, _agent.AgentRefused) as error:
            wrong = [str(error)]
        if not wrong or time.monotonic() >= deadline:
            return status, wrong
        time.sleep(_POLL_S)


def search(expression: str, status: dict[str, Any]) -> Any:
    """`expression` applied to `status`, by the JMESPath that comes with the agent."""
    sys.path.append(os.path.join(_agent.ROOT, _agent.CURRENT))
    import jmespath

    return jmespath.search(expression, status)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "query": {"type": "str"},
            "settled": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
            "socket": {"type": "path", "default": _agent.CONTROL_SOCKET},
        },
        supports_check_mode=True,
    )
    started = time.monotonic()
    timeout_s = module.params["timeout"] if module.params["settled"] else 0
    if module.params["settled"]:
        status, wrong = wait(module.params["socket"], timeout_s)
        if wrong:
            lines = "\n".join(f"  - {each}" for each in wrong)
            module.fail_json(msg=f"Not settled after {timeout_s} s:\n{lines}", status=status)
    else:
        try:
            status = _agent.request("status", module.params["socket"])
        except (_agent.AgentUnreachable, _agent.AgentRefused) as error:
            module.fail_json(msg=f"{error}; does {_agent.UNIT} run?")
    result: dict[str, Any] = {"changed": False}
    if module.params["settled"]:
        result["waited"] = round(time.monotonic() - started, 2)
    if module.params["query"] is None:
        module.exit_json(status=status, **result)
    try:
        found = search(module.params["query"], status)
    except ImportError:
        module.fail_json(
            msg="query needs the jmespath of an installed agent; run the director role"
        )
    except ValueError as error:  # jmespath's errors are ValueErrors
        module.fail_json(msg=f"query: {error}")
    module.exit_json(result=found, **result)


if __name__ == "__main__":
    main()
