# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual router MAC (use_vmac): who sends from it, tells it, and takes what comes to it."""

from __future__ import annotations

import os
import socket

import pytest
from conformance.bench import by_standard, every_standard
from conformance.frames import ADVERTISEMENT, SOLICITATION, arp, neighbour
from conformance.lan import Director, eventually, inside
from conformance.probes import adverts, asked_by_arp, forwarded, plain, solicited
from conformance.reference import IPV4, IPV6, Standard
from conformance.testbed import OWNER_VMAC, OWNER_VMAC_IPV6, VMAC, Site, VirtualRouter

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.usefixtures("vmac_site"),
]


def macvlans(director: Director) -> list[dict[str, object]]:
    """The director's macvlan interfaces."""
    return [
        link
        for link in director.links()
        if isinstance(info := link.get("linkinfo"), dict) and info.get("info_kind") == "macvlan"
    ]


@every_standard
def test_adverts_leave_from_the_virtual_mac(site: Site, standard: Standard) -> None:
    router = VMAC[str(standard)]
    assert {frame.source for frame in adverts(site.active, router.vrid)} == {router.virtual_mac}


@every_standard
def test_without_the_option_adverts_leave_from_the_physical_mac(
    site: Site, standard: Standard
) -> None:
    router = plain(standard)
    assert {frame.source for frame in adverts(site.active, router.vrid)} == {site.active.mac()}


@every_standard
def test_virtual_mac_is_that_of_the_vrid(site: Site, standard: Standard) -> None:
    """00-00-5E-00-01-VRID over IPv4, 00-00-5E-00-02-VRID over IPv6, on the backup as well."""
    router = VMAC[str(standard)]
    expected = f"00:00:5e:00:0{1 if standard.family == 4 else 2}:{router.vrid:02x}"
    for director in (site.active, site.backup):
        assert expected in [link["address"] for link in macvlans(director)]


@every_standard
def test_other_vrid_has_another_virtual_mac(site: Site, standard: Standard) -> None:
    found = [link["address"] for link in macvlans(site.active)]
    assert len(found) == len(set(found)) == len(VMAC)
    assert str(standard) in VMAC


@every_standard
def test_virtual_mac_makes_no_interface_identifier(site: Site, standard: Standard) -> None:
    """The only IPv6 addresses of its interface are the virtual router's."""
    router = VMAC[str(standard)]
    for director in (site.active, site.backup):
        mac = router.virtual_mac.hex(":")
        (link,) = [each for each in macvlans(director) if each["address"] == mac]
        listed = link["addr_info"]
        assert isinstance(listed, list)
        found = {info["local"] for info in listed if info["family"] == "inet6"}
        expected = router.addresses if standard.family == 6 and director is site.active else ()
        assert found == set(expected)


@by_standard(*IPV4)
def test_arp_answer_tells_the_virtual_mac(site: Site, standard: Standard) -> None:
    router = VMAC[str(standard)]
    (answer,) = asked_by_arp(site, site.active, router.address)
    assert answer.sender_mac == router.virtual_mac


@by_standard(*IPV4)
def test_backup_with_a_virtual_mac_answers_no_arp(site: Site, standard: Standard) -> None:
    assert asked_by_arp(site, site.backup, VMAC[str(standard)].address) == []
    assert len(asked_by_arp(site, site.backup, site.backup.address)) == 1


@by_standard(*IPV4)
def test_without_the_option_arp_tells_the_physical_mac(site: Site, standard: Standard) -> None:
    (answer,) = asked_by_arp(site, site.active, plain(standard).address)
    assert answer.sender_mac == site.active.mac()


@by_standard(*IPV4)
def test_own_address_keeps_the_physical_mac(site: Site, standard: Standard) -> None:
    """One answer, and not another from each interface that has a virtual MAC."""
    assert site.active.has(VMAC[str(standard)].address)
    answers = asked_by_arp(site, site.active, site.active.address)
    assert [each.sender_mac for each in answers] == [site.active.mac()]


def announcements(site: Site, director: Director, router: VirtualRouter) -> list[bytes]:
    """The MACs that a director's gratuitous ARP told for an address, from the beginning."""
    return [
        found.sender_mac
        for frame in director.cable.everything()
        if (found := arp(frame)) is not None and found.sender == found.target == router.address
    ]


