# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an instance can work on its interfaces, as the kernel process reports them.

Owns that judgement. Must never ask the system itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from lvs_agent.core.events import InterfaceDown, InterfaceUp
from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import VrrpInstance


def condition(
    instance: VrrpInstance, links: Mapping[str, LinkState]
) -> InterfaceUp | InterfaceDown | None:
    """The event that says how the interfaces are; None while the adverts' one is unknown.

    As in keepalived, a virtual address on another interface makes that one's failure a failure of
    the instance: a director cannot serve an address that nobody reaches.
    """
    own = links.get(instance.interface)
    if own is None:
        return None
    for name in dict.fromkeys((instance.interface, *(a.interface for a in instance.addresses))):
        link = links.get(name)
        if link is None:
            continue
        if link.index == 0:
            return InterfaceDown(reason=f"interface {name} does not exist")
        if not link.running:
            return InterfaceDown(reason=f"interface {name} is down")
    if own.primary is None:
        return InterfaceDown(
            reason=f"interface {instance.interface} has no IPv4 address to send adverts from"
        )
    return InterfaceUp(primary=int(IPv4Address(own.primary)))


def mac_bytes(mac: str | None) -> bytes | None:
    """The 6 bytes of an Ethernet address; None if the link has none of that kind."""
    try:
        packed = bytes.fromhex((mac or "").replace(":", ""))
    except ValueError:
        return None
    return packed if len(packed) == 6 else None
