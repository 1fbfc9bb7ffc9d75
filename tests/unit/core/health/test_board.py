# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharing of checks, verdicts of real servers, and what a reload or a restart may change."""

from __future__ import annotations

from dataclasses import replace

from lvs_agent.core.checks import Check, TcpCheck
from lvs_agent.core.health.board import Board, Difference, Watched
from lvs_agent.core.health.check import Outcome, Pause, Result
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey, ServiceSettings
from lvs_agent.core.messages import Verdict
from lvs_agent.core.model import Config, GlobalDefs, RealServer, VirtualServer

PASSED = Result(outcome=Outcome.PASSED, reason="connected")
FAILED = Result(outcome=Outcome.FAILED, reason="connection refused")
LOCAL = Result(outcome=Outcome.LOCAL_ERROR, reason="Too many open files")


def tcp(address: str = "10.0.0.1", port: int = 80, retry: int = 0) -> TcpCheck:
    return TcpCheck(
        address=address,
        port=port,
        connect_timeout_ns=10**9,
        retry=retry,
        delay_before_retry_ns=10**9,
        delay_loop_ns=10**10,
    )


def real(name: str, address: str, *checks: Check) -> RealServer:
    return RealServer(name, Endpoint(address, 80), weight=1, checks=checks)


def virtual(name: str, address: str, *reals: RealServer) -> VirtualServer:
    return VirtualServer(
        name=name,
        protocol="TCP",
        services=(ServiceKey("TCP", address, 80),),
        settings=ServiceSettings(scheduler="rr"),
        real_servers=reals,
    )


def config(*virtuals: VirtualServer) -> Config:
    return Config(
        global_defs=GlobalDefs(router_id=None),
        vrrp_instances=(),
        virtual_servers=virtuals,
    )


def board(first: Config, *, restarted: bool = False) -> tuple[Board, Difference]:
    fresh = Board(restarted=restarted)
    return fresh, fresh.configure(first, 1)


def told(some: Board) -> dict[str, tuple[bool, bool]]:
    return {verdict.real_server: (verdict.up, verdict.checked) for verdict in some.verdicts()}


def only(some: Board) -> Watched:
    (watched,) = some
    return watched


ONE = config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp())))


def test_one_check_serves_every_virtual_server_that_shares_the_real_server() -> None:
    some, difference = board(
        config(
            *(virtual(f"web{n}", f"10.9.0.{n}", real("rs", "10.0.0.1", tcp())) for n in range(10))
        )
    )
    assert len(difference.added) == 1
    _, changes = some.settle(only(some), FAILED)
    assert [change.verdict.virtual_server for change in changes] == [f"web{n}" for n in range(10)]
    assert not any(change.verdict.up for change in changes)


def test_a_first_start_assumes_up_and_says_nothing() -> None:
    some, difference = board(ONE)
    assert told(some) == {}
    assert difference.changes == ()


def test_a_restart_says_nothing_of_servers_it_does_not_know() -> None:
    two = config(
        virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp()), real("rs2", "10.0.0.2"))
    )
    some, _ = board(two, restarted=True)
    assert told(some) == {}  # rs2 has no checks: everybody knows that it is up
    _, changes = some.settle(only(some), PASSED)
    assert [(change.verdict.real_server, change.text) for change in changes] == [("rs1", None)]
    assert told(some) == {"rs1": (True, True)}


def test_a_failing_server_is_told_down_after_a_restart() -> None:
    some, _ = board(ONE, restarted=True)
    _, (change,) = some.settle(only(some), FAILED)
    assert change.text is not None
    assert told(some) == {"rs1": (False, True)}


def test_a_real_server_added_after_a_restart_is_assumed_up() -> None:
    some, _ = board(ONE, restarted=True)
    more = config(
        virtual(
            "web",
            "10.9.0.1",
            real("rs1", "10.0.0.1", tcp()),
            real("rs2", "10.0.0.2", tcp("10.0.0.2")),
        )
    )
    some.configure(more, 2)
    assert told(some) == {}
    _, (change,) = some.settle(list(some)[1], FAILED)
    assert change.text is not None
    assert "rs2 (10.0.0.2:80)" in change.text
    assert "is down" in change.text


