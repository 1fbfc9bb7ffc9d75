# SPDX-License-Identifier: GPL-3.0-or-later
"""no_accept and the silence of VMACs on a real kernel: packets, and `nft` as the witness."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.adapters import nft_netlink
from lvs_agent.adapters.sweep import sweep
from lvs_agent.cli.agent import main
from lvs_agent.core.messages import Ready
from netns.kernel_harness import KernelProcess, Namespace, eventually, run

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

VIP4, VIP6 = "192.0.2.99", "2001:db8::99"
ETH_P_ALL = 3


def instance(**options: Any) -> dict[str, Any]:
    return {"interface": "eth0", "virtual_router_id": 51, "priority": 100, "version": 3, **options}


def document(**options: Any) -> dict[str, Any]:
    addresses = {
        "virtual_ipaddress": [f"{VIP4}/32"],
        "virtual_ipaddress_excluded": [f"{VIP6}/64"],
    }
    return {"vrrp_instances": {"VI_1": instance(**(addresses | options))}}


class Bench:
    """A director's namespace, and a neighbour's at the other end of its eth0."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.here, self.far = Namespace(), Namespace()
        self.far.ip("link", "del", "eth0")
        self.here.ip("link", "set", "eth0p", "netns", self.far.name)
        self.far.ip("link", "set", "eth0p", "name", "eth0", "up")
        self.far.ip("addr", "add", "192.0.2.2/24", "dev", "eth0")
        self.far.ip("addr", "add", "2001:db8::2/64", "dev", "eth0", "nodad")
        self.here.ip("addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        self.started: list[KernelProcess] = []

    def start(self, config: dict[str, Any], **options: Any) -> KernelProcess:
        process = KernelProcess(config, self.directory, namespace=self.here, **options)
        self.started.append(process)
        process.supervisor.wait_for(Ready)
        return process

    def nft(self, *words: str) -> str:
        return run("ip", "netns", "exec", self.here.name, "nft", *words)

    def elements(self, name: str) -> set[str]:
        """What nft says is in a set of our table; empty without the table."""
        try:
            shown = json.loads(self.nft("-j", "list", "set", "inet", "lvs_agent", name))
        except RuntimeError:
            return set()
        return {key for one in shown["nftables"] for key in one.get("set", {}).get("elem", [])}

    def answers(self, address: str, wait_s: float = 1.0) -> bool:
        """Whether an echo request of the neighbour gets an answer."""
        six = ":" in address
        family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, 1)
        with inside(self.far):
            end = socket.socket(family, socket.SOCK_RAW, protocol)
        with end:
            end.sendto(echo_request(128 if six else 8), (address, 0))
            deadline = time.monotonic() + wait_s
            while (left := deadline - time.monotonic()) > 0:
                if not select.select([end], [], [], left)[0]:
                    return False
                data, (source, *_) = end.recvfrom(2000)
                if source == address and data[0 if six else 20] == (129 if six else 0):
                    return True
        return False

    def resolves(self, address: str) -> bool:
        """Whether the neighbour finds the MAC of `address`; it asks once a second."""
        deadline = time.monotonic() + 5.0
        while "lladdr" not in self.far.ip("neigh", "show", "to", address):
            if time.monotonic() > deadline:
                return False
            self.answers(address, 0.2)
        return True

    def close(self) -> None:
        for process in self.started:
            process.close()
        self.here.close()
        self.far.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def echo_request(kind: int) -> bytes:
    """ICMP or ICMPv6 (where the kernel computes the checksum)."""
    header = struct.pack("!BBHHH", kind, 0, 0, 0x4C56, 1)
    total = sum(struct.unpack("!4H", header))
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return struct.pack("!BBHHH", kind, 0, checksum, 0x4C56, 1)


@contextlib.contextmanager
def inside(namespace: Namespace) -> Iterator[None]:
    """This process is in the namespace for a while."""
    with open("/proc/self/ns/net", encoding="ascii") as home:
        namespace.enter()
        try:
            yield
        finally:
            os_setns(home.fileno())


def os_setns(descriptor: int) -> None:
    """os.setns comes with Python 3.12."""
    assert ctypes.CDLL(None).setns(descriptor, 0x40000000) == 0


