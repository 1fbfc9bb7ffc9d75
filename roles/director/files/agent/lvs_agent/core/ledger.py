# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: everything the agent may have put into the kernel, so that it can be taken out again.

Owns its text. Must never touch a file. It is written before anything in it is added, and lists all
that is configured rather than what is there now: a takeover then writes no file. Reading is
tolerant: an entry that is not well-formed is left out, because a sweep of the rest is better than
none; it is still never trusted beyond its own types. Version 1 (no more than addresses and
services) is read too.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from lvs_agent.core import firewall
from lvs_agent.core.ipvs.model import MARKED, ServiceKey, marked

if TYPE_CHECKING:  # not at run time: the sweep has to start quickly
    from lvs_agent.core.model import Config, Route, VirtualAddress

_Entry = TypeVar("_Entry")

VERSION = 2
# 65,536 entries of about 80 bytes are 5 MB; a larger file is not ours.
BYTES_LIMIT = 16 * 1024 * 1024
ENTRIES_LIMIT = 65_536
_INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ - 1, linux/if.h
_BITS = {4: 32, 6: 128}
_PROTOCOLS = ("TCP", "UDP", "SCTP")
# What the kernel makes of an IPv6 route without a metric (IP6_RT_PRIO_USER, linux/ipv6_route.h).
DEFAULT_METRIC = {4: 0, 6: 1024}


class LedgerAddress(NamedTuple):
    """An address on an interface; `peer` is empty without one. A named tuple: hashed and compared
    often, made in thousands."""

    interface: str
    address: str
    prefix_length: int
    peer: str = ""


class LedgerRoute(NamedTuple):
    """What tells our routes from others'; `protocol` as in rtnetlink(7), `metric` never None."""

    family: int
    address: str
    prefix_length: int
    table: int
    metric: int
    protocol: int


class LedgerRule(NamedTuple):
    """A routing policy rule of ours, which also has our protocol number."""

    family: int
    preference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is ours, but for interfaces (core/links_made.py has those). `firewall` is the nf_tables
    table, `sync_daemon` IPVS's synchronisation of connections."""

    addresses: frozenset[LedgerAddress] = frozenset()
    services: frozenset[ServiceKey] = frozenset()
    routes: frozenset[LedgerRoute] = frozenset()
    rules: frozenset[LedgerRule] = frozenset()
    firewall: bool = False
    sync_daemon: bool = False

    def __or__(self, other: Ledger) -> Ledger:
        return Ledger(
            addresses=self.addresses | other.addresses,
            services=self.services | other.services,
            routes=self.routes | other.routes,
            rules=self.rules | other.rules,
            firewall=self.firewall or other.firewall,
            sync_daemon=self.sync_daemon or other.sync_daemon,
        )


def address_entry(address: VirtualAddress) -> LedgerAddress:
    """The entry of an address."""
    return LedgerAddress(
        address.interface, address.address, address.prefix_length, address.peer or ""
    )


def route_entry(route: Route) -> LedgerRoute:
    """The entry of a route; the kernel's own default where it has no metric."""
    metric = route.metric or DEFAULT_METRIC[route.family]
    return LedgerRoute(route.family, *route.destination, route.table, metric, route.protocol)


def of_config(config: Config) -> Ledger:
    """Everything that `config` may lead to."""
    instances = config.vrrp_instances
    addresses = [a for one in instances for a in (*one.addresses, *one.excluded)]
    routes = [route for one in instances for route in one.routes]
    rules = [rule for one in instances for rule in one.rules]
    return Ledger(
        addresses=frozenset(
            address_entry(address) for address in (*addresses, *config.static_addresses)
        ),
        services=frozenset(key for server in config.virtual_servers for key in server.services),
        routes=frozenset(route_entry(route) for route in (*routes, *config.static_routes)),
        rules=frozenset(
            LedgerRule(rule.family, rule.preference) for rule in (*rules, *config.static_rules)
        ),
        firewall=firewall.needed(config),
        sync_daemon=config.global_defs.sync_daemon is not None,
    )


