#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a real server out by hand and puts it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: real_server
short_description: Drain, disable or enable a real server
version_added: 0.1.0
description:
  - Takes a real server out of the service of its virtual servers, and puts it back. The names of
    the options are those of the module C(community.general.haproxy).
  - What is said so is an override. It holds against checks, reloads, restarts of the agent, reboots
    and failovers until somebody says otherwise or O(expires) is over. It never makes a dead real
    server alive.
  - With O(directors) one task does it on all directors of a cluster, and then waits once for all of
    them. Without O(directors) the task is about the agent of the host that it runs on, which is a
    director then (C(delegate_to)).
  - To run it again changes nothing, except that O(expires) begins anew.
options:
  host:
    description: The real server. Its name in the configuration, its address, or C(address:port).
    type: str
    required: true
    aliases: [name, real_server]
  backend:
    description: Only behind this virtual server. Without it, behind all that have the real server.
    type: str
    aliases: [virtual_server]
  state:
    description:
      - V(drain) gives it no new connections, and lets those go on that it has. IPVS keeps it with
        weight 0. With C(persistence_timeout), a client that knows it already comes back to it until
        its time is over, unless the director has C(net.ipv4.vs.expire_quiescent_template=1).
      - V(disabled) takes it out of the pools, which cuts its connections off.
      - V(enabled) leaves it to its checks, or with O(weight) gives it that weight.
    type: str
    required: true
    choices: [enabled, disabled, drain]
  weight:
    description:
      - With O(state=enabled), the weight in the place of the configured one and of what a check
        says. A number, or per cent of the configured weight (V(50%)), at least 1 then.
    type: str
  drain:
    description:
      - With O(state=disabled), drain it first and wait until it has no more than
        O(wait_connections). With O(state=drain), the same as O(wait=true).
    type: bool
    default: false
  wait:
    description:
      - With O(state=drain), wait until it has no more than O(wait_connections).
      - With O(state=enabled), wait until it has been checked, is up and has its weight.
    type: bool
    default: false
  wait_connections:
    description:
      - So many active connections (C(ActiveConn) of C(ipvsadm)) may be left.
      - Only those of the director that has the address of the virtual server are counted. What
        others know are copies from the connection synchronisation, or what is left of connections
        that were theirs before they gave the address away. A virtual server by firewall mark has no
        address, so it is counted on each director.
    type: int
    default: 0
  wait_interval:
    description: Seconds between two looks.
    type: float
    default: 1
  wait_retries:
    description: How often to look at most, if there is no O(timeout).
    type: int
    default: 120
  timeout:
    description: Seconds after which waiting ends, whatever O(wait_retries) says.
    type: float
  on_timeout:
    description:
      - When waiting took too long, V(fail), or V(continue) with a warning and RV(timed_out=true).
        The order itself holds in both cases; with O(drain=true), V(continue) goes on to disable the
        real server.
    type: str
    choices: [fail, continue]
    default: fail
  owner:
    description: Who says so, for those who find it. At most 128 characters.
    type: str
    default: ansible
  reason:
    description: Why, for those who find it. At most 200 characters.
    type: str
    default: ""
  expires:
    description:
      - The override ends by itself after that time (V(90s), V(10m), V(2h), V(1d)), so that a play
        that dies leaves nothing drained for ever. Without it, it never does.
    type: str
  force:
    description:
      - Also when no real server of a virtual server would take new connections then. Otherwise that
        is refused.
    type: bool
    default: false
  fail_on_not_found:
    description:
      - Fail when the real server is not in the agent's configuration (C(community.general.haproxy)
        does not do so unless asked).
    type: bool
    default: true
  directors:
    description:
      - Do it on these hosts of the inventory, one after the other, from whatever host the task is
        for; usually C(groups['lvs_directors']). Cannot be combined with C(delegate_to).
      - Waiting begins when all of them have it, and follows a failover.
    type: list
    elements: str
  on_unreachable:
    description:
      - When one of the O(directors) cannot be reached or its agent does not run, V(fail) after it
        was done on all others; or V(continue) with a warning. Such a director knows nothing of the
        override when it comes back.
      - When none of them can be reached, the task fails in any case.
    type: str
    choices: [fail, continue]
    default: fail
  socket:
    description: The agent's control socket.
    type: path
    default: /run/lvs-agent/control.sock
extends_documentation_fragment:
  - lvs.cluster.attributes
attributes:
  action:
    description: Has an action plugin, which does it on all O(directors).
    support: full
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
# In a play with hosts: lvs_real_servers and serial: 1, among its pre_tasks.
- name: Give it no new connections, and wait for the old ones
  lvs.cluster.real_server:
    host: "{{ inventory_hostname }}"
    state: drain
    wait: true
    timeout: 300
    reason: release {{ release }}
    expires: 1h
    directors: "{{ groups['lvs_directors'] }}"

# Among its post_tasks.
- name: Put it back as soon as its checks are content
  lvs.cluster.real_server:
    host: "{{ inventory_hostname }}"
    state: enabled
    wait: true
    directors: "{{ groups['lvs_directors'] }}"

