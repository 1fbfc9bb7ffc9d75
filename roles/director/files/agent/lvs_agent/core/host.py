# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's interfaces and IPv4 addresses, as the kernel last told them.

Owns the picture and how one message changes it. Must never decide what should be there.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvs_agent.core.messages import LinkState

IFF_UP = 0x1  # linux/if.h
# rtnetlink sets it when the operational state is up or unknown (net/core/dev.c, dev_get_flags):
# carrier is there and, for stacked devices, the lower one works.
IFF_RUNNING = 0x40
IFA_F_SECONDARY = 0x01  # linux/if_addr.h

# A host with more addresses than this is not a director of ours; the rest is ignored.
ADDRESSES_LIMIT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An interface. `flags` are those of `struct ifinfomsg`; `mac` "aa:bb:cc:dd:ee:ff"."""

    index: int
    name: str
    flags: int
    mac: str | None

    @property
    def running(self) -> bool:
        """Administratively up, with carrier."""
        return bool(self.flags & IFF_UP and self.flags & IFF_RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddress:
    """An IPv4 address on interface `index`; `scope` as ip-address(8) names it."""

    index: int
    address: str
    prefix_length: int
    broadcast: str | None
    label: str | None
    scope: str
    secondary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """RTM_NEWLINK."""

    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkGone:
    """RTM_DELLINK."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanged:
    """RTM_NEWADDR."""

    address: HostAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGone:
    """RTM_DELADDR."""

    address: HostAddress


HostEvent = LinkChanged | LinkGone | AddressChanged | AddressGone


class Host:
    """Links by index and addresses by (index, address, prefix length), in the kernel's order."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.addresses: dict[tuple[int, str, int], HostAddress] = {}

    def apply(self, event: HostEvent) -> None:
        """Change the picture as `event` says."""
        match event:
            case LinkChanged(link=link):
                self.links[link.index] = link
            case LinkGone(index=index):
                self.links.pop(index, None)
                for key in [key for key in self.addresses if key[0] == index]:
                    del self.addresses[key]
            case AddressChanged(address=address):
                if len(self.addresses) < ADDRESSES_LIMIT:
                    self.addresses[_key(address)] = address
            case AddressGone(address=address):
                self.addresses.pop(_key(address), None)

    def link(self, name: str) -> Link | None:
        """The interface called `name` now, or None."""
        return next((link for link in self.links.values() if link.name == name), None)

    def find(self, index: int, address: str, prefix_length: int) -> HostAddress | None:
        """The address, if interface `index` has it."""
        return self.addresses.get((index, address, prefix_length))

    def link_state(self, name: str, virtual: frozenset[tuple[str, str]]) -> LinkState:
        """What the ha process is told of interface `name`.

        `virtual` holds (interface, address) of all virtual addresses: none of them can be the
        primary one, because another director may hold it the next moment.
        """
        link = self.link(name)
        if link is None:
            return LinkState(interface=name, index=0, running=False, primary=None, mac=None)
        own = [
            address
            for address in self.addresses.values()
            if address.index == link.index and (name, address.address) not in virtual
        ]
        own.sort(key=lambda address: address.secondary)
        return LinkState(
            interface=name,
            index=link.index,
            running=link.running,
            primary=own[0].address if own else None,
            mac=link.mac,
        )


def _key(address: HostAddress) -> tuple[int, str, int]:
    return address.index, address.address, address.prefix_length
