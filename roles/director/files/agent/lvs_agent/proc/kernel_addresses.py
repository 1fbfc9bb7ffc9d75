# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of virtual addresses and watcher of interfaces.

Owns which instance's addresses are held, their way in and out of the kernel, and their repair when
somebody else removes or adds one. Must never decide who holds: that is said by `hold`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from lvs_agent.adapters import address_netlink
from lvs_agent.adapters.netlink import Netlink, NetlinkError, Refusal
from lvs_agent.adapters.rtnetlink import HostMonitor, Overrun, read_host
from lvs_agent.core import addresses as rules
from lvs_agent.core.host import HostAddress
from lvs_agent.core.ledger import Ledger, LedgerAddress
from lvs_agent.core.messages import AddressesLost, LinkState
from lvs_agent.core.model import Config, VirtualAddress
from lvs_agent.proc.kernel_report import addresses_report, link_report
from lvs_agent.proc.loop import Loop

AUDIT_NS = 5_000_000_000
# Somebody who removes an address as fast as we put it back would keep both of us busy for ever:
# after so many repairs between two audits the rest waits for the next audit.
REPAIRS_PER_AUDIT = 100


class Holding(StrEnum):
    """What ha said last. UNKNOWN: this process is a successor and was not told yet."""

    UNKNOWN = "unknown"
    HELD = "held"
    RELEASED = "released"


@dataclass(slots=True)
class _Instance:
    """One instance's addresses, ready to be sent: `add` and `delete` are encoded ahead."""

    addresses: tuple[VirtualAddress, ...]
    state: Holding
    add: list[bytes] = field(default_factory=list)
    delete: list[bytes] = field(default_factory=list)
    absent: str | None = None  # an interface that does not exist
    told: bool = False  # ha spoke of it since `expect_news`


@dataclass(slots=True)
class Drift:
    """What others did to our addresses, and we undid."""

    addresses_put_back: int = 0
    addresses_removed: int = 0
    overruns: int = 0


