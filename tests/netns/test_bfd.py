# SPDX-License-Identifier: GPL-3.0-or-later
"""BFD on a real network: two of our runners, and one of them with FRR's bfdd."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from lvs_agent.core.bfd.packet import SOURCE_PORTS
from netns.bfd_harness import ADDRESSES, MS, MULTIPLIER, Bfdd, Cable, Runner, instance
from netns.vrrp_harness import eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
A4, A6, ALOCAL = ADDRESSES["a"]
B4, B6, BLOCAL = ADDRESSES["b"]
# The agreed interval and detection time of `instance`, both ways.
T = 0.05
DETECTION = MULTIPLIER * T
# For a busy machine.
SLACK = 0.4


@pytest.fixture(scope="module")
def wire() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.close()


@pytest.fixture
def cable(wire: Cable) -> Iterator[Cable]:
    yield wire
    wire.end_processes()


def pair(cable: Cable, **changes: Any) -> tuple[Runner, Runner]:
    """One IPv4 session, up on both sides; `changes` are a's."""
    a = cable.runner("a", instance("b", B4, A4, **changes))
    b = cable.runner("b", instance("a", A4, B4))
    a.wait("b", True)
    b.wait("a", True)
    return a, b


def test_sessions_of_both_families_and_of_link_local_addresses_come_up(cable: Cable) -> None:
    names = ("v4", "v6", "local")
    a = cable.runner("a", *map(instance, names, ADDRESSES["b"], ADDRESSES["a"]))
    # b leaves the choice of its source to the system.
    b = cable.runner("b", *map(instance, names, ADDRESSES["a"]))
    for name in names:
        a.wait(name, True)
        b.wait(name, True)
    fields = ("ip.ttl", "ipv6.hlim", "ip.dsfield.dscp", "ipv6.tclass.dscp", "udp.dstport")
    seen = cable.capture("b", 1.5, *fields, "udp.srcport")
    assert {tuple(row[:5]) for row in seen} == {
        ("255", "", "48", "", "3784"),
        ("", "255", "", "48", "3784"),
    }
    ports = {row[5] for row in seen}
    assert len(ports) == 6  # one for each session and side
    assert all(int(port) in SOURCE_PORTS for port in ports)
    assert all(len(runner.changes(name)) == 1 for runner in (a, b) for name in names)


def test_packets_come_jittered_within_the_agreed_interval(cable: Cable) -> None:
    pair(cable)
    rows = cable.capture("b", 3, "frame.time_epoch", "ip.src", "bfd.flags.p", "bfd.flags.f")
    times = [float(at) for at, source, poll, final in rows if source == A4 and final != "1"]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(gaps) > 20
    assert min(gaps) > 0.75 * T - 0.003
    # Most are punctual even on a busy machine; the mean tells that the jitter is spread.
    assert sum(gap <= T + 0.01 for gap in gaps) > 0.7 * len(gaps)
    assert 0.8 * T < sum(gaps) / len(gaps) < 1.2 * T
    assert max(gaps) - min(gaps) > 0.1 * T


def test_silent_neighbour_is_down_within_the_detection_time_and_comes_back(cable: Cable) -> None:
    a, b = pair(cable)
    stopped = time.monotonic()
    b.process.send_signal(signal.SIGSTOP)
    told = a.wait("b", False)
    # The last packet came up to an interval before the silence.
    assert DETECTION - 2 * T < told["at"] - stopped < DETECTION + SLACK
    assert "nothing received for 0." in told["reason"]
    b.process.send_signal(signal.SIGCONT)
    a.wait("b", True)
    assert a.session("b")["counters"]["went_down"] == 1


def test_close_tells_the_neighbour_at_once(cable: Cable) -> None:
    a, b = pair(cable)
    closed = time.monotonic()
    b.close()
    told = a.wait("b", False)
    assert told["at"] - closed < DETECTION / 2 + SLACK / 2
    assert told["reason"] == "the neighbour says AdminDown: administratively down"