- name: Take it out whatever becomes of its last connections
  lvs.cluster.real_server:
    host: 172.16.1.3:443
    backend: shop
    state: disabled
    drain: true
    wait_connections: 5
    timeout: 60
    on_timeout: continue
    directors: "{{ groups['lvs_directors'] }}"

- name: Let a new machine begin with a tenth of its weight, on one director after the other
  lvs.cluster.real_server:
    host: 172.16.1.5
    state: enabled
    weight: 10%
    expires: 30m
  delegate_to: "{{ item }}"
  loop: "{{ groups['lvs_directors'] }}"
"""

RETURN = r"""
state_before:
  description: How it stood behind each virtual server.
  returned: success
  type: list
  elements: dict
  contains: &state
    virtual_server:
      description: Name of the virtual server.
      type: str
      returned: always
    real_server:
      description: Name of the real server.
      type: str
      returned: always
    state:
      description: What operators say of it.
      type: str
      returned: always
      sample: enabled
    weight:
      description: Its weight in IPVS; null if it is not there.
      type: int
      returned: always
    up:
      description: What its checks say.
      type: bool
      returned: always
    override:
      description: The override in force with C(owner), C(reason), C(since) and C(expires), or null.
      type: dict
      returned: always
state_after:
  description: How it stands now, or would stand without check mode.
  returned: success
  type: list
  elements: dict
  contains: *state
connections:
  description: Active connections that were left at the last look.
  returned: success
  type: int
waited:
  description: Seconds that were waited.
  returned: success
  type: float
timed_out:
  description: Whether what was waited for did not come.
  returned: success
  type: bool
missing:
  description: What was still waited for, with RV(timed_out=true).
  returned: success
  type: str
directors:
  description: The results of each director, or why it has none (C(unreachable)).
  returned: with O(directors)
  type: dict
