#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetches the files of a keepalived.conf."""

from __future__ import annotations

DOCUMENTATION = r"""
module: keepalived_files
short_description: Fetch the files of a keepalived.conf
version_added: 0.1.0
description:
  - Answers which files there are on the host and what is in them, as
    M(lvs.cluster.keepalived_inventory) asks. That reads them on the controller, finds what they
    include, and asks again.
  - Files that are executable or no plain files are not read; keepalived does not read them either.
    An answer has at most 2 MiB and 500 files for a pattern.
  - What is in the files is in the result, passwords too. Where you use the module yourself, set
    C(no_log).
options:
  files:
    description: Files to read.
    type: list
    elements: str
    default: []
  patterns:
    description: Patterns as of C(include). The files that they name are read as well.
    type: list
    elements: dict
    default: []
    suboptions:
      directory:
        description: What the pattern is relative to.
        type: str
        required: true
      pattern:
        description: The pattern.
        type: str
        required: true
  programs:
    description: Programs to look for in the system's directories.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Fetch a keepalived.conf
  lvs.cluster.keepalived_files:
    files: [/etc/keepalived/keepalived.conf]
  register: fetched
  no_log: true
"""

RETURN = r"""
content:
  description: By file, C(base64) with its content, or C(error) with the reason why there is none.
  returned: always
  type: dict
found:
  description: For each pattern its C(directory), the C(pattern) and its C(files).
  returned: always
  type: list
  elements: dict
programs:
  description: By name the path of a program, or null.
  returned: always
  type: dict
  sample: {"killall": "/usr/bin/killall"}
host:
  description: The host's short name, which is keepalived's config id by default.
  returned: always
  type: str
  sample: drct1
addresses:
  description: The host's addresses by interface, but those of C(lo) and link-local ones.
  returned: always
  type: dict
  sample: {"eth0": ["172.16.1.9/16"]}
"""

import ipaddress
import json
import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_files


def addresses(module: Any) -> dict[str, list[str]]:
    """By interface, as far as ip(8) tells."""
    ip = module.get_bin_path("ip")
    if ip is None:
        return {}
    code, output, __ = module.run_command([ip, "-json", "address", "show"], check_rc=False)
    if code != 0:
        return {}
    try:
        links = json.loads(output or "[]")
    except ValueError:
        return {}
    found: dict[str, list[str]] = {}
    for link in links:
        for each in link.get("addr_info", ()):
            address = ipaddress.ip_interface(f"{each['local']}/{each['prefixlen']}")
            if not (address.ip.is_loopback or address.ip.is_link_local or link["ifname"] == "lo"):
                found.setdefault(link["ifname"], []).append(str(address))
    return found


def main() -> None:
    """Entry point."""
    patterns = {
        "directory": {"type": "str", "required": True},
        "pattern": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "str", "default": []},
            "patterns": {"type": "list", "elements": "dict", "default": [], "options": patterns},
            "programs": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = {
        "files": module.params["files"],
        "patterns": [(one["directory"], one["pattern"]) for one in module.params["patterns"]],
        "programs": module.params["programs"],
    }
    module.exit_json(
        changed=False,
        host=socket.gethostname().partition(".")[0],
        addresses=addresses(module),
        **_keepalived_files.answer(asked, _keepalived_files.Place()),
    )


if __name__ == "__main__":
    main()
