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
  sections:
    description:
      - Only these parts of the status. Empty means all of it as C(lvsctl status --json) prints it,
        which has some megabytes with 10,000 real servers.
      - Without V(services) and V(checks) the agent is asked for its short status, which it has at
        once however many real servers there are.
      - V(statistics) gathers the counters of instances, by name, and of services, as people write
        them.
      - V(pools) has one short entry for each virtual server.
    type: list
    elements: str
    choices:
      - agent
      - instances
      - sync_groups
      - links
      - addresses
      - routes
      - rules
      - firewall
      - sync_daemon
      - pools
      - services
      - checks
      - trackers
      - bfd
      - notifications
      - drift
      - statistics
    default: []
  query:
    description:
      - JMESPath expression; the module then returns what it selects as RV(result). It is applied to
        what O(sections) leave.
    type: str
  settled:
    description:
      - Wait until all processes of the agent run and each of its VRRP instances is master or
        knows a master. M(lvs.cluster.agent_wait) waits for more than that.
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
seealso:
  - module: lvs.cluster.agent_wait
"""

EXAMPLES = r"""
- name: See which director is master
  lvs.cluster.agent_info:
    sections: [instances]
    query: "instances[].{name: name, state: state}"
  register: instances

- name: Read how many real servers of each virtual server are up
  lvs.cluster.agent_info:
    sections: [pools]
  register: pools

- name: Wait until every instance has a master
  lvs.cluster.agent_info:
    settled: true
    timeout: 30
"""

RETURN = r"""
status:
  description: The status, or the parts of it that O(sections) name.
  returned: success, without O(query)
  type: dict
  contains:
    at:
      description: When, in the director's time.
      type: str
      returned: always
      sample: "2026-05-01T12:00:00.123+00:00"
    stale:
      description: Processes that did not answer in time, with the age in seconds of what is shown.
      type: dict
      returned: always
      sample: {}
    agent:
      description: The agent itself, its release, configuration, processes and warnings.
      type: dict
      returned: always
      sample:
        version: 0.1.0
        release: 4f0c6a1d2b3e
        router_id: LVS1
        stage: running
        config_sha256: 9a0364b9e99bb480dd25e1f0284c8555
        warnings: []
    instances:
      description: One entry for each VRRP instance. RV(ignore:hold) is what an operator has set.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample:
        - name: VI_1
          state: BACKUP
          reason: "172.16.1.12 advertises priority 90, ours is 1"
          since_s: 12.4
          priority: 1
          base_priority: 150
          master: {address: 172.16.1.12, priority: 90}
          hold: {state: given_away, owner: ansible, reason: new kernel,
            since: "2026-05-01T11:59:47+00:00", expires: null}
          addresses: [172.16.1.99/32]
    sync_groups:
      description: One entry for each sync group.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample: [{name: VG_1, state: MASTER, members: [VI_1, VI_2], priority: 150}]
    links:
      description: The interfaces that matter.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample: [{interface: eth0, index: 2, running: true, primary: 172.16.1.11}]
    addresses:
      description: Virtual and static addresses, and whether the kernel has them.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample:
        - {instance: VI_1, address: 172.16.1.99, prefix: 32, interface: eth0, held: held,
           present: true, duplicate: false}
    routes:
      description: Virtual and static routes.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample: []
    rules:
      description: Virtual and static rules.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample: []
    firewall:
      description: What is needed of nftables.
      type: dict
      returned: unless left out by O(sections)
      sample: {}
    sync_daemon:
      description: The connection synchronisation.
      type: dict
      returned: unless left out by O(sections)
      sample: {}
    pools:
      description: One short entry for each virtual server.
      type: list
      elements: dict
      returned: with O(sections) V(pools)
      sample:
        - {name: web, services: ["TCP 172.16.1.99:80"], in_kernel: true, quorum: true, panic: false,
           up: 2, down: 0, active: 17, inactive: 4}
    services:
      description: The IPVS services with destinations, real servers and their verdicts.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample:
        - name: web
          service: "TCP 172.16.1.99:80"
          in_kernel: true
          quorum: {reached: true, weight: 2, quorum: 1}
          real_servers:
            - {name: rs1, address: 172.16.1.3, port: 80, up: true, checked: true, weight: 1}
    checks:
      description: Each distinct check with its verdict.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample: []
    trackers:
      description: Track scripts, processes, files and BFD sessions.
      type: list
      elements: dict
      returned: unless left out by O(sections)
      sample: [{type: script, name: chk, up: true, reason: exit status 0}]
    bfd:
      description: BFD sessions and counters.
      type: dict
      returned: unless left out by O(sections)
      sample: {}
    notifications:
      description: Commands, FIFOs and mails.
      type: dict
      returned: unless left out by O(sections)
      sample: {}
    drift:
      description: What somebody else changed and the agent put right.
      type: dict
      returned: unless left out by O(sections)
      sample: {}
    statistics:
      description: The counters, RV(ignore:instances) by name and RV(ignore:services) as written.
      type: dict
      returned: with O(sections) V(statistics)
      sample:
        instances: {VI_1: {adverts_sent: 132, became_master: 1, losing_adverts: 0}}
        services: {"TCP 172.16.1.99:80": {connections: 21, packets_in: 130, bytes_in: 9120}}