def test_no_accept_closes_the_addresses_while_they_are_held(bench: Bench) -> None:
    process = bench.start(document(no_accept=True))
    assert process.hold("VI_1") is None
    assert bench.elements("closed4") == {VIP4}
    assert bench.elements("closed6") == {VIP6}
    assert not bench.answers(VIP4)
    assert not bench.answers(VIP6)
    # ARP and neighbor discovery work: packets for somebody behind the router do come.
    assert bench.resolves(VIP4)
    assert bench.resolves(VIP6)
    assert bench.answers("192.0.2.1")
    assert bench.answers("2001:db8::1")
    report = process.report()["firewall"]
    assert report["present"]
    assert report["closed4"] == [VIP4]
    assert process.hold("VI_1", False) is None
    assert bench.elements("closed4") | bench.elements("closed6") == set()
    assert process.stop() == 0
    assert bench.nft("list", "ruleset") == ""


def test_neighbor_unreachability_probe_of_a_closed_address_is_answered(bench: Bench) -> None:
    process = bench.start(document(no_accept=True))
    process.hold("VI_1")
    assert bench.resolves(VIP6)
    # A stale entry is confirmed by a solicitation to the address itself, not to the group.
    mac = json.loads(bench.here.ip("-j", "link", "show", "dev", "eth0"))[0]["address"]
    bench.far.ip("neigh", "replace", VIP6, "lladdr", mac, "dev", "eth0", "nud", "probe")
    eventually(lambda: "REACHABLE" in bench.far.ip("neigh", "show", "to", VIP6), 3.0)


def test_accept_and_the_owner_make_no_table(bench: Bench) -> None:
    process = bench.start(document())
    process.hold("VI_1")
    assert bench.answers(VIP4)
    assert bench.nft("list", "ruleset") == ""
    assert process.report()["firewall"] == {}
    process.stop()
    owner = bench.start(document(no_accept=True, priority=255))
    owner.hold("VI_1")
    assert bench.nft("list", "ruleset") == ""
    assert bench.answers(VIP4)


def test_closed_before_the_address_is_there(bench: Bench) -> None:
    """A listener on the address gets not one of many packets that come during takeovers."""
    process = bench.start(document(no_accept=True))
    with inside(bench.here), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 9999))
        with inside_socket(bench.far) as client:
            for _ in range(5):
                assert process.hold("VI_1") is None
                for _ in range(20):
                    client.sendto(b"x", (VIP4, 9999))
                assert process.hold("VI_1", False) is None
                for _ in range(20):
                    client.sendto(b"x", (VIP4, 9999))
            assert not select.select([server], [], [], 0.2)[0]
            client.sendto(b"x", ("192.0.2.1", 9999))
            assert select.select([server], [], [], 2.0)[0]


@contextlib.contextmanager
def inside_socket(namespace: Namespace) -> Iterator[socket.socket]:
    with inside(namespace):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with opened:
        yield opened


@pytest.mark.parametrize(
    "command",
    [
        "flush ruleset",
        "delete table inet lvs_agent",
        "flush chain inet lvs_agent input",
        "flush set inet lvs_agent closed4",
        "add rule inet lvs_agent output drop",
    ],
)
def test_changed_table_is_made_again_by_the_event(bench: Bench, command: str) -> None:
    process = bench.start(document(no_accept=True))
    process.hold("VI_1")
    before = bench.nft("list", "table", "inet", "lvs_agent")
    bench.nft(*command.split())
    eventually(lambda: process.report()["drift"]["firewall_put_back"] == 1, 2.5)
    assert bench.nft("list", "table", "inet", "lvs_agent") == before
    assert not bench.answers(VIP4)


def test_foreign_tables_are_never_touched(bench: Bench) -> None:
    bench.nft("add", "table", "inet", "other")
    bench.nft("add", "table", "ip", "lvs_agent")
    process = bench.start(document(no_accept=True))
    process.hold("VI_1")
    bench.nft("add", "chain", "inet", "other", "c")
    time.sleep(0.1)
    assert process.report()["drift"]["firewall_put_back"] == 0
    process.kill()
    outcome: list[bool] = []
    with inside(bench.here):
        report = sweep(bench.directory)
        outcome.append(report.firewall and not report.errors)
    assert outcome == [True]
    tables = bench.nft("list", "tables").splitlines()
    assert sorted(tables) == ["table inet other", "table ip lvs_agent"]


def test_another_program_can_go_on_without_the_table(bench: Bench) -> None:
    process = bench.start(document(no_accept=True))
    process.hold("VI_1")
    process.kill()
    statuses: list[int] = []
    with inside(bench.here):
        statuses += [main(["sweep", "--firewall"]) for __ in range(2)]
    assert statuses == [0, 0]
    assert bench.nft("list", "ruleset") == ""
    assert bench.here.has("eth0", VIP4)


