# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration would change in the kernel, as a person reads it.

Owns the comparison and its wording. Must never touch the kernel. It shows what the agent would do
with that configuration at once; what an election or a check changes later is not part of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from lvs_agent.core import addresses as rules
from lvs_agent.core import routes
from lvs_agent.core.host import Host
from lvs_agent.core.ipvs.diff import diff
from lvs_agent.core.ipvs.model import Endpoint, Operation, Service, ServiceKey
from lvs_agent.core.ipvs.text import describe
from lvs_agent.core.ledger import Ledger, address_entry, of_config
from lvs_agent.core.model import Config, VirtualAddress
from lvs_agent.core.quorum import Known, PoolState, decide, desired_pool, desired_service
from lvs_agent.core.routes import STATIC, Entry, Place

IsUp = Callable[[ServiceKey, Endpoint], bool]


def plan(
    config: Config,
    host: Host,
    services: Mapping[ServiceKey, Service],
    ledger: Ledger,
    is_up: IsUp,
    *,
    present: Mapping[Place, Sequence[Entry]] | None = None,
    quorums: Container[ServiceKey] = (),
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
    operations = ipvs_operations(config, services, ledger, is_up, quorums)
    return (*lines, *(describe(operation) for operation in operations))


def _is_held(wanted: tuple[VirtualAddress, ...], host: Host) -> bool:
    interfaces = {link.name for link in host.links.values()}
    lost = rules.missing(wanted, host)
    return any(a.interface in interfaces and a not in lost for a in wanted)


def ipvs_operations(
    config: Config,
    services: Mapping[ServiceKey, Service],
    ledger: Ledger,
    is_up: IsUp,
    quorums: Container[ServiceKey] = (),
) -> list[Operation]:
    """The operations on IPVS. `quorums`: the virtual servers that have one now."""
    desired: dict[ServiceKey, Service] = {}
    for server in config.virtual_servers:

        def lookup(endpoint: Endpoint, identity: ServiceKey = server.identity) -> Known:
            return Known(is_up(identity, endpoint), False, "")

        had = PoolState(quorum=server.identity in quorums, quorum_since_ns=0, weight=0)
        pool = desired_pool(server, lookup, decide(server, lookup, had, 0))
        for key in server.services:
            desired[key] = desired_service(server, key, pool)
    return diff(desired, services, ledger.services)


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


def verdicts_of_status(status: Mapping[str, Any]) -> dict[tuple[ServiceKey, Endpoint], bool]:
    """Who takes part, from the document of `lvsctl status --json`; what is malformed is left
    out."""
    found: dict[tuple[ServiceKey, Endpoint], bool] = {}
    for key, service in _services_of(status):
        for one in (*_rows(service, "real_servers"), *_rows(service, "sorry_servers")):
            with contextlib.suppress(KeyError, TypeError):
                endpoint = Endpoint(one["address"], one["port"])
                found[key, endpoint] = bool(one.get("takes_part", one["up"]))
    return found


def quorums_of_status(status: Mapping[str, Any]) -> frozenset[ServiceKey]:
    """The virtual servers that have a quorum, from the same document."""
    return frozenset(
        key for key, service in _services_of(status) if (service.get("quorum") or {}).get("reached")
    )


def _services_of(status: Mapping[str, Any]) -> Iterator[tuple[ServiceKey, Mapping[str, Any]]]:
    for service in status.get("services") or []:
        with contextlib.suppress(KeyError, TypeError):
            mark = service.get("mark", 0)
            yield (
                ServiceKey(service["protocol"], service["address"], service["port"], mark),
                service,
            )


def _rows(service: Mapping[str, Any], name: str) -> Sequence[Any]:
    return service.get(name) or ()
