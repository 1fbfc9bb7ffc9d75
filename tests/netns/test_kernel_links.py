# SPDX-License-Identifier: GPL-3.0-or-later
"""VMAC interfaces, interface settings and interface states on a real kernel."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lvs_agent.adapters import link_netlink, link_state_file, privileges
from lvs_agent.adapters.netlink import Netlink
from lvs_agent.adapters.rtnetlink import read_links
from lvs_agent.core.links_wanted import Setting, value_of
from lvs_agent.core.messages import LinkState, Ready
from lvs_agent.core.model import GlobalDefs, InterfaceDelay
from netns.host_harness import (
    MAC4,
    MAC6,
    Keeper,
    Neighbour,
    addresses,
    config,
    inside,
    instance,
    link,
    setting,
    virtual,
    with_vmac,
)
from netns.kernel_harness import KernelProcess, Namespace, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

BASE_SETTINGS = ("arp_ignore", "arp_filter", "arp_announce")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def neighbour(namespace: Namespace) -> Iterator[Neighbour]:
    made = Neighbour(namespace, "eth0p")
    yield made
    made.close()


def settings(namespace: Namespace, interface: str = "eth0") -> list[int]:
    return [setting(namespace, interface, name) for name in BASE_SETTINGS]


def saved(directory: Path) -> object:
    return json.loads((directory / "links.json").read_text())


# The interface


def test_vmac_is_a_private_macvlan_with_the_virtual_mac_up_and_without_addresses(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    found = link(namespace, "vrrp.51")
    assert found is not None
    assert found["link"] == "eth0"
    assert found["address"] == MAC4
    assert found["linkinfo"]["info_kind"] == "macvlan"
    assert found["linkinfo"]["info_data"]["mode"] == "private"
    assert found["inet6_addr_gen_mode"] == "none"
    assert {"UP", "LOWER_UP"} <= set(found["flags"])
    time.sleep(0.1)
    shown = json.loads(namespace.ip("-j", "addr", "show", "dev", "vrrp.51"))
    assert shown[0]["addr_info"] == []
    assert [setting(namespace, "vrrp.51", n) for n in ("accept_local", "rp_filter")] == [1, 0]
    assert setting(namespace, "vrrp.51", "arp_ignore") == 1
    assert setting(namespace, "vrrp.51", "arp_filter") == 0
    state = keeper.state("vrrp.51")
    assert (state.running, state.mac, state.primary, state.primary6) == (True, MAC4, None, None)
    assert keeper.stop() == []
    assert link(namespace, "vrrp.51") is None


def test_vmac_answers_arp_with_its_mac_and_the_base_does_not(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24", "198.51.100.9/32")))
    base = link(namespace, "eth0")
    assert base is not None
    assert neighbour.arp("192.0.2.99") == []  # a backup is silent
    assert keeper.keeper.hold("VI_1", True) is None
    assert neighbour.arp("192.0.2.99") == [MAC4]
    assert neighbour.arp("198.51.100.9") == [MAC4]
    assert neighbour.arp("192.0.2.1") == [base["address"]]
    assert keeper.keeper.hold("VI_1", False) is None
    assert neighbour.arp("192.0.2.99") == []


def test_base_asks_for_neighbours_in_its_own_name_only(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/32")))
    keeper.keeper.hold("VI_1", True)
    with inside(namespace):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("192.0.2.99", 0))
        client.sendto(b"an answer of the virtual address", ("192.0.2.50", 9))
    requests = [frame for frame in neighbour.frames(b"\x08\x06", 0.4) if frame[20:22] == b"\0\1"]
    client.close()
    assert requests
    # With the virtual address as sender, neighbours would learn the base's MAC for it.
    assert {socket.inet_ntoa(frame[28:32]) for frame in requests} == {"192.0.2.1"}


def test_ipv6_vmac_answers_solicitations_with_its_mac(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    wanted = with_vmac("fe80::99/64", "2001:db8::99/64", mac=MAC6)
    keeper = Keeper(namespace, tmp_path, config(wanted))
    assert settings(namespace) == [0, 0, 0]  # ARP is none of its business
    assert neighbour.arp("192.0.2.1") == [(link(namespace, "eth0") or {})["address"]]
    assert neighbour.solicit("2001:db8::99") == []
    assert keeper.keeper.hold("VI_1", True) is None
    assert neighbour.solicit("2001:db8::99") == [MAC6]
    assert neighbour.solicit("fe80::99") == [MAC6]


def test_existing_vmac_is_adopted_when_it_is_exactly_so_and_replaced_otherwise(
    namespace: Namespace, tmp_path: Path
) -> None:
    wanted = config(with_vmac("192.0.2.99/24"))
    Keeper(namespace, tmp_path, wanted)
    before = link(namespace, "vrrp.51")
    adopted = Keeper(namespace, tmp_path, wanted, restarted=True)
    after = link(namespace, "vrrp.51")
    assert before is not None
    assert after is not None
    assert before["ifindex"] == after["ifindex"]
    assert adopted.logged == []
    assert adopted.keeper.drift()["vmacs_put_back"] == 0
    namespace.ip("link", "set", "vrrp.51", "address", "02:00:00:00:00:99")
    adopted.until(lambda: (link(namespace, "vrrp.51") or after)["ifindex"] != after["ifindex"])
    replaced = link(namespace, "vrrp.51")
    assert replaced is not None
    assert replaced["address"] == MAC4
    assert "UP" in replaced["flags"]


def test_interface_of_that_name_that_is_no_macvlan_is_never_deleted(
    namespace: Namespace, tmp_path: Path
) -> None:
    namespace.add_interface("vrrp.51")
    foreign = setting(namespace, "vrrp.51", "accept_local")
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    keeper.serve(0.1)
    assert [line for line in keeper.logged if "vrrp.51" in line and "veth" in line]
    links, _ = keeper.keeper.report()
    error = next(one["error"] for one in links if one["interface"] == "vrrp.51")
    assert "veth" in str(error)
    assert keeper.state("vrrp.51").index == 0  # so that nobody becomes master on it
    keeper.stop()
    found = link(namespace, "vrrp.51")
    assert found is not None
    assert found["linkinfo"]["info_kind"] == "veth"
    assert setting(namespace, "vrrp.51", "accept_local") == foreign


def test_vmac_that_somebody_deletes_or_sets_down_is_back_with_its_addresses(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24", "2001:db8::99/64")))
    assert keeper.keeper.hold("VI_1", True) is None
    began = time.monotonic()
    namespace.ip("link", "del", "vrrp.51")
    keeper.until(lambda: {"192.0.2.99", "2001:db8::99"} <= keeper_addresses(keeper), 1.0)
    print(f"VMAC and addresses back after {(time.monotonic() - began) * 1e3:.1f} ms")
    assert set(addresses(namespace, "vrrp.51")) == {"192.0.2.99", "2001:db8::99"}
    assert setting(namespace, "vrrp.51", "accept_local") == 1
    assert keeper.lost[-1].addresses == ("192.0.2.99", "2001:db8::99")
    assert not [line for line in keeper.logged if line.startswith("error")]
    namespace.ip("link", "set", "vrrp.51", "down")
    keeper.until(lambda: "UP" in (link(namespace, "vrrp.51") or {})["flags"], 1.0)
    keeper.until(lambda: "2001:db8::99" in addresses(namespace, "vrrp.51"), 1.0)
    assert keeper.keeper.drift()["vmacs_put_back"] == 2


def keeper_addresses(keeper: Keeper) -> set[str]:
    found = keeper.keeper.host.link("vrrp.51")
    if found is None:
        return set()
    return {one.address for one in keeper.keeper.host.addresses() if one.ifindex == found.index}


def test_recreated_base_gets_its_vmac_and_settings_again(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    keeper.keeper.hold("VI_1", True)
    namespace.ip("link", "del", "eth0")
    keeper.until(lambda: keeper.state("vrrp.51").index == 0)
    assert link(namespace, "vrrp.51") is None
    assert "does not exist" in (keeper.keeper.hold("VI_1", True) or "")
    namespace.add_interface("eth0")
    keeper.until(lambda: keeper.state("vrrp.51").running)
    assert keeper.state("eth0").index != 0
    assert settings(namespace) == [1, 1, 2]
    assert keeper.keeper.hold("VI_1", True) is None
    neighbour.close()
    again = Neighbour(namespace, "eth0p")
    assert again.arp("192.0.2.99") == [MAC4]
    again.close()
    assert keeper.stop() == []
    assert settings(namespace) == [0, 0, 0]


def test_vmac_waits_for_its_base(namespace: Namespace, tmp_path: Path) -> None:
    wanted = dataclasses.replace(with_vmac("192.0.2.99/24"), interface="eth9")
    keeper = Keeper(namespace, tmp_path, config(wanted))
    assert keeper.state("eth9").index == 0
    assert link(namespace, "vrrp.51") is None
    namespace.add_interface("eth9")
    keeper.until(lambda: keeper.state("vrrp.51").running)
    assert keeper.keeper.hold("VI_1", True) is None


def test_two_vmacs_on_one_base_and_the_last_one_restores_it(
    namespace: Namespace, tmp_path: Path
) -> None:
    setting(namespace, "eth0", "arp_announce", 1)
    first = with_vmac("192.0.2.99/24")
    second = dataclasses.replace(
        with_vmac("192.0.2.98/24", mac="00:00:5e:00:01:34", name="vrrp.52"),
        name="VI_2",
        virtual_router_id=52,
    )
    keeper = Keeper(namespace, tmp_path, config(first, second))
    assert settings(namespace) == [1, 1, 2]
    assert keeper.keeper.hold("VI_1", True) is None
    assert keeper.reconfigure(config(second)) == []
    assert link(namespace, "vrrp.51") is None
    assert settings(namespace) == [1, 1, 2]
    assert keeper.reconfigure(config()) == []
    assert link(namespace, "vrrp.52") is None
    assert settings(namespace) == [0, 0, 1]
    assert saved(tmp_path) == {"version": 1, "vmacs": [], "settings": []}


def test_reconfigure_moves_a_held_instance_onto_a_vmac_and_back(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    plain = config(instance(virtual("192.0.2.99/32")))
    keeper = Keeper(namespace, tmp_path, plain)
    keeper.keeper.hold("VI_1", True)
    assert keeper.reconfigure(config(with_vmac("192.0.2.99/32"))) == []
    assert neighbour.arp("192.0.2.99") == [MAC4]
    assert keeper.reconfigure(plain) == []
    assert neighbour.arp("192.0.2.99") == [(link(namespace, "eth0") or {})["address"]]
    assert link(namespace, "vrrp.51") is None


def test_reconfigure_gives_the_vmac_of_a_held_instance_another_name_or_mac(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/32")))
    keeper.keeper.hold("VI_1", True)
    assert keeper.reconfigure(config(with_vmac("192.0.2.99/32", name="virtual0"))) == []
    assert link(namespace, "vrrp.51") is None
    assert neighbour.arp("192.0.2.99") == [MAC4]
    mac = "02:00:00:00:00:77"
    again = config(with_vmac("192.0.2.99/32", name="virtual0", mac=mac))
    assert keeper.reconfigure(again) == []
    assert neighbour.arp("192.0.2.99") == [mac]
    assert not [line for line in keeper.logged if line.startswith("error")]
    assert keeper.stop() == []
    assert link(namespace, "virtual0") is None


def test_base_that_is_renamed_gets_its_settings_back_all_the_same(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    assert settings(namespace) == [1, 1, 2]
    namespace.ip("link", "set", "eth0", "down")
    namespace.ip("link", "set", "eth0", "name", "wan0")
    keeper.until(lambda: keeper.state("eth0").index == 0)
    assert keeper.stop() == []
    assert settings(namespace, "wan0") == [0, 0, 0]
    assert link(namespace, "vrrp.51") is None


def test_many_vmacs_go_together_and_nothing_else_with_them(
    namespace: Namespace, tmp_path: Path
) -> None:
    many = [
        dataclasses.replace(
            with_vmac(f"10.0.{n}.1/32", mac=f"00:00:5e:00:01:{n:02x}", name=f"vrrp.{n}"),
            name=f"VI_{n}",
            virtual_router_id=n,
        )
        for n in range(1, 101)
    ]
    began = time.monotonic()
    keeper = Keeper(namespace, tmp_path, config(*many))
    keeper.until(lambda: all(keeper.state(f"vrrp.{n}").running for n in range(1, 101)))
    print(f"100 VMACs run after {(time.monotonic() - began) * 1e3:.0f} ms")
    names = {one["ifname"] for one in json.loads(namespace.ip("-j", "link"))}
    began = time.monotonic()
    assert keeper.stop() == []
    took_s = time.monotonic() - began
    print(f"and are gone after {took_s * 1e3:.0f} ms")
    left = {one["ifname"] for one in json.loads(namespace.ip("-j", "link"))}
    assert left == {name for name in names if not name.startswith("vrrp.")}
    assert {"lo", "eth0", "eth0p", "eth1", "eth1p"} <= left
    assert took_s < 5  # the unit is killed after that


def test_interfaces_go_one_by_one_while_somebody_is_in_the_group(
    namespace: Namespace, tmp_path: Path
) -> None:
    namespace.ip("link", "set", "eth1", "group", str(0x4C565343))
    many = [
        dataclasses.replace(
            with_vmac(f"10.0.{n}.1/32", mac=f"00:00:5e:00:01:{n:02x}", name=f"vrrp.{n}"),
            name=f"VI_{n}",
            virtual_router_id=n,
        )
        for n in range(1, 8)
    ]
    keeper = Keeper(namespace, tmp_path, config(*many))
    assert keeper.stop() == []
    assert link(namespace, "eth1") is not None
    assert link(namespace, "vrrp.7") is None


# The settings


def test_settings_are_read_and_set_as_proc_sys_shows_them(namespace: Namespace) -> None:
    with inside(namespace):
        netlink = Netlink(socket.NETLINK_ROUTE)
    for one in Setting:
        for value in (0, 1):
            eth0 = read_links(netlink).link("eth0")
            assert eth0 is not None
            assert link_netlink.set_values(netlink, {eth0.index: {one: value}}) == {}
            assert setting(namespace, "eth0", one.label) == value
            eth0 = read_links(netlink).link("eth0")
            assert eth0 is not None
            assert value_of(eth0, one) == value
    netlink.close()


def test_settings_survive_the_death_of_the_process_and_are_restored_at_last(
    namespace: Namespace, tmp_path: Path
) -> None:
    setting(namespace, "eth0", "arp_announce", 1)
    wanted = config(with_vmac("192.0.2.99/24"))
    Keeper(namespace, tmp_path, wanted)  # and nothing more is heard of it
    successor = Keeper(namespace, tmp_path, wanted, restarted=True)
    assert settings(namespace) == [1, 1, 2]
    assert successor.stop() == []
    assert settings(namespace) == [0, 0, 1]


def test_setting_that_somebody_changes_is_set_again_by_the_audit_and_one_in_use_is_left(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvs_agent.proc.kernel_watch.AUDIT_NS", 100_000_000)
    setting(namespace, "eth0", "arp_ignore", 2)
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    assert settings(namespace) == [2, 1, 2]
    setting(namespace, "eth0", "arp_filter", 0)
    keeper.until(lambda: setting(namespace, "eth0", "arp_filter") == 1)
    assert keeper.keeper.drift()["interface_settings_put_back"] == 1
    assert [line for line in keeper.logged if "eth0.arp_filter" in line]
    keeper.stop()
    assert settings(namespace) == [2, 0, 0]


def test_setting_that_the_operator_changed_since_is_not_restored(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    setting(namespace, "eth0", "arp_announce", 1)
    assert keeper.stop() == []
    assert settings(namespace) == [0, 0, 1]


def test_promote_secondaries_keeps_the_other_addresses_and_is_restored(
    namespace: Namespace, tmp_path: Path
) -> None:
    setting(namespace, "eth0", "promote_secondaries", 0)
    held = (virtual("198.51.100.1/24"), virtual("198.51.100.2/24"))
    keeper = Keeper(namespace, tmp_path, config(instance(*held, promote_secondaries=True)))
    assert setting(namespace, "eth0", "promote_secondaries") == 1
    keeper.keeper.hold("VI_1", True)
    namespace.ip("addr", "del", "198.51.100.1/24", "dev", "eth0")
    assert "198.51.100.2" in addresses(namespace, "eth0")
    assert keeper.stop() == []
    assert setting(namespace, "eth0", "promote_secondaries") == 0


def test_strict_reverse_path_filter_of_all_interfaces_is_warned_of(
    namespace: Namespace, tmp_path: Path
) -> None:
    for value, warned in ((0, False), (2, False), (1, True)):
        setting(namespace, "all", "rp_filter", value)
        keeper = Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")), restarted=True)
        said = [line for line in keeper.logged if "all.rp_filter is 1" in line]
        assert bool(said) is warned


# The process


def test_killed_process_leaves_the_vmac_to_its_successor_and_the_sweep(
    namespace: Namespace, tmp_path: Path
) -> None:
    wanted = config(with_vmac("192.0.2.99/24"))
    process = KernelProcess(wanted, tmp_path, namespace=namespace)
    process.supervisor.wait_for(Ready)
    assert process.hold("VI_1") is None
    before = link(namespace, "vrrp.51")
    process.kill()
    successor = KernelProcess(
        wanted, tmp_path, namespace=namespace, restarted=True, ends=process.ends
    )
    successor.supervisor.wait_for(Ready)
    assert successor.hold("VI_1") is None
    after = link(namespace, "vrrp.51")
    assert before is not None
    assert after is not None
    # Its operational state may have been under way from unknown to up.
    assert {**after, "operstate": ""} == {**before, "operstate": ""}
    assert "192.0.2.99" in addresses(namespace, "vrrp.51")
    assert successor.report()["drift"]["vmacs_put_back"] == 0
    successor.kill()
    with inside(namespace):
        assert link_state_file.sweep(tmp_path) == (("vrrp.51",), ())
    assert link(namespace, "vrrp.51") is None
    assert settings(namespace) == [0, 0, 0]
    with inside(namespace):
        assert link_state_file.sweep(tmp_path) == ((), ())
    successor.close()


def test_net_admin_is_the_only_capability_that_is_needed(
    namespace: Namespace, tmp_path: Path
) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            namespace.enter()
            needed = {privileges.Capability.NET_ADMIN}
            privileges.restrict(needed, needed)
            wanted = config(with_vmac("192.0.2.99/24", promote_secondaries=True))
            keeper = Keeper(namespace, tmp_path, wanted, enter=False)
            good = keeper.keeper.hold("VI_1", True) is None and keeper.state("vrrp.51").running
            left = keeper.stop()
            print(left, keeper.logged)
            os._exit(0 if good and not left and not keeper.logged else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_router_advertisement_configures_the_base_and_never_a_vmac(
    namespace: Namespace, tmp_path: Path, neighbour: Neighbour
) -> None:
    process = KernelProcess(config(with_vmac("192.0.2.99/24")), tmp_path, namespace=namespace)
    process.supervisor.wait_for(Ready)
    for held in (False, True):
        if held:
            assert process.hold("VI_1") is None
        prefix = f"2001:db8:{int(held) + 1}::"
        # The base takes them once its link-local address is known to be unique.
        deadline = time.monotonic() + 5
        while not has_prefix(namespace, "eth0", prefix[:-1]):
            assert time.monotonic() < deadline
            neighbour.advertise(prefix)
            time.sleep(0.1)
        time.sleep(0.1)
        assert not has_prefix(namespace, "vrrp.51", "2001:")
        assert "vrrp.51" not in namespace.ip("-6", "route", "show", "default")
    process.close()


def has_prefix(namespace: Namespace, interface: str, prefix: str) -> bool:
    return any(one.startswith(prefix) for one in addresses(namespace, interface))


def test_sweep_leaves_other_peoples_interfaces(namespace: Namespace, tmp_path: Path) -> None:
    Keeper(namespace, tmp_path, config(with_vmac("192.0.2.99/24")))
    namespace.ip("link", "set", "vrrp.51", "address", "02:00:00:00:00:99")
    with inside(namespace):
        assert link_state_file.sweep(tmp_path) == ((), ())
    assert link(namespace, "vrrp.51") is not None


def test_orderly_stop_of_the_process_leaves_nothing(namespace: Namespace, tmp_path: Path) -> None:
    process = KernelProcess(config(with_vmac("192.0.2.99/24")), tmp_path, namespace=namespace)
    process.supervisor.wait_for(Ready)
    state = process.ha.wait_for(LinkState, interface="vrrp.51")
    assert state.running
    assert process.hold("VI_1") is None
    assert process.stop() == 0
    assert link(namespace, "vrrp.51") is None
    assert settings(namespace) == [0, 0, 0]
    process.close()


# What ha is told


def test_link_local_address_is_told_when_it_is_known_to_be_unique(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(instance(virtual("fe80::99/64"))))
    eventually(lambda: "tentative" not in namespace.ip("addr", "show", "dev", "eth0"))
    keeper.until(lambda: keeper.state("eth0").primary6 is not None)
    own = keeper.state("eth0").primary6
    assert own is not None
    assert own.startswith("fe80::")
    assert keeper.keeper.hold("VI_1", True) is None
    namespace.ip("addr", "del", f"{own}/64", "dev", "eth0")
    keeper.until(lambda: keeper.state("eth0").primary6 is None)  # a virtual one is none
    assert "fe80::99" in addresses(namespace, "eth0")


def test_source_address_that_comes_and_goes_is_told(namespace: Namespace, tmp_path: Path) -> None:
    wanted = instance(virtual("192.0.2.99/32"), source="192.0.2.7")
    keeper = Keeper(namespace, tmp_path, config(wanted))
    assert keeper.state("eth0").sources == ()
    namespace.ip("addr", "add", "192.0.2.7/32", "dev", "eth0")
    keeper.until(lambda: keeper.state("eth0").sources == ("192.0.2.7",))
    namespace.ip("addr", "del", "192.0.2.7/32", "dev", "eth0")
    keeper.until(lambda: keeper.state("eth0").sources == ())


def test_interface_delays_hold_back_down_and_up(namespace: Namespace, tmp_path: Path) -> None:
    delay = InterfaceDelay(interface="eth0", down_ns=1_000_000_000, up_ns=1_200_000_000)
    wanted = config(
        instance(virtual("192.0.2.99/32")),
        global_defs=GlobalDefs(router_id=None, interface_delays=(delay,)),
    )
    keeper = Keeper(namespace, tmp_path, wanted)
    keeper.until(lambda: keeper.state("eth0").running)
    told = len(keeper.links)
    namespace.ip("link", "set", "eth0p", "down")
    keeper.serve(0.1)
    namespace.ip("link", "set", "eth0p", "up")  # a short interruption
    keeper.serve(1.2)
    assert all(state.running for state in keeper.links[told:])
    began = time.monotonic()
    namespace.ip("link", "set", "eth0p", "down")
    keeper.until(lambda: not keeper.state("eth0").running)
    assert time.monotonic() - began > 0.99
    began = time.monotonic()
    namespace.ip("link", "set", "eth0p", "up")
    keeper.until(lambda: keeper.state("eth0").running)
    assert time.monotonic() - began > 1.19


def test_document_with_use_vmac_is_applied_and_taken_back_by_a_reload(
    namespace: Namespace, tmp_path: Path
) -> None:
    def document(**more: object) -> dict[str, object]:
        values = {
            "interface": "eth0",
            "virtual_router_id": 51,
            "priority": 100,
            "virtual_ipaddress": ["192.0.2.99/24"],
            "virtual_ipaddress_excluded": ["2001:db8::99/64"],
            **more,
        }
        return {
            "vrrp_instances": {"VI_1": values},
            "static_ipaddress": ["198.51.100.1/24 dev eth1"],
        }

    process = KernelProcess(document(), tmp_path, namespace=namespace)
    process.supervisor.wait_for(Ready)
    assert process.hold("VI_1") is None
    assert {"192.0.2.99", "2001:db8::99"} <= set(addresses(namespace, "eth0"))
    assert "198.51.100.1" in addresses(namespace, "eth1")
    process.reconfigure(document(use_vmac=True))
    process.supervisor.wait_for(Ready, generation=2)
    # The other family's address is not for the VMAC's interface, as in keepalived.
    assert set(addresses(namespace, "vrrp.51")) == {"192.0.2.99"}
    assert {"192.0.2.99", "2001:db8::99"} & set(addresses(namespace, "eth0")) == {"2001:db8::99"}
    assert settings(namespace) == [1, 1, 2]
    found = {(one["address"], one["interface"]): one for one in process.report()["addresses"]}
    assert found["192.0.2.99", "vrrp.51"]["present"]
    assert found["2001:db8::99", "eth0"]["present"]
    assert found["198.51.100.1", "eth1"]["instance"] is None
    process.reconfigure(document())
    process.supervisor.wait_for(Ready, generation=3)
    assert link(namespace, "vrrp.51") is None
    assert {"192.0.2.99", "2001:db8::99"} <= set(addresses(namespace, "eth0"))
    assert settings(namespace) == [0, 0, 0]
    assert not [line for line in process.logged() if line.startswith("error")]
    assert process.stop() == 0
    assert "198.51.100.1" not in addresses(namespace, "eth1")
    process.close()
