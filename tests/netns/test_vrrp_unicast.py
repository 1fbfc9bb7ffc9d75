# SPDX-License-Identifier: GPL-3.0-or-later
"""Unicast peers: who is sent to, who is listened to, from which address, with which TTL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.vrrp.packet import encode_datagram
from netns.vrrp_harness import Lan, Node, end, eventually, run, side_by_side
from vrrp_builders import advert, instance, ip, virtual

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
T = 0.2
SLACK = 0.3
A, B, C = "10.7.0.1", "10.7.0.2", "10.7.0.3"
VIP = "10.7.0.100"
TEMPLATE = instance(
    version=3, advert_int_ns=200_000_000, addresses=(virtual(VIP),), v3_checksum_as_v2=True
)


HOSTS = {"a": f"{A}/24 10.7.0.11/24", "b": f"{B}/24", "c": f"{C}/24"}


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, HOSTS)
    yield made
    made.close()


def web(priority: int, *peers: object, **options: object) -> dict[str, object]:
    return {
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": priority,
        "version": "3",
        "advert_int": T,
        "virtual_ipaddress": [f"{VIP}/24"],
        "unicast_peer": list(peers),
        "garp_master_delay": 0,
        **options,
    }


def document(priority: int, *peers: object, **options: object) -> dict[str, Any]:
    return {"vrrp_instances": {"web": web(priority, *peers, **options)}}


def skew(priority: int) -> float:
    return (256 - priority) / 256 * T


def test_three_agents_elect_and_hand_over(lan: Lan) -> None:
    captures = {host: lan.capture(host, host) for host in "bc"}
    tshark: dict[str, Any] = {"v3_checksum_as_v2": False}  # it knows that checksum only
    a = lan.agent("a", document(150, B, C, **tshark))
    a.wait_for("MASTER", 8)
    b = lan.agent("b", document(100, A, C, **tshark))
    c = lan.agent("c", document(50, A, B, **tshark))
    b.wait_for("BACKUP", 5)
    c.wait_for("BACKUP", 5)
    time.sleep(5 * T)
    assert (b.state(), c.state()) == ("BACKUP", "BACKUP")
    stopped = time.monotonic()
    a.stop()
    taken = b.wait_for("MASTER", 3)
    assert taken - stopped < skew(100) + SLACK
    time.sleep(3 * T)
    assert c.state() == "BACKUP"
    columns = ("ip.dst", "eth.dst", "ip.ttl", "vrrp.checksum.status", "vrrp.prio")
    for host, own in (("b", B), ("c", C)):
        rows = captures[host].fields(f"vrrp && !icmp && ip.src == {A}", *columns)
        priorities = ["150"] * (len(rows) - 1) + ["0"]
        good = [[own, lan.mac(host), "255", "1", priority] for priority in priorities]
        assert len(rows) > 5
        assert rows == good


def rejected(node: Node) -> dict[str, int]:
    """Reasons with a count, of the first instance and of its interface."""
    report: Any = node.report()
    parts = [report["instances"][0]["counters"]["rejected"], report["receivers"][0]["rejected"]]
    return {name: part[name] for part in parts for name in part if part[name]}


def forged(source: str, to: str, *, ttl: int = 255, **changes: object) -> bytes:
    return encode_datagram(advert(TEMPLATE, priority=200, **changes), ip(source), ip(to), ttl=ttl)


def test_two_instances_of_one_vrid_with_different_peers(lan: Lan) -> None:
    """`a` shares "web" with keepalived on b and "sip" with an agent on c, all with VRID 51."""
    sip_vip = "10.7.0.200"
    web_b = web(100, B, v3_checksum_as_v2=False)  # as keepalived 2.2.7 understands it
    sip_c = web(150, C, virtual_ipaddress=[f"{sip_vip}/24"])
    a = lan.agent("a", {"vrrp_instances": {"web": web_b, "sip": sip_c}})
    a.wait_for("MASTER", 8, "sip")
    a.wait_for("MASTER", 5)
    theirs = lan.keepalived("b", keepalived(200, 3, T))
    a.wait_for("BACKUP", 8)
    theirs_too = web(200, A, virtual_ipaddress=[f"{sip_vip}/24"])
    c = lan.agent("c", {"vrrp_instances": {"sip": theirs_too}})
    a.wait_for("BACKUP", 8, "sip")
    # Each advert went to its own instance: those of web carry another address list.
    for name in ("web", "sip"):
        counters = a.instance(name)["counters"]
        assert counters["adverts_received"] > 0
        assert counters["remarks"]["address_list_differs"] == 0
    end(theirs)
    a.wait_for("MASTER", 3)
    assert a.state("sip") == "BACKUP"
    # A reload that renames one and adds a peer to it moves nothing.
    web_b["unicast_peer"] = [B, "10.7.0.9"]
    a.reload({"vrrp_instances": {"sip": sip_c, "shop": web_b}})
    eventually(lambda: a.state("shop") == "MASTER", 3, "the new name")
    assert a.instance("shop")["counters"]["became_master"] >= 2
    assert (VIP in lan.addresses("a"), sip_vip in lan.addresses("c")) == (True, True)
    c.stop()
    a.wait_for("MASTER", 3, "sip")


def test_source_and_ttl_are_those_of_the_settings(lan: Lan) -> None:
    capture = lan.capture("b", "source")
    a = lan.node("a", document(150, B, unicast_src_ip="10.7.0.11", unicast_ttl=64))
    a.wait_for("MASTER", 5)
    eventually(lambda: a.number("adverts_sent") > 3, 3, "adverts")
    rows = capture.fields("vrrp", "ip.src", "ip.dst", "ip.ttl")
    assert rows == [["10.7.0.11", B, "64"]] * len(rows)
    assert len(rows) >= 3


def test_multicast_source_is_that_of_the_settings(lan: Lan) -> None:
    options: dict[str, object] = {"mcast_src_ip": "10.7.0.11", "mcast_dst_ip": "224.0.0.99"}
    settings = web(150, **options)
    del settings["unicast_peer"]
    capture = lan.capture("b", "mcast")
    a = lan.node("a", {"vrrp_instances": {"web": settings}})
    a.wait_for("MASTER", 5)
    eventually(lambda: a.number("adverts_sent") > 3, 3, "adverts")
    rows = capture.fields("vrrp", "ip.src", "ip.dst", "ip.ttl", "eth.dst")
    assert rows == [["10.7.0.11", "224.0.0.99", "255", "01:00:5e:00:00:63"]] * len(rows)
    assert len(rows) >= 3


def test_ttl_bounds_of_a_peer_and_strangers(lan: Lan) -> None:
    peer = {"address": B, "min_ttl": 250, "max_ttl": 252}
    a = lan.node("a", document(100, peer, check_unicast_src=True))
    a.wait_for("MASTER", 5)
    lan.inject("b", [forged(B, A, ttl=ttl) for ttl in (249, 253)], destination=A)
    lan.inject("c", [forged(C, A, ttl=251)], destination=A)
    expected = {"ttl": 2, "not_a_peer": 1}
    eventually(lambda: rejected(a) == expected, 2, f"{expected}, not {rejected(a)}")
    assert a.state() == "MASTER"
    lan.inject("b", [forged(B, A, ttl=251)], destination=A)
    a.wait_for("BACKUP", 1)


def test_multicast_to_a_unicast_instance_and_the_reverse_move_nothing(lan: Lan) -> None:
    # The other instance joins the group, so that the packets get as far as the agent at all.
    many = {**web(150), "virtual_router_id": 52, "virtual_ipaddress": ["10.7.0.102/24"]}
    del many["unicast_peer"]
    a = lan.node("a", {"vrrp_instances": {"web": web(100, B), "many": many}})
    a.wait_for("MASTER", 5)
    a.wait_for("MASTER", 5, "many")
    lan.inject("b", [forged(B, "224.0.0.18")])
    lan.inject("b", [forged(B, A, virtual_router_id=52)], destination=A)

    def counted() -> list[tuple[int, int]]:
        report: Any = a.report()
        rejects = [each["counters"]["rejected"] for each in report["instances"]]
        return [(each["multicast"], each["unicast"]) for each in rejects]

    eventually(lambda: counted() == [(1, 0), (0, 1)], 2, f"one each, not {counted()}")
    assert (a.state(), a.state("many")) == ("MASTER", "MASTER")


def test_without_a_peer_it_is_a_fault_when_told_so(lan: Lan) -> None:
    settings = web(100, unicast_fault_no_peer=True)
    del settings["unicast_peer"]
    a = lan.node("a", {"vrrp_instances": {"web": settings}})
    a.wait_for("FAULT", 3)
    report: Any = a.report()
    assert "unicast_fault_no_peer" in report["instances"][0]["reason"]


def test_missing_source_is_a_fault_when_tracked(lan: Lan) -> None:
    options = {"unicast_src_ip": "10.7.0.12", "track_src_ip": True}
    a = lan.node("a", document(100, B, **options))
    a.wait_for("FAULT", 3)
    run("ip", "-n", lan.namespace("a"), "address", "add", "10.7.0.12/24", "dev", "eth0")
    a.report_links()
    a.wait_for("MASTER", 5)


def test_ipv6_peers_elect(lan: Lan) -> None:
    for host, address in (("a", "2001:db8::1/64"), ("b", "2001:db8::2/64")):
        run("ip", "-n", lan.namespace(host), "address", "add", address, "dev", "eth0")

    def settings(priority: int, own: str, peer: str) -> dict[str, Any]:
        addresses = ["fe80::100/64", "2001:db8::100/64"]
        return document(priority, peer, unicast_src_ip=own, virtual_ipaddress=addresses)

    capture = lan.capture("b", "six")
    a = lan.node("a", settings(150, "2001:db8::1", "2001:db8::2"))
    a.wait_for("MASTER", 5)
    b = lan.node("b", settings(100, "2001:db8::2", "2001:db8::1"))
    b.wait_for("BACKUP", 5)
    time.sleep(5 * T)
    assert b.state() == "BACKUP"
    a.stop()
    b.wait_for("MASTER", 2)
    columns = ("ipv6.src", "ipv6.dst", "ipv6.hlim", "vrrp.checksum.status")
    rows = capture.fields("vrrp && !icmpv6 && vrrp.prio == 150", *columns)
    assert rows == [["2001:db8::1", "2001:db8::2", "255", "1"]] * len(rows)


def keepalived(priority: int, version: int, interval: float) -> str:
    seconds = int(interval) if version == 2 else interval
    return f"""
