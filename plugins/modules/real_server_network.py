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

import ipaddress
import shlex
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import (
    _host,
    _network_plan,
    _network_state,
    _sysctls,
)
from ansible_collections.lvs.cluster.plugins.module_utils._network_plan import Thing

# Unit -> whether what it makes needs the network to be up.
UNITS = {"lvs-real-server.service": False, "lvs-real-server-route.service": True}
SYSCTL_PATH = "/etc/sysctl.d/90-lvs-real-server.conf"
_ARP = {
    "net.ipv4.conf.all.arp_ignore": 1,
    "net.ipv4.conf.all.arp_announce": 2,
    "net.ipv4.conf.lo.arp_ignore": 1,
    "net.ipv4.conf.lo.arp_announce": 2,
}


class Host:
    """The host as it is, and what was made on it before."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.changes = _host.Changes()
        self.recorded = [
            thing
            for unit, late in UNITS.items()
            for thing in _network_plan.recorded(_host.read_text(_path(unit)) or "", late=late)
        ]
        tunnels = module.params["mss"] and module.params["tunnels"]
        had = any(thing.slot.startswith("mss ") for thing in self.recorded)
        self._firewall = bool(tunnels or had)
        self.state = self.look()

    def look(self) -> _network_state.State:
        """The state now."""
        return _network_state.read(self.module, firewall=self._firewall)

    def run(self, command: str) -> None:
        """Run one command of a thing, noting it. A leading "-" says that it may fail."""
        words = shlex.split(command.removeprefix("-"))
        if not self.module.check_mode:
            full = words[0] if "/" in words[0] else _host.binary(self.module, words[0])[0]
            code, output, errors = self.module.run_command([full, *words[1:]], check_rc=False)
            if code != 0 and not command.startswith("-"):
                raise _host.HostError(f"{' '.join(words)} failed: {(errors or output).strip()}")
        self.changes.note(" ".join(words))


def _path(unit: str) -> str:
    return f"/etc/systemd/system/{unit}"


def apply(host: Host) -> list[str]:
    """Bring the host into the wanted state; returns what it no longer needs. Raises HostError."""
    parameters = host.module.params
    needs = {name: parameters[name] for name in ("virtual_addresses", "tunnels", "gateways")}
    _refuse_elsewhere(host)
    mtu = host.state.mtu if parameters["mss"] else {}
    wanted = _network_plan.things(needs, parameters["nat_route"], mtu)
    slots = {thing.slot for thing in wanted}
    names = {thing.what for thing in wanted}
    old = [thing for thing in host.recorded if thing.what not in names]
    # Two things with one slot cannot be there together: the old one goes first.
    replaced = [thing for thing in old if thing.slot in slots]
    unwanted = [thing for thing in old if thing.slot not in slots]
    kept = [] if parameters["prune"] else unwanted
    sysctls = _sysctls.Recorded(SYSCTL_PATH, _network_plan.NOTICE)
    values = _sysctl_values(host, needs, sysctls)
    if values:
        sysctls.apply(host.module, host.changes, values)
    _take_away(host, replaced)
    impossible = _make(host, [*wanted, *kept])
    wanted = [thing for thing in wanted if thing not in impossible]
    if parameters["prune"]:
        _take_away(host, unwanted)
        sysctls.put_back(host.module, host.changes, values)
    _write_units(host, [*wanted, *kept])
    if host.changes.done and not host.module.check_mode:
        _verify(host, wanted, values)
    return [thing.what for thing in unwanted]


def _sysctl_values(
    host: Host, needs: dict[str, list[Any]], recorded: _sysctls.Recorded
) -> dict[str, str]:
    """The kernel parameters to set."""
    values: dict[str, str] = {}
    if _virtual_addresses(needs):
        values |= {key: str(value) for key, value in host.module.params["sysctls"].items()}
    if host.module.params["nat_route"] == "none":
        return values
    for gateway in needs["gateways"]:
        for interface in host.state.holders.get(gateway["address"], ()):
            # Clients come in by an interface that is not the usual way to them, which the strict
            # check of source addresses (1) refuses; the greater of `all` and this holds.
            key = f"net.ipv4.conf.{interface.replace('.', '/')}.rp_filter"
            strict = "1" in (_host.sysctl(key), _host.sysctl("net.ipv4.conf.all.rp_filter"))
            loose = "2" in (_host.sysctl(key), _host.sysctl("net.ipv4.conf.all.rp_filter"))
            if key in recorded.set_before or (strict and not loose):
                values[key] = "2"
    return values


def _make(host: Host, things: list[Thing]) -> list[Thing]:
    """Make what is not there; gives what cannot be had on this host, which is told."""
    impossible = []
    for thing in things:
        if thing.what in host.state.have:
            continue
        try:
            for command in thing.start:
                host.run(command)
        except _host.HostError as error:
            if not thing.optional:
                raise
            impossible.append(thing)
            host.module.warn(f"this host goes without: {thing.what}. {_first_line(error)}")
    return impossible


def _first_line(error: _host.HostError) -> str:
    return str(error).partition("\n")[0]


def _take_away(host: Host, things: list[Thing]) -> None:
    for thing in things:
        if thing.what in host.state.have:
            host.run(thing.stop)


def _write_units(host: Host, things: list[Thing]) -> None:
    module, changes = host.module, host.changes
    names = {command.removeprefix("-").split()[0] for each in things for command in each.start}
    paths = {name: _host.binary(module, name)[0] for name in names if "/" not in name}
    for unit, late in UNITS.items():
        parts = [thing for thing in things if thing.late is late]
        if parts:
            text = _network_plan.unit(parts, paths, late=late)
            _host.ensure_file(module, changes, _path(unit), text)
            _host.ensure_units_loaded(module, changes)
            _host.ensure_unit(module, changes, unit, enabled=True, started=True)
        elif _host.read_text(_path(unit)) is not None:
            _host.ensure_unit(module, changes, unit, enabled=False, started=False)
            _host.ensure_no_file(module, changes, _path(unit))
            _host.ensure_units_loaded(module, changes)


def _virtual_addresses(needs: dict[str, Any]) -> list[str]:
    through = [each for tunnel in needs["tunnels"] for each in tunnel["virtual_addresses"]]
    return [*needs["virtual_addresses"], *through]


def _refuse_elsewhere(host: Host) -> None:
    for address in _virtual_addresses(host.module.params):
        held = host.state.holders.get(address, set())
        others = {each for each in held if each != "lo" and not each.startswith("lvs-")}
        if others and not host.module.params["director"]:
            raise _host.HostError(
                f"the virtual address {address} is on {', '.join(sorted(others))}, where it answers"
                " ARP; remove it there"
            )


def _verify(host: Host, wanted: list[Thing], sysctls: dict[str, str]) -> None:
    have = host.look().have
    for thing in wanted:
        if thing.what not in have:
            raise _host.HostError(
                f"this is not in force, although it was made: {thing.what}; does something else"
                f" manage it? It was made with: {'; '.join(thing.start)}"
            )
    for key, value in sysctls.items():
        if _host.sysctl(key) != value:
            raise _host.HostError(f"{key} is {_host.sysctl(key)}, not {value}")


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
}


def _canonical(parameters: dict[str, Any]) -> None:
    """Addresses as the kernel writes them. Raises ValueError."""
    for holder in (parameters, *parameters["tunnels"]):
        listed = holder["virtual_addresses"]
        holder["virtual_addresses"] = [str(ipaddress.ip_address(each)) for each in listed]
    for each in (*parameters["tunnels"], *parameters["gateways"]):
        for name in ("address", "gateway"):
            if name in each:
                each[name] = str(ipaddress.ip_address(each[name]))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    changes = _host.Changes()
    try:
        _canonical(module.params)
        host = Host(module)
        changes = host.changes
        unwanted = apply(host)
    except (_host.HostError, OSError, ValueError) as error:
        module.fail_json(msg=str(error), **changes.result())
    module.exit_json(unwanted=unwanted, **changes.result())


if __name__ == "__main__":
    main()