class AddressKeeper:
    """Opens its sockets at once. Raises OSError when it cannot.

    `on_link` hears of every configured interface at first and at each change; `on_lost` of
    addresses of held instances that were away for a moment.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        config: Config,
        log: Callable[[str, str], None],
        on_link: Callable[[LinkState], None],
        on_lost: Callable[[AddressesLost], None],
        restarted: bool,
    ) -> None:
        self._loop = loop
        self._config = config
        self._log = log
        self._on_link = on_link
        self._on_lost = on_lost
        self._netlink = Netlink(socket.NETLINK_ROUTE)
        # The monitor first: what changes during the dump is told again.
        self._monitor = HostMonitor()
        self._host = read_host(self._netlink)
        self._links_sent: dict[str, LinkState] = {}
        self._indexes: dict[str, int] = {}
        self._repairs = 0
        self.drift = Drift()
        state = Holding.UNKNOWN if restarted else Holding.RELEASED
        self._instances = {
            name: _Instance(addresses=wanted, state=state)
            for name, wanted in rules.configured_addresses(config).items()
        }
        self._prepare()
        loop.add_reader(self._monitor.fileno(), self._readable)
        loop.call_at(loop.now_ns() + AUDIT_NS, self._audit)

    # Encoding ahead

    def _prepare(self) -> None:
        """Encode every batch; again whenever an interface's index or the configuration changes."""
        self._indexes = {link.name: index for index, link in self._host.links.items()}
        for instance in self._instances.values():
            here = [a for a in instance.addresses if a.interface in self._indexes]
            instance.absent = next(
                (a.interface for a in instance.addresses if a.interface not in self._indexes), None
            )
            instance.add = [address_netlink.encode_add(a, self._indexes[a.interface]) for a in here]
            # Backwards: with the first address of a network its later ones would go too.
            instance.delete = [self._encode_delete(a) for a in reversed(here)]

    def _encode_delete(self, address: VirtualAddress) -> bytes:
        index = self._indexes[address.interface]
        return address_netlink.encode_delete(address.address, address.prefix_length, index)

    # Taking and giving up

    def hold(self, name: str, hold: bool) -> str | None:
        """Take or give up the addresses of an instance; None, or what went wrong.

        After a failure to take them none of them is held.
        """
        instance = self._instances.get(name)
        if instance is None:
            return f"vrrp_instances.{name} is not in the configuration" if hold else None
        instance.told = True
        if not hold:
            return self._release(instance)
        error = self._take(instance)
        if error is None:
            instance.state = Holding.HELD
        else:
            self._release(instance)
        return error

    def _take(self, instance: _Instance) -> str | None:
        if instance.absent is not None:
            return f"interface {instance.absent} does not exist"
        try:
            refusals = self._netlink.transact(instance.add)
            if refusals:
                refusals = self._adopt(instance.addresses, refusals)
        except OSError as error:
            return f"adding addresses: {error.strerror}"
        return _named(instance.addresses, refusals)

    def _adopt(
        self, wanted: tuple[VirtualAddress, ...], refusals: dict[int, Refusal]
    ) -> dict[int, Refusal]:
        """Addresses that were there already are fine when they are exactly ours, else replaced."""
        existing = [wanted[n] for n, refusal in refusals.items() if refusal.errno == errno.EEXIST]
        left = {n: refusal for n, refusal in refusals.items() if refusal.errno != errno.EEXIST}
        if left or not existing:
            return left
        self._absorb()
        different = [address for address in existing if not self._is_exact(address)]
        address_netlink.delete(self._netlink, [self._encode_delete(a) for a in different])
        again = self._netlink.transact(
            [address_netlink.encode_add(a, self._indexes[a.interface]) for a in different]
        )
        return {wanted.index(different[n]): refusal for n, refusal in again.items()}

    def _is_exact(self, address: VirtualAddress) -> bool:
        index = self._indexes[address.interface]
        found = self._host.find(index, address.address, address.prefix_length)
        return found is not None and rules.is_exactly(address, found)

    def _release(self, instance: _Instance) -> str | None:
        instance.state = Holding.RELEASED
        try:
            refusals = address_netlink.delete(self._netlink, instance.delete)
        except OSError as error:
            return f"removing addresses: {error.strerror}"
        here = [a for a in instance.addresses if a.interface in self._indexes]
        return _named(here[::-1], refusals)

    def release_all(self) -> list[str]:
        """Give up everything; what went wrong."""
        return [
            error for instance in self._instances.values() if (error := self._release(instance))
        ]

    def sweep(self, ledger: Ledger) -> list[str]:
        """Remove what an earlier agent may have left: every configured address, every one in
        `ledger`; what went wrong."""
        found = set(rules.present(rules.placed(self._config), self._host))
        for address in self._host.addresses.values():
            link = self._host.links.get(address.index)
            name = link.name if link else ""
            if LedgerAddress(name, address.address, address.prefix_length) in ledger.addresses:
                found.add(address)
        return self._remove(sorted(found, key=lambda a: not a.secondary))

    def _remove(self, found: Iterable[HostAddress]) -> list[str]:
        """Remove addresses of the host; what was removed is logged, what went wrong returned."""
        found = list(found)
        if not found:
            return []
        requests = [
            address_netlink.encode_delete(a.address, a.prefix_length, a.index) for a in found
        ]
        try:
            refusals = address_netlink.delete(self._netlink, requests)
        except OSError as error:
            return [f"removing addresses: {error.strerror}"]
        names = [f"{a.address}/{a.prefix_length}" for n, a in enumerate(found) if n not in refusals]
        if names:
            self._log("warning", f"removed {_some(names)}: no instance here holds it")
            self.drift.addresses_removed += len(names)
        return [f"{found[n].address}: {refusal}" for n, refusal in refusals.items()]

    # ha may be gone

    def held(self) -> list[str]:
        """The instances that are held, or may be."""
        return [n for n, i in self._instances.items() if i.state is not Holding.RELEASED]

    def expect_news(self) -> None:
        """From now on `release_silent` looks for instances that ha did not speak of."""
        for instance in self._instances.values():
            instance.told = False

    def release_silent(self) -> list[str]:
        """Give up every instance that ha did not speak of since `expect_news`; their names."""
        silent = [
            name
            for name, instance in self._instances.items()
            if not instance.told and instance.state is not Holding.RELEASED
        ]
        for name in silent:
            if error := self._release(self._instances[name]):
                self._log("error", f"vrrp_instances.{name}: {error}")
        return silent

    # A new configuration

    def reconfigure(self, config: Config) -> list[str]:
        """Apply the difference; held instances get and lose addresses at once. What went wrong."""
        before, self._config = self._instances, config
        self._absorb()
        self._instances = {
            name: _Instance(
                addresses=wanted,
                state=before[name].state if name in before else Holding.RELEASED,
                told=name in before and before[name].told,
            )
            for name, wanted in rules.configured_addresses(config).items()
        }
        self._prepare()
        errors: list[str] = []
        held = {
            (a.interface, a.address, a.prefix_length)
            for instance in self._instances.values()
            if instance.state is not Holding.RELEASED
            for a in instance.addresses
        }
        for name, instance in self._instances.items():
            if instance.state is Holding.HELD and instance.addresses != before[name].addresses:
                error = self._take(instance)  # adds what is new, replaces what differs
                errors += [f"vrrp_instances.{name}: {error}"] if error else []
        gone = [
            self._encode_delete(a)
            for instance in before.values()
            if instance.state is not Holding.RELEASED
            for a in reversed(instance.addresses)
            if (a.interface, a.address, a.prefix_length) not in held
            and a.interface in self._indexes
        ]
        try:
            refusals = address_netlink.delete(self._netlink, gone)
            errors += [f"removing an address: {refusal}" for refusal in refusals.values()]
        except OSError as error:
            errors.append(f"removing addresses: {error.strerror}")
        self.send_links(everything=True)
        return errors

    # Watching

    def send_links(self, *, everything: bool) -> None:
        """Tell of configured interfaces: all, or those that changed since they were told."""
        virtual = rules.placed(self._config)
        for name in rules.interfaces(self._config):
            state = self._host.link_state(name, virtual)
            if everything or self._links_sent.get(name) != state:
                self._links_sent[name] = state
                self._on_link(state)

    def _readable(self) -> None:
        if self._absorb():
            self._settle()

    def _absorb(self) -> bool:
        """Bring the picture of the host up to date; False when there is still more to read."""
        try:
            events, complete = self._monitor.read()
        except Overrun:
            self.drift.overruns += 1
            self._log("warning", "rtnetlink changes were lost (ENOBUFS); reading everything again")
            return self._refresh()
        for event in events:
            self._host.apply(event)
        return complete

    def _refresh(self) -> bool:
        try:
            self._host = read_host(self._netlink)
        except NetlinkError as error:
            self._log("error", f"reading interfaces and addresses: {error.strerror}")
            return False
        return True

    def _audit(self) -> None:
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)
        self._repairs = 0
        if self._absorb() and self._refresh():
            self._settle()

    def _settle(self) -> None:
        """React to the host as it is now: interfaces, missing and unwanted addresses."""
        indexes = {link.name: index for index, link in self._host.links.items()}
        if indexes != self._indexes:
            self._prepare()
        self.send_links(everything=False)
        for name, instance in self._instances.items():
            if instance.state is Holding.HELD:
                self._put_back(name, instance)
        self._clear_away()

    def _put_back(self, name: str, instance: _Instance) -> None:
        lost = rules.missing(instance.addresses, self._host)
        if not lost or self._repairs >= REPAIRS_PER_AUDIT:
            return
        self._repairs += 1
        text = _some([f"{a.address}/{a.prefix_length}" for a in lost])
        try:
            refusals = self._netlink.transact(
                [address_netlink.encode_add(a, self._indexes[a.interface]) for a in lost]
            )
        except OSError as error:
            self._log("error", f"vrrp_instances.{name}: putting {text} back: {error.strerror}")
            return
        back = [
            a for n, a in enumerate(lost) if n not in refusals or refusals[n].errno == errno.EEXIST
        ]
        if len(back) < len(lost):
            self._log("error", f"vrrp_instances.{name}: {_named(lost, refusals)}")
        if back:
            self.drift.addresses_put_back += len(back)
            self._log("warning", f"vrrp_instances.{name}: {text} had been removed; put back")
            self._on_lost(AddressesLost(instance=name, addresses=tuple(a.address for a in back)))

    def _clear_away(self) -> None:
        """Remove addresses of instances that are not held: two directors must not have one."""
        kept = {
            (a.interface, a.address)
            for instance in self._instances.values()
            if instance.state is not Holding.RELEASED
            for a in instance.addresses
        }
        stray = rules.present(rules.placed(self._config) - kept, self._host)
        if stray and self._repairs < REPAIRS_PER_AUDIT:
            self._repairs += 1
            for error in self._remove(sorted(stray, key=lambda a: not a.secondary)):
                self._log("error", f"removing a stray address: {error}")

    def report(self) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """Interfaces and addresses for the status."""
        virtual = rules.placed(self._config)
        states = [self._host.link_state(n, virtual) for n in rules.interfaces(self._config)]
        found: list[dict[str, object]] = []
        for name, instance in self._instances.items():
            found += addresses_report(name, instance.state.value, instance.addresses, self._host)
        return [link_report(state) for state in states], found


def _named(addresses: Iterable[VirtualAddress], refusals: dict[int, Refusal]) -> str | None:
    """The refusals with the addresses they belong to, as one line; None without any."""
    named = [
        f"{address.address}/{address.prefix_length} on {address.interface}: {refusals[n]}"
        for n, address in enumerate(addresses)
        if n in refusals
    ]
    return _some(named) if named else None


def _some(items: list[str]) -> str:
    """The first few of `items`; a message must stay readable, and small, with 500 addresses."""
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
