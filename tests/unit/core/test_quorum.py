# SPDX-License-Identifier: GPL-3.0-or-later
"""Quorum, panic, and which destinations a pool has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.policy import PanicThreshold
from lvs_agent.core.quorum import WEIGHT_LIMIT, desired_service, quorum_after
from unit.core.pool_examples import WEB, Bench, S, real, server, sorry, weights

# Quorum and hysteresis.


@pytest.mark.parametrize(
    ("before", "weight", "quorum", "hysteresis", "after"),
    [
        (False, 4, 3, 1, True),
        (False, 3, 3, 1, False),
        (True, 2, 3, 1, True),
        (True, 1, 3, 1, False),
        (True, 0, 3, 2, False),
        (True, 0, 1, 1, False),
        (True, 0, 1, 0, False),
        (False, 1, 1, 0, True),
    ],
)
def test_quorum_is_gained_above_the_band_and_lost_below_it(
    before: bool, weight: int, quorum: int, hysteresis: int, after: bool
) -> None:
    assert quorum_after(before, weight, quorum, hysteresis) is after


@given(st.booleans(), st.integers(1, 9), st.integers(0, 8), st.lists(st.integers(0, 20)))
def test_no_weight_within_the_band_ever_changes_a_quorum(
    quorum_met: bool, quorum: int, hysteresis: int, offsets: list[int]
) -> None:
    low, high = max(1, quorum - hysteresis), quorum + hysteresis - 1
    band = [low + offset % (high - low + 1) for offset in offsets if high >= low]
    for weight in band:
        assert quorum_after(quorum_met, weight, quorum, hysteresis) is quorum_met


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 20), st.integers(0, 19))
def test_gained_and_lost_alternate_and_need_the_whole_band_between_them(
    sums: list[int], quorum: int, hysteresis: int
) -> None:
    state, changes = False, []
    for weight in sums:
        after = quorum_after(state, weight, quorum, hysteresis)
        if after is not state:
            changes.append(after)
            assert weight >= quorum + hysteresis if after else weight < max(1, quorum - hysteresis)
        state = after
    assert changes == [number % 2 == 0 for number in range(len(changes))]


def test_start_has_a_quorum_when_those_assumed_up_are_one() -> None:
    assert Bench(server(real(11), real(12), quorum=2)).names() == ["START"]
    bench = Bench(server(real(11), real(12), quorum=2))
    assert bench.report()["quorum"]["reached"]
    bench.tell("rs11", up=False)
    assert bench.names() == ["START", "QUORUM_DOWN"]
    bench.tell("rs11", up=True)
    assert bench.names() == ["START", "QUORUM_DOWN", "QUORUM_UP"]


def test_start_within_the_band_is_without_quorum() -> None:
    assert not Bench(server(real(11, 3), quorum=3, hysteresis=1)).report()["quorum"]["reached"]


def test_only_live_weights_count() -> None:
    bench = Bench(server(real(11, 5), real(12, 0), real(13, 1), quorum=6))
    assert bench.report()["quorum"]["weight"] == 6
    bench.tell("rs13", up=False)
    assert bench.report()["quorum"] == {
        "reached": False,
        "since_s": 0.0,
        "weight": 5,
        "quorum": 6,
        "hysteresis": 0,
    }


# The pool.


def test_healthy_real_servers_with_their_weights() -> None:
    bench = Bench(server(real(11, 1), real(12, 2), real(13, 3)))
    bench.tell("rs12", up=False)
    assert bench.weights() == {"11": 1, "13": 3}


def test_sorry_server_only_while_the_quorum_is_lost() -> None:
    bench = Bench(server(real(11), real(12), sorry_servers=(sorry(),)))
    assert bench.weights() == {"11": 1, "12": 1}
    bench.tell("rs11", up=False)
    bench.tell("rs12", up=False)
    assert bench.weights() == {"127.0.0.1": 1}
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 1}


def test_real_servers_below_the_quorum_keep_their_connections_beside_the_sorry_server() -> None:
    bench = Bench(server(real(11), real(12), quorum=2, sorry_servers=(sorry(),)))
    bench.tell("rs12", up=False)
    assert bench.weights() == {"11": 0, "127.0.0.1": 1}


def test_without_a_sorry_server_the_rest_goes_on_below_the_quorum() -> None:
    bench = Bench(server(real(11), real(12), quorum=2))
    bench.tell("rs12", up=False)
    assert bench.weights() == {"11": 1}
    bench.tell("rs11", up=False)
    assert bench.weights() == {}


def test_healthy_real_server_of_weight_0_drains_beside_the_sorry_server() -> None:
    bench = Bench(server(real(11, 0), real(12), sorry_servers=(sorry(),)))
    bench.tell("rs12", up=False)
    assert bench.weights() == {"11": 0, "127.0.0.1": 1}


def test_first_healthy_of_several_sorry_servers_answers() -> None:
    bench = Bench(
        server(real(11), sorry_servers=(sorry(0, checked=True), sorry(1, checked=True), sorry(2)))
    )
    bench.tell("rs11", up=False)
    assert bench.weights() == {"127.0.0.1": 1}
    bench.tell("sorry_server[0]", up=False)
    assert bench.weights() == {"127.0.0.2": 1}
    bench.tell("sorry_server[1]", up=False)
    assert bench.weights() == {"127.0.0.3": 1}
    bench.tell("sorry_server[0]", up=True)
    assert bench.weights() == {"127.0.0.1": 1}
    rows = bench.report()["sorry_servers"]
    assert [row["in_use"] for row in rows] == [True, False, False]
    assert [row["up"] for row in rows] == [True, False, True]


def test_dead_sorry_server_leaves_the_work_to_the_real_servers_that_are_left() -> None:
    bench = Bench(server(real(11), real(12), quorum=2, sorry_servers=(sorry(0, checked=True),)))
    bench.tell("rs12", up=False)
    bench.tell("sorry_server[0]", up=False)
    assert bench.weights() == {"11": 1}


def test_sorry_server_with_inhibit_is_always_there() -> None:
    bench = Bench(server(real(11), sorry_servers=(sorry(0), sorry(1)), sorry_inhibit=True))
    assert bench.weights() == {"11": 1, "127.0.0.1": 0, "127.0.0.2": 0}
    bench.tell("rs11", up=False)
    assert bench.weights() == {"127.0.0.1": 1, "127.0.0.2": 0}


def test_dead_real_server_with_inhibit_stays_with_weight_0() -> None:
    bench = Bench(server(real(11, 5, inhibit=True), real(12)))
    bench.tell("rs11", up=False)
    assert bench.weights() == {"11": 0, "12": 1}
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 5, "12": 1}


def test_alpha_keeps_a_real_server_out_until_a_check_has_passed() -> None:
    bench = Bench(server(real(11, alpha=True), real(12, checked=False, alpha=True)))
    assert bench.weights() == {"12": 1}  # without checks there is nothing to wait for
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 1, "12": 1}


@pytest.mark.parametrize(("told", "used"), [(7, 7), (0, 0), (-3, 0), (2**40, WEIGHT_LIMIT)])
def test_weight_of_a_check_replaces_the_configured_one_within_bounds(told: int, used: int) -> None:
    bench = Bench(server(real(11, 5), real(12)))
    bench.tell("rs11", up=True, weight=told)
    assert bench.weights() == {"11": used, "12": 1}


def test_weights_of_checks_never_add_up() -> None:
    bench = Bench(server(real(11, 5)))
    for _ in range(3):
        bench.tell("rs11", up=True, weight=7)
        bench.tell("rs11", up=False, weight=7)
        bench.tell("rs11", up=True, weight=7)
    assert bench.weights() == {"11": 7}
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 5}


def test_service_has_the_settings_of_the_configuration() -> None:
    bench = Bench(server(real(11)))
    service = desired_service(bench.servers[0], WEB, bench.pools.pool(WEB))
    assert (service.key, service.settings.scheduler) == (WEB, "rr")
    assert weights(dict(service.pool)) == {"11": 1}


# Panic.

HALF = PanicThreshold(per_cent=50, window_ns=10 * S)


def calm(*, threshold: PanicThreshold = HALF, count: int = 4) -> Bench:
    """All are up, by their checks."""
    bench = Bench(
        server(*(real(n) for n in range(11, 11 + count)), panic=threshold, sorry_servers=(sorry(),))
    )
    for n in range(11, 11 + count):
        bench.tell(f"rs{n}", up=True)
    bench.wait(100)
    return bench


def test_threshold_is_a_number_or_a_share() -> None:
    assert not HALF.exceeded(2, 4)
    assert HALF.exceeded(3, 4)
    three = PanicThreshold(number=3, window_ns=S)
    assert not three.exceeded(3, 4)
    assert three.exceeded(4, 4)
    assert PanicThreshold(per_cent=0, window_ns=S).exceeded(1, 100)


def test_panic_brings_back_those_that_failed_together() -> None:
    bench = calm()
    for n in (11, 12):
        bench.tell(f"rs{n}", up=False)
        bench.wait(1)
    assert bench.weights() == {"13": 1, "14": 1}
    bench.tell("rs13", up=False)
    assert bench.weights() == {"11": 1, "12": 1, "13": 1, "14": 1}
    bench.tell("rs14", up=False)
    assert bench.weights() == {"11": 1, "12": 1, "13": 1, "14": 1}
    assert bench.names() == ["START", "PANIC"]
    assert bench.report()["quorum"]["reached"]
    assert bench.report()["panic"] == {
        "since_s": 0.0,
        "held": ["rs11", "rs12", "rs13", "rs14"],
    }


def test_panic_does_not_bring_back_what_was_dead_long_before() -> None:
    bench = calm()
    bench.tell("rs11", up=False)
    bench.wait(3600)
    bench.tell("rs12", up=False)
    bench.tell("rs13", up=False)
    assert bench.weights() == {"12": 1, "13": 1, "14": 1}


def test_panic_ends_when_enough_have_come_back_and_then_verdicts_count() -> None:
    bench = calm()
    for n in (11, 12, 13):
        bench.tell(f"rs{n}", up=False)
    bench.wait(60)
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 1, "14": 1}
    assert bench.names() == ["START", "PANIC", "PANIC_OVER"]


def test_real_server_that_comes_back_in_a_panic_and_fails_again_is_held() -> None:
    bench = calm(threshold=PanicThreshold(number=1, window_ns=10 * S), count=5)
    for n in (11, 12, 13):
        bench.tell(f"rs{n}", up=False)
    bench.wait(600)
    bench.tell("rs11", up=True)
    bench.tell("rs11", up=False)
    assert set(bench.weights()) == {"11", "12", "13", "14", "15"}


def test_start_into_a_dead_site_is_no_panic() -> None:
    """Nobody was ever seen to be good: there is nothing to hold."""
    bench = Bench(server(real(11), real(12), panic=HALF, sorry_servers=(sorry(),)))
    bench.tell("rs11", up=False)
    bench.tell("rs12", up=False)
    assert bench.weights() == {"127.0.0.1": 1}
    assert bench.names() == ["START", "QUORUM_DOWN"]


def test_reload_of_something_else_does_not_end_a_panic() -> None:
    bench = calm()
    for n in (11, 12, 13, 14):
        bench.tell(f"rs{n}", up=False)
    bench.wait(600)
    (web,) = bench.servers
    bench.reload(web, server(real(21), name="other", services=(WEB._replace(port=81),)))
    assert bench.weights() == {"11": 1, "12": 1, "13": 1, "14": 1}
    assert "PANIC_OVER" not in bench.names()


def test_reload_without_threshold_ends_a_panic() -> None:
    bench = calm()
    for n in (11, 12, 13, 14):
        bench.tell(f"rs{n}", up=False)
    (web,) = bench.servers
    bench.reload(server(*web.real_servers, sorry_servers=web.sorry_servers))
    assert bench.weights() == {"127.0.0.1": 1}
    assert bench.names()[-2:] == ["QUORUM_DOWN", "PANIC_OVER"]


def test_without_threshold_all_may_go() -> None:
    bench = Bench(server(real(11), real(12)))
    for n in (11, 12):
        bench.tell(f"rs{n}", up=True)
        bench.tell(f"rs{n}", up=False)
    assert bench.weights() == {}
