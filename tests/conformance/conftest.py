# SPDX-License-Identifier: GPL-3.0-or-later
"""One LAN for all tests that need the kernel and the wire: its start is what costs time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.lan import Director, Lan
from conformance.testbed import OF_C, SHARED, VMAC, WITHOUT_VMAC, Site, VirtualRouter, document


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    lan = Lan(tmp_path_factory.mktemp("conformance"))
    try:
        a, b, c = (lan.director(name, 11 + n) for n, name in enumerate("abc"))
        host = lan.host("h", 1)
        for director in (a, b):
            director.write("net/ipv4/ip_forward", "1")
            director.write("net/ipv6/conf/all/forwarding", "1")
        a.start(document(SHARED, priority=150))
        c.start(document(OF_C))
        # The backup comes when there is nothing to take over, so that it never was active.
        a.wait_for("MASTER", [each.name for each in SHARED])
        b.start(document(SHARED, priority=100))
        settled(a, b, WITHOUT_VMAC)
        c.wait_for("MASTER", [each.name for each in OF_C])
        yield Site(lan=lan, active=a, backup=b, alone=c, host=host)
    finally:
        lan.close()


@pytest.fixture(scope="session")
def vmac_site(site: Site) -> Site:
    """The same, once the virtual routers with a virtual MAC have settled too."""
    settled(site.active, site.backup, tuple(VMAC.values()))
    return site


def settled(active: Director, backup: Director, routers: tuple[VirtualRouter, ...]) -> None:
    """Wait until each director is what it is to be."""
    names = [each.name for each in routers]
    active.wait_for("MASTER", names)
    backup.wait_for("BACKUP", names)
