# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies: which hosts are on which networks, with which names and addresses.

Owns the TOML format, its checks and everything derived from it (MAC addresses,
tap and bridge names, management addresses). Never touches the system.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from lvslab.errors import LabError
from lvslab.paths import TOPOLOGIES

MANAGEMENT = "mgmt"
MANAGEMENT_INTERFACE = "mgmt0"
# Every lab has its own network namespace, so all may use the same addresses.
_MANAGEMENT_NETWORK = ipaddress.IPv4Network("10.99.0.0/24")
_FIRST_HOST = 11
_MAX_HOSTS = 200  # fits the last octet of management and MAC addresses
_IFNAMSIZ = 15  # characters of a network interface's name (linux/if.h, without the NUL)
_MIN_MEMORY_MIB = 128  # below this systemd, sshd and Python do not all fit


class Role(StrEnum):
    """What a host is in the cluster."""

    DIRECTOR = "director"
    REAL_SERVER = "real_server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A cluster network: one bridge; `interface` is its interface's name in every host."""

    name: str
    interface: str

    @property
    def bridge(self) -> str:
        return f"br-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One cable: a host's interface, its tap outside, the bridge it is plugged into.

    `address6` is beside the address, where there is one.
    """

    network: str
    name: str
    tap: str
    bridge: str
    mac: str
    address: ipaddress.IPv4Interface
    address6: ipaddress.IPv6Interface | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host; `interfaces[0]` is the management interface."""

    name: str
    index: int
    role: Role
    services: tuple[str, ...]
    memory_mib: int
    interfaces: tuple[Interface, ...]

    @property
    def management(self) -> str:
        """Management address, without prefix."""
        return str(self.interfaces[0].address.ip)

    def on(self, network: str) -> list[Interface]:
        """The interfaces on a network: one or none."""
        return [interface for interface in self.interfaces if interface.network == network]

    def interface(self, name: str) -> Interface:
        """The interface (or the only one on the network) `name`. Raises LabError."""
        for interface in self.interfaces:
            if name in (interface.name, interface.network):
                return interface
        known = ", ".join(interface.name for interface in self.interfaces)
        raise LabError(f"{self.name} has no interface {name!r}; it has {known}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Networks and hosts of a lab, in the order of the file."""

    name: str
    networks: tuple[Network, ...]
    hosts: tuple[Host, ...]

    def host(self, name: str) -> Host:
        """The host `name`. Raises LabError with the names that exist."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"no host {name!r}; there are {', '.join(h.name for h in self.hosts)}")

    def network(self, name: str) -> Network:
        """The network `name`, the management network included. Raises LabError."""
        everything = (*self.networks, management_network())
        for network in everything:
            if network.name == name:
                return network
        raise LabError(f"no network {name!r}; there are {', '.join(n.name for n in everything)}")


def management_network() -> Network:
    """The network by which the lab itself reaches the hosts."""
    return Network(name=MANAGEMENT, interface=MANAGEMENT_INTERFACE)


def gateway() -> ipaddress.IPv4Interface:
    """The lab's own address on the management network."""
    return ipaddress.IPv4Interface((int(_MANAGEMENT_NETWORK[1]), _MANAGEMENT_NETWORK.prefixlen))


def read(name: str) -> tuple[str, str]:
    """Path and TOML text of the topology `name`: a file's path, or the name of one
    beside the lab. Raises LabError with the names that exist.
    """
    path = Path(name) if name.endswith(".toml") else TOPOLOGIES / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in TOPOLOGIES.glob("*.toml")))
        raise LabError(f"{path}: {error.strerror}; there are {known}") from error
    return str(path), text


def load(name: str) -> Topology:
    """Read the topology `name` (see `read`). Raises LabError: which key is wrong and why."""
    path, text = read(name)
    return parse(text, name=Path(path).stem, source=path)


def parse(text: str, *, name: str, source: str) -> Topology:
    """Turn TOML into a Topology. Raises LabError; `source` begins its message."""
    try:
        document = tomllib.loads(text)
        _known(document, "", ("memory_mib", "networks", "hosts"))
        memory_mib = _memory(document.get("memory_mib", 320), "memory_mib")
        networks = _networks(_table(document.get("networks", {}), "networks"))
        tables = _table(document.get("hosts", {}), "hosts")
        if not 0 < len(tables) <= _MAX_HOSTS:
            raise LabError(f"hosts: from 1 to {_MAX_HOSTS} of them, not {len(tables)}")
        hosts = tuple(
            _host(host, index, _table(table, f"hosts.{host}"), networks, memory_mib)
            for index, (host, table) in enumerate(tables.items())
        )
        _unique_addresses(hosts)
    except (LabError, tomllib.TOMLDecodeError) as error:
        raise LabError(f"{source}: {error}") from error
    return Topology(name=name, networks=networks, hosts=hosts)


