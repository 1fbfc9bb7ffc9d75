# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells of interfaces and addresses: the facts, and that one has changed.

Owns the shapes and the kernel's numbers in them. Must never know what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # not at run time: the sweep has to start quickly
    from lvs_agent.core.model import VirtualAddress

IFF_UP = 0x1  # linux/if.h
# rtnetlink sets it when the operational state is up or unknown (net/core/dev.c, dev_get_flags):
# carrier is there and, for stacked devices, the lower one works.
IFF_RUNNING = 0x40
# linux/if_addr.h
IFA_F_SECONDARY = 0x01  # IPv4; for IPv6 the same bit is IFA_F_TEMPORARY
IFA_F_NODAD = 0x02
IFA_F_OPTIMISTIC = 0x04
IFA_F_DADFAILED = 0x08
IFA_F_HOMEADDRESS = 0x10
IFA_F_DEPRECATED = 0x20
IFA_F_TENTATIVE = 0x40
IFA_F_PERMANENT = 0x80
IFA_F_MANAGETEMPADDR = 0x100
IFA_F_NOPREFIXROUTE = 0x200
IFA_F_MCAUTOJOIN = 0x400

MACVLAN = "macvlan"
# linux/if_link.h, enum macvlan_mode
MACVLAN_PRIVATE = 1


def family_of(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def flags_of(address: VirtualAddress) -> int:
    """The IFA_F_* flags that the address is added with."""
    return (
        IFA_F_NODAD * address.nodad
        | IFA_F_HOMEADDRESS * address.home
        | IFA_F_MANAGETEMPADDR * address.mngtmpaddr
        | IFA_F_NOPREFIXROUTE * address.noprefixroute
        | IFA_F_MCAUTOJOIN * address.autojoin
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An interface. `flags` are those of `struct ifinfomsg`; `mac` "aa:bb:cc:dd:ee:ff".

    `kind` as ip-link(8) names it, `lower` the index of the interface it stands on (0: none),
    `mode` a macvlan's, `group` that of ip-link(8). `settings`: the values of net.ipv4.conf, native
    32-bit integers in the order of linux/ip.h; as old as the last message about the interface.
    """

    index: int
    name: str
    flags: int
    mac: str | None
    kind: str | None = None
    lower: int = 0
    mode: int = 0
    group: int = 0
    settings: bytes = field(default=b"", compare=False, repr=False)

    @property
    def up(self) -> bool:
        """Administratively up."""
        return bool(self.flags & IFF_UP)

    @property
    def running(self) -> bool:
        """Administratively up, with carrier."""
        return bool(self.flags & IFF_UP and self.flags & IFF_RUNNING)


class HostAddress(NamedTuple):
    """An address on interface `ifindex`; `scope` as ip-address(8) names it, `flags` IFA_F_*.

    A named tuple: there may be thousands, made anew at every audit. `peer`: the other end of a
    point-to-point address. `preferred_lft_s` None: for ever.
    """

    ifindex: int
    address: str
    prefix_length: int
    scope: str = "global"
    flags: int = 0
    broadcast: str | None = None
    label: str | None = None
    peer: str | None = None
    preferred_lft_s: int | None = None

    @property
    def secondary(self) -> bool:
        """IPv4: not the first address of its network on the interface."""
        return bool(self.flags & IFA_F_SECONDARY) and family_of(self.address) == 4

    @property
    def duplicate(self) -> bool:
        """IPv6: duplicate address detection found it on another host (RFC 4862, section 5.4)."""
        return bool(self.flags & IFA_F_DADFAILED) and family_of(self.address) == 6

    @property
    def usable(self) -> bool:
        """The host may send from it: an IPv6 address may still be, or have failed to be, unique."""
        if family_of(self.address) == 4 or self.flags & IFA_F_OPTIMISTIC:
            return True
        return not self.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """RTM_NEWLINK."""

    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkGone:
    """RTM_DELLINK."""

    index: int


class AddressChanged(NamedTuple):
    """RTM_NEWADDR."""

    address: HostAddress


class AddressGone(NamedTuple):
    """RTM_DELADDR."""

    address: HostAddress


HostEvent = LinkChanged | LinkGone | AddressChanged | AddressGone
