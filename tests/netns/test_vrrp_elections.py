# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ha processes on a real network: election, handover, failover, standstill, faults."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lvs_agent.core.messages import ProcessDied, ProcessRestarted
from netns.vrrp_harness import Lan, Node, eventually, run

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
T = 0.2
# For a busy machine; still less than what tells a resignation from a silence.
SLACK = 0.3


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, {"a": "10.7.0.1/24", "b": "10.7.0.2/24"})
    yield made
    made.close()


def document(priority: int, **options: object) -> dict[str, object]:
    web: dict[str, object] = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": priority,
        "version": "3",
        "advert_int": T,
        "virtual_ipaddress": [{"address": "10.7.0.100/24"}],
        "garp_master_delay": 1,
        **options,
    }
    return {"vrrp_instances": {"web": web}}


def skew(priority: int, interval: float = T) -> float:
    return (256 - priority) / 256 * interval


def master_down(priority: int, interval: float = T) -> float:
    return 3 * interval + skew(priority, interval)


@pytest.fixture
def pair(lan: Lan) -> tuple[Node, Node]:
    """a is MASTER with 150, b is BACKUP with 100."""
    a = lan.node("a", document(150))
    a.wait_for("MASTER", 5)
    b = lan.node("b", document(100))
    b.wait_for("BACKUP", 5)
    time.sleep(2 * T)
    return a, b


def test_highest_priority_is_elected_and_the_other_stays_backup(pair: tuple[Node, Node]) -> None:
    a, b = pair
    time.sleep(10 * T)
    assert [state for _, state in a.states()][-1] == "MASTER"
    assert b.states()[-1][1] == "BACKUP"
    a.expect_hold(True)
    assert not any(hold.hold for _, hold in b.holds)
    assert b.number("adverts_received") >= 8


def test_stop_hands_over_within_the_skew_time(pair: tuple[Node, Node]) -> None:
    a, b = pair
    stopped = time.monotonic()
    a.stop()
    taken = b.wait_for("MASTER", 2)
    assert skew(100) - 0.02 < taken - stopped < skew(100) + SLACK
    a.expect_hold(False)
    assert a.process.returncode == 0


def test_killed_master_is_replaced_after_master_down(pair: tuple[Node, Node]) -> None:
    a, b = pair
    killed = time.monotonic()
    a.process.kill()
    taken = b.wait_for("MASTER", 10)
    assert master_down(100) - T - 0.02 < taken - killed < master_down(100) + SLACK


