#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host of the cluster does: the agent's words, and the kernel's own beside them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: See what a host of the cluster does
version_added: 0.1.0
description:
  - Gathers in one execution what the agent says of itself and, independently of it, what the
    host's kernel and systemd say. The playbooks C(lvs.cluster.verify) and C(lvs.cluster.report)
    hold the one against the other.
  - A host without agent, such as a real server, is told all the same.
options:
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
- name: See what the directors do
  lvs.cluster.host_info:
  register: director
"""

RETURN = r"""
info:
  description: What was found.
  returned: always
  type: dict
  contains:
    status:
      description: The agent's status as C(lvsctl status) gets it; null if no agent answers.
      type: dict
      returned: always
    error:
      description: Why no agent answers; empty if one does.
      type: str
      returned: always
    unit:
      description:
        - The agent's unit as systemd sees it, with C(load), C(active), C(sub), C(enabled) and
          C(restarts).
      type: dict
      returned: always
    release:
      description: Id of the installed release; empty if there is none.
      type: str
      returned: always
    releases:
      description: Ids of all releases on the host.
      type: list
      elements: str
      returned: always
    go_back_to:
      description: Id of the release that C(lvs.cluster.rollback) goes back to; empty if none.
      type: str
      returned: always
    config_sha256:
      description: Digest of the agent's configuration file; empty if there is none.
      type: str
      returned: always
    addresses:
      description: Interface to its addresses with prefix length, from C(ip -j address).
      type: dict
      returned: always
      sample: {"eth0": ["172.16.1.9/16", "172.16.1.254/32"]}
    local_networks:
      description: Networks of which every address is the host's own, by a route of type local.
      type: list
      elements: str
      returned: always
    ipvs:
      description: The services in the kernel, with C(service), C(scheduler), C(destinations).
      type: list
      elements: dict
      returned: always
    host:
      description: C(name), C(kernel), C(os), C(uptime_s) and C(at), the host's time in UTC.
      type: dict
      returned: always
"""

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _agent,
    _checkpoint,
    _host,
    _kernel_view,
)

_UNIT = {
    "LoadState": "load",
    "ActiveState": "active",
    "SubState": "sub",
    "UnitFileState": "enabled",
    "NRestarts": "restarts",
}
# A hand-over with its announcements is over after so long; a cluster that is never calm is looked
# at all the same.
_CALM_S = 1.0
_LOOKS = 6


def status(socket: str) -> tuple[dict[str, Any] | None, str]:
    """The agent's status, or None and why there is none."""
    try:
        return _agent.summary(socket), ""
    except (_agent.AgentUnreachable, _agent.AgentRefused) as error:
        return None, str(error)


def in_motion(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether an instance changed its state between two looks, or just before."""
    if before is None or after is None:
        return False
    one, other = (
        {each["name"]: each["state"] for each in said["instances"]} for said in (before, after)
    )
    young = any(each["since_s"] < _CALM_S for each in after["instances"])
    return one != other or young


def moment(module: AnsibleModule) -> dict[str, Any]:
    """What the agent says and what the kernel has, of a time at which nothing moves.

    Else an address that is on its way would look as if it were in the wrong place. Raises
    HostError.
    """
    said, error = status(module.params["socket"])
    for left in reversed(range(_LOOKS)):
        there = _kernel_view.addresses(module)
        table = _kernel_view.services()
        again, error = status(module.params["socket"])
        moving, said = in_motion(said, again), again
        if not moving or not left:
            break
        time.sleep(_CALM_S)
    return {"status": said, "error": error, "addresses": there, "ipvs": table}


def unit(module: AnsibleModule) -> dict[str, str]:
    """The agent's unit. Raises HostError."""
    command = [*_host.binary(module, "systemctl"), "show", f"--property={','.join(_UNIT)}"]
    shown = _host.run(module, [*command, _agent.UNIT], f"systemctl show {_agent.UNIT}")
    pairs = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return {ours: pairs.get(theirs, "") for theirs, ours in _UNIT.items()}


def releases(root: str) -> list[str]:
    """Those on the host, sorted."""
    try:
        names = os.listdir(os.path.join(root, "releases"))
    except FileNotFoundError:
        return []
    return sorted(name for name in names if not name.endswith(".tmp"))


def host() -> dict[str, Any]:
    """The host itself."""
    system = os.uname()
    release = _host.read_text("/etc/os-release") or ""
    names = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    return {
        "name": system.nodename,
        "kernel": system.release,
        "os": names.get("PRETTY_NAME", "").strip('"'),
        "uptime_s": round(time.clock_gettime(time.CLOCK_BOOTTIME)),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"socket": {"type": "path", "default": _agent.CONTROL_SOCKET}},
        supports_check_mode=True,
    )
    try:
        back = _checkpoint.load(_agent.ROOT, _checkpoint.RELEASE)
        info = {
            **moment(module),
            "local_networks": _kernel_view.local_networks(module),
            "unit": unit(module),
            "release": _agent.installed_release() or "",
            "releases": releases(_agent.ROOT),
            "go_back_to": back.release if back else "",
            "config_sha256": _kernel_view.digest(_agent.CONFIG),
            "host": host(),
        }
    except (_host.HostError, OSError, ValueError) as failure:
        module.fail_json(msg=str(failure))
    module.exit_json(changed=False, info=info)


if __name__ == "__main__":
    main()
