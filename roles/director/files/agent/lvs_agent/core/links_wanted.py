# SPDX-License-Identifier: GPL-3.0-or-later
"""VMAC interfaces and interface settings (net.ipv4.conf.*) that a configuration wants.

Owns which, and whether what is there will do. Must never talk to the kernel.

With use_vmac the virtual addresses are on a macvlan interface of their own, on top of the
instance's one. Both hear each ARP request, so the one below must be told not to answer for
addresses that it does not have itself (arp_ignore), and not to name them as its own when it asks
(arp_announce): either would teach the neighbours its own MAC for a virtual address.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from lvs_agent.core import addresses as rules
from lvs_agent.core.host import Host
from lvs_agent.core.host_facts import MACVLAN, MACVLAN_PRIVATE, Link, family_of
from lvs_agent.core.model import Config, VrrpInstance

# Whatever stands on a macvlan stands on what that one stands on (drivers/net/macvlan.c).
_MACVLAN_KINDS = (MACVLAN, "macvtap")
_U32 = struct.Struct("=I")


class Setting(IntEnum):
    """net.ipv4.conf.<interface>.*, with the numbers of linux/ip.h (IPV4_DEVCONF_*)."""

    RP_FILTER = 8
    ARP_FILTER = 13
    ARP_ANNOUNCE = 18
    ARP_IGNORE = 19
    PROMOTE_SECONDARIES = 20
    ACCEPT_LOCAL = 23

    @property
    def label(self) -> str:
        """Its name under /proc/sys."""
        return self.name.lower()


# Values that do as well as ours: arp_ignore 2 asks for more than 1, 8 answers nothing at all.
_EQUIVALENT = {(Setting.ARP_IGNORE, 1): (1, 2, 8)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedVmac:
    """A VMAC interface; `ipv4`: IPv4 addresses may come onto it."""

    interface: str
    base: str
    mac: str
    ipv4: bool


class SettingKey(NamedTuple):
    """A setting of an interface."""

    interface: str
    setting: Setting


def wanted_vmacs(config: Config) -> dict[str, WantedVmac]:
    """By name."""
    return {
        instance.vmac.interface: WantedVmac(
            interface=instance.vmac.interface,
            base=instance.interface,
            mac=instance.vmac.mac.lower(),
            ipv4=_has_ipv4(instance, instance.vmac.interface),
        )
        for instance in config.vrrp_instances
        if instance.vmac is not None
    }


def _has_ipv4(instance: VrrpInstance, interface: str) -> bool:
    return any(
        address.interface == interface and family_of(address.address) == 4
        for address in rules.held_by(instance)
    )


def wanted_settings(config: Config) -> dict[SettingKey, int]:
    """Every setting, of VMACs (as keepalived has them) and of other interfaces."""
    wanted: dict[SettingKey, int] = {}
    for vmac in wanted_vmacs(config).values():
        if not vmac.ipv4:
            # It hears every ARP request too, and would answer for all addresses of the host.
            wanted[SettingKey(vmac.interface, Setting.ARP_IGNORE)] = 8
            continue
        wanted |= {
            # Answers come back with a route that leads elsewhere, from senders of this host too.
            SettingKey(vmac.interface, Setting.ACCEPT_LOCAL): 1,
            SettingKey(vmac.interface, Setting.RP_FILTER): 0,
            SettingKey(vmac.interface, Setting.ARP_IGNORE): 1,
            # With it the kernel would not answer: the route to who asks leads over the base.
            SettingKey(vmac.interface, Setting.ARP_FILTER): 0,
            SettingKey(vmac.base, Setting.ARP_IGNORE): 1,
            SettingKey(vmac.base, Setting.ARP_FILTER): 1,
            SettingKey(vmac.base, Setting.ARP_ANNOUNCE): 2,
        }
    for instance in config.vrrp_instances:
        if instance.promote_secondaries:
            # Else the kernel removes a network's other addresses with its first one.
            for name in {instance.interface, *(a.interface for a in rules.held_by(instance))}:
                wanted[SettingKey(name, Setting.PROMOTE_SECONDARIES)] = 1
    return wanted


def will_do(setting: Setting, wanted: int, current: int) -> bool:
    """Whether the `current` value serves the purpose of the wanted one."""
    return current in _EQUIVALENT.get((setting, wanted), (wanted,))


def value_of(link: Link, setting: Setting) -> int | None:
    """The value when the interface was last read; None: not known."""
    start = (setting - 1) * _U32.size
    if len(link.settings) < start + _U32.size:
        return None
    value: int = _U32.unpack_from(link.settings, start)[0]
    return value


def is_vmac(link: Link, mac: str | None = None) -> bool:
    """Whether the interface is such as we make them (and has that MAC)."""
    return link.kind == MACVLAN and mac in (None, link.mac)


def is_exactly(wanted: WantedVmac, found: Link, base: Link) -> bool:
    """Whether `found`, which has the wanted name, is what we would have made on `base`."""
    lower = base.lower if base.kind in _MACVLAN_KINDS else base.index
    return is_vmac(found, wanted.mac) and found.mode == MACVLAN_PRIVATE and found.lower == lower


def required(config: Config) -> tuple[str, ...]:
    """The interfaces that must exist at the start without dynamic_interfaces."""
    own = wanted_vmacs(config)
    return tuple(name for name in rules.interfaces(config) if name not in own)


def filtered_vmacs(config: Config, host: Host, rp_filter_of_all: int) -> Collection[str]:
    """VMACs that will drop what clients send, because net.ipv4.conf.all.rp_filter is strict.

    The kernel takes the larger of the value of `all` and the interface's own; strict (1) wants the
    way back to lead over the VMAC, and it leads over its base. Loose (2) does no harm.
    """
    if rp_filter_of_all != 1:
        return ()
    return [n for n, vmac in wanted_vmacs(config).items() if vmac.ipv4 and host.link(n) is not None]
