# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance says on the wire: its advert, and whom it is sent to.

Owns how settings become an advert. Must never look at what others send.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from lvs_agent.core.model import AhAuthentication, PassAuthentication, VrrpInstance
from lvs_agent.core.vrrp.packet import (
    AUTH_AH,
    AUTH_NONE,
    AUTH_PASS,
    MAX_ADDRESSES,
    MAX_ADDRESSES_6,
    NO_AUTH_DATA,
    VRRP_TTL,
    Advert,
    Checksum,
)


def advertised_count(instance: VrrpInstance) -> int:
    """How many of the addresses fit into the instance's adverts: the first so many are in."""
    most = MAX_ADDRESSES_6 if instance.family == 6 else MAX_ADDRESSES
    return min(len(instance.addresses), most)


def advertised_addresses(instance: VrrpInstance) -> bytes:
    """The addresses of the instance's adverts, as on the wire, in the order of the settings."""
    listed = instance.addresses[: advertised_count(instance)]
    if instance.family == 6:
        return b"".join(IPv6Address(address.address).packed for address in listed)
    return b"".join(IPv4Address(address.address).packed for address in listed)


def own_advert(
    instance: VrrpInstance, *, resign: bool = False, priority: int | None = None
) -> Advert:
    """What the instance sends. `priority` None: the configured one; `resign`: 0."""
    passing = instance.authentication
    return Advert(
        version=instance.version,
        virtual_router_id=instance.virtual_router_id,
        priority=0 if resign else instance.priority if priority is None else priority,
        advert_int_ns=instance.advert_int_ns,
        addresses=advertised_addresses(instance),
        auth_type=_auth_type(instance),
        auth_data=passing.data if isinstance(passing, PassAuthentication) else NO_AUTH_DATA,
        checksum=_checksum(instance),
        family=instance.family,
    )


def _auth_type(instance: VrrpInstance) -> int:
    match instance.authentication:
        case PassAuthentication():
            return AUTH_PASS
        case AhAuthentication():
            return AUTH_AH
        case None:
            return AUTH_NONE


def _checksum(instance: VrrpInstance) -> Checksum:
    if instance.family == 6:
        return Checksum.PSEUDO_HEADER
    if instance.version == 3 and not instance.v3_checksum_as_v2:
        return Checksum.PSEUDO_HEADER
    return Checksum.MESSAGE


def destinations(instance: VrrpInstance) -> tuple[str, ...]:
    """Where the instance's adverts go: its group, or every peer."""
    return tuple(peer.address for peer in instance.peers) or (instance.mcast_group,)


def sent_ttl(instance: VrrpInstance) -> int:
    """The TTL or hop limit of its adverts: receivers of multicast demand 255."""
    return instance.unicast_ttl if instance.peers else VRRP_TTL


def sending_interface(instance: VrrpInstance) -> str:
    """The interface that adverts leave by.

    By its VMAC, so that bridges learn where the virtual MAC is (RFC 9568 section 7.2). Unicast
    adverts are ordinary packets, which the interface itself knows how to send.
    """
    vmac = instance.vmac
    if vmac is None or vmac.xmit_base or instance.peers:
        return instance.interface
    return vmac.interface


def address_number(address: str) -> int:
    """An address as an unsigned integer."""
    return int(ip_address(address))
