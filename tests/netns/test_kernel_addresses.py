# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's addresses and interfaces on a real kernel, in a network namespace."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.adapters import adoption
from lvs_agent.adapters.sweep import sweep
from lvs_agent.core.messages import (
    AddressesLost,
    LinkState,
    ProcessDied,
    ProcessRestarted,
    Ready,
    Verdict,
)
from netns.host_harness import Keeper, addresses, config, instance, virtual
from netns.kernel_harness import KernelProcess, Namespace, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]


def document(*addresses: Any, **more: Any) -> dict[str, Any]:
    return {
        "vrrp_instances": {
            "VI_1": {
                "interface": "eth0",
                "virtual_router_id": 51,
                "priority": 100,
                "virtual_ipaddress": list(addresses) or ["192.0.2.99/32"],
                **more,
            }
        }
    }


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


class Starter:
    def __init__(self, namespace: Namespace, runtime_dir: Path) -> None:
        self.namespace = namespace
        self.runtime_dir = runtime_dir
        self.started: list[KernelProcess] = []

    def __call__(self, config: dict[str, Any], **options: Any) -> KernelProcess:
        process = KernelProcess(config, self.runtime_dir, namespace=self.namespace, **options)
        self.started.append(process)
        process.supervisor.wait_for(Ready)
        return process

    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.runtime_dir / "owned.json").read_text())
        return found


