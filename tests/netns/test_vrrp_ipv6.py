# SPDX-License-Identifier: GPL-3.0-or-later
"""VRRP over IPv6: the whole agent on a link, its packets, elections, faults, keepalived as peer."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.vrrp.packet import encode_datagram
from netns.vrrp_harness import Lan, Node, end, eventually, run
from vrrp_builders import advert, instance6, ip, virtual

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
T = 0.2
SLACK = 0.3
LINK_LOCAL, GLOBAL = "fe80::100", "2001:db8::100"
TEMPLATE = instance6(
    advert_int_ns=200_000_000, addresses=(virtual(LINK_LOCAL), virtual(GLOBAL)), priority=200
)


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, {"a": "2001:db8::1/64", "b": "2001:db8::2/64"})
    yield made
    made.close()


def document(priority: int, **options: object) -> dict[str, Any]:
    web: dict[str, object] = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": priority,
        "advert_int": T,
        "virtual_ipaddress": [f"{LINK_LOCAL}/64", f"{GLOBAL}/64"],
        "garp_master_delay": 0,
        "garp_master_repeat": 2,
        **options,
    }
    return {"vrrp_instances": {"web": web}}


def skew(priority: int) -> float:
    return (256 - priority) / 256 * T


def test_agents_elect_announce_and_hand_over(lan: Lan) -> None:
    capture = lan.capture("b", "ipv6")
    a = lan.agent("a", document(150))
    a.wait_for("MASTER", 8)
    b = lan.agent("b", document(100))
    b.wait_for("BACKUP", 5)
    assert {LINK_LOCAL, GLOBAL} <= set(lan.addresses("a"))
    time.sleep(5 * T)
    assert b.state() == "BACKUP"
    assert not {LINK_LOCAL, GLOBAL} & set(lan.addresses("b"))
    stopped = time.monotonic()
    a.stop()
    taken = b.wait_for("MASTER", 3)
    assert taken - stopped < skew(100) + SLACK
    eventually(lambda: {LINK_LOCAL, GLOBAL} <= set(lan.addresses("b")), 1, "b has the addresses")
    assert not {LINK_LOCAL, GLOBAL} & set(lan.addresses("a"))
    b.stop()
    check_adverts(lan, capture.fields("vrrp", *ADVERT))
    check_advertisements(lan, capture.fields("icmpv6.type == 136", *ADVERTISEMENT))


ADVERT = (
    *("eth.src", "eth.dst", "ipv6.src", "ipv6.dst", "ipv6.hlim", "vrrp.checksum.status"),
    *("vrrp.version", "vrrp.virt_rtr_id", "vrrp.ipv6_addr", "vrrp.prio"),
)
ADVERTISEMENT = (
    *("eth.src", "eth.dst", "ipv6.src", "ipv6.dst", "ipv6.hlim", "icmpv6.checksum.status"),
    *("icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.s", "icmpv6.nd.na.flag.o"),
    *("icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr"),
)


def check_adverts(lan: Lan, rows: list[list[str]]) -> None:
    priorities = {}
    for host in "ab":
        source = lan.link_local(host)
        own = [row for row in rows if row[2] == source]
        assert len(own) >= 2
        addresses = f"{LINK_LOCAL},{GLOBAL}"
        expected = [lan.mac(host), "33:33:00:00:00:12", source, "ff02::12", "255", "1"]
        assert [row[:9] for row in own] == [[*expected, "3", "51", addresses]] * len(own)
        priorities[host] = [row[9] for row in own]
    assert priorities["a"] == ["150"] * (len(priorities["a"]) - 1) + ["0"]
    assert priorities["b"] == ["100"] * (len(priorities["b"]) - 1) + ["0"]


def check_advertisements(lan: Lan, rows: list[list[str]]) -> None:
    """Each address twice from each host, as it became master; the kernel sends some of its own."""
    for host in "ab":
        mac = lan.mac(host)
        for address in (LINK_LOCAL, GLOBAL):
            wanted = [mac, "33:33:00:00:00:01", address, "ff02::1", "255", "1"]
            flags = ["1", "0", "1"] if rows[0][6] in "01" else ["True", "False", "True"]
            assert rows.count([*wanted, *flags, address, mac]) == 2, rows


def test_equal_priorities_are_decided_by_the_link_local_address(lan: Lan) -> None:
    order = sorted("ab", key=lambda host: int(IPv6Address(lan.link_local(host))))
    low = lan.node(order[0], document(100))
    low.wait_for("MASTER", 5)
    high = lan.node(order[1], document(100), "web")
    high.wait_for("MASTER", 5)
    eventually(lambda: low.state() == "BACKUP", 3, "the lower address gives way")
    time.sleep(5 * T)
    assert (low.state(), high.state()) == ("BACKUP", "MASTER")


def rejected(node: Node) -> dict[str, int]:
    """Reasons with a count, of the instance and of its interface."""
    report: Any = node.report()
    parts = [report["instances"][0]["counters"]["rejected"], report["receivers"][0]["rejected"]]
    return {name: part[name] for part in parts for name in part if part[name]}


def test_forged_packets_hit_their_counter_and_move_nothing(lan: Lan) -> None:
    a = lan.node("a", document(100))
    a.wait_for("MASTER", 5)
    source, group = ip(lan.link_local("b")), ip("ff02::12")

    def forged(**changes: object) -> bytes:
        return encode_datagram(advert(TEMPLATE, **changes), source, group)

    good = forged()
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    hops = good[:7] + b"\xfe" + good[8:]
    lan.inject(
        "b",
        [
            *(hops, damaged, forged(virtual_router_id=9), forged(advert_int_ns=0)),
            *(forged(addresses=b""), good[:40] + b"\x21" + good[41:]),
        ],
        destination="ff02::12",
    )
    expected = dict.fromkeys(
        ("ttl", "checksum", "virtual_router_id", "interval_zero", "count_zero", "version"), 1
    )
    eventually(lambda: rejected(a) == expected, 2, f"{expected}, not {rejected(a)}")
    assert a.state() == "MASTER"
    lan.inject("b", [good], destination="ff02::12")
    a.wait_for("BACKUP", 1)


def test_other_group_is_another_virtual_router(lan: Lan) -> None:
    a = lan.node("a", document(150, mcast_dst_ip="ff02::1:12"))
    a.wait_for("MASTER", 5)
    capture = lan.capture("b", "group")
    b = lan.node("b", document(100))
    b.wait_for("MASTER", 5)
    time.sleep(3 * T)
    assert a.state() == "MASTER"
    groups = {row[0] for row in capture.fields("vrrp", "ipv6.dst")}
    assert groups == {"ff02::12", "ff02::1:12"}


def test_replaced_interface_works_with_new_sockets(lan: Lan) -> None:
    a = lan.node("a", document(150))
    a.wait_for("MASTER", 5)
    b = lan.node("b", document(100))
    b.wait_for("BACKUP", 5)
    lan.recreate("a", "2001:db8::1/64")
    time.sleep(0.2)
    a.report_links()
    b.wait_for("MASTER", 5)
    a.wait_for("MASTER", 5)
    b.wait_for("BACKUP", 2)


def test_ipv4_and_ipv6_instances_of_one_number_are_independent(lan: Lan) -> None:
    for host, address in (("a", "10.7.0.1/24"), ("b", "10.7.0.2/24")):
        run("ip", "-n", lan.namespace(host), "address", "add", address, "dev", "eth0")

    def both(four: int, six: int) -> dict[str, Any]:
        web = document(six)["vrrp_instances"]["web"]
        old = {**web, "priority": four, "version": "3", "virtual_ipaddress": ["10.7.0.100/24"]}
        return {"vrrp_instances": {"six": web, "four": old}}

    a, b = lan.node("a", both(150, 100)), lan.node("b", both(100, 150))
    a.wait_for("MASTER", 5, "four")
    b.wait_for("MASTER", 5, "six")
    time.sleep(5 * T)
    assert (a.state("six"), b.state("four")) == ("BACKUP", "BACKUP")
    assert rejected(a) == {}


def keepalived(priority: int) -> str:
    return f"""
