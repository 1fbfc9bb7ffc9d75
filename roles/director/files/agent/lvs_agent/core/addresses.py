# SPDX-License-Identifier: GPL-3.0-or-later
"""Configured addresses: which are missing, which are there and should not be.

Owns the comparison of configuration and host. Must never talk to the kernel. An address is told
apart by interface and address: the same one on another interface (a real server has it on lo) is
none of our business.
"""

from __future__ import annotations

from collections.abc import Iterable

from lvs_agent.core.host import Host
from lvs_agent.core.host_facts import (
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_MANAGETEMPADDR,
    IFA_F_MCAUTOJOIN,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFA_F_PERMANENT,
    HostAddress,
    family_of,
    flags_of,
)
from lvs_agent.core.model import Config, VirtualAddress, VrrpInstance

# The flags that the kernel takes from us, and keeps (net/ipv4/devinet.c, net/ipv6/addrconf.c).
_FLAGS_KEPT = {
    4: IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN,
    6: IFA_F_NODAD
    | IFA_F_HOMEADDRESS
    | IFA_F_MANAGETEMPADDR
    | IFA_F_NOPREFIXROUTE
    | IFA_F_MCAUTOJOIN,
}


def held_by(instance: VrrpInstance) -> tuple[VirtualAddress, ...]:
    """Everything that is added when the instance becomes master, in that order."""
    return instance.addresses + instance.excluded


def configured_addresses(config: Config) -> dict[str, tuple[VirtualAddress, ...]]:
    """The virtual addresses of each instance, by its name."""
    return {instance.name: held_by(instance) for instance in config.vrrp_instances}


def held(config: Config, host: Host) -> tuple[str, ...]:
    """The instances of which an address is on the host, one that is in the adverts if it has such.

    One is enough: nobody but a master has any, and another one may be new in the configuration.
    """
    return tuple(
        instance.name
        for instance in config.vrrp_instances
        if any(
            found(address, host) is not None for address in instance.addresses or instance.excluded
        )
    )


def interfaces(config: Config) -> tuple[str, ...]:
    """Every interface that an instance or sync group needs or watches, once, in their order."""
    names: list[str] = []
    for instance in config.vrrp_instances:
        names.append(instance.interface)
        names += [instance.vmac.interface] if instance.vmac else []
        names += [address.interface for address in held_by(instance)]
        names += [tracked.interface for tracked in instance.track_interfaces]
    for group in config.sync_groups:
        names += [tracked.interface for tracked in group.track_interfaces]
    return tuple(dict.fromkeys(names))


def placed(config: Config) -> frozenset[tuple[str, str]]:
    """(interface, address) of every virtual address; static ones are none."""
    return frozenset(
        (address.interface, address.address)
        for instance in config.vrrp_instances
        for address in held_by(instance)
    )


def is_exactly(wanted: VirtualAddress, found: HostAddress) -> bool:
    """Whether `found`, which has the same interface and address, is what we would have added."""
    family = family_of(wanted.address)
    kept = _FLAGS_KEPT[family]
    alike = (
        found.prefix_length == wanted.prefix_length
        and found.peer == wanted.peer
        and found.flags & kept == flags_of(wanted) & kept
        and _same_lifetime(wanted.preferred_lft_s, found)
    )
    if family == 6:  # the kernel tells an IPv6 address's scope by itself; it has no label
        return alike
    return (
        alike
        and found.broadcast == wanted.broadcast
        and found.scope == wanted.scope
        and found.label == (wanted.label or wanted.interface)
    )


def _same_lifetime(wanted: int | None, found: HostAddress) -> bool:
    """Ours are valid for ever; a preferred lifetime that has begun runs down to 0, and stays there.

    Of a permanent IPv4 address the kernel tells only whether the lifetime is 0, as a flag
    (net/ipv4/devinet.c, inet_fill_ifaddr).
    """
    if not found.flags & IFA_F_PERMANENT:
        return False
    left = found.preferred_lft_s
    if family_of(found.address) == 4 and left is None:
        return bool(found.flags & IFA_F_DEPRECATED) == (wanted == 0)
    if wanted is None or left is None:
        return wanted is left
    return left <= wanted


def found(wanted: VirtualAddress, host: Host) -> HostAddress | None:
    """The address with its prefix and peer on its interface, whatever its other attributes."""
    link = host.link(wanted.interface)
    if link is None:
        return None
    return host.find(link.index, wanted.address, wanted.prefix_length, wanted.peer)


def missing(wanted: Iterable[VirtualAddress], host: Host) -> tuple[VirtualAddress, ...]:
    """Those of `wanted` that their interface lacks; addresses on an absent interface do not count:
    nobody can put them back. Nor do IPv6 addresses on one that is down: the kernel removes them
    then (net/ipv6/addrconf.c, addrconf_ifdown), and they are missing when it is up again."""
    lost: list[VirtualAddress] = []
    for address in wanted:
        link = host.link(address.interface)
        if link is None or (not link.up and family_of(address.address) == 6):
            continue
        if found(address, host) is None:
            lost.append(address)
    return tuple(lost)


def present(unwanted: Iterable[tuple[str, str]], host: Host) -> tuple[HostAddress, ...]:
    """Addresses of the host that are among `unwanted` (interface, address), whatever prefix."""
    there: list[HostAddress] = []
    for interface, address in unwanted:
        link = host.link(interface)
        if link is not None:
            there += host.at(link.index, address)
    return tuple(there)
