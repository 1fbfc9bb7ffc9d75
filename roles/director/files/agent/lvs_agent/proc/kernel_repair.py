# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting back addresses that somebody else removed, and removing those that somebody else added.

Owns the repair, its count and its bound. Must never decide whether an owner holds its addresses.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lvs_agent.adapters import address_netlink
from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Changes, Host
from lvs_agent.core.host_facts import HostAddress, family_of
from lvs_agent.core.messages import AddressesLost
from lvs_agent.core.model import VirtualAddress
from lvs_agent.proc.kernel_holdings import STATIC, Holding, Owner, encode_adds, named, some
from lvs_agent.proc.kernel_watch import HostWatcher

# Somebody who removes an address as fast as we put it back would keep both of us busy for ever:
# after so many repairs between two audits the rest waits for the next audit.
REPAIRS_PER_AUDIT = 100
# The address is there, or its interface is not any more; only the news of it is not here yet.
_NEWS_TO_COME = (errno.EEXIST, errno.ENODEV)


@dataclass(slots=True)
class AddressDrift:
    """What others did to our addresses, and we undid; and what others have too."""

    addresses_put_back: int = 0
    addresses_removed: int = 0
    addresses_duplicate: int = 0


class AddressRepair:
    """`remove` takes addresses of the host away, and says what went wrong. While the host is
    `shared` with another program, what is added here is added by it, and stays."""

    def __init__(
        self,
        watcher: HostWatcher,
        log: Callable[[str, str], None],
        on_lost: Callable[[AddressesLost], None],
        remove: Callable[[Iterable[HostAddress]], list[str]],
        shared: Callable[[], bool],
    ) -> None:
        self._watcher = watcher
        self._log = log
        self._on_lost = on_lost
        self._remove = remove
        self._shared = shared
        self._repairs = 0
        self._duplicates: set[tuple[int, str]] = set()
        self.drift = AddressDrift()

    def allow(self) -> None:
        """An audit begins: repairs may be made again."""
        self._repairs = 0

    def settle(
        self,
        changes: Changes,
        owners: dict[str, Owner],
        by_place: dict[tuple[str, str], list[Owner]],
        fresh: set[str],
    ) -> None:
        """Bring the kernel in line after `changes`; `fresh` are interfaces that are new, or up
        again.

        Without `everything` only the owners of what changed are looked at: with 255 instances and
        10,000 addresses, looking at all of them again and again would take the takeover's time.
        """
        host = self._watcher.host
        if changes.everything or changes.links:
            losers = gainers = list(owners.values())
        else:
            # Only who lost something can miss something. Looking at those that gained would find
            # IPv6 addresses missing that were just added: the kernel tells of them later, from a
            # work queue (net/ipv6/addrconf.c, addrconf_dad_work).
            losers = _owners_of(changes.removed, by_place, host)
            gainers = _owners_of(changes.changed, by_place, host)
        for owner in losers:
            if owner.state is Holding.HELD:
                self._put_back(owner, fresh)
        self._clear_away(gainers, owners.values())
        self._note_duplicates(changes, owners)

    def _put_back(self, owner: Owner, fresh: set[str]) -> None:
        host = self._watcher.host
        # One that is not tracked stays away when somebody removed it; but nobody did when its
        # interface is a new one.
        wanted = (a for a in owner.addresses if a.track or a.interface in fresh)
        lost = rules.missing(wanted, host)
        if not lost or self._repairs >= REPAIRS_PER_AUDIT:
            return
        self._repairs += 1
        text = some([f"{a.address}/{a.prefix_length}" for a in lost])
        try:
            self._clear_the_way(lost)
            refusals = self._watcher.netlink.transact(encode_adds(lost, host))
        except OSError as error:
            self._log("error", f"{owner.where}: putting {text} back: {error.strerror}")
            return
        back = [a for n, a in enumerate(lost) if n not in refusals]
        refusals = {n: r for n, r in refusals.items() if r.errno not in _NEWS_TO_COME}
        trouble = named(lost, refusals)
        if trouble is not None and trouble != owner.trouble:  # once: the audit tries it again
            self._log("error", f"{owner.where}: {trouble}")
        owner.trouble = trouble
        if back:
            self._say_back(owner, back, fresh)

    def _clear_the_way(self, lost: Iterable[VirtualAddress]) -> None:
        """Remove IPv6 addresses that are there with another prefix length: the kernel would not
        have the address twice."""
        host = self._watcher.host
        other = [
            address_netlink.encode_delete(found.address, found.prefix_length, found.ifindex)
            for address in lost
            if family_of(address.address) == 6
            for found in rules.present([(address.interface, address.address)], host)
        ]
        if other:
            address_netlink.delete(self._watcher.netlink, other)

    def _say_back(self, owner: Owner, back: list[VirtualAddress], fresh: set[str]) -> None:
        text = some([f"{a.address}/{a.prefix_length}" for a in back])
        if any(a.interface in fresh for a in back):
            self._log("info", f"{owner.where}: added {text}: its interface is there again")
        else:
            self._log("warning", f"{owner.where}: {text} had been removed; put back")
            self.drift.addresses_put_back += len(back)
        if owner.name != STATIC:
            self._on_lost(
                AddressesLost(instance=owner.name, addresses=tuple(a.address for a in back))
            )

    def _clear_away(self, concerned: Iterable[Owner], everybody: Iterable[Owner]) -> None:
        """Remove addresses of instances that are not held: two directors must not have one."""
        unwanted = _places(owner for owner in concerned if owner.state is Holding.RELEASED)
        stray = rules.present(unwanted, self._watcher.host)
        if not stray or self._repairs >= REPAIRS_PER_AUDIT or self._shared():
            return
        kept = _places(owner for owner in everybody if owner.state is not Holding.RELEASED)
        stray = rules.present(unwanted - kept, self._watcher.host)
        if stray:
            self._repairs += 1
            for error in self._remove(stray):
                self._log("error", f"removing a stray address: {error}")

    def _note_duplicates(self, changes: Changes, owners: dict[str, Owner]) -> None:
        """Say once that another host has an address of ours: it is on the interface and useless."""
        host = self._watcher.host
        if not changes.everything and not any(a.duplicate for a in changes.changed):
            self._duplicates -= {(a.ifindex, a.address) for a in changes.removed}
            return
        found: set[tuple[int, str]] = set()
        for owner in owners.values():
            for place in _places([owner] if owner.state is Holding.HELD else []):
                for address in rules.present([place], host):
                    if address.duplicate:
                        found.add((address.ifindex, address.address))
                        self._say_duplicate(owner, place, address)
        self._duplicates = found

    def _say_duplicate(self, owner: Owner, place: tuple[str, str], address: HostAddress) -> None:
        if (address.ifindex, address.address) in self._duplicates:
            return
        self.drift.addresses_duplicate += 1
        self._log(
            "error",
            f"{owner.where}: {address.address} on {place[0]}: duplicate address detection failed,"
            " another host on that network has it; find that host, or leave detection off",
        )


def _places(owners: Iterable[Owner]) -> set[tuple[str, str]]:
    return {(a.interface, a.address) for owner in owners for a in owner.addresses}


def _owners_of(
    addresses: Iterable[HostAddress], by_place: dict[tuple[str, str], list[Owner]], host: Host
) -> list[Owner]:
    found: dict[str, Owner] = {}
    for address in addresses:
        link = host.links.get(address.ifindex)
        if link is not None:
            for owner in by_place.get((link.name, address.address), ()):
                found[owner.name] = owner
    return list(found.values())
