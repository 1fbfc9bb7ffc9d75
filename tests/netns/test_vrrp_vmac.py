# SPDX-License-Identifier: GPL-3.0-or-later
"""VMAC: the virtual router's MAC on the wire, and a client that does not notice the takeover."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.messages import LinkState
from netns.vrrp_harness import Agent, Lan, eventually, run, side_by_side

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
T = 0.2
VIP, VIP_6 = "10.7.0.100", "fe80::100"
MAC, MAC_6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"


HOSTS = {"a": "10.7.0.1/24", "b": "10.7.0.2/24", "client": "10.7.0.9/24"}


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, HOSTS)
    yield made
    made.close()


def document(priority: int, address: str = f"{VIP}/24", **options: object) -> dict[str, Any]:
    web: dict[str, object] = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": priority,
        "version": "3",
        "advert_int": T,
        "use_vmac": True,
        "virtual_ipaddress": [address],
        "garp_master_delay": 0,
        **options,
    }
    return {"vrrp_instances": {"web": web}}


KNOCK = """
import socket, sys
info = socket.getaddrinfo(sys.argv[1], 9, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
knocking = socket.socket(*info[:3])
knocking.settimeout(1)
knocking.connect(info[4])
try:
    knocking.send(b"?")
    knocking.recv(1)
except ConnectionRefusedError:
    print("answered")  # nobody serves the port, and whoever has the address says so
"""


def answers(lan: Lan, address: str) -> bool:
    """Whether the client reaches a host that has `address`."""
    namespace = ("ip", "netns", "exec", lan.namespace("client"))
    done = subprocess.run(
        [*namespace, sys.executable, "-c", KNOCK, address],
        check=False,
        capture_output=True,
        text=True,
        timeout=10,
    )
    return "answered" in done.stdout


def neighbour(lan: Lan, address: str) -> str:
    """The MAC that the client knows for `address`."""
    text = run("ip", "-n", lan.namespace("client"), "-j", "neighbour", "show", address)
    return next((each.get("lladdr", "") for each in json.loads(text)), "")


def pair(lan: Lan, *addresses: str, **options: object) -> tuple[Agent, Agent]:
    """a is MASTER and b has been its BACKUP for longer than it would wait for a silent one."""
    a = lan.agent("a", document(150, *addresses, **options))
    a.wait_for("MASTER", 8)
    b = lan.agent("b", document(100, *addresses, **options))
    b.wait_for("BACKUP", 5)
    time.sleep(6 * T)
    assert (a.state(), b.state()) == ("MASTER", "BACKUP")
    return a, b


def test_client_keeps_its_neighbour_entry_over_a_takeover(lan: Lan) -> None:
    capture = lan.capture("client", "vmac")
    a, b = pair(lan, v3_checksum_as_v2=False)  # tshark knows that checksum only
    eventually(lambda: answers(lan, VIP), 3, "the address answers")
    assert neighbour(lan, VIP) == MAC
    a.stop()
    b.wait_for("MASTER", 2)
    eventually(lambda: answers(lan, VIP), 2, "the address answers from b")
    assert neighbour(lan, VIP) == MAC
    # Our own adverts, sent on top of the interface, are not taken for a foreign router's.
    assert not any(b.instance()["counters"]["rejected"].values())
    assert not any(b.status()["receivers"][0]["rejected"].values())
    rows = capture.fields("vrrp", "eth.src", "ip.src", "vrrp.checksum.status", "ip.ttl")
    expected = [(MAC, source, "1", "255") for source in ("10.7.0.1", "10.7.0.2")]
    assert {tuple(row) for row in rows} == set(expected)
    announced = capture.fields("arp.isgratuitous", "eth.src", "arp.src.hw_mac", "arp.dst.hw_mac")
    assert announced == [[MAC, MAC, MAC]] * len(announced)
    assert len(announced) == 10
    b.stop()
    assert "vrrp.51" not in run("ip", "-n", lan.namespace("b"), "link")


def test_xmit_base_sends_adverts_from_the_interface_and_announces_the_virtual_mac(lan: Lan) -> None:
    capture = lan.capture("client", "base")
    a, _ = pair(lan, vmac_xmit_base=True)
    assert {row[0] for row in capture.fields("vrrp", "eth.src")} == {lan.mac("a")}
    assert {row[0] for row in capture.fields("arp.isgratuitous", "eth.src")} == {MAC}
    assert a.state() == "MASTER"


def test_ipv6_has_its_own_virtual_mac(lan: Lan) -> None:
    capture = lan.capture("client", "six")
    a, b = pair(lan, f"{VIP_6}/64")
    eventually(lambda: answers(lan, f"{VIP_6}%eth0"), 3, "the address answers")
    assert neighbour(lan, VIP_6) == MAC_6
    a.stop()
    b.wait_for("MASTER", 2)
    eventually(lambda: answers(lan, f"{VIP_6}%eth0"), 3, "the address answers from b")
    assert neighbour(lan, VIP_6) == MAC_6
    assert not any(b.instance()["counters"]["rejected"].values())
    sources = {tuple(row) for row in capture.fields("vrrp", "eth.src", "ipv6.src")}
    assert sources == {(MAC_6, lan.link_local("a")), (MAC_6, lan.link_local("b"))}


NONE: dict[str, object] = {"use_vmac": False}
BASE: dict[str, object] = {"vmac_xmit_base": True}


def test_directors_that_send_in_other_ways_hear_each_other_once(tmp_path: Path) -> None:
    pairs = [({}, NONE), (NONE, {}), ({}, BASE), (BASE, {})]
    side_by_side(
        tmp_path, HOSTS, *(partial(hear_each_other_once, one=one, other=b) for one, b in pairs)
    )


def hear_each_other_once(lan: Lan, one: dict[str, object], other: dict[str, object]) -> None:
    a = lan.agent("a", document(150, **one))
    a.wait_for("MASTER", 8)
    b = lan.agent("b", document(100, **other))
    b.wait_for("BACKUP", 5)
    time.sleep(6 * T)
    assert (a.state(), b.state()) == ("MASTER", "BACKUP")
    counters = b.instance()["counters"]
    first, before = time.monotonic(), counters["adverts_received"]
    time.sleep(5 * T)
    received = b.instance()["counters"]["adverts_received"] - before
    assert received <= (time.monotonic() - first) / T + 1
    assert not any(counters["rejected"].values())
    a.stop()
    b.wait_for("MASTER", 2)


def test_vmac_that_comes_later_or_goes_is_a_fault_meanwhile(lan: Lan) -> None:
    capture = lan.capture("b", "later")
    a = lan.node("a", document(150))
    absent = LinkState(interface="vrrp.51", index=0, running=False, primary=None, mac=None)
    a.from_kernel(absent)
    a.wait_for("FAULT", 2)
    for _ in range(2):  # the second one has another index
        lan.add_vmac("a", "vrrp.51", MAC)
        a.report_links()
        a.wait_for("MASTER", 5)
        run("ip", "-n", lan.namespace("a"), "link", "del", "vrrp.51")
        a.from_kernel(absent)
        a.wait_for("FAULT", 2)
    rows = capture.fields("vrrp", "eth.src", "vrrp.prio")
    assert {row[0] for row in rows} == {MAC}
    assert [row[1] for row in rows].count("150") >= 2


def keepalived(priority: int) -> str:
    return f"""
global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 1
}}
vrrp_instance web {{
    state BACKUP
    interface eth0
    use_vmac
    virtual_router_id 51
    priority {priority}
    advert_int {T}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"""


def test_keepalived_with_vmac_takes_over_and_gives_back(lan: Lan) -> None:
    a = lan.agent("a", document(150, v3_checksum_as_v2=False))
    lan.keepalived("b", keepalived(100))
    a.wait_for("MASTER", 8)
    eventually(lambda: answers(lan, VIP), 3, "the address answers")
    a.stop()
    eventually(lambda: VIP in lan.addresses("b"), 3, "keepalived takes over")
    # Which MAC the client then knows is keepalived's affair: its answers teach the interface's own.
    eventually(lambda: answers(lan, VIP), 3, "the address answers from keepalived")
    again = lan.agent("a", document(150, v3_checksum_as_v2=False))
    again.wait_for("MASTER", 8)
    eventually(lambda: VIP not in lan.addresses("b"), 2, "keepalived gives it up")
    eventually(lambda: answers(lan, VIP), 3, "the address answers from us again")
    assert neighbour(lan, VIP) == MAC
