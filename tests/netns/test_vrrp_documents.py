# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a document make of adverts and announcements, said in `global_defs` and in an
instance. What the test of one option shows elsewhere is not repeated here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.vrrp.packet import encode_datagram
from netns.vrrp_harness import Lan, Node, eventually, run, side_by_side
from vrrp_builders import MS, advert, instance, ip, virtual

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
T = 0.2
A, B = "10.7.0.1", "10.7.0.2"
HOSTS = {"a": f"{A}/24", "b": f"{B}/24"}
VIP, EXCLUDED = "10.7.0.151", "2001:db8::1"


def web(vrid: int = 51, **options: Any) -> dict[str, Any]:
    return {
        "interface": "eth0",
        "virtual_router_id": vrid,
        "priority": 150,
        "version": "3",
        "advert_int": T,
        "virtual_ipaddress": [f"10.7.0.{100 + vrid}/24"],
        **options,
    }


def many(*instances: dict[str, Any], **global_defs: Any) -> dict[str, Any]:
    """A document with these instances, named by their VRIDs."""
    named = {f"of{each['virtual_router_id']}": each for each in instances}
    return {"global_defs": global_defs, "vrrp_instances": named}


@dataclass(frozen=True)
class Level:
    """Where an option stands."""

    inherited: bool

    def document(self, option: dict[str, Any], **others: Any) -> dict[str, Any]:
        """One instance, with `option` said here and `others` in the instance."""
        if not self.inherited:
            return {"vrrp_instances": {"web": web(**option, **others)}}
        plain = ("vrrp_", {"strict_mode": "vrrp_strict"})
        named = {plain[1].get(name, self._global(name)): value for name, value in option.items()}
        return {"global_defs": named, "vrrp_instances": {"web": web(**others)}}

    @staticmethod
    def _global(name: str) -> str:
        return name if name in ("v3_checksum_as_v2", "dual_active_probe") else f"vrrp_{name}"


LEVELS = [
    pytest.param(Level(inherited=False), id="instance"),
    pytest.param(Level(inherited=True), id="global_defs"),
]
Scenario = Callable[[Lan], None]


def forged(priority: int, vrid: int = 51, **changes: Any) -> bytes:
    """An advert of b about a virtual router of `web`."""
    of = instance(
        virtual_router_id=vrid,
        version=3,
        advert_int_ns=round(T * 1000) * MS,
        addresses=(virtual(f"10.7.0.{100 + vrid}"),),
    )
    sent = advert(of, priority=priority, **changes)
    return encode_datagram(sent, ip(B), ip("224.0.0.18"))


@pytest.mark.parametrize("level", LEVELS)
def test_announcements_go_by_the_document(level: Level, tmp_path: Path) -> None:
    scenarios: list[Scenario] = [
        partial(bursts_have_their_number_delay_and_pace, level),
        partial(second_masters_are_asked_for, level),
    ]
    if level.inherited:
        scenarios.append(min_garp_is_one_request)
    side_by_side(tmp_path, HOSTS, *scenarios)


def bursts_have_their_number_delay_and_pace(level: Level, lan: Lan) -> None:
    capture = lan.capture("b", "bursts")
    options = {
        "garp_master_repeat": 2,
        "garp_master_delay": 1,
        "garp_master_refresh": 3,
        "garp_master_refresh_repeat": 4,
        "garp_lower_prio_repeat": 3,
        "garp_lower_prio_delay": 0.5,
        "garp_interval": 0.03,
        "gna_interval": 0.06,
    }
    others = {"virtual_ipaddress_excluded": [f"{EXCLUDED}/64"], "dual_active_probe": 0}
    a = lan.node("a", level.document(options, **others), "web")
    a.wait_for("MASTER", 3)
    time.sleep(3.8)
    lan.inject("b", [forged(10)])
    time.sleep(1.1)
    arps = [float(row[0]) for row in capture.fields("arp.isgratuitous", "frame.time_epoch")]
    nas = capture.fields(f"icmpv6.nd.na.target_address == {EXCLUDED}", "frame.time_epoch")
    frames = sorted([(at, 0.03) for at in arps] + [(float(row[0]), 0.06) for row in nas])
    bursts = [[frames[0]]]
    for (one, _), frame in pairwise(frames):
        if frame[0] - one > 0.2:
            bursts.append([])
        bursts[-1].append(frame)
    # Both addresses in each round.
    assert [len(burst) for burst in bursts] == [4, 4, 8, 6, 6]
    starts = [burst[0][0] - frames[0][0] for burst in bursts]
    assert starts[1] == pytest.approx(1, abs=0.2)
    assert starts[2] == pytest.approx(3, abs=0.2)
    assert starts[4] - starts[3] == pytest.approx(0.5, abs=0.2)
    for burst in bursts:
        for (one, pause), (other, _) in pairwise(burst):
            assert other - one > 0.7 * pause