"""

import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _durations

_SHOWN = ("state", "weight", "up", "override")

Row = dict[str, Any]

ARGUMENTS: dict[str, Any] = {
    "host": {"type": "str", "required": True, "aliases": ["name", "real_server"]},
    "backend": {"type": "str", "aliases": ["virtual_server"]},
    "state": {"type": "str", "required": True, "choices": ["enabled", "disabled", "drain"]},
    "weight": {"type": "str"},
    "drain": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": False},
    "wait_connections": {"type": "int", "default": 0},
    "wait_interval": {"type": "float", "default": 1},
    "wait_retries": {"type": "int", "default": 120},
    "timeout": {"type": "float"},
    "on_timeout": {"type": "str", "choices": ["fail", "continue"], "default": "fail"},
    "owner": {"type": "str", "default": "ansible"},
    "reason": {"type": "str", "default": ""},
    "expires": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "fail_on_not_found": {"type": "bool", "default": True},
    "directors": {"type": "list", "elements": "str"},
    "on_unreachable": {"type": "str", "choices": ["fail", "continue"], "default": "fail"},
    "socket": {"type": "path", "default": _agent.CONTROL_SOCKET},
}


class Wrong(Exception):
    """The task cannot be done; the text says why."""


class Order:
    """What the task asks of one agent."""

    def __init__(self, params: dict[str, Any], *, dry_run: bool) -> None:
        self.params = params
        self.dry_run = dry_run
        self.per_cent, self.weight = weight_of(params["weight"])
        try:
            self.expires_s = _durations.seconds(params["expires"])
        except ValueError as error:
            raise Wrong(f"expires: {error}") from error
        if params["weight"] is not None and params["state"] != "enabled":
            raise Wrong(f"weight goes with state enabled, not with {params['state']}")
        if params["wait_interval"] <= 0:
            raise Wrong("wait_interval is to be more than 0")
        self.waits_s = params["timeout"]
        if self.waits_s is None:
            self.waits_s = params["wait_retries"] * params["wait_interval"]

    def _ask(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        which = {"real_server": self.params["host"], "virtual_server": self.params["backend"]}
        reply = _agent.request(verb, self.params["socket"], arguments=which | arguments)
        trouble = reply.get("trouble") or "; ".join(reply.get("refused") or [])
        if trouble and verb != "real_server":
            raise Wrong(f"the order is kept, but the kernel does not follow yet: {trouble}")
        answer: dict[str, Any] = reply
        return answer

    def look(self) -> list[Row]:
        """How it stands behind each virtual server."""
        rows: list[Row] = self._ask("real_server", {})["real_servers"]
        return rows

    def give(self, state: str, found: list[Row]) -> tuple[bool, list[Row]]:
        """Have the agent carry it out; whether that changes anything, and the replies."""
        arguments = {
            "state": state,
            "weight": self.weight,
            "owner": self.params["owner"],
            "reason": self.params["reason"],
            "expires_s": self.expires_s,
            "force": self.params["force"],
            "dry_run": self.dry_run,
        }
        places: list[dict[str, Any]] = [{}]
        if self.per_cent is not None:
            places = [
                {
                    "virtual_server": one["virtual_server"],
                    "weight": max(1, round(one["configured_weight"] * self.per_cent / 100)),
                }
                for one in found
            ]
        replies = [self._ask("set_real_server", arguments | place) for place in places]
        rows = [row for reply in replies for row in reply["real_servers"]]
        return any(reply["changed"] for reply in replies), rows


def weight_of(text: str | None) -> tuple[float | None, int | None]:
    """`(per cent, None)`, `(None, weight)` or `(None, None)`. Raises Wrong."""
    if text is None:
        return None, None
    found = re.fullmatch(r"(\d{1,10})(%?)", text.strip(), re.ASCII)
    if found is None:
        raise Wrong(f"weight {text!r} is neither a number nor per cent, such as 50%")
    number = int(found[1])
    return (number, None) if found[2] else (None, number)


def connections(rows: list[Row]) -> int:
    """Active ones that count here."""
    return sum(row["active"] for row in rows if row["counted_here"])


def left(rows: list[Row], state: str, allowed: int) -> str | None:
    """What is still waited for; None: nothing."""
    if state != "enabled":
        active = connections(rows)
        return f"{active} active connections are left" if active > allowed else None
    for row in rows:
        now = row["after"]
        where = f"{row['real_server']} of {row['virtual_server']}"
        if not now["up"] or not now["checked"]:
            return f"{where} is not up: {now['reason']}"
        said = (now["override"] or {}).get("weight")
        wanted = row["configured_weight"] if now["check_weight"] is None else now["check_weight"]
        if (wanted if said is None else said) and not now["weight"]:
            return f"{where} is up and has no weight yet"
    return None


def wait(order: Order, state: str) -> tuple[list[Row], str | None]:
    """Look until nothing is left to wait for, or for too long; the last look, and what was left.

    Always looks once, and once more at the very end.
    """
    deadline = time.monotonic() + order.waits_s
    while True:
        rows = order.look()
        missing = left(rows, state, order.params["wait_connections"])
        rest = deadline - time.monotonic()
        if missing is None or rest <= 0:
            return rows, missing
        time.sleep(min(order.params["wait_interval"], rest))


def shown(rows: list[Row], side: str) -> list[Row]:
    """`state_before` or `state_after`."""
    return [
        {
            "virtual_server": row["virtual_server"],
            "real_server": row["real_server"],
            **{name: row[side][name] for name in _SHOWN},
        }
        for row in rows
    ]


def diff_text(states: list[Row]) -> str:
    """For people, one line for each virtual server; times are left out, as no change."""
    lines = []
    for one in states:
        said = one["override"] or {}
        by = f" by {said['owner']}: {said['reason']}" if said else ""
        weight = "not in the pool" if one["weight"] is None else f"weight {one['weight']}"
        where = f"{one['virtual_server']} {one['real_server']}"
        lines.append(f"{where}: {one['state']}, {weight}{by}\n")
    return "".join(lines)


def execute(order: Order) -> dict[str, Any]:
    """The whole task; the result. Raises Wrong."""
    params, state = order.params, order.params["state"]
    found = order.look()
    if not found:
        behind = f" behind virtual server {params['backend']}" if params["backend"] else ""
        text = f"the agent's configuration has no real server {params['host']}{behind}"
        if params["fail_on_not_found"]:
            raise Wrong(text)
        return result(False, [], [], 0, 0.0) | {"warnings": [text]}
    waits = params["wait"] or params["drain"]
    steps = ["drain", state] if state == "disabled" and params["drain"] else [state]
    if order.dry_run:
        steps = steps[-1:]
    before: list[Row] | None = None
    changed, missing, active, started = False, None, 0, time.monotonic()
    # A drain on the way must not give its place to one that is disabled already.
    if steps[0] != state and all(row["before"]["state"] == state for row in found):
        steps = steps[-1:]
    for step in steps:
        step_changed, rows = order.give(step, found)
        changed = changed or step_changed
        before = shown(rows, "before") if before is None else before
        after = shown(rows, "after")
        active = connections(rows)
        if waits and not order.dry_run and step != "disabled":
            rows, missing = wait(order, step)
            after, active = shown(rows, "after"), connections(rows)
            if missing is not None and params["on_timeout"] == "fail":
                raise Wrong(f"not within {order.waits_s:g} s: {missing}; the order itself holds")
    made = result(changed, before or [], after, active, time.monotonic() - started)
    if missing is not None:
        text = f"not within {order.waits_s:g} s: {missing}"
        made |= {"timed_out": True, "missing": missing, "warnings": [text]}
    return made


def result(
    changed: bool, before: list[Row], after: list[Row], active: int, waited_s: float
) -> dict[str, Any]:
    """What the module returns."""
    return {
        "changed": changed,
        "state_before": before,
        "state_after": after,
        "connections": active,
        "waited": round(waited_s, 2),
        "timed_out": False,
        "missing": None,
        "diff": {"before": diff_text(before), "after": diff_text(after)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        made = execute(Order(module.params, dry_run=module.check_mode))
    except (Wrong, _agent.AgentRefused) as error:
        module.fail_json(msg=str(error))
    except _agent.AgentUnreachable as error:
        module.fail_json(msg=f"{error}; does {_agent.UNIT} run?", agent_unreachable=True)
    for warning in made.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**made)


if __name__ == "__main__":
    main()
