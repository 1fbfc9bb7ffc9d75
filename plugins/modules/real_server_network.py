#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network of a real server: virtual addresses, tunnels, and the way back to the clients."""

from __future__ import annotations

DOCUMENTATION = r"""
module: real_server_network
short_description: The network of an LVS real server
version_added: 0.1.0
description:
  - With direct routing and tunnels a real server gets packets that are addressed to the virtual
    address, so it must have the address, and must not answer ARP requests for it. This module
    sets the kernel parameters first, then the addresses with their full prefix length on C(lo).
  - For tunnels it makes a device (C(lvs-ipip), C(lvs-gre) and so on) that takes the packets out
    of their encapsulation and has the virtual addresses, opens the port of GUE, and has the host
    ask its clients for segments that fit into the tunnel.
  - With NAT the answers must go back through a director. They get a routing table of their own,
    which rules choose by the port of the service; all other traffic goes its usual way.
  - Two systemd units do the same at boot, C(lvs-real-server.service) and
    C(lvs-real-server-route.service). They are also the record of what was made. What is in them
    and no longer wanted is removed, or with O(prune=false) only told; anything else is left alone.
  - Verifies afterwards that everything is in force.
options:
  virtual_addresses:
    description: The virtual addresses of direct routing, without prefix length.
    type: list
    elements: str
    default: []
  tunnels:
    description: The tunnels by which directors send packets.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: Encapsulation.
        type: str
        choices: [ipip, gre, gue]
        required: true
      address:
        description: The real server's address, at which the tunnel ends.
        type: str
        required: true
      virtual_addresses:
        description: The virtual addresses that come through it.
        type: list
        elements: str
        required: true
      port:
        description: UDP port of GUE.
        type: int
      checksum:
        description: Checksum of the outer header; GRE takes packets without it, or with it.
        type: str
        choices: [nocsum, csum, remcsum]
        default: nocsum
      family:
        description: Whether IPv4 or IPv6 packets come out of it.
        type: int
        choices: [4, 6]
        default: 4
  gateways:
    description: The ways back of NAT, one for each address of the real server.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The real server's address.
        type: str
        required: true
      gateway:
        description: The virtual address, in the same network, that answers go through.
        type: str
        required: true
      services:
        description: What the real server answers.
        type: list
        elements: dict
        default: []
        suboptions:
          protocol:
            description: Protocol.
            type: str
            choices: [tcp, udp, sctp, any]
            required: true
          port:
            description: The real server's port; 0 for all.
            type: int
            required: true
  nat_route:
    description:
      - V(service) sends the answers of O(gateways[].services) through the gateway, V(address) all
        that leaves with the real server's address, V(none) makes no route.
    type: str
    choices: [service, address, none]
    default: service
  mss:
    description:
      - Ask clients for segments that fit into the tunnels. Needs the command C(nft). A kernel
        without nftables gives a warning; then clients learn it by ICMP from the director.
    type: bool
    default: true
  sysctls:
    description: Kernel parameters that keep the host silent to ARP requests for the addresses.
    type: dict
    default:
      net.ipv4.conf.all.arp_ignore: 1
      net.ipv4.conf.all.arp_announce: 2
      net.ipv4.conf.lo.arp_ignore: 1
      net.ipv4.conf.lo.arp_announce: 2
  director:
    description: The host is a director too, and may have the addresses on other interfaces.
    type: bool
    default: false
  prune:
    description:
      - Remove what is no longer wanted. While a director still sends packets for an address, the
        host must keep it.
    type: bool
    default: true
  network_drop_ins:
    description:
      - Where systemd-networkd or NetworkManager runs, tell it by a drop-in file to leave alone what
        is made here. systemd-networkd reads it at its next start. With V(false) none is there.
    type: bool
    default: true
extends_documentation_fragment:
  - lvs.cluster.attributes
author:
  - The lvs.cluster developers (@lvs)
"""

EXAMPLES = r"""
- name: Be a real server of 172.16.1.254 by direct routing
  lvs.cluster.real_server_network:
    virtual_addresses: [172.16.1.254]

- name: Be a real server of LVS-NAT
  lvs.cluster.real_server_network:
    gateways:
      - address: 192.168.1.3
        gateway: 192.168.1.188
        services:
          - {protocol: tcp, port: 80}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be done, in order.
  returned: always
  type: list
  elements: str
unwanted:
  description: What is no longer wanted; removed unless O(prune=false).
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _network

_ARP = {
    "net.ipv4.conf.all.arp_ignore": 1,
    "net.ipv4.conf.all.arp_announce": 2,
    "net.ipv4.conf.lo.arp_ignore": 1,
    "net.ipv4.conf.lo.arp_announce": 2,
}


ARGUMENT_SPEC: dict[str, Any] = {
    "virtual_addresses": {"type": "list", "elements": "str", "default": []},
    "tunnels": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "type": {"type": "str", "choices": ["ipip", "gre", "gue"], "required": True},
            "address": {"type": "str", "required": True},
            "virtual_addresses": {"type": "list", "elements": "str", "required": True},
            "port": {"type": "int"},
            "checksum": {
                "type": "str",
                "choices": ["nocsum", "csum", "remcsum"],
                "default": "nocsum",
            },
            "family": {"type": "int", "choices": [4, 6], "default": 4},
        },
        "required_if": [("type", "gue", ("port",))],
    },
    "gateways": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "address": {"type": "str", "required": True},
            "gateway": {"type": "str", "required": True},
            "services": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "protocol": {
                        "type": "str",
                        "choices": ["tcp", "udp", "sctp", "any"],
                        "required": True,
                    },
                    "port": {"type": "int", "required": True},
                },
            },
        },
    },
    "nat_route": {"type": "str", "choices": ["service", "address", "none"], "default": "service"},
    "mss": {"type": "bool", "default": True},
    "sysctls": {"type": "dict", "default": _ARP},
    "director": {"type": "bool", "default": False},
    "prune": {"type": "bool", "default": True},
    "network_drop_ins": {"type": "bool", "default": True},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    changes = _host.Changes()
    try:
        host = _network.Host(module)
        changes = host.changes
        unwanted = _network.apply(host)
    except (_host.HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error), **changes.result())
    module.exit_json(unwanted=unwanted, **changes.result())


if __name__ == "__main__":
    main()
