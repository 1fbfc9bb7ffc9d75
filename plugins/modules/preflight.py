#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a host has what a role needs; says everything that is missing at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: See whether a host has what a role needs
version_added: 0.1.0
description:
  - Looks for systemd, a Python interpreter, kernel modules, commands and network interfaces, and
    fails with all that is missing. Changes nothing.
options:
  python:
    description: Python interpreter that the agent is to run under.
    type: path
  python_version:
    description: Lowest version of O(python).
    type: str
    default: "3.11"
  kernel_modules:
    description: Kernel modules that can be loaded, are loaded, or are part of the kernel.
    type: list
    elements: str
    default: []
  commands:
    description: Commands to find.
    type: list
    elements: str
    default: []
  interfaces:
    description: Network interfaces that exist.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: See whether the host can be a director
  lvs.cluster.preflight:
    python: /usr/bin/python3
    kernel_modules: [ip_vs, ip_vs_rr]
    interfaces: [eth0]
"""

RETURN = r"""
missing:
  description: What is missing, with what to do; the module fails if there is anything.
  returned: always
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _host

_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def missing(module: AnsibleModule) -> list[str]:
    """Everything that the host lacks."""
    found: list[str] = []
    # sd_booted(3)
    if not os.path.isdir("/run/systemd/system"):
        found.append("systemd does not run here; the agent is a systemd service")
    if module.params["python"]:
        found += _python(module, module.params["python"], module.params["python_version"])
    for name in module.params["commands"]:
        if module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]) is None:
            found.append(f"no command {name}; install the package that provides it")
    found += _kernel_modules(module, module.params["kernel_modules"])
    present = sorted(os.listdir("/sys/class/net"))
    for name in module.params["interfaces"]:
        if name not in present:
            found.append(f"no network interface {name}; there are {', '.join(present)}")
    return found


def _python(module: AnsibleModule, python: str, lowest: str) -> list[str]:
    if not os.access(python, os.X_OK):
        return [f"no Python at {python}; install Python {lowest} or later"]
    code, output, __ = module.run_command([python, "-I", "-S", "-c", _VERSION])
    version = output.strip()
    if code != 0 or not version:
        return [f"{python} does not work"]
    if _numbers(version) < _numbers(lowest):
        return [f"{python} is version {version}; the agent needs {lowest} or later"]
    return []


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _kernel_modules(module: AnsibleModule, names: list[str]) -> list[str]:
    absent = [name for name in names if not os.path.isdir(f"/sys/module/{name}")]
    if not absent:
        return []
    modprobe = module.get_bin_path("modprobe", opt_dirs=["/usr/sbin", "/sbin"])
    if modprobe is None:
        return ["no command modprobe; install the package kmod"]
    release = os.uname().release
    return [
        f"the kernel {release} has no module {name}; install the kernel's modules"
        for name in absent
        if module.run_command([modprobe, "--dry-run", "--quiet", name])[0] != 0
    ]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path"},
            "python_version": {"type": "str", "default": "3.11"},
            "kernel_modules": {"type": "list", "elements": "str", "default": []},
            "commands": {"type": "list", "elements": "str", "default": []},
            "interfaces": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        found = missing(module)
    except (_host.HostError, OSError) as error:
        module.fail_json(msg=str(error))
    if found:
        lines = "\n".join(f"  - {each}" for each in found)
        module.fail_json(msg=f"The host lacks what it needs:\n{lines}", missing=found)
    module.exit_json(changed=False, missing=[])


if __name__ == "__main__":
    main()
