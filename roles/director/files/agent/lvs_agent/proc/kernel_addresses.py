# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of addresses: virtual, excluded and static ones, of both families.

Owns which instance's addresses are held, and their way in and out of the kernel; they are put back
by `kernel_repair.py`. Must never decide who holds: that is said by `hold`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping

from lvs_agent.adapters import address_netlink
from lvs_agent.adapters.netlink import Refusal
from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Changes
from lvs_agent.core.host_facts import HostAddress, family_of
from lvs_agent.core.ledger import Ledger
from lvs_agent.core.messages import AddressesLost
from lvs_agent.core.model import Config, VirtualAddress
from lvs_agent.proc.kernel_holdings import (
    STATIC,
    Holding,
    Owner,
    by_place,
    encode_adds,
    encode_deletes,
    named,
    owners,
    some,
)
from lvs_agent.proc.kernel_repair import AddressRepair
from lvs_agent.proc.kernel_report import addresses_report
from lvs_agent.proc.kernel_watch import HostWatcher

_Place = tuple[str, str, int]


class AddressKeeper:
    """`on_lost` hears of addresses of held instances that were away for a moment. While the host
    is `shared` with another program, only what was taken here is given up here."""

    def __init__(
        self,
        watcher: HostWatcher,
        *,
        config: Config,
        log: Callable[[str, str], None],
        on_lost: Callable[[AddressesLost], None],
        restarted: bool,
        shared: Callable[[], bool],
    ) -> None:
        self._watcher = watcher
        self._config = config
        self._log = log
        self._indexes: dict[str, int] = {}
        self._up: set[str] = set()
        state = Holding.UNKNOWN if restarted else Holding.RELEASED
        self._owners = owners(config, {}, {}, state)
        self._by_place = by_place(self._owners)
        self._shared = shared
        self._repair = AddressRepair(watcher, log, on_lost, self._remove, shared)
        self.drift = self._repair.drift
        self._prepare()

    def _prepare(self, *, anew: bool = False) -> set[str]:
        """Encode every batch (again) when an interface has another index; the names of interfaces
        that are new, or up again: those have lost addresses by themselves."""
        host = self._watcher.host
        wanted = {a.interface for owner in self._owners.values() for a in owner.addresses}
        links = {name: host.link(name) for name in wanted}
        indexes = {name: link.index for name, link in links.items() if link is not None}
        up = {name for name, link in links.items() if link is not None and link.up}
        came_up, self._up = up - self._up, up
        before, self._indexes = self._indexes, indexes
        if anew or indexes != before:
            for owner in self._owners.values():
                owner.prepare(host)
        return came_up | {name for name, index in indexes.items() if before.get(name) != index}

    # Taking and giving up

    def start(self) -> list[str]:
        """Put the static addresses in; what went wrong."""
        self._prepare()
        owner = self._owners[STATIC]
        if owner.absent is not None:
            self._log("warning", f"{owner.where}: interface {owner.absent} does not exist yet")
        error = self._take(owner)
        owner.trouble = error
        return [f"{owner.where}: {error}"] if error else []

    def hold(self, name: str, hold: bool) -> str | None:
        """Take or give up the addresses of an instance; None, or what went wrong.

        After a failure to take them none of them is held.
        """
        owner = self._owners.get(name) if name != STATIC else None
        if owner is None:
            return f"vrrp_instances.{name} is not in the configuration" if hold else None
        owner.told = True
        if not hold:
            if owner.state is not Holding.HELD and self._shared():
                owner.state = Holding.RELEASED
                return None
            return self._release(owner)
        if owner.absent is not None:
            error: str | None = f"interface {owner.absent} does not exist"
        else:
            error = self._take(owner)
        if error is None:
            owner.state = Holding.HELD
        else:
            self._release(owner)
        return error

    def _take(self, owner: Owner) -> str | None:
        wanted = owner.here(self._watcher.host)
        try:
            refusals = self._watcher.netlink.transact(owner.add)
            if refusals:
                refusals = self._adopt(wanted, refusals)
        except OSError as error:
            return f"adding addresses: {error.strerror}"
        return named(wanted, refusals)

    def _adopt(
        self, wanted: tuple[VirtualAddress, ...], refusals: dict[int, Refusal]
    ) -> dict[int, Refusal]:
        """Addresses that were there already are fine when they are exactly ours, else replaced."""
        existing = [wanted[n] for n, refusal in refusals.items() if refusal.errno == errno.EEXIST]
        left = {n: refusal for n, refusal in refusals.items() if refusal.errno != errno.EEXIST}
        if left or not existing:
            return left
        self._watcher.catch_up()
        host, netlink = self._watcher.host, self._watcher.netlink
        different = [address for address in existing if not self._is_exact(address)]
        in_the_way = [
            address_netlink.encode_delete(a.address, a.prefix_length, a.ifindex, a.peer)
            for address in different
            for a in rules.present([(address.interface, address.address)], host)
            if family_of(a.address) == 6 or a.prefix_length == address.prefix_length
        ]
        address_netlink.delete(netlink, in_the_way)
        again = netlink.transact(encode_adds(different, host))
        return {wanted.index(different[n]): refusal for n, refusal in again.items()}

    def _is_exact(self, address: VirtualAddress) -> bool:
        found = rules.found(address, self._watcher.host)
        return found is not None and rules.is_exactly(address, found)

    def _release(self, owner: Owner) -> str | None:
        owner.state = Holding.RELEASED
        try:
            refusals = address_netlink.delete(self._watcher.netlink, owner.delete)
        except OSError as error:
            return f"removing addresses: {error.strerror}"
        return named(owner.here(self._watcher.host)[::-1], refusals)

    def release_all(self) -> list[str]:
        """Give up everything, the static addresses last; what went wrong."""
        everybody = [*list(self._owners.values())[1:], self._owners[STATIC]]
        return [error for owner in everybody if (error := self._release(owner))]

    def sweep(self, ledger: Ledger) -> list[str]:
        """Remove what an earlier agent may have left: every configured virtual address, every one
        in `ledger` but for static ones that are still configured; what went wrong."""
        host = self._watcher.host
        found = set(rules.present(rules.placed(self._config), host))
        static = {_place(address) for address in self._config.static_addresses}
        for entry in ledger.addresses:
            place = (entry.interface, entry.address, entry.prefix_length)
            if place not in static:
                there = rules.present([place[:2]], host)
                found.update(a for a in there if a.prefix_length == entry.prefix_length)
        return self._remove(found)

    def _remove(self, unwanted: Iterable[HostAddress]) -> list[str]:
        """Remove addresses of the host; what was removed is logged, what went wrong returned."""
        # Secondary ones first: with the first address of a network its later ones would go too.
        found = sorted(unwanted, key=lambda a: not a.secondary)
        if not found:
            return []
        requests = [
            address_netlink.encode_delete(a.address, a.prefix_length, a.ifindex, a.peer)
            for a in found
        ]
        try:
            refusals = address_netlink.delete(self._watcher.netlink, requests)
        except OSError as error:
            return [f"removing addresses: {error.strerror}"]
        names = [f"{a.address}/{a.prefix_length}" for n, a in enumerate(found) if n not in refusals]
        if names:
            self._log("warning", f"removed {some(names)}: no instance here holds it")
            self.drift.addresses_removed += len(names)
        return [f"{found[n].address}: {refusal}" for n, refusal in refusals.items()]

    # ha may be gone

    def held(self) -> list[str]:
        """The instances that are held, or may be."""
        return [
            name
            for name, owner in self._owners.items()
            if owner.state is not Holding.RELEASED and name != STATIC
        ]

    def expect_news(self) -> None:
        """From now on `release_silent` looks for instances that ha did not speak of."""
        for owner in self._owners.values():
            owner.told = False

    def release_silent(self) -> list[str]:
        """Give up every instance that ha did not speak of since `expect_news`; their names."""
        silent = [name for name in self.held() if not self._owners[name].told]
        for name in silent:
            if error := self._release(self._owners[name]):
                self._log("error", f"vrrp_instances.{name}: {error}")
        return silent

    # A new configuration

    def reconfigure(self, config: Config, former_names: Mapping[str, str]) -> list[str]:
        """Apply the difference; held instances get and lose addresses at once. What went wrong."""
        before, self._config = self._owners, config
        self._owners = owners(config, before, former_names, Holding.RELEASED)
        self._by_place = by_place(self._owners)
        fresh = self._prepare(anew=True)
        errors: list[str] = []
        for owner in self._owners.values():
            if owner.state is not Holding.HELD:
                continue
            moved = any(a.interface in fresh for a in owner.addresses)
            former = before.get(former_names.get(owner.name, owner.name))
            if moved or former is None or owner.addresses != former.addresses:
                error = self._take(owner)  # adds what is new, replaces what differs
                errors += [f"{owner.where}: {error}"] if error else []
        held = {_place(a) for owner in self._held_owners(self._owners) for a in owner.addresses}
        gone = [
            address
            for owner in self._held_owners(before)
            for address in reversed(owner.addresses)
            if _place(address) not in held
        ]
        try:
            refusals = address_netlink.delete(
                self._watcher.netlink, encode_deletes(gone, self._watcher.host)
            )
            errors += [f"removing an address: {refusal}" for refusal in refusals.values()]
        except OSError as error:
            errors.append(f"removing addresses: {error.strerror}")
        return errors

    @staticmethod
    def _held_owners(everybody: dict[str, Owner]) -> list[Owner]:
        return [owner for owner in everybody.values() if owner.state is not Holding.RELEASED]

    # Watching

    def settle(self, changes: Changes) -> None:
        """React to the host as it is now: missing and unwanted addresses."""
        fresh = self._prepare() if changes.everything or changes.links else set()
        self._repair.settle(changes, self._owners, self._by_place, fresh)

    def allow_repairs(self) -> None:
        """An audit begins; see AddressRepair."""
        self._repair.allow()

    def report(self) -> list[dict[str, object]]:
        """Addresses for the status."""
        found: list[dict[str, object]] = []
        for owner in self._owners.values():
            found += addresses_report(
                owner.name or None, owner.state.value, owner.addresses, self._watcher.host
            )
        return found


def _place(address: VirtualAddress) -> _Place:
    return address.interface, address.address, address.prefix_length
