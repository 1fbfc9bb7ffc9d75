# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools over time: reloads, restarts, and properties of any history."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lvs_agent.core.ipvs.diff import apply, diff_service
from lvs_agent.core.ipvs.model import Destination, Endpoint, Service, ServiceKey
from lvs_agent.core.messages import PoolChange
from lvs_agent.core.model import RealServer, VirtualServer
from lvs_agent.core.policy import PanicThreshold
from lvs_agent.core.pools import Pools
from lvs_agent.core.quorum import desired_service
from unit.core.pool_examples import (
    WEB,
    Bench,
    S,
    at,
    check,
    config,
    real,
    server,
    sorry,
    verdict,
    weights,
)

OTHER = ServiceKey("TCP", "192.0.2.81", 80)


# Reloads.


def test_new_real_server_of_a_pool_that_works_waits_for_its_first_check() -> None:
    bench = Bench(server(real(11)))
    bench.tell("rs11", up=True)
    bench.reload(server(real(11), real(12)))
    assert bench.weights() == {"11": 1}
    assert bench.report()["real_servers"][1]["reason"] == "new: takes part after its first check"
    bench.tell("rs12", up=True)
    assert bench.weights() == {"11": 1, "12": 1}
    assert bench.names() == ["START"]


def test_new_real_server_without_checks_takes_part_at_once() -> None:
    bench = Bench(server(real(11)))
    bench.reload(server(real(11), real(12, checked=False)))
    assert bench.weights() == {"11": 1, "12": 1}


def test_pool_whose_real_servers_are_all_replaced_goes_on_with_the_new_ones() -> None:
    bench = Bench(server(real(11), real(12), quorum=2, sorry_servers=(sorry(),)))
    bench.reload(server(real(21), real(22), quorum=2, sorry_servers=(sorry(),)))
    assert bench.weights() == {"21": 1, "22": 1}
    bench.tell("rs21", up=True)
    assert bench.weights() == {"21": 1, "22": 1}
    assert bench.names() == ["START"]


def test_new_real_server_does_not_end_the_sorry_servers_work_unchecked() -> None:
    bench = Bench(server(real(11), sorry_servers=(sorry(),)))
    bench.tell("rs11", up=False)
    bench.reload(server(real(11), real(12), sorry_servers=(sorry(),)))
    assert bench.weights() == {"127.0.0.1": 1}
    bench.tell("rs12", up=True)
    assert bench.weights() == {"12": 1}


def test_new_real_server_is_tried_when_there_is_nobody_else() -> None:
    bench = Bench(server(real(11)))
    bench.tell("rs11", up=False)
    bench.reload(server(real(11), real(12)))
    assert bench.weights() == {"12": 1}


def test_new_checked_sorry_server_answers_at_once_where_nobody_else_does() -> None:
    bench = Bench(server(real(11)))
    bench.tell("rs11", up=False)
    bench.reload(server(real(11), sorry_servers=(sorry(0, checked=True),)))
    assert bench.weights() == {"127.0.0.1": 1}


def test_new_checked_sorry_server_waits_while_another_answers() -> None:
    bench = Bench(server(real(11), sorry_servers=(sorry(1),)))
    bench.tell("rs11", up=False)
    bench.reload(server(real(11), sorry_servers=(sorry(0, checked=True), sorry(1))))
    assert bench.weights() == {"127.0.0.2": 1}
    bench.tell("sorry_server[0]", up=True)
    assert bench.weights() == {"127.0.0.1": 1}


def test_weight_changed_by_a_reload_is_applied_and_may_cost_the_quorum() -> None:
    bench = Bench(server(real(11, 3), real(12, 1), quorum=3))
    bench.reload(server(real(11, 1), real(12, 1), quorum=3))
    assert bench.weights() == {"11": 1, "12": 1}
    assert bench.names() == ["START", "QUORUM_DOWN"]


def test_weight_of_a_check_goes_with_the_check() -> None:
    bench = Bench(server(real(11, 3)))
    bench.tell("rs11", up=True, weight=9)
    bench.reload(server(real(11, 4)))
    assert bench.weights() == {"11": 9}
    other = real(11, 4)._replace(checks=(check("192.0.2.11", 8080),))
    bench.reload(server(other))
    assert bench.weights() == {"11": 4}
    bench.tell("rs11", up=True, weight=9)
    bench.reload(server(real(11, 4, checked=False)))
    assert bench.weights() == {"11": 4}


