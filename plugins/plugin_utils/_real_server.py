# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network of a real server must have, from what the directors' documents say of it.

Owns that derivation: which virtual addresses, which tunnels, which way back to the clients. Pure;
what a document lacks for it is told by `_rules_forwarding.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils import _network_plan
from ansible_collections.lvs.cluster.plugins.plugin_utils import _forwarding, _view
from ansible_collections.lvs.cluster.plugins.plugin_utils._forwarding import Address, Pool, Target


@dataclass(frozen=True, kw_only=True)
class Director:
    """One director: its document, its declared interfaces, its own addresses in the cluster.

    What is read from the document is read once: there may be a thousand real servers to ask for.
    """

    name: str
    document: Mapping[str, Any]
    interfaces: _view.Interfaces
    own: frozenset[Address]

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """The virtual servers of the document."""
        return tuple(_forwarding.pools(self.document))

    @cached_property
    def targets(self) -> dict[Address, list[tuple[int, Pool, Target]]]:
        """Real servers by address, each with its place in the document."""
        found: dict[Address, list[tuple[int, Pool, Target]]] = {}
        numbered = enumerate((pool, target) for pool in self.pools for target in pool.targets)
        for number, (pool, target) in numbered:
            if target.address is not None:
                found.setdefault(target.address, []).append((number, pool, target))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One virtual server of one director that has the real server."""

    director: Director
    pool: Pool
    target: Target


def uses(directors: Iterable[Director], addresses: Iterable[Address]) -> Iterator[Use]:
    """Everything that names a real server with one of `addresses`."""
    wanted = dict.fromkeys(addresses)
    for director in directors:
        found = [each for address in wanted for each in director.targets.get(address, ())]
        for __, pool, target in sorted(found, key=lambda each: each[0]):
            yield Use(director=director, pool=pool, target=target)


def needs(
    directors: Iterable[Director],
    addresses: Iterable[Address],
    marked: Mapping[int, tuple[Address, ...]],
) -> dict[str, list[Any]]:
    """`virtual_addresses`, `tunnels`, `gateways` and `kernel_modules` of the one at `addresses`.

    `marked` has the addresses of virtual servers that are known by a firewall mark only.
    """
    found = list(uses(directors, addresses))
    direct = [use for use in found if use.target.forwarding.kind == "DR"]
    virtual = [str(each) for use in direct for each in virtual_addresses(use.pool, marked)]
    tunnels = _tunnels(found, marked)
    return {
        "virtual_addresses": list(dict.fromkeys(virtual)),
        "tunnels": tunnels,
        "gateways": list(_gateways(found)),
        "kernel_modules": _network_plan.kernel_modules(tunnels),
    }


def virtual_addresses(pool: Pool, marked: Mapping[int, tuple[Address, ...]]) -> list[Address]:
    """The addresses that a packet of `pool` may be for."""
    by_mark = [each for mark in pool.marks for each in marked.get(mark, ())]
    return [*pool.addresses, *(each for each in by_mark if each.version in pool.families)]


def _tunnels(uses: list[Use], marked: Mapping[int, tuple[Address, ...]]) -> list[dict[str, Any]]:
    """One for each encapsulation and family, with the virtual addresses that come through it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for use in uses:
        forwarding = use.target.forwarding
        if forwarding.kind != "TUN" or forwarding.tunnel not in ("ipip", "gue", "gre"):
            continue
        for family in use.pool.families:
            tunnel = found.setdefault(
                (forwarding, use.target.address, family),
                {
                    "type": forwarding.tunnel,
                    "address": str(use.target.address),
                    "port": forwarding.port,
                    "checksum": forwarding.checksum,
                    "family": family,
                    "virtual_addresses": [],
                },
            )
            listed = tunnel["virtual_addresses"]
            for each in virtual_addresses(use.pool, marked):
                if each.version == family and str(each) not in listed:
                    listed.append(str(each))
    return list(found.values())


def _gateways(uses: list[Use]) -> Iterator[dict[str, Any]]:
    """One per address of the real server; the rules tell where two would be needed."""
    services: dict[Address, dict[tuple[str, int], None]] = {}
    chosen: dict[Address, Address] = {}
    for use in uses:
        address = use.target.address
        gateway = inner_address(use) if use.target.forwarding.kind == "NAT" else None
        if address is None or gateway is None:
            continue
        chosen.setdefault(address, gateway)
        # A service by mark has packets of any protocol.
        protocol = "any" if use.pool.marks else use.pool.protocol.lower()
        ports = [use.target.port] if use.target.port else list(use.pool.ports)
        for port in ports:
            services.setdefault(address, {})[protocol, port] = None
    for address, gateway in chosen.items():
        yield {
            "address": str(address),
            "gateway": str(gateway),
            "services": [{"protocol": name, "port": port} for name, port in services[address]],
        }


def inner_address(use: Use) -> Address | None:
    """The virtual address through which answers of NAT go back: one in the real server's network.

    One that moves together with the virtual server's address is taken before any other, and one
    that is no virtual server's before one that is (clients in front of it, real servers behind).
    """
    ranked = sorted(_candidates(use), key=lambda each: each[:3])
    return ranked[0][3] if ranked else None


def _candidates(use: Use) -> Iterator[tuple[bool, bool, int, Address]]:
    address = use.target.address
    together = moving_together(use.director.document, use.pool.addresses)
    services = {each for pool in use.director.pools for each in pool.addresses}
    order = 0
    for view in _view.instances(use.director.name, use.director.document):
        for each in (*view.addresses, *view.excluded):
            order += 1
            if address is not None and _reaches(each, address, use.director.interfaces):
                own = each.address.ip
                yield view.name not in together, own in services, order, own


def _reaches(
    each: _view.VirtualAddressView, address: Address, interfaces: _view.Interfaces
) -> bool:
    """Whether `address` is in the network that the virtual address is in."""
    networks: list[Any] = [own.network for own in interfaces.get(each.device or "", ())]
    networks = [network for network in networks if each.address.ip in network]
    return any(address in network for network in (each.address.network, *networks)) and (
        address != each.address.ip
    )


def moving_together(document: Mapping[str, Any], addresses: Iterable[Address]) -> frozenset[str]:
    """Names of the instances that are master where those with `addresses` are."""
    wanted = set(addresses)
    holders = [
        view.name
        for view in _view.instances("", document)
        if wanted & {each.address.ip for each in (*view.addresses, *view.excluded)}
    ]
    return frozenset(name for holder in holders for name in together_with(document, holder))


def together_with(document: Mapping[str, Any], instance: str) -> frozenset[str]:
    """`instance` with those in a sync group with it."""
    found = {instance}
    for __, members in _view.sync_groups(document):
        if instance in members:
            found |= members
    return frozenset(found)


def marked(value: Any) -> dict[int, tuple[Address, ...]]:
    """`lvs_fwmark_addresses`: the addresses behind each firewall mark, as far as it can be read."""
    found: dict[int, tuple[Address, ...]] = {}
    for mark, listed in value.items() if isinstance(value, Mapping) else ():
        texts = listed if isinstance(listed, list) else [listed]
        addresses = tuple(filter(None, map(_forwarding.address, texts)))
        if str(mark).isdigit():
            found[int(mark)] = addresses
    return found