def test_returning_higher_priority_preempts(lan: Lan, pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.stop()
    b.wait_for("MASTER", 2)
    again = lan.node("a", document(150))
    again.wait_for("MASTER", 10)
    b.wait_for("BACKUP", 1)
    b.expect_hold(False)


def test_nopreempt_leaves_the_working_master(lan: Lan) -> None:
    b = lan.node("b", document(100))
    b.wait_for("MASTER", 10)
    a = lan.node("a", document(150, nopreempt=True))
    a.wait_for("BACKUP", 3)
    time.sleep(8 * T)
    assert a.state() == "BACKUP"
    b.process.kill()
    a.wait_for("MASTER", 10)


def test_equal_priorities_are_decided_by_the_address(lan: Lan) -> None:
    a = lan.node("a", document(100))
    a.wait_for("MASTER", 10)
    # A second master: as a backup it would leave its equal alone, whatever the addresses.
    b = lan.node("b", document(100), "web")
    b.wait_for("MASTER", 10)
    eventually(lambda: a.state() == "BACKUP", 3, "10.7.0.1 gives way to 10.7.0.2")
    time.sleep(5 * T)
    assert (a.state(), b.state()) == ("BACKUP", "MASTER")


def test_announcement_follows_the_acknowledged_hold(lan: Lan) -> None:
    capture = lan.capture("b", "garp")
    a = lan.node("a", document(150, garp_master_repeat=3))
    a.wait_for("MASTER", 10)
    time.sleep(1.5)
    mac = run("ip", "-n", lan.namespace("a"), "link", "show", "eth0").split("link/ether ")[1][:17]
    names = ("eth.dst", "arp.src.hw_mac", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.opcode")
    found = capture.fields("arp.isgratuitous", *names)
    # Three at once, three after garp_master_delay.
    assert found == [["ff:ff:ff:ff:ff:ff", mac, "10.7.0.100", "10.7.0.100", "1"]] * 6


def test_master_without_acknowledgement_resigns_and_tries_again(lan: Lan) -> None:
    capture = lan.capture("b", "unacknowledged")
    a = lan.node("a", document(150))
    a.kernel_answers = False
    taken = a.wait_for("MASTER", 10)
    failed = a.wait_for("FAULT", 1)
    assert T - 0.05 < failed - taken < T + SLACK
    # The first is that of the start.
    assert [hold.hold for _, hold in a.holds] == [False, True, False]
    a.kernel_answers = True
    again = a.wait_for("MASTER", 4)
    assert again - failed > 1.0
    priorities = [row[0] for row in capture.fields("vrrp && ip.src == 10.7.0.1", "vrrp.prio")]
    # Two at most before the resignation: on takeover and one interval later, never more.
    assert priorities.index("0") <= 2


def test_failing_hold_resigns_at_once(lan: Lan) -> None:
    a = lan.node("a", document(150))
    a.hold_error = "Operation not permitted"
    a.wait_for("FAULT", 3)
    assert any("Operation not permitted" in line for line in a.log())


def test_link_down_is_fault_and_comes_back(lan: Lan, pair: tuple[Node, Node]) -> None:
    a, b = pair
    lan.link("a", "down")
    a.report_links()
    a.wait_for("FAULT", 1)
    b.wait_for("MASTER", 10)
    lan.link("a", "up")
    time.sleep(0.2)
    a.report_links()
    a.wait_for("MASTER", 10)
    b.wait_for("BACKUP", 1)


def test_stopped_process_comes_back_and_one_master_remains(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.process.send_signal(signal.SIGSTOP)
    b.wait_for("MASTER", 10)
    time.sleep(5 * T)
    a.process.send_signal(signal.SIGCONT)
    b.wait_for("BACKUP", 1)
    assert a.state() == "MASTER"
    # The takeover's burst and that of the return; the answer to a losing advert starts it.
    eventually(lambda: a.number("gratuitous_arps_sent") >= 10, 1, "two bursts")


def test_stopped_nopreempt_master_leaves_the_new_one_in_place(lan: Lan) -> None:
    a = lan.node("a", document(150, nopreempt=True))
    a.wait_for("MASTER", 10)
    b = lan.node("b", document(100))
    b.wait_for("BACKUP", 3)
    a.process.send_signal(signal.SIGSTOP)
    b.wait_for("MASTER", 10)
    time.sleep(3 * T)
    a.process.send_signal(signal.SIGCONT)
    a.wait_for("BACKUP", 1)
    time.sleep(3 * T)
    assert b.state() == "MASTER"


def test_stopped_backup_does_not_take_over_from_a_living_master(pair: tuple[Node, Node]) -> None:
    _, b = pair
    b.process.send_signal(signal.SIGSTOP)
    time.sleep(8 * T)
    b.process.send_signal(signal.SIGCONT)
    time.sleep(5 * T)
    assert [state for _, state in b.states()] == ["BACKUP"]


def test_adopted_master_goes_on_without_a_flap(lan: Lan) -> None:
    # One second, so that starting Python fits into it on a busy machine too.
    a = lan.node("a", document(150, advert_int=1))
    a.wait_for("MASTER", 6)
    b = lan.node("b", document(100, advert_int=1))
    b.wait_for("BACKUP", 3)
    a.process.kill()
    successor = lan.node("a", document(150, advert_int=1), "web")
    successor.wait_for("MASTER", 2.5)
    time.sleep(4)
    assert [state for _, state in b.states()] == ["BACKUP"]
    assert [state for _, state in successor.states()] == ["MASTER"]
    successor.expect_hold(True)


def test_restarted_kernel_process_is_told_again(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    before = len(a.holds)
    a.from_supervisor(ProcessDied(name="kernel"))
    a.from_supervisor(ProcessRestarted(name="kernel"))
    eventually(lambda: len(a.holds) > before, 1, "another Hold")
    time.sleep(3 * T)
    assert a.state() == "MASTER"


def test_dead_kernel_process_makes_the_master_resign(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.kernel_answers = False
    died = time.monotonic()
    a.from_supervisor(ProcessDied(name="kernel"))
    failed = a.wait_for("FAULT", 2)
    assert failed - died < T + SLACK
    taken = b.wait_for("MASTER", 2)
    assert taken - failed < skew(100) + SLACK


def test_supervisor_gone_hands_over(pair: tuple[Node, Node]) -> None:
    a, b = pair
    gone = time.monotonic()
    a._supervisor.shutdown(2)
    taken = b.wait_for("MASTER", 2)
    assert taken - gone < skew(100) + SLACK
    a.process.wait(2)