global_defs {{
    vrrp_version {version}
    vrrp_garp_master_delay 1
}}
vrrp_instance web {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {seconds}
    unicast_src_ip {B}
    unicast_peer {{
        {A} min_ttl 255 max_ttl 255
    }}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"""


def test_keepalived_is_our_backup_then_our_master_in_both_versions(tmp_path: Path) -> None:
    scenarios = [
        partial(keepalived_is_our_backup_then_our_master, version=version, interval=interval)
        for version, interval in ((2, 1.0), (3, T))
    ]
    side_by_side(tmp_path, HOSTS, *scenarios)


def keepalived_is_our_backup_then_our_master(lan: Lan, version: int, interval: float) -> None:
    options = {"version": str(version), "advert_int": interval, "v3_checksum_as_v2": False}
    a = lan.node("a", document(150, B, **options))
    peer = lan.keepalived("b", keepalived(100, version, interval))
    a.wait_for("MASTER", 8)
    time.sleep(5 * interval)
    assert VIP not in lan.addresses("b")
    a.stop()
    eventually(lambda: VIP in lan.addresses("b"), 3, "keepalived takes over")
    again = lan.node("a", document(50, B, **options))
    again.wait_for("BACKUP", 3)
    time.sleep(5 * interval)
    assert again.state() == "BACKUP"
    assert rejected(again) == {}
    end(peer, signal.SIGKILL)
    again.wait_for("MASTER", 3 * interval + 1 + SLACK)
    log = lan.keepalived_log("b").lower()
    for complaint in ("checksum", "invalid", "mismatch", "bogus"):
        assert complaint not in log, log
