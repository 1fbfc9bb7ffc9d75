# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration would change in the kernel, as a person reads it.

Owns the comparison and its wording. Must never touch the kernel. It shows what the agent would do
with that configuration at once, and what it would add after an election or a passed check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lvs_agent.core import addresses as rules
from lvs_agent.core import plan_pools, routes
from lvs_agent.core.host import Host
from lvs_agent.core.ipvs.model import Service, ServiceKey
from lvs_agent.core.ledger import Ledger, address_entry, of_config
from lvs_agent.core.model import Config, VirtualAddress
from lvs_agent.core.plan_pools import Running
from lvs_agent.core.routes import STATIC, Entry, Place


def plan(
    config: Config,
    host: Host,
    services: Mapping[ServiceKey, Service],
    ledger: Ledger,
    *,
    present: Mapping[Place, Sequence[Entry]] | None = None,
    running: Running | None = None,
) -> tuple[str, ...]:
    """One line for each change; none when the kernel is as the configuration wants it.

    `present` has routes and rules of the kernel, `services` its services: those that are
    configured or in `ledger`. An instance counts as held here when one of its addresses is
    present; addresses, routes and rules that are new to this director are listed for the others
    too, for when they become master.
    """
    present = present or {}
    configured = rules.configured_addresses(config)
    held = {name for name, wanted in configured.items() if _is_held(wanted, host)}
    lines = _removed_addresses(config, host, ledger)
    lines += _removed_routes(config, held, present, ledger)
    lines += _static_addresses(config, host)
    for name, wanted in configured.items():
        lines += _instance_addresses(name, wanted, host, ledger, held=name in held)
    for name, entries in routes.configured(config).items():
        lines += _added_routes(name, entries, present, ledger, held=name in held)
    return (*lines, *plan_pools.lines(config, services, ledger, running or Running()))


def _is_held(wanted: tuple[VirtualAddress, ...], host: Host) -> bool:
    interfaces = {link.name for link in host.links.values()}
    lost = rules.missing(wanted, host)
    return any(a.interface in interfaces and a not in lost for a in wanted)


def _removed_addresses(config: Config, host: Host, ledger: Ledger) -> list[str]:
    lines: list[str] = []
    for entry in sorted(ledger.addresses - of_config(config).addresses):
        link = host.link(entry.interface)
        if link is not None and host.find(link.index, entry.address, entry.prefix_length):
            lines.append(f"remove {entry.address}/{entry.prefix_length} from {entry.interface}")
    return lines


def _removed_routes(
    config: Config, held: set[str], present: Mapping[Place, Sequence[Entry]], ledger: Ledger
) -> list[str]:
    """What is ours and not configured so: left over, or altered."""
    wanted: dict[Place, list[Entry]] = {}
    for name, entries in routes.configured(config).items():
        for entry in entries if name == STATIC or name in held else ():
            wanted.setdefault(routes.place(entry), []).append(entry)
    ours = {*ledger.routes, *ledger.rules}
    return [
        f"remove {routes.describe(found)}"
        for place, there in present.items()
        for found in there
        if place in ours
        and not any(routes.is_exactly(entry, found) for entry in wanted.get(place, ()))
    ]


def _added_routes(
    name: str,
    entries: Sequence[Entry],
    present: Mapping[Place, Sequence[Entry]],
    ledger: Ledger,
    *,
    held: bool,
) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        place = routes.place(entry)
        there = any(routes.is_exactly(entry, found) for found in present.get(place, ()))
        if name == STATIC and not there:
            lines.append(f"add {routes.describe(entry)}")
        elif held and not there:
            lines.append(f"add {routes.describe(entry)} ({name} is held here)")
        elif not there and place not in ledger.routes and place not in ledger.rules:
            lines.append(f"add {routes.describe(entry)} when {name} becomes master")
    return lines


def _static_addresses(config: Config, host: Host) -> list[str]:
    lines: list[str] = []
    lost = rules.missing(config.static_addresses, host)
    for address in config.static_addresses:
        place = f"{address.address}/{address.prefix_length} to {address.interface}"
        if host.link(address.interface) is None:
            lines.append(f"interface {address.interface} does not exist; cannot add {place}")
        elif address in lost:
            lines.append(f"add {place}")
    return lines


def _instance_addresses(
    name: str, wanted: tuple[VirtualAddress, ...], host: Host, ledger: Ledger, *, held: bool
) -> list[str]:
    lost = rules.missing(wanted, host)
    lines: list[str] = []
    for address in wanted:
        place = f"{address.address}/{address.prefix_length} to {address.interface}"
        if host.link(address.interface) is None:
            lines.append(
                f"{name}: interface {address.interface} does not exist; cannot add {place}"
            )
        elif address in lost and held:
            lines.append(f"add {place} ({name} is held here)")
        elif address in lost and address_entry(address) not in ledger.addresses:
            lines.append(f"add {place} when {name} becomes master")
    return lines
