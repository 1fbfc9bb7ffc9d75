#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gives VRRP instances to another director, holds them, or leaves them to elections again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vrrp_failover
short_description: Give VRRP instances to another director
version_added: 0.1.0
description:
  - Gives instances away and waits until another director is master of them; holds them; or leaves
    them to ordinary elections again.
  - What is set survives reloads, restarts and reboots of the director, until it is set otherwise
    or O(expires) is over.
  - An address is never nobody's because of it. A director that has given an instance away takes it
    over when no other one is there; and what nobody takes over is not let go in the first place.
  - It is set for a whole sync group, whichever of its members is named.
options:
  instance:
    description: Name of a VRRP instance or of a sync group.
    type: str
  all:
    description: All instances of the director.
    type: bool
    default: false
  state:
    description:
      - V(given_away) - the director advertises the lowest priority and overtakes nobody. The module
        waits until another director is master, and fails when none is; then all is as before.
      - V(held) - the director keeps its priority but overtakes nobody, as with C(nopreempt). A
        master stays master; a backup takes over only from a master that fell silent.
      - V(ordinary) - neither; elections by the configuration. A director with a higher priority
        takes its instances back, unless its configuration forbids it.
    type: str
    choices: [given_away, held, ordinary]
    default: given_away
  timeout:
    description:
      - How many seconds another director may take to become master. It waits for a
        Master_Down_Interval, 3.6 seconds by default, during which this one still serves.
    type: int
    default: 30
  force:
    description:
      - Resign also when no other director has taken over by itself. The addresses are nobody's
        until another director comes, or until this one takes them back, which it does after the
        skew time of the lowest priority, about one advert interval.
      - Where the configuration says C(nopreempt) or C(preempt_delay), that is done without it,
        since no backup would take over from a living master.
    type: bool
    default: false
  exclusive:
    description:
      - Leave alone what another O(owner) wants. Of two at once, one gives away or holds, and the
        module fails for the other. With O(state=ordinary), only what O(owner) wanted ends.
    type: bool
    default: false
  owner:
    description: Who wants it; shown in the status, in warnings and in notifications.
    type: str
    default: ansible
  reason:
    description: Why; shown likewise.
    type: str
    default: ''
  expires:
    description:
      - It ends by itself after this time, for example V(90s), V(10m), V(2h) or V(1d), so that a
        playbook that breaks off leaves nothing behind for ever.
      - To say it again with nothing but another end is no change.
    type: str
  socket:
    description: The agent's control socket.
    type: path
    default: /run/lvs-agent/control.sock
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
notes:
  - An address owner (priority 255) can be neither given away nor held.
seealso:
  - module: lvs.cluster.agent_wait
"""

EXAMPLES = r"""
- name: Give everything away before the host is rebooted
  lvs.cluster.vrrp_failover:
    all: true
    reason: new kernel
    expires: 1h

- name: Let it be preferred again
  lvs.cluster.vrrp_failover:
    all: true
    state: ordinary

- name: Come back as a backup, whatever the priority
  lvs.cluster.vrrp_failover:
    instance: VI_1
    state: held
"""

RETURN = r"""
instances:
  description: What became of each instance.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: VI_1
    state_before:
      description: What was set before.
      type: str
      returned: always
      sample: ordinary
    state_after:
      description: What is set now (in check mode, what would be).
      type: str
      returned: always
      sample: given_away
    new_master:
      description: Address of the other director that is master, from its advert, or null.
      type: str
      returned: always
      sample: 172.16.1.12
state_before:
  description: As RV(instances[].state_before), of the first instance.
  returned: success
  type: str
  sample: ordinary
state_after:
  description: As RV(instances[].state_after), of the first instance.
  returned: success
  type: str
  sample: given_away
new_master:
  description: As RV(instances[].new_master), of the first instance.
  returned: success
  type: str
  sample: 172.16.1.12
waited:
  description: How many seconds it took.
  returned: success
  type: float
  sample: 3.42
errors:
  description: What was not given away, and why.
  returned: when the agent refuses or nobody takes over
  type: list
  elements: dict
  contains:
    path:
      description: The instance.
      type: str
      returned: always
    message:
      description: The reason.
      type: str
      returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _durations

# The agent's own bound (TIMEOUT_MOST_S); and what it takes beyond the limit it was told.
_TIMEOUT_MOST_S = 3600
_MORE_S = 10.0


def order(params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """The arguments of the agent's verb. Raises ValueError."""
    if not 1 <= params["timeout"] <= _TIMEOUT_MOST_S:
        raise ValueError(f"timeout has to be between 1 and {_TIMEOUT_MOST_S} seconds")
    return {
        "state": params["state"],
        "instance": None if params["all"] else params["instance"],
        "owner": params["owner"],
        "reason": params["reason"],
        "expires_s": _durations.seconds(params["expires"]),
        "timeout_s": params["timeout"],
        "force": params["force"],
        "exclusive": params["exclusive"],
        "check": check,
    }


def result_of(reply: dict[str, Any]) -> dict[str, Any]:
    """The module's result for the agent's reply."""
    instances = reply["instances"]
    first = instances[0] if instances else {}
    lines = {
        key: "".join(f"{each['name']}: {each[key]}\n" for each in instances)
        for key in ("state_before", "state_after")
    }
    return {
        "changed": reply["changed"],
        "instances": instances,
        "state_before": first.get("state_before"),
        "state_after": first.get("state_after"),
        "new_master": first.get("new_master"),
        "waited": reply["waited_s"],
        "diff": {
            "before": lines["state_before"],
            "after": lines["state_after"],
            "before_header": "VRRP instances",
            "after_header": "VRRP instances",
        },
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str"},
            "all": {"type": "bool", "default": False},
            "state": {
                "type": "str",
                "choices": ["given_away", "held", "ordinary"],
                "default": "given_away",
            },
            "timeout": {"type": "int", "default": 30},
            "force": {"type": "bool", "default": False},
            "exclusive": {"type": "bool", "default": False},
            "owner": {"type": "str", "default": "ansible"},
            "reason": {"type": "str", "default": ""},
            "expires": {"type": "str"},
            "socket": {"type": "path", "default": _agent.CONTROL_SOCKET},
        },
        supports_check_mode=True,
    )
    if module.params["all"] == (module.params["instance"] is not None):
        module.fail_json(msg="say either instance or all: true")
    try:
        arguments = order(module.params, check=module.check_mode)
        limit_s = module.params["timeout"] + _MORE_S
        reply = _agent.request("failover", module.params["socket"], limit_s, arguments)
    except ValueError as error:
        module.fail_json(msg=str(error))
    except _agent.AgentUnreachable as error:
        module.fail_json(msg=f"{error}; does {_agent.UNIT} run?")
    except _agent.AgentRefused as error:
        module.fail_json(msg=str(error), errors=error.errors)
    module.exit_json(**result_of(reply))


if __name__ == "__main__":
    main()
