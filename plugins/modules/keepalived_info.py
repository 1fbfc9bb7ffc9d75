#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keepalived does on a director, beside the agent, and what the kernel has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: keepalived_info
short_description: See what keepalived does on a director
version_added: 0.1.0
description:
  - Gathers what is needed to go from keepalived to the agent and back, as C(lvs.cluster.migrate)
    does. Which of the two runs and is master of what, what the kernel has, and in what keepalived's
    file and the agent's configuration differ.
  - A virtual router is called by what the network knows of it, such as C(eth0 VRID 51 IPv4),
    since the two programs may have other names for it.
  - Of the states of keepalived it asks with SIGUSR1, and reads the file that it then writes
    (C(keepalived.data)).
options:
  unit:
    description: keepalived's unit.
    type: str
    default: keepalived.service
  config:
    description: keepalived's file. Default is that of the process that runs, else keepalived's own.
    type: path
  against:
    description: A configuration of the agent to compare with, and to plan by.
    type: path
  record:
    description: The file in which C(lvs.cluster.migrate) remembers the keepalived of before.
    type: path
    default: /opt/lvs-agent/keepalived.json
  socket:
    description: The agent's control socket.
    type: path
    default: /run/lvs-agent/control.sock
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
seealso:
  - module: lvs.cluster.service_abandon
"""

EXAMPLES = r"""
- name: See what keepalived does here
  lvs.cluster.keepalived_info:
  register: seen
"""

RETURN = r"""
keepalived:
  description: The program.
  returned: always
  type: dict
  contains:
    installed:
      description: Whether systemd knows the unit.
      type: bool
      returned: always
    running:
      description: Whether a process of the unit runs.
      type: bool
      returned: always
    enabled:
      description: Whether it starts at boot.
      type: bool
      returned: always
    elsewhere:
      description: Processes called keepalived that do not belong to the unit.
      type: list
      elements: int
      returned: always
    config:
      description: Its file.
      type: str
      returned: always
    sha256:
      description: Digest of that file; empty if there is none.
      type: str
      returned: always
    masters:
      description: The virtual routers that it is master of.
      type: list
      elements: str
      returned: always
      sample: ["eth0 VRID 51 IPv4"]
    routers:
      description: All its virtual routers, and their states.
      type: dict
      returned: always
      sample: {"eth0 VRID 51 IPv4": "MASTER"}
    silent:
      description: Why the states are not known; empty if they are, or if it does not run.
      type: str
      returned: always
    tables:
      description: nftables tables of keepalived's name, by family and name.
      type: list
      elements: str
      returned: always
      sample: ["ip keepalived"]
agent:
  description: The agent, with C(running), C(enabled), C(masters) and C(routers) as of keepalived.
  returned: always
  type: dict
kernel:
  description: Addresses, IPVS, and the routes and rules of either program, a line for each thing.
  returned: always
  type: list
  elements: str
  sample: ["172.16.1.254/32 on eth0", "TCP 172.16.1.254:80 rr"]
plan:
  description: What the agent would change in the kernel with O(against).
  returned: with O(against)
  type: list
  elements: str
differences:
  description: In what keepalived's file and O(against) differ, its value first.
  returned: with O(against)
  type: list
  elements: str
  sample: ["~ vrrp_instances.VI_1.priority: 90 -> 100"]
notices:
  description: What of keepalived's file has no effect, with the lines.
  returned: with O(against)
  type: list
  elements: str
error:
  description: Why there is no comparison; empty if there is one.
  returned: with O(against)
  type: str
record:
  description: The content of O(record); null if there is none.
  returned: always
  type: dict
"""

import os
import signal
import stat
import time
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _agent,
    _host,
    _keepalived,
    _kernel_view,
    _text,
    _unit_processes,
)

# keepalived writes it within milliseconds; on a starved host, with many instances, later.
_DUMP_S = 10.0
_DUMP_POLL_S = 0.05
_DUMP = "tmp/keepalived.data"
# Some hundred times of what 255 instances take.
_DUMP_BYTES_LIMIT = 64 * 1024 * 1024
_NO_PLAN = 1


def keepalived(module: AnsibleModule) -> dict[str, Any]:
    """The program. Raises HostError or OSError."""
    unit = module.params["unit"]
    found = _host.unit_state(module, unit)
    group = _unit_processes.control_group(module, unit)
    pids = _unit_processes.of_unit(group)
    main = main_process(module, unit, pids)
    options = _keepalived.options(command_line(main) if main else [])
    config = module.params["config"] or options.config
    routers, silent = states(main) if main else ([], "")
    return {
        "installed": found.get("LoadState") == "loaded",
        "running": bool(pids),
        "enabled": found.get("UnitFileState") == "enabled",
        "elsewhere": elsewhere(group),
        "config": config,
        "config_id": options.config_id,
        "sha256": _kernel_view.digest(config),
        "silent": silent,
        "tables": tables(module),
        **of_routers(routers),
    }


def of_routers(routers: list[_keepalived.VirtualRouter]) -> dict[str, Any]:
    """`routers` and `masters` of a result."""
    return {
        "routers": {each.router: each.state for each in routers},
        "masters": sorted(each.router for each in routers if each.state == "MASTER"),
    }


def main_process(module: AnsibleModule, unit: str, pids: list[int]) -> int:
    """The one that reads the configuration; 0 if none runs. Raises HostError."""
    command = [*_host.binary(module, "systemctl"), "show", "--property=MainPID", "--value", unit]
    said = _host.run(module, command, f"systemctl show {unit}").strip()
    return int(said) if said.isdecimal() and int(said) in pids else 0


def command_line(pid: int) -> list[str]:
    """The words that the process was started with; none if it has ended."""
    text = _host.read_text(f"/proc/{pid}/cmdline") or ""
    return text.split("\0")[:-1]


def elsewhere(group: str) -> list[int]:
    """Processes of that name outside the control group `group`, which is read last: keepalived has
    a new child of its own name for each script that it runs, for a moment."""
    called = called_keepalived()
    own = _unit_processes.of_unit(group)
    return [p for p in called if p not in own and _unit_processes.state(p) not in ("", "Z")]


def called_keepalived() -> list[int]:
    """All processes of that name that are in our network namespace: those of another one, as in a
    container, have nothing to do with this host's addresses."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and _unit_processes.state(int(name)) not in ("", "Z"):
                called = (_host.read_text(f"/proc/{name}/comm") or "").strip() == "keepalived"
                if called and os.readlink(f"/proc/{name}/ns/net") == os.readlink(
                    "/proc/self/ns/net"
                ):
                    found.append(int(name))
        except OSError:  # it has ended
            continue
    return sorted(found)