def encode(ledger: Ledger) -> bytes:
    """The file's content; the same ledger always gives the same bytes."""
    document = {
        "version": VERSION,
        "addresses": [
            {"address": address, "prefix": prefix_length, "interface": interface}
            | ({"peer": peer} if peer else {})
            for interface, address, prefix_length, peer in sorted(ledger.addresses)
        ],
        "services": [_shown(service) for service in sorted(ledger.services)],
        "routes": [route._asdict() for route in sorted(ledger.routes)],
        "rules": [rule._asdict() for rule in sorted(ledger.rules)],
        "firewall": ledger.firewall,
        "sync_daemon": ledger.sync_daemon,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _shown(service: ServiceKey) -> dict[str, object]:
    return {name: value for name, value in service._asdict().items() if name != "mark" or value}


def decode(data: bytes) -> tuple[Ledger, str | None]:
    """The ledger in `data`, and what was wrong with it, for the log (None: nothing)."""
    if len(data) > BYTES_LIMIT:
        return Ledger(), f"larger than {BYTES_LIMIT} bytes"
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Ledger(), f"not JSON: {error}"
    if not isinstance(document, dict):
        return Ledger(), "not a JSON object"
    bad = _Bad()
    ledger = Ledger(
        addresses=_well_formed(document, "addresses", _address, bad),
        services=_well_formed(document, "services", _service, bad),
        routes=_well_formed(document, "routes", _route, bad, optional=True),
        rules=_well_formed(document, "rules", _rule, bad, optional=True),
        firewall=document.get("firewall") is True,
        sync_daemon=document.get("sync_daemon") is True,
    )
    return ledger, f"{bad.count} entries are malformed and left out" if bad.count else None


class _Bad:
    """How many entries were left out."""

    count = 0


def _well_formed(
    document: dict[str, Any],
    name: str,
    read: Callable[[Any], _Entry | None],
    bad: _Bad,
    *,
    optional: bool = False,
) -> frozenset[_Entry]:
    """The entries of a list; version 1 had no `optional` ones."""
    entries = document.get(name)
    if entries is None and optional:
        return frozenset()
    if not isinstance(entries, list):
        bad.count += 1
        return frozenset()
    found = [read(entry) for entry in entries[:ENTRIES_LIMIT]]
    bad.count += found.count(None)
    return frozenset(entry for entry in found if entry is not None)


def _address(entry: Any) -> LedgerAddress | None:
    match entry:
        case {"address": str(address), "prefix": int(prefix), "interface": str(interface)}:
            family, peer = _family(address), entry.get("peer", "")
            well_formed = (
                _is_network(family, address, prefix)
                and _is_link(interface)
                and (peer == "" or (isinstance(peer, str) and _family(peer) == family))
            )
            return LedgerAddress(interface, address, prefix, peer) if well_formed else None
    return None


def _service(entry: Any) -> ServiceKey | None:
    match entry:
        case {"protocol": str(protocol), "address": str(address), "port": int(port)}:
            family = _family(address)
            if protocol == MARKED:
                mark = entry.get("mark")
                well_formed = family in _BITS and _is_number(mark, 2**32 - 1) and mark > 0
                return marked(mark, family) if well_formed else None
            well_formed = family in _BITS and _is_number(port, 65_535) and protocol in _PROTOCOLS
            return ServiceKey(protocol, address, port) if well_formed else None
    return None


def _route(entry: Any) -> LedgerRoute | None:
    try:
        route = LedgerRoute(**entry)
    except TypeError:
        return None
    well_formed = (
        _is_network(route.family, route.address, route.prefix_length)
        and _is_number(route.table, 2**32 - 1)
        and _is_number(route.metric, 2**32 - 1)
        and _is_number(route.protocol, 255)
    )
    return route if well_formed else None


def _rule(entry: Any) -> LedgerRule | None:
    try:
        rule = LedgerRule(**entry)
    except TypeError:
        return None
    return rule if rule.family in _BITS and _is_number(rule.preference, 2**32 - 1) else None


def _is_link(name: str) -> bool:
    return 0 < len(name.encode(errors="replace")) <= _INTERFACE_NAME_LIMIT and "\0" not in name


def _is_number(value: Any, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest


def _is_network(family: Any, address: Any, prefix_length: Any) -> bool:
    return (
        _is_number(family, max(_BITS))
        and isinstance(address, str)
        and family in _BITS
        and _family(address) == family
        and _is_number(prefix_length, _BITS[family])
    )


def _family(text: str) -> int:
    """4 or 6 for canonical text, 0 for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return 0
    return address.version if str(address) == text else 0
