# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that tell neighbours who is active: gratuitous ARP, unsolicited advertisements."""

from __future__ import annotations

from conformance.bench import by_standard
from conformance.frames import (
    ADVERTISEMENT,
    ARP,
    BROADCAST,
    Arp,
    Neighbour,
    arp,
    icmpv6,
    neighbour,
    parse,
)
from conformance.frames import IPV6 as IPV6_FRAME
from conformance.reference import IPV4, IPV6, Standard
from lvs_agent.core.vrrp.neighbours import announcement

VIRTUAL_MAC = {4: bytes.fromhex("00005e000133"), 6: bytes.fromhex("00005e000233")}


@by_standard(*IPV4)
def test_gratuitous_arp_tells_the_mac(standard: Standard) -> None:
    """A request, broadcast, that has address and MAC as sender and as target."""
    mac = VIRTUAL_MAC[standard.family]
    frame = parse(announcement("10.0.0.100", mac))
    assert (frame.kind, frame.destination, frame.source) == (ARP, BROADCAST, mac)
    assert arp(frame) == Arp(
        operation=1, sender_mac=mac, sender="10.0.0.100", target_mac=mac, target="10.0.0.100"
    )


@by_standard(*IPV6)
def test_neighbour_advertisement_as_required(standard: Standard) -> None:
    """R and O set, S clear; RFC 4861 section 7.1.2's hop limit, checksum and group."""
    mac = VIRTUAL_MAC[standard.family]
    for address in ("fe80::100", "2001:db8::100"):
        frame = parse(announcement(address, mac))
        assert (frame.kind, frame.source) == (IPV6_FRAME, mac)
        assert (frame.ttl, frame.ip_destination) == (255, "ff02::1")
        assert frame.destination == bytes.fromhex("333300000001")
        assert neighbour(frame) == Neighbour(
            kind=ADVERTISEMENT,
            router=True,
            solicited=False,
            override=True,
            target=address,
            link_layer=mac,
        )
        ends = (frame.ip_source, frame.ip_destination)
        assert frame.body == icmpv6(ADVERTISEMENT, frame.body[4:], ends)