@pytest.fixture
def start(namespace: Namespace, tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(namespace, tmp_path)
    yield starter
    for process in starter.started:
        process.close()


def test_start_tells_ha_of_every_configured_interface_also_absent_ones(start: Starter) -> None:
    process = start(document("192.0.2.99/32", "198.51.100.9/24 dev eth7"))
    eth0 = process.ha.wait_for(LinkState, interface="eth0")
    assert eth0.running
    assert eth0.index > 0
    assert eth0.primary == "192.0.2.1"
    assert eth0.mac is not None
    assert len(eth0.mac) == 17
    eth7 = process.ha.wait_for(LinkState, interface="eth7")
    assert (eth7.index, eth7.running, eth7.primary, eth7.mac) == (0, False, None, None)


def test_hold_adds_address_with_prefix_broadcast_label_and_scope(
    start: Starter, namespace: Namespace
) -> None:
    process = start(
        document("192.0.2.99/25 brd 192.0.2.127 dev eth0 label eth0:7 scope site", "192.0.2.100/32")
    )
    assert process.hold("VI_1") is None
    found = {entry["local"]: entry for entry in namespace.addresses("eth0")}
    assert found["192.0.2.99"]["prefixlen"] == 25
    assert found["192.0.2.99"]["broadcast"] == "192.0.2.127"
    assert found["192.0.2.99"]["label"] == "eth0:7"
    assert found["192.0.2.99"]["scope"] == "site"
    assert found["192.0.2.100"]["label"] == "eth0"
    assert found["192.0.2.100"]["scope"] == "global"
    assert process.hold("VI_1", False) is None
    assert [entry["local"] for entry in namespace.addresses("eth0")] == ["192.0.2.1"]


def test_hold_of_500_addresses_is_acknowledged_and_released_again(
    start: Starter, namespace: Namespace
) -> None:
    wanted = [f"10.9.{n // 250}.{n % 250 + 1}/32" for n in range(500)]
    process = start(document(*wanted))
    began = time.monotonic()
    assert process.hold("VI_1") is None
    print(f"500 addresses held after {(time.monotonic() - began) * 1e3:.1f} ms")
    assert len(namespace.addresses("eth0")) == 501
    assert process.hold("VI_1") is None  # again, as a restarted ha does: all are there already
    began = time.monotonic()
    assert process.hold("VI_1", False) is None
    print(f"released after {(time.monotonic() - began) * 1e3:.1f} ms")
    assert len(namespace.addresses("eth0")) == 1
    time.sleep(0.2)
    assert process.report()["drift"]["addresses_put_back"] == 0
    assert process.report()["drift"]["addresses_removed"] == 0


def test_hold_adopts_an_address_that_is_exactly_ours_and_replaces_another(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document("192.0.2.99/32", "192.0.2.98/32 label eth0:1"))
    process.hold("VI_1")
    process.kill()
    namespace.ip("addr", "del", "192.0.2.98/32", "dev", "eth0")
    namespace.ip("addr", "add", "192.0.2.98/32", "dev", "eth0", "label", "eth0:2")
    successor = start(
        document("192.0.2.99/32", "192.0.2.98/32 label eth0:1"), restarted=True, ends=process.ends
    )
    assert successor.hold("VI_1") is None
    labels = {entry["local"]: entry["label"] for entry in namespace.addresses("eth0")}
    assert labels == {"192.0.2.1": "eth0", "192.0.2.99": "eth0", "192.0.2.98": "eth0:1"}


def test_hold_fails_with_the_address_named_and_takes_back_what_it_added(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document("192.0.2.99/32", "198.51.100.9/24 dev eth7"))
    error = process.hold("VI_1")
    assert error is not None
    assert "eth7" in error
    assert not namespace.has("eth0", "192.0.2.99")


def test_hold_refused_by_the_kernel_for_one_address_releases_the_others(
    start: Starter, namespace: Namespace
) -> None:
    # Below an MTU of 68 an interface has no IPv4 (net/ipv4/devinet.c); only lo allows that.
    namespace.ip("link", "set", "lo", "mtu", "67")
    process = start(document("192.0.2.99/32", "198.51.100.9/32 dev lo", "192.0.2.98/32"))
    error = process.hold("VI_1")
    assert error is not None
    assert "198.51.100.9/32 on lo" in error
    assert "192.0.2" not in error
    assert [entry["local"] for entry in namespace.addresses("eth0")] == ["192.0.2.1"]


def test_hold_of_an_unknown_instance_is_an_error_and_its_release_is_not(start: Starter) -> None:
    process = start(document())
    assert "VI_9" in (process.hold("VI_9") or "")
    assert process.hold("VI_9", False) is None


def test_primary_address_is_never_a_virtual_one(start: Starter, namespace: Namespace) -> None:
    process = start(document("192.0.2.99/24"))
    process.ha.wait_for(LinkState, interface="eth0", primary="192.0.2.1")
    assert process.hold("VI_1") is None
    namespace.ip("addr", "del", "192.0.2.1/24", "dev", "eth0")
    process.ha.wait_for(LinkState, interface="eth0", primary=None)
    # The kernel removed the virtual address with its primary one; it is back.
    eventually(lambda: namespace.has("eth0", "192.0.2.99"))


def test_link_down_and_up_is_told(start: Starter, namespace: Namespace) -> None:
    process = start(document())
    process.ha.wait_for(LinkState, interface="eth0", running=True)
    namespace.ip("link", "set", "eth0p", "down")
    process.ha.wait_for(LinkState, interface="eth0", running=False)
    namespace.ip("link", "set", "eth0p", "up")
    process.ha.wait_for(LinkState, interface="eth0", running=True)
    namespace.ip("link", "set", "eth0", "down")
    process.ha.wait_for(LinkState, interface="eth0", running=False)


def test_removed_address_is_back_before_any_audit_and_ha_is_told(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document("192.0.2.99/32", "192.0.2.98/32"))
    process.hold("VI_1")
    began = time.monotonic()
    namespace.ip("addr", "del", "192.0.2.98/32", "dev", "eth0")
    lost = process.ha.wait_for(AddressesLost)
    assert time.monotonic() - began < 1  # the audit comes every 5 s
    assert lost == AddressesLost(instance="VI_1", addresses=("192.0.2.98",))
    assert namespace.has("eth0", "192.0.2.98")
    assert process.report()["drift"]["addresses_put_back"] == 1
    assert any("192.0.2.98/32 had been removed" in text for text in process.logged())


def test_virtual_address_that_nobody_holds_is_removed(start: Starter, namespace: Namespace) -> None:
    process = start(document())
    namespace.ip("addr", "add", "192.0.2.99/24", "dev", "eth0")
    eventually(lambda: not namespace.has("eth0", "192.0.2.99"), 1.0)
    # On lo it belongs to a real server's set-up.
    namespace.ip("addr", "add", "192.0.2.99/32", "dev", "lo")
    time.sleep(0.2)
    assert namespace.has("lo", "192.0.2.99")
    assert process.report()["drift"]["addresses_removed"] == 1


def test_fight_over_an_address_is_bounded(start: Starter, namespace: Namespace) -> None:
    process = start(document())
    process.hold("VI_1")
    for _ in range(130):
        if namespace.has("eth0", "192.0.2.99"):
            namespace.ip("addr", "del", "192.0.2.99/32", "dev", "eth0")
    assert process.report()["drift"]["addresses_put_back"] <= 202
    eventually(lambda: namespace.has("eth0", "192.0.2.99"), 7.0)


def test_changes_lost_by_a_full_buffer_are_found_by_a_dump(
    start: Starter, namespace: Namespace, tmp_path: Path
) -> None:
    process = start(document())
    process.hold("VI_1")
    batch = tmp_path / "batch"
    lines = []
    for n in range(12_000):
        lines.append(f"addr add 10.7.{n // 250}.{n % 250 + 1}/32 dev eth1")
        lines.append(f"addr del 10.7.{n // 250}.{n % 250 + 1}/32 dev eth1")
    batch.write_text("\n".join([*lines, "addr del 192.0.2.99/32 dev eth0", ""]))
    os.kill(process.pid, signal.SIGSTOP)
    try:
        namespace.ip("-batch", str(batch))
    finally:
        os.kill(process.pid, signal.SIGCONT)
    eventually(lambda: namespace.has("eth0", "192.0.2.99"), 1.0)
    assert process.report()["drift"]["netlink_overruns"] >= 1
    process.ha.wait_for(AddressesLost, addresses=("192.0.2.99",))


def test_recreated_interface_gets_the_addresses_again(start: Starter, namespace: Namespace) -> None:
    process = start(document("192.0.2.99/32"))
    before = process.ha.wait_for(LinkState, interface="eth0", running=True)
    process.hold("VI_1")
    namespace.ip("link", "del", "eth0")
    process.ha.wait_for(LinkState, interface="eth0", index=0)
    assert process.hold("VI_1", False) is None
    assert "eth0" in (process.hold("VI_1") or "")
    namespace.add_interface("eth0")
    after = process.ha.wait_for(LinkState, interface="eth0", running=True)
    assert after.index != before.index
    assert process.hold("VI_1") is None
    assert namespace.has("eth0", "192.0.2.99")
    assert process.report()["drift"]["addresses_put_back"] == 0


def test_start_sweeps_configured_addresses_and_those_of_the_ledger(
    start: Starter, namespace: Namespace
) -> None:
    namespace.ip("addr", "add", "192.0.2.99/24", "dev", "eth0")
    namespace.ip("addr", "add", "192.0.2.77/32", "dev", "eth0")
    namespace.ip("addr", "add", "192.0.2.66/32", "dev", "eth0")
    (start.runtime_dir / "owned.json").write_text(
        json.dumps(
            {
                "addresses": [
                    {"address": "192.0.2.77", "prefix": 32, "interface": "eth0"},
                    {"address": "192.0.2.1", "prefix": 33, "interface": "eth0"},
                    "nonsense",
                ],
                "services": [],
            }
        )
    )
    start(document())
    found = {entry["local"] for entry in namespace.addresses("eth0")}
    assert found == {"192.0.2.1", "192.0.2.66"}


def test_ledger_lists_addresses_before_they_are_added_and_is_private(start: Starter) -> None:
    start(document())
    assert start.ledger()["addresses"] == [
        {"address": "192.0.2.99", "prefix": 32, "interface": "eth0"}
    ]
    assert (start.runtime_dir / "owned.json").stat().st_mode & 0o777 == 0o600


def test_stop_removes_addresses_and_clears_the_ledger(start: Starter, namespace: Namespace) -> None:
    process = start(document())
    process.hold("VI_1")
    assert process.stop() == 0
    assert not namespace.has("eth0", "192.0.2.99")
    assert start.ledger()["addresses"] == []


def test_sweep_after_kill_removes_everything_quickly(start: Starter, namespace: Namespace) -> None:
    process = start(document("192.0.2.99/32", "192.0.2.98/24"))
    process.hold("VI_1")
    process.kill()
    assert namespace.has("eth0", "192.0.2.99")
    pid = os.fork()
    if pid == 0:
        try:
            namespace.enter()
            report = sweep(start.runtime_dir)
            os._exit(0 if len(report.addresses_removed) == 2 and not report.errors else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [entry["local"] for entry in namespace.addresses("eth0")] == ["192.0.2.1"]
    assert start.ledger()["addresses"] == []


def test_successor_does_not_touch_addresses_until_ha_tells(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document())
    process.hold("VI_1")
    process.kill()
    successor = start(document(), restarted=True, ends=process.ends)
    time.sleep(0.3)
    assert namespace.has("eth0", "192.0.2.99")
    assert successor.report()["addresses"][0]["held"] == "unknown"
    assert successor.hold("VI_1") is None
    time.sleep(3.2)  # past the time after which it would give up what nobody confirms
    assert namespace.has("eth0", "192.0.2.99")


def test_successor_releases_addresses_that_no_ha_confirms(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document())
    process.hold("VI_1")
    process.kill()
    start(document(), restarted=True, ends=process.ends)
    eventually(lambda: not namespace.has("eth0", "192.0.2.99"), 4.0)


def test_dead_ha_loses_its_addresses_after_one_advert_interval(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document(advert_int=1))
    process.hold("VI_1")
    process.supervisor.send(ProcessDied(name="ha"))
    time.sleep(0.7)
    assert namespace.has("eth0", "192.0.2.99")
    eventually(lambda: not namespace.has("eth0", "192.0.2.99"), 0.6)


def test_adopted_master_that_confirms_keeps_its_addresses(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document(advert_int=1))
    process.hold("VI_1")
    process.supervisor.send(ProcessDied(name="ha"))
    process.supervisor.send(ProcessRestarted(name="ha"))
    process.ha.wait_for(LinkState, interface="eth0", running=True)
    assert process.hold("VI_1") is None
    time.sleep(1.5)
    assert namespace.has("eth0", "192.0.2.99")


def test_reconfigure_while_held_adds_new_and_removes_old_addresses(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document("192.0.2.99/32", "192.0.2.98/32"))
    process.hold("VI_1")
    process.reconfigure(document("192.0.2.98/32", "192.0.2.97/32"))
    process.supervisor.wait_for(Ready, generation=2)
    found = {entry["local"] for entry in namespace.addresses("eth0")}
    assert found == {"192.0.2.1", "192.0.2.98", "192.0.2.97"}
    assert {entry["address"] for entry in start.ledger()["addresses"]} == {
        "192.0.2.98",
        "192.0.2.97",
    }
    process.reconfigure({"vrrp_instances": {}})
    process.supervisor.wait_for(Ready, generation=3)
    assert [entry["local"] for entry in namespace.addresses("eth0")] == ["192.0.2.1"]


def test_supervisor_gone_waits_for_ha_to_hand_over_then_ends(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document())
    process.hold("VI_1")
    process.supervisor.socket.close()
    time.sleep(0.1)
    assert namespace.has("eth0", "192.0.2.99")
    assert process.hold("VI_1", False) is None
    began = time.monotonic()
    assert process.wait(0.3) == 0
    assert time.monotonic() - began < 0.3
    assert not namespace.has("eth0", "192.0.2.99")


def test_supervisor_gone_and_silent_ha_leave_nothing_behind(
    start: Starter, namespace: Namespace
) -> None:
    process = start(document())
    process.hold("VI_1")
    process.supervisor.socket.close()
    assert process.wait(1.0) == 0
    assert not namespace.has("eth0", "192.0.2.99")


@pytest.mark.parametrize("how", ["stop", "supervisor gone"])
def test_what_another_program_has_too_is_adopted_and_stays_at_every_end(
    start: Starter, namespace: Namespace, how: str
) -> None:
    (start.runtime_dir / adoption.NAME).touch()
    namespace.ip("addr", "add", "192.0.2.99/32", "dev", "eth0")
    process = start(document(), restarted=True)
    assert namespace.has("eth0", "192.0.2.99"), "not swept"
    assert process.hold("VI_1") is None
    if how == "stop":
        assert process.stop() == 0
    else:
        process.supervisor.socket.close()
        assert process.wait() == 0
    assert namespace.has("eth0", "192.0.2.99")


def test_what_another_program_takes_stays_until_it_is_gone(
    start: Starter, namespace: Namespace
) -> None:
    shared = start.runtime_dir / adoption.NAME
    shared.touch()
    namespace.ip("addr", "add", "192.0.2.99/32", "dev", "eth0")
    process = start(document("192.0.2.99/32", "192.0.2.100/32"), restarted=True)
    assert process.hold("VI_1", False) is None, "as a backup says at its start"
    namespace.ip("addr", "add", "192.0.2.100/32", "dev", "eth0")
    process.report()  # the news of that address is older
    assert namespace.has("eth0", "192.0.2.99")
    assert namespace.has("eth0", "192.0.2.100")
    assert process.hold("VI_1") is None
    assert process.hold("VI_1", False) is None
    assert not namespace.has("eth0", "192.0.2.99"), "it was taken here, too, and is given up"
    namespace.ip("addr", "add", "192.0.2.99/32", "dev", "eth0")
    shared.unlink()
    eventually(lambda: not namespace.has("eth0", "192.0.2.99"), 15.0)  # the next audit


def test_nonsense_of_other_processes_is_ignored(start: Starter, namespace: Namespace) -> None:
    process = start(document())
    process.ha.send(
        Verdict(
            generation=1, virtual_server="x", real_server="y", up=False, checked=True, reason=""
        )
    )
    process.health.socket.send(b"\0\0\0\4nope")
    process.health.socket.send(b"\xff" * 100)
    assert process.hold("VI_1") is None
    logged = process.logged()
    assert any("ha process sent Verdict" in text for text in logged)
    assert any("health process" in text for text in logged)
    assert namespace.has("eth0", "192.0.2.99")


# Every field, IPv6, excluded and static addresses: configurations made by hand


def test_every_field_of_an_ipv4_address_is_in_the_kernel(
    namespace: Namespace, tmp_path: Path
) -> None:
    wanted = instance(
        virtual("10.1.0.1/24", broadcast="10.1.0.255", label="eth0:7", scope="site"),
        virtual("10.2.0.1/32", peer="10.2.0.2"),
        virtual("10.3.0.1/24", noprefixroute=True, preferred_lft_s=0),
        virtual("10.4.0.1/32", "eth1", scope="link", preferred_lft_s=600),
    )
    keeper = Keeper(namespace, tmp_path, config(wanted))
    assert keeper.keeper.hold("VI_1", True) is None
    found = addresses(namespace, "eth0") | addresses(namespace, "eth1")
    first = found["10.1.0.1"]
    assert first["prefixlen"] == 24
    assert (first["broadcast"], first["label"], first["scope"]) == ("10.1.0.255", "eth0:7", "site")
    assert first["preferred_life_time"] == first["valid_life_time"] == 2**32 - 1
    assert "noprefixroute" not in first
    assert found["10.2.0.1"]["address"] == "10.2.0.2"  # the peer
    assert found["10.3.0.1"]["noprefixroute"]
    assert found["10.3.0.1"]["deprecated"]
    assert "10.3.0.0/24" not in namespace.ip("route")
    assert found["10.4.0.1"]["scope"] == "link"
    assert "deprecated" not in found["10.4.0.1"]  # the kernel does not tell the rest of it
    assert keeper.keeper.hold("VI_1", True) is None  # all are exactly so
    assert keeper.keeper.hold("VI_1", False) is None
    left = addresses(namespace, "eth0") | addresses(namespace, "eth1")
    assert {one for one in left if not one.startswith("fe80")} == {"192.0.2.1"}


def test_every_field_of_an_ipv6_address_is_in_the_kernel(
    namespace: Namespace, tmp_path: Path
) -> None:
    wanted = instance(
        virtual("2001:db8:1::1/64"),
        virtual("2001:db8:2::1/64", home=True, mngtmpaddr=True, noprefixroute=True),
        virtual("2001:db8:3::1/128", preferred_lft_s=0),
        virtual("2001:db8:4::1/128", peer="2001:db8:4::2"),
        virtual("2001:db8:5::1/64", nodad=False),
        virtual("2001:db8:6::1/128", preferred_lft_s=600),
        virtual("ff15::77/128", autojoin=True),
        virtual("fe80::77/64"),
    )
    keeper = Keeper(namespace, tmp_path, config(wanted))
    assert keeper.keeper.hold("VI_1", True) is None
    found = addresses(namespace, "eth0")
    assert found["2001:db8:1::1"]["nodad"]
    assert found["2001:db8:1::1"]["prefixlen"] == 64
    for flag in ("home", "mngtmpaddr", "noprefixroute"):
        assert found["2001:db8:2::1"][flag]
        assert flag not in found["2001:db8:1::1"]
    assert "2001:db8:2::/64" not in namespace.ip("-6", "route")
    assert found["2001:db8:3::1"]["deprecated"]
    assert found["2001:db8:3::1"]["preferred_life_time"] == 0
    assert found["2001:db8:4::1"]["address"] == "2001:db8:4::2"
    assert "nodad" not in found["2001:db8:5::1"]
    assert 590 <= found["2001:db8:6::1"]["preferred_life_time"] <= 600
    assert found["2001:db8:6::1"]["valid_life_time"] == 2**32 - 1
    assert found["ff15::77"]["autojoin"]
    assert "ff15::77" in namespace.ip("maddr", "show", "dev", "eth0")
    assert found["fe80::77"]["scope"] == "link"
    before = found["2001:db8:2::1"]
    assert keeper.keeper.hold("VI_1", True) is None  # all are exactly so
    assert addresses(namespace, "eth0")["2001:db8:2::1"] == before
    assert keeper.keeper.hold("VI_1", False) is None
    left = {one for one in addresses(namespace, "eth0") if not one.startswith("fe80")}
    assert left == {"192.0.2.1"}
    assert "fe80::77" not in addresses(namespace, "eth0")


def test_autojoin_joins_the_group_of_a_multicast_address(
    namespace: Namespace, tmp_path: Path
) -> None:
    wanted = config(instance(virtual("239.1.2.3/32", autojoin=True)))
    keeper = Keeper(namespace, tmp_path, wanted)
    assert keeper.keeper.hold("VI_1", True) is None
    assert addresses(namespace, "eth0")["239.1.2.3"]["autojoin"]
    assert "239.1.2.3" in namespace.ip("maddr", "show", "dev", "eth0")
    assert keeper.keeper.hold("VI_1", False) is None
    assert "239.1.2.3" not in namespace.ip("maddr", "show", "dev", "eth0")


def test_an_address_removed_right_after_a_takeover_is_put_back_by_the_event(
    namespace: Namespace, tmp_path: Path
) -> None:
    """The first moment after it belongs to ha: what happens in it is seen late, not never."""
    keeper = Keeper(namespace, tmp_path, config(instance(virtual("192.0.2.99/32"))))
    for _ in range(3):
        assert keeper.keeper.hold("VI_1", True) is None
        namespace.ip("addr", "del", "192.0.2.99/32", "dev", "eth0")
        keeper.until(lambda: keeper.lost, 4.0)  # the audit comes after 5 s
        assert "192.0.2.99" in addresses(namespace, "eth0")
        keeper.lost.clear()
        assert keeper.keeper.hold("VI_1", False) is None


def test_changed_fields_are_applied_to_a_held_instance(
    namespace: Namespace, tmp_path: Path
) -> None:
    before = (virtual("2001:db8::9/128"), virtual("192.0.2.99/32"))
    after = (
        virtual("2001:db8::9/64", preferred_lft_s=0),
        virtual("192.0.2.99/32", label="eth0:1", noprefixroute=True),
    )
    keeper = Keeper(namespace, tmp_path, config(instance(*before)))
    keeper.keeper.hold("VI_1", True)
    assert keeper.reconfigure(config(instance(*after))) == []
    found = addresses(namespace, "eth0")
    assert found["2001:db8::9"]["prefixlen"] == 64
    assert found["2001:db8::9"]["deprecated"]
    assert found["192.0.2.99"]["label"] == "eth0:1"
    keeper.serve(0.1)
    assert keeper.keeper.drift()["addresses_put_back"] == 0


def test_renamed_instance_keeps_its_addresses(namespace: Namespace, tmp_path: Path) -> None:
    one = instance(virtual("192.0.2.99/32"))
    keeper = Keeper(namespace, tmp_path, config(one))
    keeper.keeper.hold("VI_1", True)
    other = dataclasses.replace(one, name="VI_other", priority=90)
    assert keeper.reconfigure(config(other)) == []
    keeper.serve(0.05)
    assert "192.0.2.99" in addresses(namespace, "eth0")
    assert keeper.keeper.held() == ["VI_other"]


def test_excluded_addresses_of_any_family_are_held_with_the_instance(
    namespace: Namespace, tmp_path: Path
) -> None:
    excluded = (virtual("2001:db8::77/64"), virtual("198.51.100.77/32", "eth1"))
    wanted = config(instance(virtual("192.0.2.99/32"), excluded=excluded))
    keeper = Keeper(namespace, tmp_path, wanted)
    namespace.ip("addr", "add", "198.51.100.77/32", "dev", "eth1")
    keeper.until(lambda: "198.51.100.77" not in addresses(namespace, "eth1"))
    assert keeper.keeper.hold("VI_1", True) is None
    assert {"192.0.2.99", "2001:db8::77"} <= set(addresses(namespace, "eth0"))
    for address, interface in (("2001:db8::77/64", "eth0"), ("198.51.100.77/32", "eth1")):
        # By the event: the audit comes every 5 s.
        assert keeper.put_back_ms(address, interface) < 2_500
    assert keeper.keeper.drift()["addresses_put_back"] == 6
    assert keeper.keeper.hold("VI_1", False) is None
    assert "2001:db8::77" not in addresses(namespace, "eth0")
    assert "198.51.100.77" not in addresses(namespace, "eth1")


def test_addresses_that_the_kernel_tells_of_late_are_not_put_back(
    namespace: Namespace, tmp_path: Path
) -> None:
    many = config(instance(*(virtual(f"2001:db8::{n:x}/128") for n in range(1, 501))))
    keeper = Keeper(namespace, tmp_path, many)
    for _ in range(3):
        assert keeper.keeper.hold("VI_1", True) is None
        for n in range(20):
            if n % 5 == 0:
                namespace.ip("link", "set", "eth1", "mtu", str(1400 + n))  # unrelated news
            keeper.loop.turn(1_000_000)
        assert len(addresses(namespace, "eth0")) >= 500
        assert keeper.keeper.hold("VI_1", False) is None
        keeper.serve(0.02)
    assert keeper.lost == []
    assert keeper.keeper.drift()["addresses_put_back"] == 0
    assert keeper.keeper.drift()["addresses_removed"] == 0


def test_address_that_came_back_with_another_prefix_is_set_right(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(instance(virtual("2001:db8::9/64"))))
    keeper.keeper.hold("VI_1", True)
    keeper.serve(0.05)
    namespace.ip("addr", "del", "2001:db8::9/64", "dev", "eth0")
    namespace.ip("addr", "add", "2001:db8::9/128", "dev", "eth0", "nodad")
    keeper.until(lambda: addresses(namespace, "eth0")["2001:db8::9"]["prefixlen"] == 64)


def test_address_that_is_not_tracked_stays_away(namespace: Namespace, tmp_path: Path) -> None:
    held = (virtual("192.0.2.99/32"), virtual("192.0.2.98/32", track=False))
    keeper = Keeper(namespace, tmp_path, config(instance(*held)))
    keeper.keeper.hold("VI_1", True)
    namespace.ip("addr", "del", "192.0.2.98/32", "dev", "eth0")
    namespace.ip("addr", "del", "192.0.2.99/32", "dev", "eth0")
    keeper.until(lambda: "192.0.2.99" in addresses(namespace, "eth0"))
    keeper.serve(0.1)
    assert "192.0.2.98" not in addresses(namespace, "eth0")
    assert keeper.keeper.hold("VI_1", True) is None  # but ha's word puts it back
    assert "192.0.2.98" in addresses(namespace, "eth0")


def test_ipv6_addresses_are_back_when_the_interface_is_up_again(
    namespace: Namespace, tmp_path: Path
) -> None:
    keeper = Keeper(namespace, tmp_path, config(instance(virtual("2001:db8::9/64"))))
    keeper.keeper.hold("VI_1", True)
    namespace.ip("link", "set", "eth0", "down")
    keeper.until(lambda: not keeper.state("eth0").running)
    keeper.serve(0.1)
    assert "2001:db8::9" not in addresses(namespace, "eth0")
    namespace.ip("link", "set", "eth0", "up")
    keeper.until(lambda: "2001:db8::9" in addresses(namespace, "eth0"))
    assert keeper.keeper.drift()["addresses_put_back"] == 0  # nobody had removed it
    assert not [line for line in keeper.logged if line.startswith("error")]


def test_static_addresses_are_there_from_start_to_stop_and_put_back(
    namespace: Namespace, tmp_path: Path
) -> None:
    namespace.ip("addr", "add", "198.51.100.1/24", "dev", "eth1")
    static = (
        virtual("198.51.100.1/24", "eth1"),
        virtual("2001:db8::1/64", "eth1"),
        virtual("203.0.113.1/24", "eth7"),
    )
    wanted = config(instance(virtual("192.0.2.99/32")), static_addresses=static)
    keeper = Keeper(namespace, tmp_path, wanted)
    assert {"198.51.100.1", "2001:db8::1"} <= set(addresses(namespace, "eth1"))
    assert [line for line in keeper.logged if "eth7 does not exist" in line]
    assert keeper.keeper.held() == []
    namespace.ip("addr", "del", "2001:db8::1/64", "dev", "eth1")
    keeper.until(lambda: "2001:db8::1" in addresses(namespace, "eth1"))
    assert keeper.keeper.drift()["addresses_put_back"] == 1
    assert keeper.lost == []  # nothing for ha to announce
    namespace.add_interface("eth7")
    keeper.until(lambda: "203.0.113.1" in addresses(namespace, "eth7"))
    assert keeper.keeper.hold("VI_1", True) is None
    assert keeper.keeper.hold("VI_1", False) is None
    assert "198.51.100.1" in addresses(namespace, "eth1")
    fewer = dataclasses.replace(wanted, static_addresses=static[1:])
    assert keeper.reconfigure(fewer) == []
    assert "198.51.100.1" not in addresses(namespace, "eth1")
    assert keeper.stop() == []
    assert not {"2001:db8::1", "198.51.100.1"} & set(addresses(namespace, "eth1"))
    assert addresses(namespace, "eth7").keys().isdisjoint({"203.0.113.1"})


def test_static_address_can_be_the_primary_one(namespace: Namespace, tmp_path: Path) -> None:
    namespace.ip("addr", "flush", "dev", "eth0")
    wanted = config(instance(virtual("192.0.2.99/32")), static_addresses=(virtual("192.0.2.1/24"),))
    keeper = Keeper(namespace, tmp_path, wanted)
    keeper.until(lambda: keeper.state("eth0").primary == "192.0.2.1")


def test_address_that_another_host_has_is_logged_and_counted(
    namespace: Namespace, tmp_path: Path
) -> None:
    # The other end of the veth is in the same namespace: to eth0 it is another host.
    namespace.ip("addr", "add", "2001:db8::9/64", "dev", "eth0p", "nodad")
    keeper = Keeper(namespace, tmp_path, config(instance(virtual("2001:db8::9/64", nodad=False))))
    assert keeper.keeper.hold("VI_1", True) is None
    keeper.until(lambda: keeper.keeper.drift()["addresses_duplicate"])
    keeper.serve(0.1)
    assert keeper.keeper.drift()["addresses_duplicate"] == 1
    assert len([line for line in keeper.logged if "another host" in line]) == 1
    _, report = keeper.keeper.report()
    assert report[0]["duplicate"] is True


def test_10_000_foreign_addresses_do_not_slow_down_a_takeover(
    namespace: Namespace, tmp_path: Path
) -> None:
    batch = tmp_path / "batch"
    # On eth1: the kernel itself goes through all addresses of an interface when it adds one.
    foreign = [f"addr add 10.{n >> 8}.{n & 255}.1/32 dev eth1" for n in range(10_000)]
    batch.write_text("\n".join(foreign) + "\n")
    many = [virtual(f"172.16.{n >> 8}.{n & 255}/32") for n in range(500)]
    held = config(instance(*many))
    took: dict[str, list[float]] = {}
    for name in ("bare", "crowded"):
        if name == "crowded":
            namespace.ip("-batch", str(batch))
        keeper = Keeper(namespace, tmp_path, held, restarted=True)
        for _ in range(5):
            began = time.monotonic()
            assert keeper.keeper.hold("VI_1", True) is None
            keeper.loop.turn(0)  # what the kernel tells of it
            took.setdefault(name, []).append((time.monotonic() - began) * 1e3)
            keeper.keeper.hold("VI_1", False)
            keeper.serve(0.05)
        keeper.keeper.hold("VI_1", True)
        keeper.serve(0.05)
        took[f"{name}, put back"] = [keeper.put_back_ms("172.16.0.9/32", "eth0")]
        began = time.monotonic()
        keeper.keeper._watcher.refresh()
        keeper.keeper._watcher.settle()
        took[f"{name}, audit"] = [(time.monotonic() - began) * 1e3]
        keeper.keeper.hold("VI_1", False)
    print({name: [round(one, 1) for one in values] for name, values in took.items()})
    assert min(took["crowded"]) < 3 * min(took["bare"]) + 20
    assert took["crowded, put back"] < [2_500]


def test_addresses_work_where_the_kernel_has_no_ipvs(start: Starter, namespace: Namespace) -> None:
    config = document() | {
        "virtual_servers": {
            "web": {
                "ip": "192.0.2.99",
                "port": 80,
                "real_servers": {"rs1": {"ip": "192.0.2.11", "port": 80}},
            }
        }
    }
    process = start(config)
    assert process.hold("VI_1") is None
    eventually(lambda: any("modprobe ip_vs" in text for text in process.logged()), 2.0)
    service = process.report()["services"][0]
    assert not service["in_kernel"]
    assert "modprobe ip_vs" in service["error"]
    assert namespace.has("eth0", "192.0.2.99")
    assert process.stop() == 0