def test_reconfiguration_polls_and_leaves_unchanged_sessions_alone(cable: Cable) -> None:
    a = cable.runner("a", instance("v4", B4, A4), instance("v6", B6), instance("gone", BLOCAL))
    b = cable.runner("b", instance("v4", A4, B4), instance("v6", A6), instance("local", ALOCAL))
    for runner, name in ((a, "v4"), (a, "v6"), (a, "gone"), (b, "local")):
        runner.wait(name, True)
        eventually(lambda r=runner, n=name: r.session(n)["poll"] == "idle", 3, "the Final")  # type: ignore[misc]
    before, finals = a.session("v6"), a.session("v4")["counters"]["finals_received"]
    a.reconfigure(
        instance("v4", B4, A4, min_tx_ns=120 * MS, min_rx_ns=20 * MS), instance("six", B6)
    )
    eventually(lambda: a.session("v4")["poll"] == "idle", 3, "the Final")
    assert a.session("v4")["counters"]["finals_received"] == finals + 1
    assert b.session("v4")["detection_time_s"] == pytest.approx(MULTIPLIER * 0.12)
    assert a.session("v4")["detection_time_s"] == pytest.approx(
        MULTIPLIER * 0.05
    )  # b sends no faster
    # Renamed, otherwise the same: told under its new name, its discriminators kept.
    assert a.wait("six", True)["reason"] == before["reason"]
    assert a.session("six")["discriminator"] == before["discriminator"]
    # Removed: a is silent about it, b hears it.
    assert "AdminDown" in b.wait("local", False)["reason"]
    assert [change["up"] for change in a.changes("gone")] == [True]
    for runner, name in ((a, "v4"), (b, "v4"), (b, "v6")):
        assert [change["up"] for change in runner.changes(name)] == [True]
    # Wanted again before its goodbye is over.
    a.reconfigure(instance("v4", B4, A4), instance("six", B6), instance("again", BLOCAL))
    a.wait("again", True)
    # Another source is another session.
    cable.add_address("a", "10.8.0.11/24")
    a.reconfigure(instance("v4", B4, "10.8.0.11"), instance("six", B6), instance("again", BLOCAL))
    a.wait("v4", False)
    b.reconfigure(instance("v4", "10.8.0.11"), instance("v6", A6), instance("local", ALOCAL))
    a.wait("v4", True)


def test_passive_side_waits_for_the_first_packet(cable: Cable) -> None:
    a = cable.runner("a", instance("b", B4, A4, passive=True))
    assert cable.capture("b", 1.5, "ip.src") == []
    b = cable.runner("b", instance("a", A4, B4))
    a.wait("b", True)
    b.wait("a", True)


def test_routed_packets_are_ignored_unless_max_hops_allows_them(cable: Cable) -> None:
    a = cable.runner("a", instance("v4", B4, A4), instance("v6", B6, A6))
    b = cable.runner("b", instance("v4", A4, B4, ttl=254), instance("v6", A6, B6, ttl=254))
    for name in ("v4", "v6"):
        eventually(lambda n=name: a.session(n)["counters"]["rejected"] != {}, 5, "rejects")  # type: ignore[misc]
        counters = a.session(name)["counters"]
        assert counters["rejected"].keys() == {"ttl"}
        assert counters["received"] == 0
    assert any("max_hops" in line for line in a.log())
    a.reconfigure(instance("v4", B4, A4, max_hops=1), instance("v6", B6, A6, max_hops=1))
    for name in ("v4", "v6"):
        a.wait(name, True)
        b.wait(name, True)


def test_source_address_may_come_later(cable: Cable) -> None:
    late = {"v4": "10.8.0.21", "v6": "fd00:8::21"}
    a = cable.runner("a", instance("v4", B4, late["v4"]), instance("v6", B6, late["v6"]))
    b = cable.runner("b", instance("v4", late["v4"]), instance("v6", late["v6"]))
    for name in late:
        eventually(lambda n=name: a.session(n)["counters"]["send_errors"] > 0, 5, "an error")  # type: ignore[misc]
    assert any("BFD instance v4 cannot send" in line for line in a.log())
    assert a.report()["faults"].keys() == late.keys()
    cable.add_address("a", f"{late['v4']}/24")
    cable.add_address("a", f"{late['v6']}/64", "nodad")
    for name in late:
        a.wait(name, True)
        b.wait(name, True)
    # Gone again: nothing is sent from an address that may be another host's by now.
    cable.remove_address("a", f"{late['v4']}/24")
    cable.remove_address("a", f"{late['v6']}/64")
    for name in late:
        b.wait(name, False)
    assert not {late["v4"], late["v6"]} & {
        source for row in cable.capture("b", 1.5, "ip.src", "ipv6.src") for source in row
    }


def test_port_taken_by_another_daemon_is_told_and_tried_again(cable: Cable) -> None:
    program = "import socket,time; s=socket.socket(2,2); s.bind(('',3784)); time.sleep(60)"
    other = subprocess.Popen(
        ["ip", "netns", "exec", cable.namespace("a"), sys.executable, "-c", program]
    )
    try:
        time.sleep(0.5)
        a = cable.runner("a", instance("b", B4, A4))
        eventually(lambda: "another" in str(a.log()) or "any other" in str(a.log()), 5, "a line")
        report = a.report()
        assert "UDP port 3784 (IPv4)" in report["errors"][0]
        assert report["faults"] == {"b": report["errors"][0]}
    finally:
        other.kill()
        other.wait(5)
    b = cable.runner("b", instance("a", A4, B4))
    a.wait("b", True)
    b.wait("a", True)
    assert (a.report()["errors"], a.report()["faults"]) == ([], {})


