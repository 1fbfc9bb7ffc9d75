# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running keepalived says of itself: its command line, and the file that SIGUSR1 makes.

Owns both texts' forms. Pure: it must never touch a host. A virtual router is called as nobody but
the network knows it, `eth0 VRID 51 IPv4`: the names of instances are each program's own.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

DEFAULT_CONFIG = "/etc/keepalived/keepalived.conf"
_LINE = re.compile(r"^\s*(?P<name>[^=]+?) = (?P<value>.*)$")
_BEGIN, _NEXT_PART = " VRRP Instance = ", "------<"


class Options(NamedTuple):
    """Of a command line: the configuration file, and the id for its conditional lines."""

    config: str
    config_id: str


class VirtualRouter(NamedTuple):
    """An instance, and the state that it is in."""

    name: str
    router: str
    state: str


def options(words: list[str]) -> Options:
    """What the command line `words` says, keepalived's defaults else."""
    found = {"f": DEFAULT_CONFIG, "i": ""}
    long = {"--use-file": "f", "--config-id": "i"}
    wanted = ""
    for word in words[1:]:
        name, sign, value = word.partition("=")
        if wanted:
            found[wanted], wanted = word, ""
        elif name in long and sign:
            found[long[name]] = value
        elif word in long:
            wanted = long[word]
        elif word[:2] in ("-f", "-i"):
            if len(word) > 2:
                found[word[1]] = word[2:]
            else:
                wanted = word[1]
    return Options(config=found["f"], config_id=found["i"])


def virtual_routers(dump: str) -> list[VirtualRouter]:
    """The instances in the text of keepalived.data, in its order."""
    found: list[VirtualRouter] = []
    name, said, ipv6 = "", dict[str, str](), False

    def end() -> None:
        if name and "State" in said:
            where = said.get("Interface", "").partition(", ")
            base = where[2].rpartition("vmac on ")[2].partition(",")[0] or where[0]
            vrid = said.get("Virtual Router ID", "")
            found.append(VirtualRouter(name, router(base, vrid, 6 if ipv6 else 4), said["State"]))

    for line in dump.splitlines():
        if line.startswith((_BEGIN, _NEXT_PART)):
            end()
            name, said, ipv6 = line.removeprefix(_BEGIN).strip(), {}, False
            if line.startswith(_NEXT_PART):
                name = ""
        elif name:
            ipv6 |= line.strip() == "Using Native IPv6"
            match = _LINE.match(line)
            if match is not None:
                said.setdefault(match["name"], match["value"])
    end()
    return found


def router(interface: str, vrid: object, family: int) -> str:
    """What a virtual router is called here."""
    return f"{interface} VRID {vrid} IPv{family}"


def of_agent(status: dict[str, Any]) -> list[VirtualRouter]:
    """The same of the agent's status."""
    return [
        VirtualRouter(
            str(each["name"]),
            router(each["interface"], each["virtual_router_id"], each["family"]),
            str(each["state"]),
        )
        for each in status.get("instances", [])
    ]


def kernel_lines(
    addresses: dict[str, list[str]], policies: list[str], services: list[dict[str, Any]]
) -> list[str]:
    """Addresses, routes and rules, and IPVS, a line for each thing, to compare before and after."""
    lines = [f"{each} on {link}" for link, there in addresses.items() for each in there]
    lines += policies
    for service in services:
        name = service["service"]
        lines.append(f"{name} {service['scheduler']}")
        lines += [
            f"{name} -> {each['address']} {each['forwarding']} weight {each['weight']}"
            for each in service["destinations"]
        ]
    return sorted(lines)
