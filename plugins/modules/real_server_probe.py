#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether real servers treat what directors send them as they should, seen from a director."""

from __future__ import annotations

DOCUMENTATION = r"""
module: real_server_probe
short_description: Try out from a director whether real servers are prepared
version_added: 0.1.0
description:
  - For direct routing it asks by ARP for the virtual address, which no real server may answer,
    and sends each real server an echo request and a TCP SYN for it, of which one must be
    answered.
  - For tunnels it sends the same wrapped up as the director would.
  - For NAT it connects to the real server from an address outside the real server's network, on
    the director that has the gateway, and looks whether the answer comes back through it.
  - No service sees any of it, and nothing is changed. What cannot be reached at all is no fault
    of its preparation, and only told.
options:
  probes:
    description: What to try, as the filter P(lvs.cluster.real_server_probes#filter) gives it.
    type: list
    elements: dict
    required: true
    suboptions:
      real_server:
        description: Name of the real server's host, for messages.
        type: str
        required: true
      kind:
        description: Forwarding method.
        type: str
        choices: [DR, TUN, NAT]
        required: true
      address:
        description: The real server's address.
        type: str
        required: true
      virtual_address:
        description: The virtual address.
        type: str
        required: true
      port:
        description: A TCP port of the real server; 0 if there is none.
        type: int
        default: 0
      tunnel:
        description: Encapsulation.
        type: str
        choices: [ipip, gre, gue]
        default: ipip
      tunnel_port:
        description: UDP port of GUE.
        type: int
      checksum:
        description: Whether GRE has a checksum.
        type: bool
        default: false
      director:
        description: It is a director too, and answers ARP requests while it is master.
        type: bool
        default: false
      gateway:
        description: For NAT, the virtual address that answers go through.
        type: str
  kinds:
    description: Only probes of these kinds.
    type: list
    elements: str
    choices: [DR, TUN, NAT]
    default: [DR, TUN, NAT]
extends_documentation_fragment:
  - lvs.cluster.attributes.info
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: See whether rs1 accepts packets for the virtual address and is silent about it
  lvs.cluster.real_server_probe:
    probes:
      - {real_server: rs1, kind: DR, address: 172.16.1.3, virtual_address: 172.16.1.254, port: 80}
"""

RETURN = r"""
faults:
  description: What is wrong, one sentence each; the module fails if there is any.
  returned: always
  type: list
  elements: str
skipped:
  description: What could not be tried, with the reason.
  returned: always
  type: list
  elements: str
tried:
  description: How many probes were tried.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _probe

_SPEC = {
    "real_server": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["DR", "TUN", "NAT"], "required": True},
    "address": {"type": "str", "required": True},
    "virtual_address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 0},
    "tunnel": {"type": "str", "choices": ["ipip", "gre", "gue"], "default": "ipip"},
    "tunnel_port": {"type": "int"},
    "checksum": {"type": "bool", "default": False},
    "director": {"type": "bool", "default": False},
    "gateway": {"type": "str"},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "probes": {"type": "list", "elements": "dict", "required": True, "options": _SPEC},
            "kinds": {
                "type": "list",
                "elements": "str",
                "choices": ["DR", "TUN", "NAT"],
                "default": ["DR", "TUN", "NAT"],
            },
        },
        supports_check_mode=True,
    )
    wanted = [each for each in module.params["probes"] if each["kind"] in module.params["kinds"]]
    try:
        result = _probe.run(module, wanted)
    except (_host.HostError, OSError, ValueError) as error:
        module.fail_json(msg=f"the probe itself failed: {error}")
    for each in result.skipped:
        module.warn(f"not verified: {each}")
    found = {"faults": result.faults, "skipped": result.skipped, "tried": result.tried}
    if result.faults:
        lines = "\n".join(f"  - {each}" for each in result.faults)
        module.fail_json(msg=f"Real servers are not prepared as they must be:\n{lines}", **found)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
