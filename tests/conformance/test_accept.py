# SPDX-License-Identifier: GPL-3.0-or-later
"""Accept_Mode: what becomes of packets to the addresses of an active director."""

from __future__ import annotations

import os

import pytest
from conformance.bench import by_standard, every_standard
from conformance.probes import asked_by_arp, pinged, plain, solicited
from conformance.reference import IPV4, IPV6, Standard
from conformance.testbed import CLOSED, Site

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


@every_standard
def test_packets_to_the_addresses_are_accepted(site: Site, standard: Standard) -> None:
    for address in plain(standard).addresses:
        assert len(pinged(site, site.active, address)) == 1


@every_standard
def test_no_accept_drops_packets_to_the_addresses(site: Site, standard: Standard) -> None:
    """The director's own address goes on answering."""
    for address in CLOSED[str(standard)].addresses:
        assert site.active.has(address)
        assert pinged(site, site.active, address) == []
    own = site.active.address if standard.family == 4 else site.active.address6
    assert len(pinged(site, site.active, own)) == 1


@by_standard(*IPV6)
def test_no_accept_still_answers_neighbour_solicitations(site: Site, standard: Standard) -> None:
    for address in CLOSED[str(standard)].addresses:
        assert len(solicited(site, site.active, address)) == 1


@by_standard(*IPV4)
def test_no_accept_still_answers_arp(site: Site, standard: Standard) -> None:
    assert len(asked_by_arp(site, site.active, CLOSED[str(standard)].address)) == 1