def second_masters_are_asked_for(level: Level, lan: Lan) -> None:
    capture = lan.capture("b", "probe")
    a = lan.node("a", level.document({"dual_active_probe": 0.4}), "web")
    a.wait_for("MASTER", 3)
    time.sleep(1.4)
    rows = capture.fields("arp.src.proto_ipv4 == 0.0.0.0", "frame.time_epoch", "arp.dst.proto_ipv4")
    assert {row[1] for row in rows} == {VIP}
    gaps = [float(other[0]) - float(one[0]) for one, other in pairwise(rows)]
    assert len(gaps) >= 2
    assert min(gaps) > 0.3


def min_garp_is_one_request(lan: Lan) -> None:
    capture = lan.capture("b", "min")
    a = lan.node("a", many(web(), vrrp_min_garp=True), "of51")
    a.wait_for("MASTER", 3, "of51")
    time.sleep(5.4)  # beyond the second burst of those who do not say this
    assert len(capture.fields("arp.isgratuitous", "frame.time_epoch")) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_receipt_of_adverts_goes_by_the_document(level: Level, tmp_path: Path) -> None:
    side_by_side(
        tmp_path,
        HOSTS,
        partial(losing_advert_draws_no_answer, level),
        partial(down_timer_is_so_many_intervals, level),
        partial(list_of_a_master_is_looked_at_once, level),
        partial(stranger_is_rejected, level),
        partial(owner_is_deaf, level, {"owner_ignore_adverts": True}),
        partial(owner_is_deaf, level, {"strict_mode": True}),
        partial(checksum_is_that_of_the_option, level),
    )


def losing_advert_draws_no_answer(level: Level, lan: Lan) -> None:
    capture = lan.capture("b", "losing")
    a = lan.node("a", level.document({"lower_prio_no_advert": True}, advert_int=5), "web")
    a.wait_for("MASTER", 3)
    time.sleep(0.3)
    lan.inject("b", [forged(10)])
    time.sleep(0.3)
    rows = capture.fields("vrrp", "ip.src", "frame.time_epoch")
    (heard,) = [float(row[1]) for row in rows if row[0] == B]
    assert not [row for row in rows if row[0] == A and float(row[1]) > heard]
    eventually(lambda: a.number("losing_adverts") == 1, 2, "it was heard")


def down_timer_is_so_many_intervals(level: Level, lan: Lan) -> None:
    a = lan.node("a", level.document({"down_timer_adverts": 9}))
    a.wait_for("BACKUP", 3)
    lan.inject("b", [forged(200)])
    began = time.monotonic()
    # Three intervals and the skew are 3.4 of them; the injecting program takes time to end.
    assert a.wait_for("MASTER", 4) - began > 6 * T


def list_of_a_master_is_looked_at_once(level: Level, lan: Lan) -> None:
    a = lan.node("a", level.document({"skip_check_adv_addr": True}))
    a.wait_for("BACKUP", 3)
    differing = forged(200, addresses=bytes([10, 7, 0, 9]))
    for _ in range(3):
        lan.inject("b", [differing])
    eventually(lambda: a.number("adverts_received") == 3, 2, "three adverts")
    report: Any = a.report()
    counters = report["instances"][0]["counters"]
    assert counters["remarks"]["address_list_differs"] == 1, counters


def stranger_is_rejected(level: Level, lan: Lan) -> None:
    options = {"unicast_peer": ["10.7.0.3"]}
    a = lan.node("a", level.document({"check_unicast_src": True}, **options), "web")
    a.wait_for("MASTER", 3)
    of = instance(version=3, advert_int_ns=200 * MS, addresses=(virtual(VIP),))
    stranger = encode_datagram(advert(of, priority=200), ip(B), ip(A))
    lan.inject("b", [stranger], destination=A)

    def rejected() -> int:
        report: Any = a.report()
        parts = [report["instances"][0]["counters"], report["receivers"][0]]
        return sum(part["rejected"].get("not_a_peer", 0) for part in parts)

    eventually(lambda: rejected() == 1, 2, "the stranger is counted")
    assert a.state() == "MASTER"


