# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv4 on the wire and in the kernel: what leaves a director, and what it answers."""

from __future__ import annotations

import os
import time

import pytest
from conformance.bench import by_standard, every_standard
from conformance.frames import UDP, Frame, ipv4
from conformance.lan import Director, eventually
from conformance.probes import (
    GROUP_MAC,
    adverts,
    asked_by_arp,
    forged,
    forwarded,
    pinged,
    plain,
    received,
    send,
)
from conformance.reference import (
    IPV4,
    RFC9568,
    Message,
    Standard,
    internet_checksum,
)
from conformance.testbed import LEAVING, OWNER, Site, document

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
GROUP = "224.0.0.18"
every_ipv4 = by_standard(*IPV4)


@every_ipv4
def test_adverts_have_ttl_255(site: Site, standard: Standard) -> None:
    for frame in adverts(site.active, plain(standard).vrid):
        assert (frame.ttl, frame.ip_destination) == (255, GROUP)
        assert frame.destination == GROUP_MAC[4]


@every_ipv4
def test_adverts_come_from_the_primary_address(site: Site, standard: Standard) -> None:
    """Not from a virtual one, although those are on the same interface."""
    router = plain(standard)
    assert site.active.has(router.address)
    for frame in adverts(site.active, router.vrid):
        assert frame.ip_source == site.active.address


@every_ipv4
def test_adverts_are_marked_as_internetwork_control(site: Site, standard: Standard) -> None:
    for frame in adverts(site.active, plain(standard).vrid):
        assert frame.traffic_class == 0xC0


@every_ipv4
def test_checksums_are_right(site: Site, standard: Standard) -> None:
    """The IP header's, and the message's as this RFC reads it, and not as the other."""
    router = plain(standard)
    sent = forged(site, plain(standard), source=site.active.address)
    for frame in adverts(site.active, router.vrid):
        assert internet_checksum(frame.payload[:20]) == 0
        header = sent.pseudo_header(len(frame.body))
        with_header = internet_checksum(header + frame.body) == 0
        alone = internet_checksum(frame.body) == 0
        assert (with_header, alone) == (standard.pseudo_header, not standard.pseudo_header)


@every_ipv4
def test_other_protocols_are_not_heard(site: Site, standard: Standard) -> None:
    before = received(site.active, plain(standard))
    for protocol in (111, 113):
        send(site, site.active, forged(site, plain(standard), priority=255), protocol=protocol)
    time.sleep(0.2)
    assert received(site.active, plain(standard)) == before
    send(site, site.active, forged(site, plain(standard)))
    eventually(
        lambda: received(site.active, plain(standard)) == before + 1, "the right protocol", 2.0
    )


@every_ipv4
def test_vrid_of_another_interface_is_unknown(site: Site, standard: Standard) -> None:
    before = received(site.active, plain(standard))
    send(site, site.active, forged(site, plain(standard), priority=255), far=True)
    time.sleep(0.2)
    assert received(site.active, plain(standard)) == before
    assert site.active.instance(plain(standard).name)["state"] == "MASTER"


@every_ipv4
def test_forwarding_director_does_not_forward_adverts(site: Site, standard: Standard) -> None:
    """It forwards other packets that come the same way."""
    site.active.far.forget()
    send(site, site.active, forged(site, plain(standard)))
    time.sleep(0.2)
    assert [frame for frame in site.active.far.sent() if frame.vrrp] == []
    assert forwarded(site, site.active, 4, site.active.mac())


@every_ipv4
def test_active_director_forwards_to_others(site: Site, standard: Standard) -> None:
    assert site.active.has(plain(standard).address)
    assert forwarded(site, site.active, 4, site.active.mac())


@every_ipv4
def test_active_director_forwards_nothing_to_the_addresses(site: Site, standard: Standard) -> None:
    """It keeps or drops them: none leaves it on either side."""
    address = plain(standard).address
    for cable in (site.active.cable, site.active.far):
        cable.forget()
    frame = ipv4(
        macs=(site.host.mac(), site.active.mac()),
        ends=(site.host.address, address),
        protocol=UDP,
        body=bytes.fromhex("303930390008") + bytes(2),
    )
    for _ in range(3):
        site.active.cable.inject(frame)
    time.sleep(0.2)
    for cable in (site.active.cable, site.active.far):
        assert [each for each in cable.sent() if each.ip_destination == address] == []


@every_ipv4
def test_active_director_answers_arp(site: Site, standard: Standard) -> None:
    address = plain(standard).address
    (answer,) = asked_by_arp(site, site.active, address)
    assert (answer.sender, answer.target) == (address, site.host.address)


@every_ipv4
def test_backup_does_not_answer_arp(site: Site, standard: Standard) -> None:
    """It is asked alone, and answers for its own address."""
    assert asked_by_arp(site, site.backup, plain(standard).address) == []
    assert len(asked_by_arp(site, site.backup, site.backup.address)) == 1


@every_ipv4
def test_active_director_accepts_packets_to_the_addresses(site: Site, standard: Standard) -> None:
    (reply,) = pinged(site, site.active, plain(standard).address)
    assert reply.ip_destination == site.host.address


