# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the wire ask a director, one at a time, and what they see of its adverts."""

from __future__ import annotations

import time

from conformance.frames import (
    ADVERTISEMENT,
    UDP,
    Arp,
    Frame,
    Neighbour,
    arp,
    arp_request,
    echo_request,
    ipv4,
    ipv6,
    is_echo_reply,
    neighbour,
    solicitation,
)
from conformance.lan import Director, eventually
from conformance.reference import Message
from conformance.testbed import FAST_S, PLAIN, Site, VirtualRouter

GROUP_MAC = {4: bytes.fromhex("01005e000012"), 6: bytes.fromhex("333300000012")}
GROUP = {4: "224.0.0.18", 6: "ff02::12"}
FAR_MAC = bytes.fromhex("020000000077")
FAR = {4: "10.8.0.77", 6: "2001:db8:8::77"}
# Long enough for an answer on a busy machine, where none is expected.
IN_VAIN_S = 0.3


def adverts(director: Director, vrid: int, count: int = 2) -> list[Frame]:
    """Some adverts of a virtual router, as they left the director from now on."""
    director.cable.forget()

    def found() -> list[Frame]:
        return [each for each in director.cable.sent() if each.vrrp and each.body[1] == vrid]

    eventually(lambda: len(found()) >= count, f"{count} adverts of VRID {vrid}", 5.0)
    return found()


def forged(site: Site, router: VirtualRouter, **changes: object) -> Message:
    """What a weaker router would send to the instance of `router`."""
    family = router.standard.family
    plain = Message(
        standard=router.standard,
        source=site.host.address if family == 4 else site.host.address6,
        destination=GROUP[family],
        addresses=router.addresses,
        vrid=router.vrid,
        priority=1,
        interval=1 if router.standard.version == 2 else round(FAST_S * 100),
    )
    return plain.but(**changes)


def send(
    site: Site,
    to: Director,
    sent: Message,
    *,
    ttl: int = 255,
    protocol: int = 112,
    far: bool = False,
) -> None:
    """Put a message into one director's cable."""
    family = sent.standard.family
    frame = (ipv4 if family == 4 else ipv6)(
        macs=(site.host.mac(), GROUP_MAC[family]),
        ends=(sent.source, sent.destination),
        protocol=protocol,
        body=sent.wire(),
        ttl=ttl,
    )
    (to.far if far else to.cable).inject(frame)


def received(director: Director, router: VirtualRouter) -> int:
    """How many adverts an instance has accepted."""
    return int(director.instance(router.name)["counters"]["adverts_received"])


def asked_by_arp(site: Site, director: Director, address: str) -> list[Arp]:
    """What a director alone answers to an ARP request."""

    def answer(frame: Frame) -> bool:
        found = arp(frame)
        # Requests of its own may pass at the same time.
        return found is not None and (found.operation, found.sender) == (2, address)

    request = arp_request(site.host.mac(), site.host.address, address)
    answers = director.cable.answers(request, answer, IN_VAIN_S)
    return [found for each in answers if (found := arp(each)) is not None]


def solicited(site: Site, director: Director, address: str) -> list[Neighbour]:
    """What a director alone answers to a neighbour solicitation."""
    request = solicitation(site.host.mac(), site.host.address6, address)

    def answer(frame: Frame) -> bool:
        found = neighbour(frame)
        return found is not None and found.kind == ADVERTISEMENT and found.target == address

    answers = director.cable.answers(request, answer, IN_VAIN_S)
    return [found for each in answers if (found := neighbour(each)) is not None]


def pinged(site: Site, director: Director, address: str, mac: bytes | None = None) -> list[Frame]:
    """What a director alone answers to a ping of `address` at its MAC, or at another."""
    source = site.host.address6 if ":" in address else site.host.address
    ping = echo_request(macs=(site.host.mac(), mac or director.mac()), ends=(source, address))
    replies = director.cable.answers(ping, is_echo_reply, IN_VAIN_S)
    return [each for each in replies if each.ip_source == address]


def forwarded(site: Site, director: Director, family: int, mac: bytes) -> bool:
    """Whether a director sends on what comes to `mac` for a host behind it."""
    director.ip("neighbour", "replace", FAR[family], "lladdr", FAR_MAC.hex(":"), "dev", "eth1")
    director.far.forget()
    source = site.host.address if family == 4 else "2001:db8:7::1"
    frame = (ipv4 if family == 4 else ipv6)(
        macs=(site.host.mac(), mac),
        ends=(source, FAR[family]),
        protocol=UDP,
        body=bytes.fromhex("3039303900081234"),
        ttl=64,
    )
    director.cable.inject(frame)
    end = time.monotonic() + IN_VAIN_S
    while time.monotonic() < end:
        for each in director.far.sent():
            if each.ip_destination == FAR[family] and each.ttl == 63:
                assert each.destination == FAR_MAC
                return True
        time.sleep(0.01)
    return False


def plain(name: object) -> VirtualRouter:
    """The plain virtual router of a standard."""
    return PLAIN[str(name)]