def test_state_follows_a_virtual_server_that_gets_another_name_and_first_address() -> None:
    bench = Bench(server(real(11), real(12), quorum=2, hysteresis=1, services=(WEB, OTHER)))
    bench.tell("rs11", up=False)
    assert bench.report()["quorum"]["reached"] is False
    bench.wait(7)
    moved = server(
        real(11), real(12), quorum=2, hysteresis=1, services=(OTHER, WEB), name="renamed"
    )
    bench.reload(moved)
    assert bench.names() == ["START"]
    assert bench.report()["quorum"]["since_s"] == 7.0
    assert bench.weights(OTHER) == {"12": 1}


def test_verdict_of_a_configuration_to_come_is_kept_for_it() -> None:
    bench = Bench(server(real(11), real(12)))
    assert not bench.pools.note(verdict("rs13", up=True, generation=3), bench.now_ns)
    assert not bench.pools.note(verdict("rs11", up=False, generation=2), bench.now_ns)
    bench.settle()
    assert bench.weights() == {"11": 1, "12": 1}
    bench.reload(server(real(11), real(12), real(13)))
    assert bench.weights() == {"12": 1}
    bench.reload(server(real(11), real(12), real(13)))
    assert bench.weights() == {"12": 1, "13": 1}


def test_removed_virtual_server_is_forgotten() -> None:
    bench = Bench(server(real(11)), server(real(11), name="other", services=(OTHER,)))
    bench.reload(server(real(11)))
    assert bench.weights(OTHER) == {}
    bench.reload(server(real(11)), server(real(11), name="other", services=(OTHER,)))
    assert bench.events == [("web", "START"), ("other", "START"), ("other", "START")]


# Restarts of the kernel process.


def successor(bench: Bench, standing: tuple[PoolChange, ...] | None = None) -> Bench:
    """As after kill -9: the kernel has the pool, the supervisor what was said last."""
    said = bench.pools.standing() if standing is None else standing
    kernel = {one.identity: dict(bench.pools.pool(one.identity)) for one in bench.servers}
    new = Bench(*bench.servers, adopt=said)
    new.now_ns = bench.now_ns
    new.pools.adopt_kernel(kernel, new.now_ns)
    new.settle()
    return new


def test_successor_goes_on_with_quorum_and_pool_and_tells_nothing() -> None:
    bench = Bench(server(real(11), real(12), quorum=2, hysteresis=1, sorry_servers=(sorry(),)))
    bench.tell("rs11", up=True)
    new = successor(bench)
    assert not new.report()["quorum"]["reached"]  # within the band, as before
    assert (new.names(), new.weights()) == ([], bench.weights())


def test_successor_takes_what_is_missing_in_the_kernel_for_dead() -> None:
    bench = Bench(server(real(11), real(12)))
    bench.tell("rs11", up=False)
    new = successor(bench)
    assert new.weights() == {"12": 1}
    assert "as the kernel had it" in new.report()["real_servers"][0]["reason"]


def test_successor_goes_on_with_a_panic() -> None:
    threshold = PanicThreshold(number=1, window_ns=10 * S)
    bench = Bench(server(real(11), real(12), real(13), panic=threshold))
    for n in (11, 12, 13):
        bench.tell(f"rs{n}", up=True)
    for n in (11, 12, 13):
        bench.tell(f"rs{n}", up=False)
    bench.wait(3600)
    kernel = {WEB: dict(bench.pools.pool(WEB))}
    assert len(kernel[WEB]) == 3
    new = Bench(*bench.servers, adopt=bench.pools.standing())
    new.now_ns = bench.now_ns
    for n in (11, 12, 13):  # the health process repeats itself first
        new.pools.note(verdict(f"rs{n}", up=False), new.now_ns)
    new.pools.adopt_kernel(kernel, new.now_ns)
    new.settle()
    assert new.weights() == bench.weights()
    assert new.names() == []
    assert new.report()["panic"]["since_s"] == 3600.0


def test_successor_knows_a_dead_real_server_with_inhibit_from_one_that_drains() -> None:
    bench = Bench(server(real(11, inhibit=True), real(12, 0), real(13)))
    bench.tell("rs11", up=False)
    new = successor(bench)
    assert [row["up"] for row in new.report()["real_servers"]] == [False, True, True]


# Properties of any history.


