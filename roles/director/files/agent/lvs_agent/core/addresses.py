# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual addresses: which are missing, which are there and should not be.

Owns the comparison of configuration and host. Must never talk to the kernel. An address is told
apart by interface and address: the same one on another interface (a real server has it on lo) is
none of our business.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_agent.core.host import Host, HostAddress
from lvs_agent.core.model import Config, VirtualAddress


def configured_addresses(config: Config) -> dict[str, tuple[VirtualAddress, ...]]:
    """The virtual addresses of each instance, by its name."""
    return {instance.name: instance.addresses for instance in config.vrrp_instances}


def interfaces(config: Config) -> tuple[str, ...]:
    """Every interface the configuration speaks of, once, in its order."""
    names = [instance.interface for instance in config.vrrp_instances]
    names += [
        address.interface for instance in config.vrrp_instances for address in instance.addresses
    ]
    return tuple(dict.fromkeys(names))


def placed(config: Config) -> frozenset[tuple[str, str]]:
    """(interface, address) of every virtual address."""
    return frozenset(
        (address.interface, address.address)
        for instance in config.vrrp_instances
        for address in instance.addresses
    )


def is_exactly(wanted: VirtualAddress, found: HostAddress) -> bool:
    """Whether `found`, which has the same interface and address, is what we would have added."""
    return (
        found.prefix_length == wanted.prefix_length
        and found.broadcast == wanted.broadcast
        and found.scope == wanted.scope
        and found.label == (wanted.label or wanted.interface)
    )


def missing(wanted: Iterable[VirtualAddress], host: Host) -> tuple[VirtualAddress, ...]:
    """Those of `wanted` that their interface lacks; addresses on an absent interface do not count:
    nobody can put them back."""
    indexes = {link.name: index for index, link in host.links.items()}
    return tuple(
        address
        for address in wanted
        if (index := indexes.get(address.interface)) is not None
        and host.find(index, address.address, address.prefix_length) is None
    )


def present(unwanted: Iterable[tuple[str, str]], host: Host) -> tuple[HostAddress, ...]:
    """Addresses of the host that are among `unwanted` (interface, address), whatever prefix."""
    names = {index: link.name for index, link in host.links.items()}
    wanted_away = frozenset(unwanted)
    return tuple(
        found
        for found in host.addresses.values()
        if (names.get(found.index, ""), found.address) in wanted_away
    )
