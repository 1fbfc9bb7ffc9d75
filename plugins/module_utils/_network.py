# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the network of a real server into the wanted state.

Owns the order: kernel parameters before addresses, the new before the old, units last, then a look
whether it is all in force. `_network_plan` knows what is wanted, `_network_state` what there is.
"""

from __future__ import annotations

import ipaddress
import shlex
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import (
    _host,
    _network_managers,
    _network_plan,
    _network_state,
    _network_units,
    _sysctls,
)
from ansible_collections.lvs.cluster.plugins.module_utils._network_plan import Thing

# Unit -> whether what it makes needs the network to be up.
UNITS = {"lvs-real-server.service": False, "lvs-real-server-route.service": True}
OWNER = "lvs-real-server"
SYSCTL_PATH = "/etc/sysctl.d/90-lvs-real-server.conf"


class Host:
    """The host as it is, and what was made on it before."""

    def __init__(self, module: Any) -> None:
        _canonical(module.params)
        self.module = module
        self.changes = _host.Changes()
        self.recorded = [
            thing
            for unit, late in UNITS.items()
            for thing in _network_units.recorded(_host.read_text(_path(unit)) or "", late=late)
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
    sysctls = _sysctls.Recorded(SYSCTL_PATH, _network_units.NOTICE)
    values = _sysctl_values(host, needs, sysctls)
    if values:
        sysctls.apply(host.module, host.changes, values)
    _take_away(host, replaced)
    if replaced and not host.module.check_mode:
        # A device takes its addresses with it.
        host.state = host.look()
    impossible = _make(host, [*wanted, *kept])
    wanted = [thing for thing in wanted if thing not in impossible]
    if parameters["prune"]:
        _take_away(host, unwanted)
        sysctls.put_back(host.module, host.changes, values)
    _write_units(host, [*wanted, *kept])
    _tell_network_managers(host, [*wanted, *kept])
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
    """Backwards: a device takes its addresses with it."""
    for thing in reversed(things):
        if thing.what in host.state.have:
            host.run(thing.stop)


def _write_units(host: Host, things: list[Thing]) -> None:
    module, changes = host.module, host.changes
    names = {command.removeprefix("-").split()[0] for each in things for command in each.start}
    paths = {name: _host.binary(module, name)[0] for name in names if "/" not in name}
    for unit, late in UNITS.items():
        parts = [thing for thing in things if thing.late is late]
        if parts:
            text = _network_units.unit(parts, paths, late=late)
            _host.ensure_file(module, changes, _path(unit), text)
            _host.ensure_units_loaded(module, changes)
            _host.ensure_unit(module, changes, unit, enabled=True, started=True)
        elif _host.read_text(_path(unit)) is not None:
            _host.ensure_unit(module, changes, unit, enabled=False, started=False)
            _host.ensure_no_file(module, changes, _path(unit))
            _host.ensure_units_loaded(module, changes)


def _tell_network_managers(host: Host, things: list[Thing]) -> None:
    """Addresses on lo need no word: systemd-networkd lets that interface be."""
    if not things or not host.module.params["network_drop_ins"]:
        _network_managers.remove(host.module, host.changes, OWNER)
        return
    wish = _network_managers.Wish(OWNER, ["lvs-*"], [], _network_units.NOTICE)
    _network_managers.ensure(host.module, host.changes, wish)


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


def _canonical(parameters: dict[str, Any]) -> None:
    """Addresses as the kernel writes them. Raises ValueError."""
    for holder in (parameters, *parameters["tunnels"]):
        listed = holder["virtual_addresses"]
        holder["virtual_addresses"] = [str(ipaddress.ip_address(each)) for each in listed]
    for each in (*parameters["tunnels"], *parameters["gateways"]):
        for name in ("address", "gateway"):
            if name in each:
                each[name] = str(ipaddress.ip_address(each[name]))
