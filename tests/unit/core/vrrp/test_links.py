# SPDX-License-Identifier: GPL-3.0-or-later
"""When an instance can work, and what it says when it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lvs_agent.core.events import InterfaceDown, InterfaceUp
from lvs_agent.core.messages import LinkState
from lvs_agent.core.model import AhAuthentication, UnicastPeer, Vmac, VrrpInstance
from lvs_agent.core.vrrp.links import Need, condition, interfaces, mac_bytes, needs, source_of
from vrrp_builders import S, instance, instance6, ip, virtual

NAT = instance(addresses=(virtual("10.0.0.100"), virtual("192.168.1.254", "eth1")))


def link(
    name: str, *, index: int = 2, running: bool = True, primary: str | None = None, **more: Any
) -> LinkState:
    return LinkState(
        interface=name,
        index=index,
        running=running,
        primary=primary,
        mac="02:00:00:00:00:01",
        **more,
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


VMAC = Vmac(interface="vrrp.51", mac="00:00:5e:00:01:33", xmit_base=False)
WITH_VMAC = instance(vmac=VMAC, addresses=(virtual("10.0.0.100", "vrrp.51"),))


def test_ipv6_needs_a_link_local_address() -> None:
    assert condition(instance6(), {"eth0": GOOD}) == InterfaceDown(
        reason="interface eth0 has no IPv6 link-local address to send adverts from"
    )
    good = link("eth0", primary6="fe80::1")
    assert condition(instance6(), {"eth0": good}) == InterfaceUp(primary=ip("fe80::1"))


def test_configured_source_is_used_and_tracked_only_when_told_so() -> None:
    of = instance(source="10.0.0.7")
    links = {"eth0": link("eth0", primary="10.0.0.1", sources=("10.0.0.1",))}
    assert source_of(of, links) == "10.0.0.7"
    assert condition(of, links) == InterfaceUp(primary=ip("10.0.0.7"))
    tracked = instance(source="10.0.0.7", track_source=True)
    assert condition(tracked, links) == InterfaceDown(
        reason="interface eth0 lacks the adverts' source address 10.0.0.7"
    )
    links["eth0"] = link("eth0", primary="10.0.0.1", sources=("10.0.0.1", "10.0.0.7"))
    assert condition(tracked, links) == InterfaceUp(primary=ip("10.0.0.7"))


def test_nothing_is_said_before_the_interface_that_adverts_leave_by_is_known() -> None:
    assert condition(WITH_VMAC, {"eth0": GOOD}) is None
    base = replace(WITH_VMAC, vmac=replace(VMAC, xmit_base=True))
    assert condition(base, {"eth0": GOOD}) == InterfaceUp(primary=ip("10.0.0.1"))


def test_vmac_that_is_missing_or_down_is_a_fault() -> None:
    missing = {"eth0": GOOD, "vrrp.51": link("vrrp.51", index=0, running=False)}
    assert condition(WITH_VMAC, missing) == InterfaceDown(reason="interface vrrp.51 does not exist")
    down = {"eth0": GOOD, "vrrp.51": link("vrrp.51", running=False)}
    assert condition(WITH_VMAC, down) == InterfaceDown(reason="interface vrrp.51 is down")
    up = {"eth0": GOOD, "vrrp.51": link("vrrp.51")}
    assert isinstance(condition(WITH_VMAC, up), InterfaceUp)


def test_untracked_own_interface_may_be_down_but_not_absent() -> None:
    of = instance(track_primary=False)
    down = link("eth0", running=False, primary="10.0.0.1")
    assert isinstance(condition(of, {"eth0": down}), InterfaceUp)
    absent = link("eth0", index=0, running=False)
    assert isinstance(condition(of, {"eth0": absent}), InterfaceDown)


def test_unicast_without_a_peer_is_a_fault_when_told_so() -> None:
    found = condition(instance(unicast_fault_no_peer=True), {"eth0": GOOD})
    assert isinstance(found, InterfaceDown)
    assert "unicast_fault_no_peer" in found.reason


def test_interface_of_an_excluded_address_counts() -> None:
    of = instance(excluded=(virtual("192.168.1.254", "eth1"),))
    assert interfaces(of) == ("eth0", "eth1")
    links = {"eth0": GOOD, "eth1": link("eth1", running=False)}
    assert condition(of, links) == InterfaceDown(reason="interface eth1 is down")


def every(*instances: VrrpInstance) -> dict[str, Need]:
    return needs(instances)


def test_adverts_leave_by_the_vmac_and_are_heard_on_both() -> None:
    found = every(WITH_VMAC)
    group, vrid = frozenset({(4, "224.0.0.18")}), frozenset({(4, 51)})
    assert found["eth0"] == Need(groups=group, vrids=vrid)
    # Another master's frames have the MAC of our own VMAC and go there.
    assert found["vrrp.51"] == Need(
        groups=group, vrids=vrid, mac=VMAC.mac, send=frozenset({4}), frames=True
    )
    base = instance(vmac=Vmac(interface="vrrp.51", mac=VMAC.mac, xmit_base=True))
    assert every(base)["eth0"].send == {4}


def test_needs_of_several_instances_add_up() -> None:
    sealed = instance(
        name="sealed",
        virtual_router_id=52,
        authentication=AhAuthentication(key=b"key"),
        dual_active_probe_ns=S,
    )
    alone = instance(name="alone", virtual_router_id=53, peers=(UnicastPeer(address="10.0.0.2"),))
    assert every(sealed, alone, instance6()) == {
        "eth0": Need(
            groups=frozenset({(4, "224.0.0.18"), (6, "ff02::12")}),
            unicast=frozenset({4}),
            header=True,
            send=frozenset({4, 6}),
            frames=True,
            claims=frozenset({(4, "10.0.0.100")}),
            vrids=frozenset({(4, 52), (4, 53), (6, 51)}),
        )
    }
