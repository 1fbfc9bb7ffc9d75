# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: everything the agent may have put into the kernel, so that it can be taken out again.

Owns its text. Must never touch a file. It is written before anything in it is added, and lists all
that is configured rather than what is there now: a takeover then writes no file. Reading is
tolerant: an entry that is not well-formed is left out, because a sweep of the rest is better than
none; it is still never trusted beyond its own types.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lvs_agent.core.ipvs.model import ServiceKey

if TYPE_CHECKING:  # not at run time: the sweep has to start quickly
    from lvs_agent.core.model import Config

VERSION = 1
# 65,536 entries of about 80 bytes are 5 MB; a larger file is not ours.
BYTES_LIMIT = 16 * 1024 * 1024
ENTRIES_LIMIT = 65_536
_INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ - 1, linux/if.h


class LedgerAddress(NamedTuple):
    """An address on an interface. A named tuple: hashed and compared often, made in thousands."""

    interface: str
    address: str
    prefix_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What is ours."""

    addresses: frozenset[LedgerAddress] = frozenset()
    services: frozenset[ServiceKey] = frozenset()

    def __or__(self, other: Ledger) -> Ledger:
        return Ledger(
            addresses=self.addresses | other.addresses, services=self.services | other.services
        )


def of_config(config: Config) -> Ledger:
    """Everything that `config` may lead to."""
    return Ledger(
        addresses=frozenset(
            LedgerAddress(address.interface, address.address, address.prefix_length)
            for instance in config.vrrp_instances
            for address in instance.addresses
        ),
        services=frozenset(
            ServiceKey(server.protocol, server.address, server.port)
            for server in config.virtual_servers
        ),
    )


def encode(ledger: Ledger) -> bytes:
    """The file's content; the same ledger always gives the same bytes."""
    document = {
        "version": VERSION,
        "addresses": [
            {"address": address, "prefix": prefix_length, "interface": interface}
            for interface, address, prefix_length in sorted(ledger.addresses)
        ],
        "services": [service._asdict() for service in sorted(ledger.services)],
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


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
    addresses = [_address(entry) for entry in _entries(document, "addresses")]
    services = [_service(entry) for entry in _entries(document, "services")]
    ledger = Ledger(
        addresses=frozenset(entry for entry in addresses if entry is not None),
        services=frozenset(entry for entry in services if entry is not None),
    )
    bad = addresses.count(None) + services.count(None)
    return ledger, f"{bad} entries are malformed and left out" if bad else None


def _entries(document: dict[str, Any], name: str) -> list[Any]:
    entries = document.get(name)
    return entries[:ENTRIES_LIMIT] if isinstance(entries, list) else [None]


def _address(entry: Any) -> LedgerAddress | None:
    match entry:
        case {"address": str(address), "prefix": int(prefix), "interface": str(interface)}:
            well_formed = (
                _is_ipv4(address)
                and type(prefix) is int
                and 0 <= prefix <= 32
                and 0 < len(interface.encode(errors="replace")) <= _INTERFACE_NAME_LIMIT
                and "\0" not in interface
            )
            return LedgerAddress(interface, address, prefix) if well_formed else None
    return None


def _service(entry: Any) -> ServiceKey | None:
    match entry:
        case {"protocol": "TCP" | "UDP" as protocol, "address": str(address), "port": int(port)}:
            well_formed = _is_ipv4(address) and type(port) is int and 0 <= port <= 65_535
            return ServiceKey(protocol, address, port) if well_formed else None
    return None


def _is_ipv4(text: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False