@dataclass
class History:
    """Pools beside the simplest model of what they should be."""

    server: VirtualServer
    bench: Bench = field(init=False)
    up: dict[str, bool] = field(default_factory=dict)
    quorum: bool = False
    before: dict[Endpoint, Destination] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bench = Bench(self.server)
        self.check(told=self.bench.names())

    def is_up(self, name: str, default: bool) -> bool:
        return self.up.get(name, default)

    def live(self) -> list[RealServer]:
        return [
            one for one in self.server.real_servers if self.is_up(one.name, not one.checks[0].alpha)
        ]

    def check(self, told: list[str]) -> None:
        policy, pool = self.server.policy, self.bench.pools.pool(WEB)
        weight = sum(one.weight for one in self.live())
        limit = (
            policy.quorum - policy.hysteresis if self.quorum else policy.quorum + policy.hysteresis
        )
        self.quorum = weight >= limit and weight > 0
        report = self.bench.report()
        assert report["quorum"]["reached"] is self.quorum
        self.events += [event for event in told if event != "SAME"]
        usable = [endpoint for endpoint, one in pool.items() if one.weight > 0]
        if weight:
            assert usable, "a healthy real server with a weight, and nobody answers"
        sorry_up = [one for one in self.server.sorry_servers if self.is_up(one.name, True)]
        if not self.quorum and sorry_up:
            assert usable == [sorry_up[0].endpoint]
        else:
            wanted = {at(int(one.name[2:])) for one in self.live() if one.weight}
            assert set(usable) == wanted
        for one in self.live():
            assert at(int(one.name[2:])) in pool, "its connections would be cut off"
        self.transition(pool)

    def transition(self, pool: dict[Endpoint, Destination]) -> None:
        """From pool to pool there is no moment without anybody."""
        now = desired_service(self.server, WEB, pool)
        then = replace(now, pool=self.before)
        state: dict[ServiceKey, Service] = {WEB: then}
        both = any(d.weight for d in self.before.values()) and any(d.weight for d in pool.values())
        for operation in diff_service(now, then):
            state = apply([operation], state)
            assert not both or any(d.weight for d in state[WEB].pool.values()), operation
        assert state[WEB].pool == pool
        self.before = dict(pool)

    def verdict(self, name: str, up: bool) -> None:
        self.up[name] = up
        told = len(self.bench.events)
        self.bench.tell(name, up=up)
        self.check(self.bench.names()[told:])

    def reload(self, new: VirtualServer) -> None:
        self.server = new
        told = len(self.bench.events)
        self.bench.reload(new)
        self.check(self.bench.names()[told:])

    def restart(self) -> None:
        """The health process repeats what it knows, then the successor looks into the kernel."""
        kernel = {WEB: dict(self.bench.pools.pool(WEB))}
        new = Bench(self.server, adopt=self.bench.pools.standing())
        new.generation, new.now_ns = 1, self.bench.now_ns
        for name, up in self.up.items():
            new.pools.note(verdict(name, up=up), new.now_ns)
        new.pools.adopt_kernel(kernel, new.now_ns)
        new.settle()
        self.bench = new
        self.check(new.names())


NUMBERS = (11, 12, 13, 14)


@st.composite
def virtual_servers(draw: st.DrawFn) -> VirtualServer:
    quorum = draw(st.integers(1, 6))
    return server(
        *(
            real(n, draw(st.integers(0, 3)), inhibit=draw(st.booleans()), alpha=draw(st.booleans()))
            for n in NUMBERS
        ),
        sorry_servers=tuple(sorry(n, checked=True) for n in range(draw(st.integers(0, 2)))),
        quorum=quorum,
        hysteresis=draw(st.integers(0, quorum - 1)),
        sorry_inhibit=draw(st.booleans()),
    )


