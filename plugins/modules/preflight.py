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
    fails with all that is missing, and with the packages that bring it on the host's distribution
    (Debian, Ubuntu, and the family of Red Hat Enterprise Linux). Changes nothing.
options:
  python:
    description:
      - Python interpreter that the agent is to run under. With V(auto) the first one in
        C(/usr/bin) of version O(python_version) or later, C(python3) before C(python3.11) and on.
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
  files:
    description: Files of the distribution that commands read, such as V(/etc/protocols).
    type: list
    elements: path
    default: []
  interfaces:
    description: Network interfaces that exist.
    type: list
    elements: str
    default: []
  rivals:
    description:
      - systemd units that must not run, since they and the agent would take the same addresses from
        each other.
    type: list
    elements: str
    default: []
  fail_on_missing:
    description: Fail if something is missing. Without it, only tell.
    type: bool
    default: true
  packages_variable:
    description: The role's variable that makes it install packages, for the message.
    type: str
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: See whether the host can be a director
  lvs.cluster.preflight:
    python: auto
    kernel_modules: [ip_vs, ip_vs_rr]
    interfaces: [eth0]
"""

RETURN = r"""
missing:
  description: What is missing, with what to do; the module fails if there is anything.
  returned: always
  type: list
  elements: str
packages:
  description: Packages that bring what is missing, as far as a package can and is known.
  returned: always
  type: list
  elements: str
python:
  description:
    - The interpreter for the agent; where there is none yet, where the package would put it. Empty
      without O(python).
  returned: always
  type: str
  sample: /usr/bin/python3.11
platform:
  description: The distribution's name for people.
  returned: always
  type: str
  sample: Debian GNU/Linux 12 (bookworm)
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _platform

AUTO = "auto"
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
# os-release(5): the second where the first is not there.
_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")


class Search:
    """What is missing, and which packages would bring it."""

    def __init__(self, module: Any) -> None:
        self._module = module
        texts = (_host.read_text(path) for path in _OS_RELEASE)
        self.platform = _platform.parse(next((text for text in texts if text), ""))
        self.missing: list[str] = []
        self.packages: list[str] = []
        self.python = ""

    def everything(self) -> None:
        """Look for all that the parameters name."""
        parameters = self._module.params
        # sd_booted(3)
        if not os.path.isdir("/run/systemd/system"):
            self._lacks("systemd does not run here; the agent is a systemd service")
        if parameters["python"]:
            self.find_python(parameters["python"], parameters["python_version"])
        for name in parameters["commands"]:
            self.find_command(name)
        for path in parameters["files"]:
            if not os.path.exists(path):
                package = _platform.file_package(self.platform, path)
                self._lacks(f"no file {path}; install {_named(package)}", package)
        self.find_kernel_modules(parameters["kernel_modules"])
        for unit in parameters["rivals"]:
            self.find_rival(unit)
        present = sorted(os.listdir("/sys/class/net"))
        for name in parameters["interfaces"]:
            if name not in present:
                self._lacks(f"no network interface {name}; there are {', '.join(present)}")

    def _lacks(self, what: str, package: str | None = None) -> None:
        self.missing.append(what)
        if package is not None and package not in self.packages:
            self.packages.append(package)

    def find_rival(self, unit: str) -> None:
        """A unit that is not to run."""
        if _host.unit_state(self._module, unit).get("ActiveState") in ("active", "activating"):
            self._lacks(
                f"{unit} runs, and would take addresses from the agent: lvs.cluster.migrate goes"
                " over from it; one that has other addresses is let alone with"
                " director_beside_keepalived: true"
            )

    def find_command(self, name: str) -> None:
        """A command, in the usual places for administrators."""
        if self._module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"]) is not None:
            return
        package = _platform.command_package(self.platform, name)
        self._lacks(f"no command {name}; install {_named(package)}", package)

    def find_python(self, wanted: str, lowest: str) -> None:
        """An interpreter for the agent."""
        if wanted != AUTO:
            self.python = wanted
            problem = self._python_problem(wanted, lowest)
            if problem:
                self._lacks(f"{problem}; set director_python, or leave it at auto")
            return
        found = []
        for path in _platform.INTERPRETERS:
            problem = self._python_problem(path, lowest)
            if problem is None:
                self.python = path
                return
            if os.access(path, os.X_OK):
                found.append(problem)
        offer = _platform.python_package(self.platform)
        self.python = offer.path if offer else _platform.INTERPRETERS[0]
        there = "".join(f"{each}; " for each in found) or "no Python; "
        if offer is None:
            advice = f"install Python {lowest} or later and name it in director_python"
            self._lacks(f"{there}{self.platform.name} is known to have none: {advice}")
        else:
            self._lacks(f"{there}install {_named(offer.package)} ({offer.path})", offer.package)

    def _python_problem(self, path: str, lowest: str) -> str | None:
        if not os.access(path, os.X_OK):
            return f"no Python at {path}; the agent needs {lowest} or later"
        code, output, __ = self._module.run_command([path, "-I", "-S", "-c", _VERSION])
        version = output.strip()
        if code != 0 or not version:
            return f"{path} does not work"
        if _numbers(version) < _numbers(lowest):
            return f"{path} is version {version}, the agent needs {lowest} or later"
        return None

    def find_kernel_modules(self, names: list[str]) -> None:
        """Kernel modules, as modprobe would find them."""
        absent = [name for name in names if not os.path.isdir(f"/sys/module/{name}")]
        if not absent:
            return
        modprobe = self._module.get_bin_path("modprobe", opt_dirs=["/usr/sbin", "/sbin"])
        if modprobe is None:
            self._lacks("no command modprobe; install the package kmod", "kmod")
            return
        release = os.uname().release
        for name in absent:
            if self._module.run_command([modprobe, "--dry-run", "--quiet", name])[0] == 0:
                continue
            if not os.path.isdir(f"/lib/modules/{release}"):
                self._lacks(
                    f"no module {name}: there are no modules of the running kernel {release} in"
                    " /lib/modules; after an update of the kernel, reboot"
                )
                return
            package = _platform.kernel_package(self.platform, release, name)
            self._lacks(f"the kernel {release} has no module {name}; install {_named(package)}",
                        package)  # fmt: skip


def _named(package: str | None) -> str:
    return f"the package {package}" if package else "the package that provides it"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def advice(search: Search, variable: str | None) -> str:
    """The message: everything that is missing, and the one thing that would bring it."""
    lines = [f"The host ({search.platform.name}) lacks what it needs:"]
    lines += [f"  - {each}" for each in search.missing]
    if search.packages:
        lines.append(f"Packages to install: {' '.join(search.packages)}")
        if variable:
            lines[-1] += f" ({variable}: true lets the role do it)"
    return "\n".join(lines)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path"},
            "python_version": {"type": "str", "default": "3.11"},
            "kernel_modules": {"type": "list", "elements": "str", "default": []},
            "commands": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "path", "default": []},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "rivals": {"type": "list", "elements": "str", "default": []},
            "fail_on_missing": {"type": "bool", "default": True},
            "packages_variable": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        search = Search(module)
        search.everything()
    except (_host.HostError, OSError) as error:
        module.fail_json(msg=str(error))
    result = {
        "missing": search.missing,
        "packages": search.packages,
        "python": search.python,
        "platform": search.platform.name,
    }
    if search.missing and module.params["fail_on_missing"]:
        module.fail_json(msg=advice(search, module.params["packages_variable"]), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