def states(pid: int) -> tuple[list[_keepalived.VirtualRouter], str]:
    """The instances of keepalived, or why they are not known."""
    # It may have a /tmp of its own.
    path = f"/proc/{pid}/root/{_DUMP}"
    try:
        former = dump(path)
        os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + _DUMP_S
        before = former
        while time.monotonic() < deadline:
            time.sleep(_DUMP_POLL_S)
            now = dump(path)
            # Twice the same: it is whole.
            if now.written_ns != former.written_ns and now.text and now == before:
                return _keepalived.virtual_routers(now.text), ""
            before = now
    except OSError as error:
        return [], f"{_DUMP} of process {pid}: {error.strerror}"
    return [], f"no new /{_DUMP} within {_DUMP_S:.0f} s of SIGUSR1 to process {pid}"


class Dump(NamedTuple):
    """The file that SIGUSR1 makes: its text, and when it was written last."""

    text: str = ""
    written_ns: int = 0


def dump(path: str) -> Dump:
    """The file, if root has written it: others may write in /tmp, too."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return Dump()
    with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != 0:
            return Dump()
        return Dump(file.read(_DUMP_BYTES_LIMIT), status.st_mtime_ns)


def tables(module: AnsibleModule) -> list[str]:
    """Its nftables tables. Without nft, none."""
    nft = module.get_bin_path("nft", opt_dirs=["/usr/sbin", "/sbin"])
    if nft is None:
        return []
    code, output, __ = module.run_command([nft, "list", "tables"], check_rc=False)
    words = [line.split() for line in output.splitlines()] if code == 0 else []
    return [" ".join(each[1:]) for each in words if each[2:] == ["keepalived"]]


def agent(module: AnsibleModule) -> dict[str, Any]:
    """The agent. Raises HostError."""
    found = _host.unit_state(module, _agent.UNIT)
    try:
        status: dict[str, Any] | None = _agent.summary(module.params["socket"])
    except (_agent.AgentUnreachable, _agent.AgentRefused):
        status = None
    return {
        "running": status is not None,
        "enabled": found.get("UnitFileState") == "enabled",
        **of_routers(_keepalived.of_agent(status or {})),
    }


def comparison(module: AnsibleModule, config: str, config_id: str) -> dict[str, Any]:
    """`plan`, `differences`, `notices` and `error`, by the installed agent."""
    nothing: dict[str, Any] = {"plan": [], "differences": [], "notices": [], "error": ""}
    command = _agent.command("lvs-agent")
    if command is None:
        return nothing | {"error": "no agent is installed"}
    of_file = ["--config-id", config_id] if config_id else []
    words = [command, "plan", "--json", "--against", config, *of_file, module.params["against"]]
    code, output, errors = module.run_command(words)
    found = _text.parsed(output)
    if code == _NO_PLAN or not isinstance(found, dict):
        return nothing | {"error": (errors or output).strip()}
    __, __, said = module.run_command([command, "import", "--json", config, *of_file])
    return {
        "plan": found["kernel"],
        "differences": found["options"],
        "notices": [line.removeprefix("warning: ") for line in said.splitlines()],
        "error": "",
    }


def gather(module: AnsibleModule) -> dict[str, Any]:
    """The module's result. Raises HostError, OSError or ValueError."""
    found = keepalived(module)
    config_id = found.pop("config_id")
    result = {
        "keepalived": found,
        "agent": agent(module),
        "kernel": _keepalived.kernel_lines(
            _kernel_view.addresses(module), _kernel_view.policies(module), _kernel_view.services()
        ),
        "record": _text.parsed(_host.read_text(module.params["record"])),
    }
    if module.params["against"]:
        result |= comparison(module, found["config"], config_id)
    return result


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "keepalived.service"},
            "config": {"type": "path"},
            "against": {"type": "path"},
            "record": {"type": "path", "default": "/opt/lvs-agent/keepalived.json"},
            "socket": {"type": "path", "default": _agent.CONTROL_SOCKET},
        },
        supports_check_mode=True,
    )
    try:
        result = gather(module)
    except (_host.HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