def _networks(tables: Mapping[str, object]) -> tuple[Network, ...]:
    networks: list[Network] = []
    for name, value in tables.items():
        where = f"networks.{name}"
        table = _table(value, where)
        _known(table, where, ("interface",))
        _name(name, where, longest=_IFNAMSIZ - len("br-"))
        if name == MANAGEMENT:
            raise LabError(f"{where}: the management network is there without being named")
        interface = table.get("interface")
        if not isinstance(interface, str) or not re.fullmatch(r"[a-z][a-z0-9]{0,14}", interface):
            raise LabError(f"{where}.interface: a name of 1 to 15 letters and digits is needed")
        if interface in (MANAGEMENT_INTERFACE, "lo", *(n.interface for n in networks)):
            raise LabError(f"{where}.interface: {interface} is taken")
        networks.append(Network(name=name, interface=interface))
    return tuple(networks)


def _host(
    name: str,
    index: int,
    table: Mapping[str, object],
    networks: tuple[Network, ...],
    default_memory_mib: int,
) -> Host:
    where = f"hosts.{name}"
    _known(table, where, ("role", "services", "memory_mib", "addresses", "addresses6"))
    _name(name, where, longest=_IFNAMSIZ - len("-99"))
    role = table.get("role")
    if not isinstance(role, str) or role not in list(Role):
        raise LabError(f"{where}.role: one of {', '.join(Role)} is needed, not {role!r}")
    services = table.get("services", [])
    if not isinstance(services, list) or not all(_is_unit(service) for service in services):
        raise LabError(f"{where}.services: a list of names of systemd services is needed")
    addresses = _table(table.get("addresses", {}), f"{where}.addresses")
    _known(addresses, f"{where}.addresses", tuple(network.name for network in networks))
    addresses6 = _table(table.get("addresses6", {}), f"{where}.addresses6")
    _known(addresses6, f"{where}.addresses6", tuple(addresses))
    management = f"{_MANAGEMENT_NETWORK[_FIRST_HOST + index]}/{_MANAGEMENT_NETWORK.prefixlen}"
    interfaces = [_interface(management_network(), 0, name, index, _address(management, where))]
    for number, network in enumerate(networks, start=1):
        if network.name in addresses:
            address = _address(addresses[network.name], f"{where}.addresses.{network.name}")
            address6 = None
            if network.name in addresses6:
                place = f"{where}.addresses6.{network.name}"
                address6 = _address6(addresses6[network.name], place)
            interface = _interface(network, number, name, index, address)
            interfaces.append(replace(interface, address6=address6))
    return Host(
        name=name,
        index=index,
        role=Role(role),
        services=tuple(services),
        memory_mib=_memory(table.get("memory_mib", default_memory_mib), f"{where}.memory_mib"),
        interfaces=tuple(interfaces),
    )


def _address(value: object, where: str) -> ipaddress.IPv4Interface:
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        return ipaddress.IPv4Interface(value)
    except ValueError:
        raise LabError(
            f"{where}: an IPv4 address with its prefix is needed (172.16.1.9/16), not {value!r}"
        ) from None


def _address6(value: object, where: str) -> ipaddress.IPv6Interface:
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        return ipaddress.IPv6Interface(value)
    except ValueError:
        raise LabError(
            f"{where}: an IPv6 address with its prefix is needed (2001:db8::9/64), not {value!r}"
        ) from None


def _interface(
    network: Network, number: int, host: str, index: int, address: ipaddress.IPv4Interface
) -> Interface:
    return Interface(
        network=network.name,
        name=network.interface,
        tap=f"{host}-{number}",
        bridge=network.bridge,
        # 02 = locally administered and unicast (IEEE 802); the rest is network and host.
        mac=f"02:4c:56:{number:02x}:00:{_FIRST_HOST + index:02x}",
        address=address,
    )


def _unique_addresses(hosts: tuple[Host, ...]) -> None:
    owner: dict[tuple[str, str], str] = {}
    for host in hosts:
        for interface in host.interfaces:
            for option, address in (
                ("addresses", interface.address),
                ("addresses6", interface.address6),
            ):
                if address is None:
                    continue
                key = (interface.network, str(address.ip))
                if key in owner:
                    raise LabError(
                        f"hosts.{host.name}.{option}.{interface.network}: {key[1]} belongs to"
                        f" {owner[key]}"
                    )
                owner[key] = host.name


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise LabError(f"{where}: a table is needed")
    return value


def _known(table: Mapping[str, object], where: str, keys: tuple[str, ...]) -> None:
    for key in table:
        if key not in keys:
            prefix = f"{where}." if where else ""
            raise LabError(f"{prefix}{key}: unknown; known here: {', '.join(keys) or 'nothing'}")


def _name(name: str, where: str, *, longest: int) -> None:
    if not re.fullmatch(rf"[a-z][a-z0-9]{{0,{longest - 1}}}", name):
        raise LabError(f"{where}: a name is 1 to {longest} lower case letters and digits")


def _is_unit(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9@._-]+", value) is not None


def _memory(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < _MIN_MEMORY_MIB:
        raise LabError(f"{where}: a number of MiB, at least {_MIN_MEMORY_MIB}, is needed")
    return value