@by_standard(*IPV4)
def test_gratuitous_arp_tells_the_virtual_mac(site: Site, standard: Standard) -> None:
    router = VMAC[str(standard)]
    found = announcements(site, site.active, router)
    assert found
    assert set(found) == {router.virtual_mac}
    assert announcements(site, site.backup, router) == []


@by_standard(*IPV4)
def test_starting_owner_sends_no_arp_from_the_physical_mac(site: Site, standard: Standard) -> None:
    """No ARP packet that has its address as the sender's tells the physical MAC."""
    assert standard.family == OWNER_VMAC.standard.family
    told = [
        found.sender_mac
        for frame in site.alone.cable.everything()
        if (found := arp(frame)) is not None and found.sender == OWNER_VMAC.address
    ]
    assert told
    assert set(told) == {OWNER_VMAC.virtual_mac}


@by_standard(*IPV6)
def test_neighbour_advertisement_tells_the_virtual_mac(site: Site, standard: Standard) -> None:
    router = VMAC[str(standard)]
    for address in router.addresses:
        (answer,) = solicited(site, site.active, address)
        assert answer.link_layer == router.virtual_mac


@by_standard(*IPV6)
def test_backup_with_a_virtual_mac_answers_no_solicitation(site: Site, standard: Standard) -> None:
    for address in VMAC[str(standard)].addresses:
        assert solicited(site, site.backup, address) == []
    assert len(solicited(site, site.backup, site.backup.address6)) == 1


@by_standard(*IPV6)
def test_without_the_option_neighbours_learn_the_physical_mac(
    site: Site, standard: Standard
) -> None:
    (answer,) = solicited(site, site.active, plain(standard).address)
    assert answer.link_layer == site.active.mac()


@by_standard(*IPV6)
def test_unsolicited_advertisement_tells_the_virtual_mac(site: Site, standard: Standard) -> None:
    router = VMAC[str(standard)]
    for address in router.addresses:
        told = [
            found.link_layer
            for frame in site.active.cable.everything()
            if (found := neighbour(frame)) is not None
            and (found.kind, found.target, found.solicited) == (ADVERTISEMENT, address, False)
        ]
        assert told
        assert set(told) == {router.virtual_mac}


@by_standard(*IPV6)
def test_solicitation_from_the_virtual_router_tells_the_virtual_mac(
    site: Site, standard: Standard
) -> None:
    """A packet from its address makes the kernel ask for a host of its network."""
    router = VMAC[str(standard)]
    target = f"{router.address.rpartition(':')[0]}:aa"
    site.active.cable.forget()
    with inside(site.active.namespace), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.bind((router.address, 0))
        udp.sendto(b"", (target, 9))

    def asked() -> list[bytes]:
        return [
            found.link_layer
            for frame in site.active.cable.sent()
            if (found := neighbour(frame)) is not None
            and (found.kind, found.target) == (SOLICITATION, target)
        ]

    eventually(lambda: asked() != [], f"a solicitation for {target}", 2.0)
    assert set(asked()) == {router.virtual_mac}


@by_standard(*IPV6)
def test_starting_owner_sends_no_nd_from_the_physical_mac(site: Site, standard: Standard) -> None:
    """No advertisement of its addresses, and no solicitation from them, has the physical MAC."""
    assert standard.family == OWNER_VMAC_IPV6.standard.family
    physical = site.alone.mac()
    told = [
        (frame.source, found.link_layer)
        for frame in site.alone.cable.everything()
        if (found := neighbour(frame)) is not None
        and (
            (found.kind == ADVERTISEMENT and found.target in OWNER_VMAC_IPV6.addresses)
            or frame.ip_source in OWNER_VMAC_IPV6.addresses
        )
    ]
    assert told
    assert [each for each in told if physical in each] == []


@every_standard
def test_active_director_forwards_frames_to_the_virtual_mac(site: Site, standard: Standard) -> None:
    assert forwarded(site, site.active, standard.family, VMAC[str(standard)].virtual_mac)


@every_standard
def test_backup_discards_frames_to_the_virtual_mac(site: Site, standard: Standard) -> None:
    """It forwards those to its own MAC."""
    assert forwarded(site, site.backup, standard.family, site.backup.mac())
    assert not forwarded(site, site.backup, standard.family, VMAC[str(standard)].virtual_mac)


@every_standard
def test_frames_to_another_virtual_mac_are_nobodys(site: Site, standard: Standard) -> None:
    """Of a virtual router that is not there."""
    mac = VMAC[str(standard)].virtual_mac[:5] + b"\xfe"
    assert not forwarded(site, site.active, standard.family, mac)