@every_ipv4
def test_backup_does_not_accept_packets_to_the_addresses(site: Site, standard: Standard) -> None:
    """They come to its own MAC; it answers those to its own address."""
    assert pinged(site, site.backup, plain(standard).address) == []
    assert len(pinged(site, site.backup, site.backup.address)) == 1


def lines(director: Director, instance: str, words: str) -> list[str]:
    """The journal's warnings about an instance's adverts."""
    return [line for line in director.log() if f"vrrp {instance} " in line and words in line]


def bad_ones(site: Site, standard: Standard) -> dict[str, tuple[Message, int]]:
    """Words of the log line, and the message with its TTL that draws it."""
    good = forged(site, plain(standard))
    found = {
        "its TTL is not 255": (good, 254),
        "its VRRP version differs": (good.but(version=5 - standard.version), 255),
        "it is not an advertisement": (good.but(type=2), 255),
        "shorter than its address count says": (good.but(count=9), 255),
        "its checksum is wrong": (good.but(checksum=1), 255),
    }
    if standard.version == 2:
        found["its authentication type differs"] = (good.but(auth_type=1), 255)
        found["its advert_int differs, which VRRP version 2 forbids"] = (good.but(interval=2), 255)
    return found


@every_ipv4
def test_failed_checks_are_logged(site: Site, standard: Standard) -> None:
    name = plain(standard).name
    for words, (sent, ttl) in bad_ones(site, standard).items():
        send(site, site.backup, sent, ttl=ttl)
        eventually(lambda words=words: lines(site.backup, name, words) != [], words, 2.0)  # type: ignore[misc]
        assert site.host.address in lines(site.backup, name, words)[0]
    assert site.backup.instance(name)["state"] == "BACKUP"


@every_ipv4
def test_failed_checks_are_logged_at_a_limited_rate(site: Site, standard: Standard) -> None:
    before = site.active.instance(plain(standard).name)["counters"]["rejected"]["ttl"]
    for _ in range(100):
        send(site, site.active, forged(site, plain(standard)), ttl=1)

    def counted() -> bool:
        rejected = site.active.instance(plain(standard).name)["counters"]["rejected"]
        return bool(rejected["ttl"] == before + 100)

    eventually(counted, "100 rejects", 5.0)
    assert len(lines(site.active, plain(standard).name, "its TTL is not 255")) == 1


def odd_ones(site: Site, standard: Standard) -> dict[str, Message]:
    """Words of the log line, and the accepted message that draws it."""
    good = forged(site, plain(standard))
    found = {"its virtual addresses differ from ours": good.but(addresses=("10.7.0.250",))}
    if standard.version == 3:
        found["its advert_int differs from ours"] = good.but(interval=good.interval + 1)
    return found


@every_ipv4
def test_remarks_are_logged(site: Site, standard: Standard) -> None:
    name = plain(standard).name
    for words, sent in odd_ones(site, standard).items():
        send(site, site.active, sent)
        eventually(lambda words=words: lines(site.active, name, words) != [], words, 2.0)  # type: ignore[misc]


@every_ipv4
def test_remarks_are_logged_at_a_limited_rate(site: Site, standard: Standard) -> None:
    before = received(site.active, plain(standard))
    for sent in odd_ones(site, standard).values():
        for _ in range(50):
            send(site, site.active, sent)
    expected = before + 50 * len(odd_ones(site, standard))
    eventually(lambda: received(site.active, plain(standard)) == expected, "all are accepted", 5.0)
    for words in odd_ones(site, standard):
        assert len(lines(site.active, plain(standard).name, words)) == 1


@by_standard(RFC9568)
def test_second_owner_is_logged(site: Site, standard: Standard) -> None:
    """Its address is the lower one, so the owner stays."""
    sent = forged(
        site,
        plain(standard),
        vrid=OWNER.vrid,
        addresses=(OWNER.address,),
        priority=255,
    )
    send(site, site.alone, sent)
    words = "it comes to an address owner (priority 255)"
    eventually(lambda: lines(site.alone, "owner", words) != [], words, 2.0)
    assert site.alone.instance("owner")["state"] == "MASTER"


@pytest.fixture(scope="module")
def leaving(site: Site) -> list[Frame]:
    """What a director sent that became active and was stopped."""
    director = site.lan.director("d", 14)
    # Owners need not wait for a silence.
    director.start(document(tuple(LEAVING.values()), priority=255))
    director.wait_for("MASTER", [each.name for each in LEAVING.values()])
    assert all(director.has(each.address) for each in LEAVING.values())
    director.stop()
    assert not any(director.has(each.address) for each in LEAVING.values())
    return [frame for frame in director.cable.everything() if frame.vrrp]


@every_standard
def test_resignation_is_on_the_wire(leaving: list[Frame], standard: Standard) -> None:
    """Once, and nothing after it."""
    vrid = LEAVING[str(standard)].vrid
    priorities = [frame.body[2] for frame in leaving if frame.body[1] == vrid]
    assert priorities.count(0) == 1
    assert priorities[-1] == 0
