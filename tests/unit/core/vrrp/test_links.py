# SPDX-License-Identifier: GPL-3.0-or-later
"""When an instance can work, and what it says when it cannot."""

from __future__ import annotations

import pytest
from lvs_agent.core.events import InterfaceDown, InterfaceUp
from lvs_agent.core.messages import LinkState
from lvs_agent.core.vrrp.links import condition, mac_bytes
from vrrp_builders import instance, ip, virtual

NAT = instance(addresses=(virtual("10.0.0.100"), virtual("192.168.1.254", "eth1")))


def link(
    name: str, *, index: int = 2, running: bool = True, primary: str | None = None
) -> LinkState:
    return LinkState(
        interface=name, index=index, running=running, primary=primary, mac="02:00:00:00:00:01"
    )


GOOD = link("eth0", primary="10.0.0.1")


def test_unknown_until_the_interface_is_reported() -> None:
    assert condition(instance(), {}) is None
    assert condition(NAT, {"eth1": link("eth1")}) is None


def test_running_with_an_address_is_up() -> None:
    assert condition(instance(), {"eth0": GOOD}) == InterfaceUp(primary=ip("10.0.0.1"))


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ([link("eth0", index=0, running=False)], "interface eth0 does not exist"),
        ([link("eth0", running=False, primary="10.0.0.1")], "interface eth0 is down"),
        ([link("eth0")], "interface eth0 has no IPv4 address to send adverts from"),
        ([GOOD, link("eth1", running=False)], "interface eth1 is down"),
        ([GOOD, link("eth1", index=0, running=False)], "interface eth1 does not exist"),
    ],
)
def test_reason_names_the_interface(links: list[LinkState], reason: str) -> None:
    found = condition(NAT, {each.interface: each for each in links})
    assert found == InterfaceDown(reason=reason)


def test_interface_of_an_address_needs_no_address_of_its_own() -> None:
    links = {"eth0": GOOD, "eth1": link("eth1")}
    assert isinstance(condition(NAT, links), InterfaceUp)


def test_only_ethernet_addresses_are_ethernet_addresses() -> None:
    assert mac_bytes("02:00:00:00:00:01") == bytes.fromhex("020000000001")
    assert [mac_bytes(text) for text in (None, "", "nonsense", "02:00")] == [None] * 4