# 4,000 datagrams from the neighbour's address in two seconds: noise, and packets with wrong bytes.
NOISE = f"""
import random, socket, time
random.seed(5)
noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
noise.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
noise.bind(({B4!r}, 0))
for number in range(4000):
    data = bytearray(random.randbytes(random.randrange(60)))
    if number % 2 and len(data) >= 24:
        data[0:4] = (0x20 | data[0] & 0x1F, data[1] & 0xFE, data[2], 24)
    noise.sendto(data, ({A4!r}, 3784))
    time.sleep(0.0005)
"""


def test_noise_on_the_port_is_counted_and_disturbs_nothing(cable: Cable) -> None:
    a, b = pair(cable)
    subprocess.run(
        ["ip", "netns", "exec", cable.namespace("b"), sys.executable, "-c", NOISE],
        check=True,
        timeout=60,
    )
    rejected = a.session("b")["counters"]["rejected"]
    assert sum(rejected.values()) > 3500  # a receive buffer may have run over
    assert {"truncated", "version", "unknown_discriminator", "authentication"} <= rejected.keys()
    assert len(a.log()) <= 3 * len(rejected)
    for runner, name in ((a, "b"), (b, "a")):
        assert [change["up"] for change in runner.changes(name)] == [True]


FRR_PEER = """ peer {neighbor} local-address {source}
  detect-multiplier {multiplier}
  receive-interval 50
  transmit-interval 50
  no shutdown
 exit
"""


def frr(cable: Cable) -> Bfdd:
    """bfdd on b with an IPv4 and an IPv6 peer."""
    peers = ((A4, B4), (A6, B6))
    text = "".join(
        FRR_PEER.format(neighbor=peer, source=source, multiplier=MULTIPLIER)
        for peer, source in peers
    )
    return cable.bfdd("b", f"bfd\n{text}exit\n")


def ours(**changes: Any) -> list[dict[str, Any]]:
    return [instance("v4", B4, A4, **changes), instance("v6", B6, A6, **changes)]


def with_frr(cable: Cable) -> tuple[Runner, Bfdd]:
    """Both sessions up on both sides."""
    bfdd = frr(cable)
    a = cable.runner("a", *ours())
    for name, address in (("v4", A4), ("v6", A6)):
        a.wait(name, True)
        eventually(lambda at=address: bfdd.peer(at)["status"] == "up", 5, "bfdd up")  # type: ignore[misc]
    return a, bfdd


def test_frr_comes_up_and_its_death_is_seen_within_the_detection_time(cable: Cable) -> None:
    a, bfdd = with_frr(cable)
    eventually(lambda: a.session("v4")["poll"] == "idle", 3, "bfdd's Final")
    assert a.session("v4")["detection_time_s"] == pytest.approx(DETECTION)
    time.sleep(1)
    assert [len(a.changes(name)) for name in ("v4", "v6")] == [1, 1]
    killed = time.monotonic()
    bfdd.process.kill()
    for name in ("v4", "v6"):
        told = a.wait(name, False)
        assert DETECTION - 2 * T < told["at"] - killed < DETECTION + SLACK


def test_frr_and_we_agree_on_changed_intervals_without_going_down(cable: Cable) -> None:
    a, bfdd = with_frr(cable)
    a.reconfigure(*ours(min_tx_ns=150 * MS, min_rx_ns=80 * MS, multiplier=3))
    for name, address in (("v4", A4), ("v6", A6)):
        eventually(lambda n=name: a.session(n)["poll"] == "idle", 3, "bfdd's Final")  # type: ignore[misc]
        peer = bfdd.peer(address)
        assert peer["remote-transmit-interval"] == 150
        assert peer["remote-receive-interval"] == 80
        assert peer["remote-detect-multiplier"] == 3
        assert a.session(name)["detection_time_s"] == pytest.approx(MULTIPLIER * 0.08)
    # Now bfdd asks: its Poll is answered, and what it says is used.
    finals = a.session("v4")["counters"]["finals_sent"]
    bfdd.configure(A4, "transmit-interval 100", "receive-interval 200")
    eventually(lambda: a.session("v4")["transmit_interval_s"] == 0.2, 3, "bfdd's interval")
    assert a.session("v4")["counters"]["finals_sent"] > finals
    assert a.session("v4")["detection_time_s"] == pytest.approx(MULTIPLIER * 0.1)
    time.sleep(1)
    assert [len(a.changes(name)) for name in ("v4", "v6")] == [1, 1]
    assert bfdd.peer(A4)["status"] == "up"


def test_frr_sees_our_admin_down_and_we_see_its(cable: Cable) -> None:
    a, bfdd = with_frr(cable)
    bfdd.configure(A4, "shutdown")
    assert "AdminDown" in a.wait("v4", False)["reason"]
    bfdd.configure(A4, "no shutdown")
    a.wait("v4", True)
    closed = time.monotonic()
    a.close()
    eventually(lambda: bfdd.peer(A6)["status"] == "down", 2, "bfdd down")
    assert time.monotonic() - closed < DETECTION + SLACK
    assert bfdd.peer(A6)["remote-diagnostic"] == "administratively down"
    assert bfdd.peer(A6)["diagnostic"] == "neighbor signaled session down"
