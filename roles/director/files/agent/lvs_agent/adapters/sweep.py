# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking everything out of the kernel that the ledger says is ours: `lvs-agent sweep`.

Owns the clean-up after a crash (systemd's ExecStopPost), when no process of the agent is left to
do it. Must never import pyroute2 nor read the configuration: it has to be quick, and to work with
a broken one.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from pathlib import Path

from lvs_agent.adapters import address_netlink, ledger_file
from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing, explain
from lvs_agent.adapters.netlink import Netlink
from lvs_agent.core.ipvs.diff import describe
from lvs_agent.core.ipvs.model import DeleteService, ServiceKey
from lvs_agent.core.ledger import Ledger, LedgerAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What was taken out, and what could not be."""

    addresses_removed: tuple[LedgerAddress, ...]
    services_removed: tuple[ServiceKey, ...]
    errors: tuple[str, ...]


def sweep(runtime_dir: Path) -> SweepReport:
    """Remove every address and service of the ledger; the ledger stays when something is left."""
    owned, wrong = ledger_file.read(runtime_dir)
    errors = [wrong] if wrong else []
    addresses = _remove_addresses(owned, errors)
    services = _remove_services(owned, errors)
    if not errors and owned != Ledger():
        try:
            ledger_file.write(runtime_dir, Ledger())
        except OSError as error:
            errors.append(f"{runtime_dir}: {error.strerror}")
    return SweepReport(addresses_removed=addresses, services_removed=services, errors=tuple(errors))


def _remove_addresses(owned: Ledger, errors: list[str]) -> tuple[LedgerAddress, ...]:
    try:
        indexes = {name: index for index, name in socket.if_nameindex()}
        # Backwards: the first address of a network is its primary one, and removing that one
        # would make the kernel remove the others with it (promote_secondaries).
        entries = [entry for entry in sorted(owned.addresses)[::-1] if entry.interface in indexes]
        if not entries:
            return ()
        requests = [
            address_netlink.encode_delete(
                entry.address, entry.prefix_length, indexes[entry.interface]
            )
            for entry in entries
        ]
        netlink = Netlink(socket.NETLINK_ROUTE)
        try:
            refusals = netlink.transact(requests)
        finally:
            netlink.close()
    except OSError as error:
        errors.append(f"addresses: {error.strerror}")
        return ()
    for position, refusal in refusals.items():
        if refusal.errno not in address_netlink.GONE:
            entry = entries[position]
            errors.append(f"{entry.address} on {entry.interface}: {refusal}")
    return tuple(entry for position, entry in enumerate(entries) if position not in refusals)


def _remove_services(owned: Ledger, errors: list[str]) -> tuple[ServiceKey, ...]:
    operations = [DeleteService(key) for key in sorted(owned.services)]
    if not operations:
        return ()
    ipvs = Ipvs()
    try:
        refusals = ipvs.apply(operations)
    except IpvsMissing:
        return ()  # no module, no services
    except OSError as error:
        errors.append(f"IPVS: {error.strerror}")
        return ()
    finally:
        ipvs.close()
    for position, refusal in refusals.items():
        if refusal.errno not in (errno.ESRCH, errno.ENOENT):
            operation = operations[position]
            errors.append(f"{describe(operation)}: {explain(operation, refusal)}")
    return tuple(
        operation.key for position, operation in enumerate(operations) if position not in refusals
    )