result:
  description: What O(query) selects.
  returned: success, with O(query)
  type: raw
  sample: [{name: VI_1, state: MASTER}]
waited:
  description: How many seconds the module waited.
  returned: with O(settled=true)
  type: float
  sample: 0.31
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _conditions

# As the status has them, and those that are made of it.
_PLAIN = (
    "agent",
    "instances",
    "sync_groups",
    "links",
    "addresses",
    "routes",
    "rules",
    "firewall",
    "sync_daemon",
    "services",
    "checks",
    "trackers",
    "bfd",
    "notifications",
    "drift",
)
_MADE = ("pools", "statistics")
# What the short status has not, or not all of.
_LONG = frozenset({"services", "checks"})
_TRAFFIC = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")

unsettled = _conditions.unsettled


def verb(sections: list[str]) -> str:
    """The agent's verb that is enough for these sections."""
    return "summary" if sections and _LONG.isdisjoint(sections) else "status"


def parts(status: dict[str, Any], sections: list[str]) -> dict[str, Any]:
    """The sections of a status; without any, all of it."""
    if not sections:
        return status
    found = {name: status[name] for name in ("at", "stale", "agent") if name in status}
    found |= {name: status.get(name) for name in _PLAIN if name in sections}
    if "pools" in sections:
        found["pools"] = pools(status)
    if "statistics" in sections:
        found["statistics"] = statistics(status)
    return found


def pools(status: dict[str, Any]) -> list[dict[str, Any]]:
    """A short entry for each virtual server."""
    servers: dict[str, list[dict[str, Any]]] = {}
    for service in status.get("services", []):
        servers.setdefault(service["name"], []).append(service)
    return [_pool(name, services) for name, services in servers.items()]


def _pool(name: str, services: list[dict[str, Any]]) -> dict[str, Any]:
    first = services[0]
    left_out = [each.get("left_out") or {} for each in services]
    destinations = [one for each in services for one in each.get("destinations", [])]
    down = sum(not each.get("up") for each in first.get("real_servers", []))
    connections = {
        count: sum(each.get(count) or 0 for each in (*destinations, *left_out))
        for count in ("active", "inactive")
    }
    return {
        "name": name,
        "services": [each.get("service") for each in services],
        "in_kernel": all(each.get("in_kernel") for each in services),
        "quorum": bool((first.get("quorum") or {}).get("reached")),
        "panic": first.get("panic") is not None,
        "up": _conditions.real_servers_up(first),
        "down": down + int((first.get("left_out") or {}).get("down", 0)),
        **connections,
    }


def statistics(status: dict[str, Any]) -> dict[str, Any]:
    """The counters of instances by name, and of services by what people write."""
    return {
        "instances": {
            each["name"]: each.get("counters", {}) for each in status.get("instances", [])
        },
        "services": {
            each["service"]: {name: each.get(name, 0) for name in _TRAFFIC}
            for each in status.get("services", [])
        },
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "sections": {
                "type": "list",
                "elements": "str",
                "choices": [
                    "agent",
                    "instances",
                    "sync_groups",
                    "links",
                    "addresses",
                    "routes",
                    "rules",
                    "firewall",
                    "sync_daemon",
                    "pools",
                    "services",
                    "checks",
                    "trackers",
                    "bfd",
                    "notifications",
                    "drift",
                    "statistics",
                ],
                "default": [],
            },
            "query": {"type": "str"},
            "settled": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
            "socket": {"type": "path", "default": _agent.CONTROL_SOCKET},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        search = None if params["query"] is None else _conditions.compiled(params["query"])
    except ImportError:
        module.fail_json(
            msg="query needs the jmespath of an installed agent; run the director role"
        )
    except ValueError as error:
        module.fail_json(msg=f"query: {error}")
    result: dict[str, Any] = {"changed": False}
    asked = verb(params["sections"])
    if params["settled"]:
        waited = _conditions.wait(
            lambda: _agent.request(asked, params["socket"]), unsettled, params["timeout"]
        )
        if waited.wrong:
            lines = "\n".join(f"  - {each}" for each in waited.wrong)
            text = f"Not settled after {params['timeout']} s:\n{lines}"
            module.fail_json(msg=text, status=parts(waited.status, params["sections"]))
        status, result["waited"] = waited.status, waited.waited_s
    else:
        try:
            status = _agent.request(asked, params["socket"])
        except (_agent.AgentUnreachable, _agent.AgentRefused) as error:
            module.fail_json(msg=f"{error}; does {_agent.UNIT} run?")
    status = parts(status, params["sections"])
    if search is None:
        module.exit_json(status=status, **result)
    try:
        found = search(status)
    except ValueError as error:  # jmespath's errors are ValueErrors
        module.fail_json(msg=f"query: {error}")
    module.exit_json(result=found, **result)


if __name__ == "__main__":
    main()
