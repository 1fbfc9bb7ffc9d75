# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual routers of the LAN that the tests of the kernel and the wire share.

Director a is active everywhere and b its backup; c is alone with its virtual routers, and does not
forward. Every RFC has a virtual router of its own, plain, with a virtual MAC, and closed
(no_accept).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.lan import Director, Host, Lan
from conformance.reference import ALL, RFC9568, RFC9568_IPV6, Standard

# Short, but three of them outlast what a busy machine holds a process up for.
FAST_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualRouter:
    """A virtual router; the first of its addresses over IPv6 is the link-local one."""

    name: str
    standard: Standard
    vrid: int
    options: dict[str, Any]

    @property
    def addresses(self) -> tuple[str, ...]:
        if self.standard.family == 4:
            return (f"10.7.0.{self.vrid}",)
        return (f"fe80::{self.vrid:x}", f"2001:db8:{self.vrid:x}::{self.vrid:x}")

    @property
    def address(self) -> str:
        """The address that hosts use."""
        return self.addresses[-1]

    @property
    def virtual_mac(self) -> bytes:
        """RFC 9568 section 7.3."""
        return bytes.fromhex("00005e00") + bytes([1 if self.standard.family == 4 else 2, self.vrid])

    def document(self, **more: Any) -> dict[str, Any]:
        """As an instance of a configuration."""
        length = 24 if self.standard.family == 4 else 64
        return {
            "interface": "eth0",
            "virtual_router_id": self.vrid,
            "virtual_ipaddress": [f"{address}/{length}" for address in self.addresses],
            # Later announcements would only be in the tests' way.
            "garp_master_delay": 0,
            **self.options,
            **more,
        }


def options_of(standard: Standard) -> dict[str, Any]:
    """What makes an instance one of this RFC."""
    if standard.version == 2:
        return {"version": "2", "advert_int": 1}
    reading = {} if standard.family == 6 else {"v3_checksum_as_v2": not standard.pseudo_header}
    return {"version": "3", "advert_int": FAST_S, **reading}


def one_of_each(kind: str, first: int, **options: Any) -> dict[str, VirtualRouter]:
    """A virtual router for each standard, by its name."""
    return {
        str(standard): VirtualRouter(
            name=f"{kind}-{standard}",
            standard=standard,
            vrid=first + n,
            options=options_of(standard) | options,
        )
        for n, standard in enumerate(ALL)
    }


PLAIN = one_of_each("plain", 51)
VMAC = one_of_each("vmac", 71, use_vmac=True)
CLOSED = one_of_each("closed", 91, no_accept=True)
ALONE = one_of_each("alone", 151)
LEAVING = one_of_each("leaving", 171)
OWNER, OWNER_VMAC, OWNER_VMAC_IPV6 = (
    VirtualRouter(
        name=name,
        standard=standard,
        vrid=vrid,
        options=options_of(standard) | {"priority": 255} | options,
    )
    for name, standard, vrid, options in (
        ("owner", RFC9568, 160, {}),
        ("owner-vmac", RFC9568, 161, {"use_vmac": True}),
        ("owner-vmac-ipv6", RFC9568_IPV6, 162, {"use_vmac": True}),
    )
)
WITHOUT_VMAC = (*PLAIN.values(), *CLOSED.values())
SHARED = (*WITHOUT_VMAC, *VMAC.values())
OF_C = (*ALONE.values(), OWNER, OWNER_VMAC, OWNER_VMAC_IPV6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The LAN, with its directors at work."""

    lan: Lan
    active: Director
    backup: Director
    alone: Director
    host: Host


def document(routers: tuple[VirtualRouter, ...], **more: Any) -> dict[str, Any]:
    """A configuration with these virtual routers."""
    return {"vrrp_instances": {each.name: each.document(**more) for each in routers}}
