# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv6 on the wire and in the kernel: what leaves a director, and what it answers."""

from __future__ import annotations

import json
import os
import time
from ipaddress import ip_address
from typing import Any

import pytest
from conformance.bench import by_standard
from conformance.frames import (
    ADVERTISEMENT,
    ICMPV6,
    ROUTER_ADVERTISEMENT,
    icmpv6,
    ipv6,
    solicited_node,
)
from conformance.lan import Director, eventually
from conformance.probes import (
    GROUP_MAC,
    adverts,
    forged,
    forwarded,
    plain,
    received,
    send,
    solicited,
)
from conformance.reference import IPV6, Standard, internet_checksum
from conformance.testbed import ALONE, Site

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
every_ipv6 = by_standard(*IPV6)


@every_ipv6
def test_adverts_come_from_the_link_local_address(site: Site, standard: Standard) -> None:
    """Of the interface, not of the virtual router, although that is on the same interface."""
    router = plain(standard)
    assert site.active.has(router.addresses[0])
    for frame in adverts(site.active, router.vrid):
        assert frame.ip_source == site.active.address6


@every_ipv6
def test_adverts_go_to_the_group(site: Site, standard: Standard) -> None:
    for frame in adverts(site.active, plain(standard).vrid):
        assert (frame.ip_destination, frame.destination) == ("ff02::12", GROUP_MAC[6])


@every_ipv6
def test_adverts_have_hop_limit_255(site: Site, standard: Standard) -> None:
    assert {frame.ttl for frame in adverts(site.active, plain(standard).vrid)} == {255}


@every_ipv6
def test_adverts_have_next_header_112(site: Site, standard: Standard) -> None:
    assert {frame.payload[6] for frame in adverts(site.active, plain(standard).vrid)} == {112}


@every_ipv6
def test_adverts_are_marked_as_internetwork_control(site: Site, standard: Standard) -> None:
    for frame in adverts(site.active, plain(standard).vrid):
        assert frame.traffic_class == 0xC0


@every_ipv6
def test_checksums_are_right(site: Site, standard: Standard) -> None:
    sent = forged(site, plain(standard), source=site.active.address6)
    for frame in adverts(site.active, plain(standard).vrid):
        header = sent.pseudo_header(len(frame.body))
        assert internet_checksum(header + frame.body) == 0


@every_ipv6
def test_other_next_headers_are_not_heard(site: Site, standard: Standard) -> None:
    router = plain(standard)
    before = received(site.active, router)
    for protocol in (111, 113):
        send(site, site.active, forged(site, router, priority=255), protocol=protocol)
    time.sleep(0.2)
    assert received(site.active, router) == before
    send(site, site.active, forged(site, router))
    eventually(lambda: received(site.active, router) == before + 1, "the right protocol", 2.0)


@every_ipv6
def test_other_hop_limits_are_not_heard(site: Site, standard: Standard) -> None:
    """The hop limit comes to the agent beside the packet (RFC 3542), so it is tried for real."""
    router = plain(standard)
    before = received(site.active, router)
    for ttl in (1, 254):
        send(site, site.active, forged(site, router, priority=255), ttl=ttl)
    time.sleep(0.2)
    assert received(site.active, router) == before
    assert site.active.instance(router.name)["counters"]["rejected"]["ttl"] >= 2


@every_ipv6
def test_forwarding_director_does_not_forward_adverts(site: Site, standard: Standard) -> None:
    """It forwards other packets that come the same way."""
    site.active.far.forget()
    send(site, site.active, forged(site, plain(standard)))
    time.sleep(0.2)
    assert [frame for frame in site.active.far.sent() if frame.vrrp] == []
    assert forwarded(site, site.active, 6, site.active.mac())


@every_ipv6
def test_active_director_forwards_nothing_to_the_addresses(site: Site, standard: Standard) -> None:
    address = plain(standard).address
    for cable in (site.active.cable, site.active.far):
        cable.forget()
    macs = (site.host.mac(), site.active.mac())
    body = bytes.fromhex("3039303900081234")
    for _ in range(3):
        site.active.cable.inject(
            ipv6(macs=macs, ends=("2001:db8:7::1", address), protocol=17, body=body, ttl=64)
        )
    time.sleep(0.2)
    for cable in (site.active.cable, site.active.far):
        assert [each for each in cable.sent() if each.ip_destination == address] == []