global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 1
}}
vrrp_instance web {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {T}
    virtual_ipaddress {{
        {LINK_LOCAL}/64
        {GLOBAL}/64
    }}
}}
"""


def test_keepalived_is_our_backup_and_takes_over(lan: Lan) -> None:
    a = lan.agent("a", document(150))
    lan.keepalived("b", keepalived(100))
    a.wait_for("MASTER", 8)
    time.sleep(6 * T)
    assert GLOBAL not in lan.addresses("b")
    stopped = time.monotonic()
    a.stop()
    eventually(lambda: GLOBAL in lan.addresses("b"), 3, "keepalived takes over")
    assert time.monotonic() - stopped < skew(100) + 0.4
    log = lan.keepalived_log("b").lower()
    for complaint in ("checksum", "invalid", "mismatch", "bogus", "expected"):
        assert complaint not in log, log


def test_we_are_keepaliveds_backup_and_take_over(lan: Lan) -> None:
    peer = lan.keepalived("b", keepalived(150))
    eventually(lambda: GLOBAL in lan.addresses("b"), 8, "keepalived is master")
    a = lan.agent("a", document(100))
    a.wait_for("BACKUP", 5)
    time.sleep(6 * T)
    found = a.instance()
    assert found["state"] == "BACKUP"
    assert found["master"]["priority"] == 150
    assert not any(found["counters"]["rejected"].values())
    killed = time.monotonic()
    end(peer, signal.SIGKILL)
    taken = a.wait_for("MASTER", 5) - killed
    assert 2 * T < taken < 3 * T + skew(100) + SLACK


def test_reload_changes_the_addresses_on_the_wire(lan: Lan) -> None:
    a = lan.agent("a", document(150))
    a.wait_for("MASTER", 8)
    capture = lan.capture("b", "reload")
    a.reload(document(150, virtual_ipaddress=[f"{LINK_LOCAL}/64", "2001:db8::200/64"]))
    eventually(lambda: "2001:db8::200" in lan.addresses("a"), 2, "the new address is there")
    eventually(lambda: GLOBAL not in lan.addresses("a"), 2, "the old one is gone")
    time.sleep(2 * T)
    rows = capture.fields("vrrp", "vrrp.ipv6_addr")
    assert rows[-1] == [f"{LINK_LOCAL},2001:db8::200"]
    assert json.loads(a.config.read_text())["vrrp_instances"]["web"]["priority"] == 150