def test_reconfigure_while_held_opens_and_closes(bench: Bench) -> None:
    process = bench.start(document())
    process.hold("VI_1")
    assert bench.answers(VIP4)
    process.reconfigure(document(no_accept=True))
    process.supervisor.wait_for(Ready, generation=2)
    assert bench.elements("closed4") == {VIP4}
    process.reconfigure(document(no_accept=True, virtual_ipaddress=["192.0.2.98/32"]))
    process.supervisor.wait_for(Ready, generation=3)
    assert bench.elements("closed4") == {"192.0.2.98"}
    process.reconfigure(document())
    process.supervisor.wait_for(Ready, generation=4)
    assert bench.nft("list", "ruleset") == ""


def test_successor_keeps_held_addresses_closed(bench: Bench) -> None:
    config = document(no_accept=True)
    process = bench.start(config)
    process.hold("VI_1")
    process.kill()
    successor = bench.start(config, restarted=True, ends=process.ends)
    assert bench.elements("closed4") == {VIP4}
    assert successor.hold("VI_1") is None
    assert bench.elements("closed4") == {VIP4}


def test_input_chain_comes_after_ipvs(bench: Bench) -> None:
    """IPVS takes what is its own at priority 98 and 99 of the input hook; no_accept is to close
    the director and not its virtual servers."""
    bench.start(document(no_accept=True))
    shown = bench.nft("list", "chain", "inet", "lvs_agent", "input")
    found = re.search(r"hook input priority (\d+);", shown)
    assert found is not None
    assert int(found.group(1)) > 99
    assert nft_netlink.TABLE == "lvs_agent"


def test_takeover_without_firewall_and_routes_costs_what_the_addresses_cost(bench: Bench) -> None:
    """Prints the time from Hold to HoldApplied, for a look; the bound is generous."""
    spent: dict[str, float] = {}
    for name, options in (
        ("plain", {}),
        ("no_accept", {"no_accept": True}),
        ("routes", {"virtual_routes": ["198.51.100.0/24 via 192.0.2.254"]}),
    ):
        process = bench.start(document(**options))
        times: list[float] = []
        for _ in range(30):
            began = time.monotonic()
            assert process.hold("VI_1") is None
            times.append(time.monotonic() - began)
            process.hold("VI_1", False)
        spent[name] = sorted(times)[len(times) // 2] * 1e6
        assert process.stop() == 0
    print({name: f"{value:.0f} us" for name, value in spent.items()})
    assert spent["no_accept"] < spent["plain"] + 5_000
    assert spent["routes"] < spent["plain"] + 5_000


# VMACs


VMAC = document(use_vmac="vrrp.51", virtual_ipaddress=[f"{VIP6}/64"], virtual_ipaddress_excluded=[])


class Listener:
    """Everything that the far end of eth0 hears with the virtual MAC as source."""

    def __init__(self, bench: Bench) -> None:
        with inside(bench.far):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self._socket.bind(("eth0", 0))

    def icmp6_types(self, wait_s: float) -> set[int]:
        found: set[int] = set()
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            frame = self._socket.recv(2000)
            (kind,) = struct.unpack_from("!H", frame, 12)
            if kind != 0x86DD or not frame[6:].startswith(bytes.fromhex("00005e0002")):
                continue
            # MLD has a hop-by-hop header of 8 bytes in front.
            found.add(frame[62] if frame[20] == 0 else frame[54])
        return found

    def close(self) -> None:
        self._socket.close()


def test_vmac_is_silent_until_its_instance_is_held_and_again_after(bench: Bench) -> None:
    far = Listener(bench)
    process = bench.start({"vrrp_instances": {"VI_1": VMAC["vrrp_instances"]["VI_1"]}})
    name = "vrrp.51"
    eventually(lambda: bench.elements("quiet") == {name}, 1.0)
    assert bench.elements("vmacs") == {name}
    # Somebody gives the VMAC a link-local address: the kernel reports its group by MLD.
    bench.here.ip("addr", "add", "fe80::51/64", "dev", name, "nodad")
    assert far.icmp6_types(1.5) & {130, 131, 132, 133, 143} == set()
    assert process.hold("VI_1") is None
    assert bench.elements("quiet") == set()
    assert 143 in far.icmp6_types(2.5)
    assert process.hold("VI_1", False) is None
    assert bench.elements("quiet") == {name}
    assert far.icmp6_types(1.5) & {130, 131, 132, 133, 143} == set()
    far.close()
    assert process.stop() == 0
    assert bench.nft("list", "ruleset") == ""