def test_all_checks_have_to_pass_and_one_failure_is_enough() -> None:
    some, _ = board(
        config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp(), tcp(port=443))))
    )
    first, second = some
    assert some.settle(first, PASSED)[1] == []
    _, (change,) = some.settle(second, FAILED)
    assert (change.verdict.up, change.verdict.checked) == (False, True)
    assert some.settle(first, PASSED)[1] == []
    _, (change,) = some.settle(second, PASSED)
    assert change.verdict.up is True


def test_a_change_is_told_once_and_the_line_says_who_what_why_and_how_often() -> None:
    some, _ = board(config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp(retry=1)))))
    assert some.settle(only(some), PASSED)[1][0].text is None
    assert some.settle(only(some), FAILED) == (Pause.DELAY_BEFORE_RETRY, [])
    _, (change,) = some.settle(only(some), FAILED)
    assert change.text == (
        "real server rs1 (10.0.0.1:80) of virtual server web (TCP 10.9.0.1:80) is down:"
        " TCP_CHECK 10.0.0.1:80: connection refused (2 tries)"
    )
    assert change.verdict == Verdict(
        generation=1,
        virtual_server="web",
        real_server="rs1",
        up=False,
        checked=True,
        reason="TCP_CHECK 10.0.0.1:80: connection refused (2 tries)",
    )
    assert some.settle(only(some), FAILED) == (Pause.DELAY_LOOP, [])
    _, (change,) = some.settle(only(some), PASSED)
    assert change.text is not None
    assert change.text.endswith("is up: all checks passed")


def test_errors_of_this_host_are_no_news() -> None:
    some, _ = board(ONE)
    for _ in range(10):
        assert some.settle(only(some), LOCAL) == (Pause.LOCAL_ERROR, [])
    assert told(some) == {}


def test_a_reload_keeps_equal_checks_with_their_state_and_names_verdicts_anew() -> None:
    some, _ = board(ONE)
    watched = only(some)
    some.settle(watched, FAILED)
    renamed = config(
        virtual("www", "10.9.0.1", real("node1", "10.0.0.1", tcp())._replace(weight=7))
    )
    difference = some.configure(renamed, 2)
    assert (difference.added, difference.removed, difference.changes) == ((), (), ())
    assert only(some) is watched
    (verdict,) = some.verdicts()
    assert (verdict.generation, verdict.virtual_server, verdict.real_server, verdict.up) == (
        2, "www", "node1", False,
    )  # fmt: skip


def test_a_dead_server_stays_dead_when_a_reload_changes_its_check() -> None:
    some, _ = board(ONE)
    some.settle(only(some), FAILED)
    changed = config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp(retry=5))))
    difference = some.configure(changed, 2)
    assert (len(difference.added), len(difference.removed)) == (1, 1)
    assert told(some) == {"rs1": (False, True)}
    _, (change,) = some.settle(only(some), PASSED)
    assert change.verdict.up is True


def test_a_live_server_stays_live_until_its_changed_check_has_spoken() -> None:
    some, _ = board(ONE)
    some.settle(only(some), PASSED)
    changed = config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp(retry=1))))
    some.configure(changed, 2)
    assert told(some) == {"rs1": (True, True)}
    some.settle(only(some), FAILED)
    assert told(some) == {"rs1": (True, True)}
    some.settle(only(some), FAILED)
    assert told(some) == {"rs1": (False, True)}


def test_taking_the_check_away_brings_a_dead_server_back() -> None:
    some, _ = board(ONE)
    some.settle(only(some), FAILED)
    difference = some.configure(config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1"))), 2)
    (change,) = difference.changes
    assert (change.verdict.up, change.verdict.reason) == (True, "no checks")
    assert change.text is not None


def test_a_second_service_on_a_dead_server_with_the_same_check_starts_dead() -> None:
    some, _ = board(ONE)
    some.settle(only(some), FAILED)
    rs = real("rs1", "10.0.0.1", tcp())
    difference = some.configure(
        config(virtual("web", "10.9.0.1", rs), virtual("www", "10.9.0.2", rs)), 2
    )
    assert difference.added == ()
    assert [(verdict.virtual_server, verdict.up) for verdict in some.verdicts()] == [
        ("web", False), ("www", False),
    ]  # fmt: skip


def test_a_removed_check_that_still_ends_disturbs_nothing() -> None:
    some, _ = board(ONE)
    gone = only(some)
    some.configure(config(), 2)
    assert some.settle(gone, FAILED)[1] == []
    assert list(some.verdicts()) == []


def test_a_check_said_twice_of_one_server_counts_once() -> None:
    some, _ = board(config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp(), tcp()))))
    _, changes = some.settle(only(some), FAILED)
    assert len(changes) == 1


