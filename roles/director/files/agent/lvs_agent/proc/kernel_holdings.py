# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns which addresses, and whether they are held: the kernel process's memory.

Owns the batches of netlink messages, encoded ahead. Must never send them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lvs_agent.adapters import address_netlink
from lvs_agent.adapters.netlink import Refusal
from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Host
from lvs_agent.core.model import Config, VirtualAddress

# The owner of static addresses; no instance is called so.
STATIC = ""


class Holding(StrEnum):
    """What ha said last. UNKNOWN: this process is a successor and was not told yet."""

    UNKNOWN = "unknown"
    HELD = "held"
    RELEASED = "released"


@dataclass(slots=True)
class Owner:
    """An instance's addresses, or the static ones, ready to be sent."""

    name: str
    addresses: tuple[VirtualAddress, ...]
    state: Holding
    add: list[bytes] = field(default_factory=list)
    delete: list[bytes] = field(default_factory=list)
    absent: str | None = None  # an interface that does not exist
    told: bool = False  # ha spoke of it since `expect_news`
    trouble: str | None = None  # what went wrong when it was last put back

    @property
    def where(self) -> str:
        """Its place in the configuration, for messages."""
        return "static_ipaddress" if self.name == STATIC else f"vrrp_instances.{self.name}"

    def prepare(self, host: Host) -> None:
        """Encode both batches; again whenever an interface's index changes."""
        here = self.here(host)
        self.absent = next(
            (a.interface for a in self.addresses if host.link(a.interface) is None), None
        )
        self.add = encode_adds(here, host)
        # Backwards: with the first address of a network its later ones would go too.
        self.delete = encode_deletes(here[::-1], host)

    def here(self, host: Host) -> tuple[VirtualAddress, ...]:
        """Those whose interface exists."""
        return tuple(a for a in self.addresses if host.link(a.interface) is not None)


def encode_adds(addresses: Iterable[VirtualAddress], host: Host) -> list[bytes]:
    """Messages that add `addresses`; those on absent interfaces are left out."""
    return [
        address_netlink.encode_add(address, link.index)
        for address in addresses
        if (link := host.link(address.interface)) is not None
    ]


def encode_deletes(addresses: Iterable[VirtualAddress], host: Host) -> list[bytes]:
    """Messages that remove `addresses`; those on absent interfaces are left out."""
    return [
        address_netlink.encode_delete(
            address.address, address.prefix_length, link.index, address.peer
        )
        for address in addresses
        if (link := host.link(address.interface)) is not None
    ]


def owners(
    config: Config,
    before: Mapping[str, Owner],
    former_names: Mapping[str, str],
    otherwise: Holding,
) -> dict[str, Owner]:
    """By name, the static addresses first; an instance keeps its state, also under a new name."""
    static = Owner(name=STATIC, addresses=config.static_addresses, state=Holding.HELD)
    made = {STATIC: static}
    for instance in config.vrrp_instances:
        former = former_names.get(instance.name)
        same = None if former is None else before[former]
        made[instance.name] = Owner(
            name=instance.name,
            addresses=rules.held_by(instance),
            state=same.state if same else otherwise,
            told=same is not None and same.told,
        )
    return made


def by_place(everybody: dict[str, Owner]) -> dict[tuple[str, str], list[Owner]]:
    """The owners of each (interface, address)."""
    places: dict[tuple[str, str], list[Owner]] = {}
    for owner in everybody.values():
        for address in owner.addresses:
            places.setdefault((address.interface, address.address), []).append(owner)
    return places


def named(addresses: Iterable[VirtualAddress], refusals: dict[int, Refusal]) -> str | None:
    """The refusals with the addresses they belong to, as one line; None without any."""
    texts = [
        f"{address.address}/{address.prefix_length} on {address.interface}: {refusals[n]}"
        for n, address in enumerate(addresses)
        if n in refusals
    ]
    return some(texts) if texts else None


def some(items: list[str]) -> str:
    """The first few of `items`; a message must stay readable, and small, with 500 addresses."""
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