@every_ipv6
def test_active_director_answers_solicitations(site: Site, standard: Standard) -> None:
    for address in plain(standard).addresses:
        (answer,) = solicited(site, site.active, address)
        assert (answer.target, answer.solicited) == (address, True)


@every_ipv6
def test_backup_does_not_answer_solicitations(site: Site, standard: Standard) -> None:
    """It is asked alone, and answers for its own address."""
    for address in plain(standard).addresses:
        assert solicited(site, site.backup, address) == []
    assert len(solicited(site, site.backup, site.backup.address6)) == 1


@every_ipv6
def test_forwarding_director_answers_as_a_router(site: Site, standard: Standard) -> None:
    for address in plain(standard).addresses:
        (answer,) = solicited(site, site.active, address)
        assert answer.router


@every_ipv6
def test_director_that_does_not_forward_answers_as_a_host(site: Site, standard: Standard) -> None:
    (answer,) = solicited(site, site.alone, ALONE[str(standard)].address)
    assert not answer.router


def groups(director: Director) -> set[str]:
    """The IPv6 groups of a director's interfaces."""
    shown: list[dict[str, Any]] = json.loads(director.ip("-6", "-j", "maddress", "show"))
    return {
        str(entry["address"])
        for link in shown
        for entry in link.get("maddr", [])
        if entry.get("family") == "inet6"
    }


@every_ipv6
def test_active_director_is_in_the_solicited_node_groups(site: Site, standard: Standard) -> None:
    for address in plain(standard).addresses:
        assert solicited_node(address)[0] in groups(site.active)


@every_ipv6
def test_backup_is_not_in_the_solicited_node_groups(site: Site, standard: Standard) -> None:
    for address in plain(standard).addresses:
        assert solicited_node(address)[0] not in groups(site.backup)


@every_ipv6
def test_no_router_advertisements(site: Site, standard: Standard) -> None:
    """Neither from the active director nor from the backup, since they started."""
    assert standard.family == 6
    sent = [
        frame for director in (site.active, site.backup) for frame in director.cable.everything()
    ]
    assert ADVERTISEMENT in {frame.icmp_type for frame in sent if frame.protocol == ICMPV6}
    assert [frame for frame in sent if frame.icmp_type == ROUTER_ADVERTISEMENT] == []


@every_ipv6
def test_addresses_skip_duplicate_address_detection(site: Site, standard: Standard) -> None:
    """The kernel was told so; the agent's own probes for a second active router go on."""
    for address in plain(standard).addresses:
        (info,) = [
            info
            for link in site.active.links()
            for info in link.get("addr_info", [])
            if info.get("local") == address
        ]
        assert info.get("nodad") is True
        assert "tentative" not in info
        assert "dadfailed" not in info


@every_ipv6
def test_unsolicited_advertisements_update_the_neighbour_cache(
    site: Site, standard: Standard
) -> None:
    neighbour_address = f"fe80::aa:{int(standard.rfc):x}"
    old, new = bytes.fromhex("0200000000a1"), bytes.fromhex("0200000000a2")
    rest = bytes.fromhex("20000000") + ip_address(neighbour_address).packed + b"\x02\x01" + new
    ends = (neighbour_address, "ff02::1")
    frame = ipv6(
        macs=(new, bytes.fromhex("333300000001")),
        ends=ends,
        protocol=ICMPV6,
        body=icmpv6(ADVERTISEMENT, rest, ends),
    )
    for director in (site.active, site.backup):
        entry = (neighbour_address, "lladdr", old.hex(":"), "dev", "eth0", "nud", "stale")
        director.ip("neighbour", "replace", *entry)
        director.cable.inject(frame)
        shown = ("-6", "neighbour", "show", "dev", "eth0")
        eventually(
            lambda director=director, shown=shown: new.hex(":") in director.ip(*shown),  # type: ignore[misc]
            "the new MAC",
            2.0,
        )