def test_reasons_stay_short() -> None:
    many = [tcp(port=port) for port in range(1, 33)]
    some, _ = board(config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", *many))))
    for watched in some:
        some.settle(watched, replace(FAILED, reason="x" * 1000))
    (verdict,) = some.verdicts()
    assert len(verdict.reason) <= 300


def weighing(weight: int | None = None, added: int | None = None) -> Result:
    return Result(outcome=Outcome.PASSED, reason="said so", weight=weight, added=added)


def weights(some: Board) -> dict[str, int | None]:
    return {verdict.real_server: verdict.weight for verdict in some.verdicts()}


def test_a_weight_that_a_check_found_travels_with_the_verdict_and_is_news_by_itself() -> None:
    some, _ = board(ONE)
    _, (change,) = some.settle(only(some), weighing(7))
    assert (change.verdict.up, change.verdict.weight) == (True, 7)
    assert some.settle(only(some), weighing(7))[1] == []
    _, (change,) = some.settle(only(some), weighing(9))
    assert change.verdict.weight == 9
    assert change.text == (
        "real server rs1 (10.0.0.1:80) of virtual server web (TCP 10.9.0.1:80) has weight 9:"
        " TCP_CHECK 10.0.0.1:80: said so"
    )
    _, (change,) = some.settle(only(some), PASSED)
    assert change.verdict.weight is None
    assert change.text is not None
    assert "has weight 1: all checks passed" in change.text
    _, (change,) = some.settle(only(some), FAILED)
    assert (change.verdict.up, change.verdict.weight) == (False, None)


def test_of_several_weights_the_lowest_counts_and_what_is_added_is_added_to_it() -> None:
    rs = real("rs1", "10.0.0.1", *(tcp(port=port) for port in (1, 2, 3, 4)))
    some, _ = board(config(virtual("web", "10.9.0.1", rs._replace(weight=100))))
    first, second, third, fourth = some
    for watched in (first, second, third, fourth):
        some.settle(watched, PASSED)
    assert weights(some) == {"rs1": None}
    some.settle(third, weighing(added=-30))
    assert weights(some) == {"rs1": 70}
    some.settle(first, weighing(50))
    some.settle(second, weighing(40))
    some.settle(fourth, weighing(added=5))
    assert weights(some) == {"rs1": 15}
    some.settle(third, weighing(added=-10_000))
    assert weights(some) == {"rs1": 0}


def test_what_is_added_follows_a_new_configured_weight() -> None:
    some, _ = board(ONE)
    some.settle(only(some), weighing(added=5))
    heavier = config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", tcp())._replace(weight=20)))
    some.configure(heavier, 2)
    assert weights(some) == {"rs1": 25}


ALPHA = replace(tcp(), alpha=True)


def test_with_alpha_a_new_server_is_down_until_it_has_passed() -> None:
    some, difference = board(config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", ALPHA))))
    (change,) = difference.changes
    assert told(some) == {"rs1": (False, False)}
    assert change.text is not None
    assert change.text.endswith("is down: waiting for its first check (alpha)")
    _, (change,) = some.settle(only(some), PASSED)
    assert change.verdict.up
    assert change.text is not None


def test_one_alpha_check_of_several_is_enough_to_wait() -> None:
    some, _ = board(
        config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", ALPHA, tcp(port=81))))
    )
    waiting, other = some
    some.settle(other, PASSED)
    assert told(some) == {"rs1": (False, False)}
    some.settle(waiting, PASSED)
    assert told(some) == {"rs1": (True, True)}


def test_alpha_takes_down_nobody_who_is_known() -> None:
    some, _ = board(ONE)
    some.settle(only(some), PASSED)
    some.configure(config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", ALPHA))), 2)
    assert told(some) == {"rs1": (True, True)}
    restarted, _ = board(
        config(virtual("web", "10.9.0.1", real("rs1", "10.0.0.1", ALPHA))), restarted=True
    )
    assert told(restarted) == {}
