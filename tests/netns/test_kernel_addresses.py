# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's addresses and interfaces on a real kernel, in a network namespace."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.adapters.sweep import sweep
from lvs_agent.core.messages import (
    AddressesLost,
    LinkState,
    ProcessDied,
    ProcessRestarted,
    Ready,
    Verdict,
)
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