def owner_is_deaf(level: Level, option: dict[str, Any], lan: Lan) -> None:
    a = lan.node("a", level.document(option, priority=255))
    a.wait_for("MASTER", 3)
    lan.inject("b", [forged(255)])
    time.sleep(0.3)
    assert a.state() == "MASTER"


def checksum_is_that_of_the_option(level: Level, lan: Lan) -> None:
    for wanted, status in ((True, "0"), (False, "1")):  # tshark counts the pseudo-header in
        capture = lan.capture("b", f"sum-{wanted}")
        a = lan.node("a", level.document({"v3_checksum_as_v2": wanted}), "web")
        a.wait_for("MASTER", 3)
        time.sleep(2 * T)
        a.close()
        rows = capture.fields("vrrp", "vrrp.checksum.status")
        assert rows
        assert {row[0] for row in rows} == {status}


def test_versions_groups_and_delays_go_by_the_document(tmp_path: Path) -> None:
    side_by_side(
        tmp_path,
        HOSTS,
        versions_and_groups,
        start_is_delayed,
        partial(preemption, {"preempt": False}, None),
        partial(preemption, {"preempt_delay": 1.5}, 1.5),
    )


def versions_and_groups(lan: Lan) -> None:
    six = ["fe80::54/64", "2001:db8::54/64"]
    usual = {key: value for key, value in web().items() if key != "version"}
    alone = web(53, no_virtual_ipaddress=True)
    del alone["virtual_ipaddress"]
    a = lan.node(
        "a",
        many(
            usual,
            web(52, version="2", advert_int=1),
            alone,
            web(54, virtual_ipaddress=six),
            vrrp_version="3",
            vrrp_mcast_group4="224.0.0.99",
            vrrp_mcast_group6="ff02::1:12",
        ),
        *("of51", "of52", "of53", "of54"),
    )
    for name in ("of51", "of52", "of53", "of54"):
        a.wait_for("MASTER", 3, name)
    capture = lan.capture("b", "groups")
    time.sleep(1.3)
    columns = ("vrrp.virt_rtr_id", "vrrp.version", "ip.dst", "ipv6.dst", "vrrp.addr_count")
    rows = {tuple(row) for row in capture.fields("vrrp", *columns)}
    assert rows == {
        ("51", "3", "224.0.0.99", "", "1"),
        ("52", "2", "224.0.0.99", "", "1"),
        ("53", "3", "224.0.0.99", "", "0"),
        ("54", "3", "", "ff02::1:12", "2"),
    }


def start_is_delayed(lan: Lan) -> None:
    began = time.monotonic()
    a = lan.node("a", many(web(), vrrp_startup_delay=2))
    assert a.wait_for("MASTER", 5, "of51") - began > 2 + 3 * T


def preemption(option: dict[str, Any], after_s: float | None, lan: Lan) -> None:
    """A master of lower priority is there: is it overtaken, and when?"""
    b = lan.node("b", {"vrrp_instances": {"web": web(priority=100)}}, "web")
    b.wait_for("MASTER", 3)
    a = lan.node("a", {"vrrp_instances": {"web": web(**option)}})
    a.wait_for("BACKUP", 3)
    began = time.monotonic()
    if after_s is None:
        time.sleep(10 * T)
        assert (a.state(), b.state()) == ("BACKUP", "MASTER")
    else:
        assert a.wait_for("MASTER", 5) - began > after_s - 0.2


def test_instance_whose_own_interface_is_not_tracked_works_on_without_it(lan_ab: Lan) -> None:
    documents = {"a": web(dont_track_primary=True), "b": web(52)}
    nodes: dict[str, Node] = {}
    for host, settings in documents.items():
        nodes[host] = lan_ab.node(host, {"vrrp_instances": {"web": settings}}, "web")
        nodes[host].wait_for("MASTER", 3)
        run("ip", "-n", lan_ab.namespace("bridge"), "link", "set", f"to-{host}", "down")
        time.sleep(0.1)
        nodes[host].report_links()
    nodes["b"].wait_for("FAULT", 2)
    assert nodes["a"].state() == "MASTER"


@pytest.fixture
def lan_ab(tmp_path: Path) -> Any:
    made = Lan(tmp_path, HOSTS)
    yield made
    made.close()