NAMES = st.sampled_from([*(f"rs{n}" for n in NUMBERS), "sorry_server[0]", "sorry_server[1]"])
STEPS = st.lists(
    st.tuples(st.just("verdict"), NAMES, st.booleans())
    | st.tuples(st.just("weight"), st.sampled_from(NUMBERS), st.integers(0, 3))
    | st.tuples(st.just("quorum"), st.integers(1, 6), st.integers(0, 5))
    | st.tuples(st.just("restart"), st.none(), st.none()),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(virtual_servers(), STEPS)
def test_any_history_keeps_the_quorum_of_the_model_and_never_an_empty_pool(
    first: VirtualServer, steps: list[tuple[Any, Any, Any]]
) -> None:
    history = History(first)
    names = {one.name for one in first.servers}
    for what, one, other in steps:
        now = history.server
        match what:
            case "verdict" if one in names:
                history.verdict(one, other)
            case "weight":
                changed = tuple(
                    each._replace(weight=other) if each.name == f"rs{one}" else each
                    for each in now.real_servers
                )
                history.reload(replace(now, real_servers=changed))
            case "quorum":
                policy = replace(now.policy, quorum=one, hysteresis=min(other, one - 1))
                history.reload(replace(now, policy=policy))
            case "restart":
                history.restart()
    told = [event for event in history.events if event.startswith("QUORUM")]
    assert all(left != right for left, right in pairwise(told))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(2, 5),
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 30)), max_size=30),
)
def test_any_history_with_a_panic_threshold(
    count: int, per_cent: int, steps: list[tuple[int, bool, int]]
) -> None:
    """Who is up always takes part; who is dead only in a panic, and only if it was good once."""
    threshold = PanicThreshold(per_cent=per_cent, window_ns=10 * S)
    bench = Bench(server(*(real(n) for n in range(11, 11 + count)), panic=threshold))
    up = dict.fromkeys(range(11, 11 + count), True)
    good: set[int] = set()
    for position, is_up, pause in steps:
        number = 11 + position % count
        fails_now = up[number] and number in good and not is_up
        bench.tell(f"rs{number}", up=is_up)
        up[number] = is_up
        good |= {number} if is_up else set()
        pool = {int(name) for name in bench.weights()}
        dead = {n for n in up if not up[n]}
        assert {n for n in up if up[n]} <= pool
        held = pool & dead
        assert held <= good
        if len(dead) * 100 <= per_cent * count:
            assert not held
        elif fails_now:
            assert number in held, "it was good a moment ago"
        bench.wait(pause)
    told = [event for event in bench.names() if event.startswith("PANIC")]
    assert told == [("PANIC", "PANIC_OVER")[n % 2] for n in range(len(told))]


@settings(max_examples=100, deadline=None)
@given(
    virtual_servers(),
    st.lists(st.tuples(NAMES, st.booleans()), max_size=20),
    st.sets(st.integers()),
)
def test_many_verdicts_settled_at_once_lead_to_the_same_pool_as_the_last_of_them(
    first: VirtualServer, verdicts: list[tuple[str, bool]], cuts: set[int]
) -> None:
    """Batches matter to a quorum within its band, never to who is in the pool of one without."""
    plain = replace(first, policy=replace(first.policy, hysteresis=0))
    batched = Pools(config(plain), 1)
    batched.settle(0)
    single = Bench(plain)
    for index, (name, up) in enumerate(verdicts):
        batched.note(verdict(name, up=up), 0)
        single.tell(name, up=up)
        if index in cuts:
            batched.settle(0)
    batched.settle(0)
    assert weights(batched.pool(WEB)) == single.weights()


MEMBERS = st.lists(
    st.tuples(st.just("members"), st.sets(st.sampled_from(NUMBERS)))
    | st.tuples(st.just("up"), st.sampled_from(NUMBERS))
    | st.tuples(st.just("down"), st.sampled_from(NUMBERS)),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(virtual_servers(), MEMBERS)
def test_real_servers_that_come_and_go_never_cost_a_healthy_one_its_place(
    first: VirtualServer, steps: list[tuple[str, Any]]
) -> None:
    bench = Bench(first)
    healthy: set[int] = set()
    for what, one in steps:
        present = {int(real.name[2:]) for real in bench.servers[0].real_servers}
        if what == "members":
            reals = [each for each in first.real_servers if int(each.name[2:]) in one]
            bench.reload(replace(first, real_servers=tuple(reals)))
            healthy &= one
        elif one in present:
            bench.tell(f"rs{one}", up=what == "up")
            healthy = healthy | {one} if what == "up" else healthy - {one}
        pool = bench.pools.pool(WEB)
        assert {at(number) for number in healthy} <= pool.keys()
        weighted = [real for real in bench.servers[0].real_servers if real.weight]
        if any(int(real.name[2:]) in healthy for real in weighted):
            assert any(destination.weight for destination in pool.values())
        answering = bench.report()["sorry_servers"]
        if not any(row["in_use"] for row in answering):
            for each in weighted:
                if int(each.name[2:]) in healthy:
                    assert pool[at(int(each.name[2:]))].weight == each.weight
        told = [event for event in bench.names() if event.startswith("QUORUM")]
        assert all(left != right for left, right in pairwise(told))
