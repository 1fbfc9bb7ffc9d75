# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration would change in the kernel, as a person reads it.

Owns the comparison and its wording. Must never touch the kernel. It shows what the agent would do
with that configuration at once; what an election or a check changes later is not part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Host
from lvs_agent.core.ipvs.diff import describe, diff
from lvs_agent.core.ipvs.model import Endpoint, Operation, Service, ServiceKey
from lvs_agent.core.ledger import Ledger, LedgerAddress, of_config
from lvs_agent.core.model import Config, VirtualAddress
from lvs_agent.core.quorum import desired_service, service_key

IsUp = Callable[[ServiceKey, Endpoint], bool]


def plan(
    config: Config,
    host: Host,
    services: Mapping[ServiceKey, Service],
    ledger: Ledger,
    is_up: IsUp,
) -> tuple[str, ...]:
    """One line for each change; none when the kernel is as the configuration wants it.

    `services`: those of the kernel that are configured or in `ledger`. An instance counts as held
    here when one of its addresses is present; addresses that are new to this director are listed
    for the others too, for when they become master.
    """
    lines = _removed_addresses(config, host, ledger)
    for name, wanted in rules.configured_addresses(config).items():
        lines += _instance_addresses(name, wanted, host, ledger)
    operations = ipvs_operations(config, services, ledger, is_up)
    return (*lines, *(describe(operation) for operation in operations))


def ipvs_operations(
    config: Config, services: Mapping[ServiceKey, Service], ledger: Ledger, is_up: IsUp
) -> list[Operation]:
    """The operations on IPVS."""
    desired: dict[ServiceKey, Service] = {}
    for server in config.virtual_servers:
        key = service_key(server)
        desired[key] = desired_service(server, lambda endpoint, key=key: is_up(key, endpoint))  # type: ignore[misc]
    return diff(desired, services, ledger.services)


def _removed_addresses(config: Config, host: Host, ledger: Ledger) -> list[str]:
    lines: list[str] = []
    for entry in sorted(ledger.addresses - of_config(config).addresses):
        link = host.link(entry.interface)
        if link is not None and host.find(link.index, entry.address, entry.prefix_length):
            lines.append(f"remove {entry.address}/{entry.prefix_length} from {entry.interface}")
    return lines


def _instance_addresses(
    name: str, wanted: tuple[VirtualAddress, ...], host: Host, ledger: Ledger
) -> list[str]:
    indexes = {link.name: link.index for link in host.links.values()}
    lost = rules.missing(wanted, host)
    held = any(a.interface in indexes and a not in lost for a in wanted)
    lines: list[str] = []
    for address in wanted:
        place = f"{address.address}/{address.prefix_length} to {address.interface}"
        entry = LedgerAddress(address.interface, address.address, address.prefix_length)
        if address.interface not in indexes:
            lines.append(
                f"{name}: interface {address.interface} does not exist; cannot add {place}"
            )
        elif address in lost and held:
            lines.append(f"add {place} ({name} is held here)")
        elif address in lost and entry not in ledger.addresses:
            lines.append(f"add {place} when {name} becomes master")
    return lines


def verdicts_of_status(status: Mapping[str, Any]) -> dict[tuple[ServiceKey, Endpoint], bool]:
    """Who is up, from the document of `lvsctl status --json`; what is malformed is left out."""
    found: dict[tuple[ServiceKey, Endpoint], bool] = {}
    for service in status.get("services") or []:
        for real in service.get("real_servers") or []:
            try:
                key = ServiceKey(service["protocol"], service["address"], service["port"])
                found[key, Endpoint(real["address"], real["port"])] = bool(real["up"])
            except (KeyError, TypeError):
                continue
    return found
