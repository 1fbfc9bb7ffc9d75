# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's interfaces and addresses, IPv4 and IPv6, as the kernel last told them.

Owns the picture, how one message changes it, and what changed since somebody looked. Must never
decide what should be there.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass, field

from lvs_agent.core.host_facts import (
    AddressChanged,
    AddressGone,
    HostAddress,
    HostEvent,
    Link,
    LinkChanged,
    LinkGone,
    family_of,
)
from lvs_agent.core.messages import LinkState

# A host with more addresses than this is not a director of ours; the rest is ignored.
ADDRESSES_LIMIT = 65_536
# More changes than this are told as "everything": going through all is quicker by then.
CHANGES_LIMIT = 4_096


@dataclass(slots=True, kw_only=True)
class Changes:
    """What happened since somebody looked, without order: look at the host for how it is now.

    `everything`: a fresh picture, any part may differ. `links`: indexes of interfaces that are
    new, other than before, or gone.
    """

    everything: bool = False
    links: set[int] = field(default_factory=set)
    changed: list[HostAddress] = field(default_factory=list)
    removed: list[HostAddress] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.everything or self.links or self.changed or self.removed)

    def indexes(self) -> set[int]:
        """The interfaces that any of it is about."""
        return self.links | {address.ifindex for address in (*self.changed, *self.removed)}


_Addresses = dict[str, tuple[HostAddress, ...]]


class Host:
    """Links by index; addresses by interface and family, in the kernel's order."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self._names: dict[str, int] = {}
        # An interface may have an address more than once, with several prefix lengths.
        self._addresses: dict[tuple[int, int], _Addresses] = {}
        self._count = 0
        self._changes = Changes()

    def apply(self, event: HostEvent) -> None:
        """Change the picture as `event` says."""
        match event:
            case AddressChanged(address=address):
                self._put(address)
            case AddressGone(address=address):
                self._take(address)
            case LinkChanged(link=link):
                before = self.links.get(link.index)
                self.links[link.index] = link
                if before is not None and before.name != link.name:
                    self._forget_name(before)
                self._names[link.name] = link.index
                if before != link:
                    self._changes.links.add(link.index)
            case LinkGone(index=index):
                self._remove_link(index)

    def take_changes(self) -> Changes:
        """What changed since the last call."""
        changes, self._changes = self._changes, Changes()
        return changes

    def note_everything(self, links: set[int]) -> None:
        """This picture takes the place of another one, in which `links` had changed."""
        self._changes = Changes(everything=True, links=links)

    def _put(self, address: HostAddress) -> None:
        table = self._addresses.setdefault((address.ifindex, family_of(address.address)), {})
        same = table.get(address.address, ())
        for place, known in enumerate(same):
            if _is_same(known, address):
                if known == address:
                    return
                table[address.address] = (*same[:place], address, *same[place + 1 :])
                break
        else:
            if self._count >= ADDRESSES_LIMIT:
                return
            self._count += 1
            table[address.address] = (*same, address)
        self._note(self._changes.changed, address)

    def _take(self, address: HostAddress) -> None:
        table = self._addresses.get((address.ifindex, family_of(address.address)), {})
        same = table.get(address.address, ())
        left = tuple(known for known in same if not _is_same(known, address))
        if len(left) == len(same):
            return
        if left:
            table[address.address] = left
        else:
            del table[address.address]
        self._count -= 1
        self._note(self._changes.removed, address)

    def _note(self, noted: list[HostAddress], address: HostAddress) -> None:
        if self._changes.everything:
            return
        noted.append(address)
        if len(noted) > CHANGES_LIMIT:
            self._changes = Changes(everything=True, links=self._changes.links)

    def _remove_link(self, index: int) -> None:
        link = self.links.pop(index, None)
        if link is not None:
            self._forget_name(link)
            self._changes.links.add(index)
        for family in (4, 6):
            gone = self._addresses.pop((index, family), {})
            self._count -= sum(len(same) for same in gone.values())

    def _forget_name(self, link: Link) -> None:
        if self._names.get(link.name) == link.index:
            del self._names[link.name]

    # Looking

    def link(self, name: str) -> Link | None:
        """The interface called `name` now, or None."""
        index = self._names.get(name)
        return None if index is None else self.links.get(index)

    def find(
        self, index: int, address: str, prefix_length: int, peer: str | None = None
    ) -> HostAddress | None:
        """The address, if interface `index` has it."""
        for found in self.at(index, address):
            if found.prefix_length == prefix_length and found.peer == peer:
                return found
        return None

    def at(self, index: int, address: str) -> tuple[HostAddress, ...]:
        """The address on interface `index` with whatever prefix lengths it has there."""
        return self._addresses.get((index, family_of(address)), {}).get(address, ())

    def addresses(self) -> Iterator[HostAddress]:
        """Every address of the host."""
        for table in self._addresses.values():
            for same in table.values():
                yield from same

    def link_state(
        self,
        name: str,
        virtual: Container[tuple[str, str]],
        sources: Collection[str] = (),
    ) -> LinkState:
        """What the ha process is told of interface `name`; `running` without any delay.

        `virtual` holds (interface, address) of all virtual addresses: none of them can be the
        primary one, because another director may hold it the next moment.
        """
        link = self.link(name)
        if link is None:
            return LinkState(interface=name, index=0, running=False, primary=None, mac=None)
        return LinkState(
            interface=name,
            index=link.index,
            running=link.running,
            primary=self._primary(link, virtual),
            mac=link.mac,
            primary6=self._primary6(link, virtual),
            sources=tuple(
                source
                for source in sources
                if any(found.usable for found in self.at(link.index, source))
            ),
        )

    def _primary(self, link: Link, virtual: Container[tuple[str, str]]) -> str | None:
        second: str | None = None
        for text, same in self._addresses.get((link.index, 4), {}).items():
            if (link.name, text) in virtual:
                continue
            if not all(address.secondary for address in same):
                return text
            second = second or text
        return second

    def _primary6(self, link: Link, virtual: Container[tuple[str, str]]) -> str | None:
        for text, same in self._addresses.get((link.index, 6), {}).items():
            if same[0].scope == "link" and same[0].usable and (link.name, text) not in virtual:
                return text
        return None


def _is_same(one: HostAddress, other: HostAddress) -> bool:
    """Whether both, with the same interface and address, are one: IPv4 tells them apart by prefix
    and peer (net/ipv4/devinet.c, __inet_insert_ifa), IPv6 not at all."""
    if family_of(one.address) == 6:
        return True
    return one.prefix_length == other.prefix_length and one.peer == other.peer
