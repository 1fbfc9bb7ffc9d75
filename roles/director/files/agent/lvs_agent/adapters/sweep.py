# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking everything out of the kernel that the ledger says is ours: `lvs-agent sweep`.

Owns the clean-up after a crash (systemd's ExecStopPost), when no process of the agent is left to
do it. Must never import pyroute2 nor read the configuration: it has to be quick, and to work with
a broken one. Each part is imported when there is something for it to do.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lvs_agent.adapters import address_netlink, ledger_file
from lvs_agent.adapters.netlink import Netlink
from lvs_agent.core.ipvs.model import DeleteService, ServiceKey
from lvs_agent.core.ledger import Ledger, LedgerAddress, LedgerRoute, LedgerRule

# links.json of core/links_made.py; named here so that nothing is imported when there is none.
_LINKS_FILE = "links.json"
# That of adapters/ipvs_timeouts.py, likewise.
_TIMEOUTS_FILE = "timeouts.json"
# That of adapters/adoption.py, likewise.
_ADOPT_FILE = "adopt"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What was taken out, and what could not be. `firewall` and `sync_daemon`: they were ours and
    are gone. `shared`: nothing was looked at, since another program has it too."""

    addresses_removed: tuple[LedgerAddress, ...] = ()
    services_removed: tuple[ServiceKey, ...] = ()
    routes_removed: int = 0
    rules_removed: int = 0
    links_removed: tuple[str, ...] = ()
    firewall: bool = False
    sync_daemon: bool = False
    shared: bool = False
    errors: tuple[str, ...] = ()


def sweep(runtime_dir: Path) -> SweepReport:
    """Remove everything of the ledger, in the order of a release; it stays when something is left.

    Addresses first: they answer on a director that is dead, nothing else does harm meanwhile.
    """
    if (runtime_dir / _ADOPT_FILE).exists():
        return SweepReport(shared=True)
    owned, wrong = ledger_file.read(runtime_dir)
    errors = [wrong] if wrong else []
    addresses = _remove_addresses(owned, errors)
    rules = remove_rules(owned.rules, errors)
    routes = remove_routes(owned.routes, errors)
    links = _remove_links(runtime_dir, errors)
    services = _remove_services(owned, errors)
    sync_daemon = owned.sync_daemon and stop_sync_daemon(errors)
    _restore_timeouts(runtime_dir, errors)
    firewall = owned.firewall and remove_firewall(errors)
    if not errors and owned != Ledger():
        try:
            ledger_file.write(runtime_dir, Ledger())
        except OSError as error:
            errors.append(f"{runtime_dir}: {error.strerror}")
    return SweepReport(
        addresses_removed=addresses,
        services_removed=services,
        routes_removed=routes,
        rules_removed=rules,
        links_removed=links,
        firewall=firewall,
        sync_daemon=sync_daemon,
        errors=tuple(errors),
    )


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
                entry.address, entry.prefix_length, indexes[entry.interface], entry.peer or None
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


def remove_routes(owned: frozenset[LedgerRoute], errors: list[str]) -> int:
    """Remove those of `owned` that are there; how many. What went wrong is added to `errors`."""
    from lvs_agent.adapters import route_netlink as codec  # noqa: PLC0415 - see the module

    def read(netlink: Netlink) -> list[bytes]:
        return [
            body
            for family, protocol in sorted({(one.family, one.protocol) for one in owned})
            for body in netlink.dump(codec.routes_request(family, protocol))
            if codec.route_identity(body) in owned
        ]

    return _remove_found(read, codec.RTM_DELROUTE, "routes", errors) if owned else 0


def remove_rules(owned: frozenset[LedgerRule], errors: list[str]) -> int:
    """Remove those of `owned` that are there; how many. What went wrong is added to `errors`."""
    from lvs_agent.adapters import route_netlink as codec  # noqa: PLC0415 - see the module

    def read(netlink: Netlink) -> list[bytes]:
        return [
            body
            for family in sorted({one.family for one in owned})
            for body in netlink.dump(codec.rules_request(family))
            if codec.rule_identity(body) in owned
        ]

    return _remove_found(read, codec.RTM_DELRULE, "rules", errors) if owned else 0


def _remove_found(
    read: Callable[[Netlink], list[bytes]], kind: int, what: str, errors: list[str]
) -> int:
    """Delete what `read` finds by the message that told of it."""
    from lvs_agent.adapters import route_netlink as codec  # noqa: PLC0415 - see the module

    try:
        netlink = Netlink(socket.NETLINK_ROUTE, strict=True)
        try:
            found = read(netlink)
            refusals = netlink.transact([codec.delete_again(body, kind) for body in found])
        finally:
            netlink.close()
    except OSError as error:
        errors.append(f"{what}: {error.strerror}")
        return 0
    errors += [f"{what}: {one}" for one in refusals.values() if one.errno not in codec.GONE]
    return len(found) - len(refusals)


def _remove_links(runtime_dir: Path, errors: list[str]) -> tuple[str, ...]:
    if not (runtime_dir / _LINKS_FILE).exists():
        return ()
    from lvs_agent.adapters import link_state_file  # noqa: PLC0415 - see the module

    removed, wrong = link_state_file.sweep(runtime_dir)
    errors += wrong
    return removed


def _remove_services(owned: Ledger, errors: list[str]) -> tuple[ServiceKey, ...]:
    if not owned.services:
        return ()
    from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing, explain  # noqa: PLC0415
    from lvs_agent.core.ipvs.text import describe  # noqa: PLC0415

    operations = [DeleteService(key) for key in sorted(owned.services)]
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


def _restore_timeouts(runtime_dir: Path, errors: list[str]) -> None:
    """Put IPVS's former timeouts back, if they were changed."""
    if not (runtime_dir / _TIMEOUTS_FILE).exists():
        return
    from lvs_agent.adapters import ipvs_timeouts  # noqa: PLC0415 - see the module
    from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing  # noqa: PLC0415
    from lvs_agent.core.ipvs.timeouts import restored  # noqa: PLC0415

    made, wrong = ipvs_timeouts.read(runtime_dir)
    if wrong:
        errors.append(wrong)
    if made is None:
        return
    ipvs = Ipvs()
    try:
        ipvs.set_timeouts(restored(made, ipvs.timeouts()))
        ipvs_timeouts.write(runtime_dir, None)
    except IpvsMissing:
        return  # no module, no timeouts
    except OSError as error:
        errors.append(f"IPVS timeouts: {error.strerror}")
    finally:
        ipvs.close()


def stop_sync_daemon(errors: list[str]) -> bool:
    """Stop both halves of IPVS's sync daemon; whether they are stopped."""
    from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing  # noqa: PLC0415 - see the module
    from lvs_agent.core.ipvs.sync import Half  # noqa: PLC0415

    ipvs = Ipvs()
    try:
        refusals = [refusal for half in Half if (refusal := ipvs.sync_stop(half))]
    except IpvsMissing:
        return True
    except OSError as error:
        errors.append(f"sync daemon: {error.strerror}")
        return False
    finally:
        ipvs.close()
    errors += [f"sync daemon: {refusal}" for refusal in refusals]
    return not refusals


def remove_firewall(errors: list[str]) -> bool:
    """Remove the nf_tables table; whether it is gone."""
    from lvs_agent.adapters import nft_netlink as codec  # noqa: PLC0415 - see the module

    try:
        netlink = Netlink(codec.NETLINK_NETFILTER)
        try:
            refusals = netlink.transaction(codec.begin(), codec.remove(), codec.end())
        finally:
            netlink.close()
    except OSError as error:
        # A kernel without nf_tables has no table either.
        if error.errno == errno.EPROTONOSUPPORT:
            return True
        errors.append(f"nf_tables: {error.strerror}")
        return False
    if refusals and refusals[0].errno == codec.NO_FAMILY:
        return True
    errors += [f"nf_tables: {refusal}" for refusal in refusals]
    return not refusals
