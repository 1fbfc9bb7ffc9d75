# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers taken out by hand: the book, and what becomes of the pools."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lvs_agent.core import overrides as books
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey
from lvs_agent.core.messages import PoolChange
from lvs_agent.core.model import Config, VirtualServer
from lvs_agent.core.overrides import Entries, Order, Override, State
from lvs_agent.core.policy import PanicThreshold
from lvs_agent.core.server_orders import Asked, asked
from unit.core.pool_examples import WEB, Bench, S, at, config, real, server, sorry, verdict

OTHER = ServiceKey("TCP", "192.0.2.81", 80)
THIRD = ServiceKey("TCP", "192.0.2.82", 80)


def order(state: str = "drain", weight: int | None = None, lasts_s: int | None = None) -> Order:
    return Order(state=State(state), weight=weight, owner="alice", reason="kernel", lasts_s=lasts_s)


def override(number: int, state: str = "drain", **other: Any) -> Override:
    usual = {
        "services": (WEB,),
        "endpoint": at(number),
        "virtual_server": "web",
        "real_server": f"rs{number}",
        "state": State(state),
        "weight": None,
        "owner": "alice",
        "reason": "",
        "since_s": 1000,
        "expires_s": None,
    }
    return Override(**(usual | other))


def say(bench: Bench, *entries: Override) -> None:
    bench.pools.override(entries)
    bench.settle()


# What becomes of a pool.


def test_drained_server_keeps_its_place_with_weight_0_and_disabled_one_leaves() -> None:
    bench = Bench(server(real(11), real(12), real(13, inhibit=True)))
    say(bench, override(11), override(13, "disabled"))
    assert bench.weights() == {"11": 0, "12": 1}
    rows = bench.report()["real_servers"]
    assert [row["takes_part"] for row in rows] == [False, True, False]
    assert rows[0]["override"]["owner"] == "alice"
    assert rows[1]["override"] is None
    say(bench)
    assert bench.weights() == {"11": 1, "12": 1, "13": 1}


def test_verdicts_do_not_end_a_drain_and_a_drain_makes_no_dead_server_alive() -> None:
    bench = Bench(server(real(11), real(12), real(13, inhibit=True)))
    say(bench, override(11), override(13))
    bench.tell("rs11", up=True, weight=9)
    assert bench.weights() == {"11": 0, "12": 1, "13": 0}
    bench.tell("rs11", up=False)
    bench.tell("rs13", up=False)
    assert bench.weights() == {"12": 1, "13": 0}  # the one with inhibit_on_failure stays
    say(bench)
    assert bench.weights() == {"12": 1, "13": 0}
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 1, "12": 1, "13": 0}


def test_weight_by_hand_takes_the_place_of_the_configured_and_the_checks_one() -> None:
    bench = Bench(server(real(11, 3), real(12)))
    say(bench, override(11, "enabled", weight=7))
    bench.tell("rs11", up=True, weight=9)
    assert bench.weights() == {"11": 7, "12": 1}
    bench.tell("rs11", up=False)
    assert bench.weights() == {"12": 1}
    bench.tell("rs11", up=True, weight=9)
    say(bench)
    assert bench.weights() == {"11": 9, "12": 1}


def test_drained_weight_does_not_count_for_the_quorum_and_the_sorry_server_follows() -> None:
    bench = Bench(server(real(11), real(12), quorum=2, sorry_servers=(sorry(),)))
    say(bench, override(11))
    assert bench.names() == ["START", "QUORUM_DOWN"]
    assert bench.weights() == {"11": 0, "12": 0, "127.0.0.1": 1}
    say(bench)
    assert bench.names() == ["START", "QUORUM_DOWN", "QUORUM_UP"]


def test_hysteresis_holds_for_a_drain_as_for_a_death() -> None:
    bench = Bench(server(real(11), real(12), real(13), quorum=2, hysteresis=1))
    say(bench, override(11), override(12))
    assert bench.names() == ["START"]
    assert bench.weights() == {"11": 0, "12": 0, "13": 1}


def test_drain_is_no_failure_and_a_drained_server_that_fails_is_no_panic() -> None:
    threshold = PanicThreshold(per_cent=50, window_ns=10 * S)
    bench = Bench(server(real(11), real(12), real(13), real(14), panic=threshold))
    for n in (11, 12, 13, 14):
        bench.tell(f"rs{n}", up=True)
    say(bench, override(11), override(12))
    for name in ("rs11", "rs12", "rs13"):  # one of the two that are in service
        bench.tell(name, up=False)
    assert bench.names() == ["START"]
    assert bench.weights() == {"14": 1}
    bench.tell("rs14", up=False)
    assert bench.names() == ["START", "PANIC"]
    assert "14" in bench.weights()


def test_panic_does_not_give_a_drained_server_its_weight_back_nor_cuts_it_off() -> None:
    threshold = PanicThreshold(number=1, window_ns=10 * S)
    bench = Bench(server(real(11), real(12), real(13), panic=threshold))
    for n in (11, 12, 13):
        bench.tell(f"rs{n}", up=True)
    say(bench, override(11))
    for n in (11, 12, 13):
        bench.tell(f"rs{n}", up=False)
    assert bench.weights() == {"11": 0, "12": 1, "13": 1}
    assert bench.report()["panic"]["held"] == ["rs12", "rs13"]


def test_everybody_set_aside_is_no_panic() -> None:
    bench = Bench(server(real(11), panic=PanicThreshold(per_cent=0, window_ns=S)))
    bench.tell("rs11", up=True)
    say(bench, override(11))
    bench.tell("rs11", up=False)
    assert "PANIC" not in bench.names()


def test_new_server_is_tried_when_all_others_are_drained() -> None:
    bench = Bench(server(real(11)))
    bench.tell("rs11", up=True)
    say(bench, override(11))
    bench.reload(server(real(11), real(12)))
    assert bench.weights() == {"11": 0, "12": 1}


def test_alpha_server_that_is_enabled_again_waits_for_its_check() -> None:
    bench = Bench(server(real(11, alpha=True), real(12)))
    say(bench, override(11, "disabled"))
    say(bench)
    assert bench.weights() == {"12": 1}


def test_drain_holds_behind_a_virtual_server_with_another_name_and_first_service() -> None:
    bench = Bench(server(real(11), real(12), services=(WEB, OTHER)))
    say(bench, override(11, services=(WEB, OTHER)))
    bench.reload(server(real(11), real(12), services=(OTHER, THIRD), name="renamed"))
    assert bench.weights(OTHER) == {"11": 0, "12": 1}


def test_override_is_of_one_virtual_server_only() -> None:
    bench = Bench(server(real(11), real(12)), server(real(11), name="b", services=(OTHER,)))
    say(bench, override(11))
    assert bench.weights(OTHER) == {"11": 1}


@pytest.mark.parametrize(
    ("state", "kept"), [("drain", {"11": 0, "12": 1}), ("disabled", {"12": 1})]
)
def test_successor_keeps_the_override_and_does_not_take_it_for_a_death(
    state: str, kept: dict[str, int]
) -> None:
    bench = Bench(server(real(11, inhibit=True), real(12)))
    entries = (override(11, state),)
    say(bench, *entries)
    kernel = {WEB: dict(bench.pools.pool(WEB))}
    new = Bench(*bench.servers, adopt=bench.pools.standing(), overrides=entries)
    new.pools.adopt_kernel(kernel, new.now_ns)
    new.settle()
    assert new.weights() == kept
    say(new)
    assert new.weights() == {"11": 1, "12": 1}


def test_pools_without_overrides_look_up_what_the_verdicts_say_and_nothing_else() -> None:
    """Speed with 10,000 real servers: no work for each of them."""
    bench = Bench(server(real(11)), server(real(11), name="b", services=(OTHER,)))
    say(bench, override(11))
    assert bench.pools._lookup(OTHER).__qualname__.startswith("VerdictBook")
    assert not bench.pools._lookup(WEB).__qualname__.startswith("VerdictBook")


# The book.


def named(entries: Entries) -> list[tuple[str, str, str]]:
    return [(one.virtual_server, one.real_server, one.state.value) for one in entries]


def both(wanted: Order, entries: Entries, now_s: int, *numbers: int) -> tuple[Entries, bool]:
    web = server(real(11), real(12))
    targets = [(web, one) for one in web.real_servers if int(one.name[2:]) in numbers]
    return books.carried_out(entries, config(web), targets, wanted, now_s)


def test_order_makes_an_entry_the_same_order_changes_nothing_and_enabled_removes_it() -> None:
    first, changed = both(order(), (), 1000, 11)
    assert (named(first), changed) == ([("web", "rs11", "drain")], True)
    again, changed = both(order(), first, 2000, 11)
    assert (again, changed) == (first, False)
    none, changed = both(order("enabled"), again, 3000, 11, 12)
    assert (none, changed) == ((), True)
    assert both(order("enabled"), (), 3000, 11) == ((), False)


def test_running_again_extends_the_time_and_is_no_change() -> None:
    first, _ = both(order(lasts_s=600), (), 1000, 11)
    again, changed = both(order(lasts_s=600), first, 1500, 11)
    assert [(one.since_s, one.expires_s) for one in again] == [(1000, 2100)]
    assert not changed
    assert both(order(), again, 1500, 11)[1]  # that it never ends is a change
    assert books.expired(again, 2099) == ()
    assert books.expired(again, 2100) == again


def test_other_state_is_since_now() -> None:
    first, _ = both(order(), (), 1000, 11)
    other, changed = both(order("disabled"), first, 2000, 11)
    assert ([one.since_s for one in other], changed) == ([2000], True)


def test_entry_sleeps_while_its_place_is_gone_and_holds_when_it_is_back() -> None:
    bench = Bench(server(real(11), real(12)))
    say(bench, override(11))
    bench.reload(server(real(12)))
    assert bench.weights() == {"12": 1}
    assert named(books.dormant((override(11),), config(server(real(12))))) == [
        ("web", "rs11", "drain")
    ]
    bench.reload(server(real(11), real(12)))
    bench.tell("rs11", up=True)
    assert bench.weights() == {"11": 0, "12": 1}


def test_book_follows_a_chain_of_reloads_that_replace_every_service() -> None:
    entries: Entries = (override(11),)
    for services in ((WEB, OTHER), (OTHER,), (OTHER, THIRD), (THIRD,)):
        now = config(server(real(11, name="new"), services=services, name=f"v{len(services)}"))
        entries, dropped = books.follow(entries, now)
        assert not dropped
        assert books.in_force(entries, now) == {services[0]: {at(11): entries[0]}}
    assert named(entries) == [("v1", "new", "drain")]


def test_of_two_that_a_reload_brings_together_the_later_holds_and_ends_both() -> None:
    first = override(11)
    later = override(11, "disabled", services=(OTHER,), since_s=2000)
    web = server(real(11), real(12), services=(WEB, OTHER))
    entries: Entries = (first, later)
    assert books.in_force(entries, config(web)) == {WEB: {at(11): later}}
    assert [one.state for one in books.follow(entries, config(web))[0]] == [State.DISABLED]
    left, changed = books.carried_out(
        entries, config(web), [(web, web.real_servers[0])], order("enabled"), 3000
    )
    assert (left, changed) == ((), True)


def test_dormant_entries_have_a_bound_and_the_oldest_go() -> None:
    asleep = tuple(
        override(11, endpoint=Endpoint("198.51.100.1", port), since_s=port)
        for port in range(1, books.DORMANT_LIMIT + 3)
    )
    kept, dropped = books.follow((*asleep, override(11)), config(server(real(11))))
    assert [one.since_s for one in dropped] == [1, 2]
    assert len(kept) == books.DORMANT_LIMIT + 1


@given(
    st.lists(
        st.builds(
            override,
            st.integers(1, 200),
            st.sampled_from(["drain", "disabled", "enabled"]),
            reason=st.text(max_size=20),
            expires_s=st.none() | st.integers(0, 2**40),
            services=st.sampled_from([(WEB,), (WEB, OTHER)]),
        ),
        max_size=5,
    )
)
def test_book_survives_its_file(entries: list[Override]) -> None:
    assert books.decode(books.encode(tuple(entries))) == (tuple(entries), None)


def test_entry_that_makes_no_sense_costs_no_other_one() -> None:
    document = json.loads(books.encode((override(11), override(12))))
    document["overrides"][0]["state"] = "asleep"
    found, wrong = books.decode(json.dumps(document).encode())
    assert named(found) == [("web", "rs12", "drain")]
    assert wrong == "1 of 2 overrides make no sense"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    ),
    st.sampled_from([None, "services", "address", "port", "state", "weight", "since_s", "owner"]),
)
def test_no_file_is_a_crash(value: Any, field: str | None) -> None:
    document = json.loads(books.encode((override(11),)))
    if field is None:
        document["overrides"] = value
    else:
        document["overrides"][0][field] = value
    found, wrong = books.decode(json.dumps(document).encode())
    assert len(found) == 1 or wrong is not None or value in ([], {})


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"[" * 100_000, b'{"version": 2}', b"\xff"])
def test_other_files_are_refused(text: bytes) -> None:
    found, wrong = books.decode(text)
    assert found == ()
    assert wrong


def test_a_moment_that_no_calendar_has_is_shown_all_the_same() -> None:
    assert books.moment(0) == "1970-01-01T00:00:00+00:00"
    assert books.moment(2**70) == f"{2**70} s after 1970"


# Orders as they come in.

SITE = config(
    server(real(11), real(12)),
    server(real(11, name="first"), name="b", services=(OTHER,)),
)


def which(found: Asked | str) -> list[tuple[str, str]]:
    assert isinstance(found, Asked), found
    return [(virtual.name, one.name) for virtual, one in found.targets]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"real_server": "rs11"}, [("web", "rs11")]),
        ({"real_server": "192.0.2.11"}, [("web", "rs11"), ("b", "first")]),
        ({"real_server": "192.0.2.11:80"}, [("web", "rs11"), ("b", "first")]),
        ({"real_server": "192.0.2.11:80", "virtual_server": "b"}, [("b", "first")]),
        ({"real_server": "rs99"}, []),
        ({"real_server": "rs11", "virtual_server": "nosuch"}, []),
    ],
)
def test_real_server_is_named_by_name_or_address_and_meant_wherever_it_is(
    arguments: dict[str, object], found: list[tuple[str, str]]
) -> None:
    assert which(asked(arguments, SITE)) == found


def test_ipv6_address_may_be_written_in_any_form() -> None:
    endpoint = Endpoint("2001:db8::11", 80)
    site = config(server(real(11)._replace(endpoint=endpoint)))
    for text in ("2001:db8::11", "2001:DB8:0::11", "[2001:db8::11]:80"):
        assert which(asked({"real_server": text}, site)) == [("web", "rs11")]


GOOD = {"real_server": "rs11", "state": "drain"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "real_server is missing"),
        (GOOD | {"real_server": "rs99"}, "no real server 'rs99'"),
        (GOOD | {"real_server": "192.0.2.11:81"}, "no real server"),
        (GOOD | {"real_server": "192.0.2.11:x"}, "no real server"),
        (GOOD | {"real_server": "rs12", "virtual_server": "b"}, "of virtual server 'b'"),
        (GOOD | {"virtual_server": "nosuch"}, "no virtual server 'nosuch'"),
        (GOOD | {"state": "off"}, "enabled, drain, disabled"),
        (GOOD | {"weight": 3}, "goes with state enabled"),
        (GOOD | {"state": "enabled", "weight": -1}, "weight -1"),
        (GOOD | {"expires_s": 0}, "expires_s 0"),
        (GOOD | {"expires_s": 10**9}, "null: never"),
        (GOOD | {"reason": "x" * 201}, "reason is to have at most 200"),
        (GOOD | {"owner": "a\x1b[2J"}, "printable"),
    ],
)
def test_what_is_wrong_with_an_order_is_said(arguments: dict[str, object], words: str) -> None:
    found = asked(arguments, SITE)
    assert isinstance(found, str)
    assert words in found


# Any history of verdicts, overrides and reloads.

NUMBERS = (11, 12, 13)
STEPS = st.lists(
    st.tuples(st.just("verdict"), st.sampled_from(NUMBERS), st.booleans())
    | st.tuples(
        st.just("order"),
        st.sampled_from(NUMBERS),
        st.sampled_from([order(), order("disabled"), order("enabled"), order("enabled", 5)]),
    )
    | st.tuples(st.just("members"), st.sets(st.sampled_from(NUMBERS)), st.none())
    | st.tuples(st.just("restart"), st.none(), st.none()),
    max_size=25,
)


class Life:
    """Pools, a book, and the simplest model of both."""

    def __init__(self, first: VirtualServer) -> None:
        self.whole = first
        self.bench = Bench(first)
        self.entries: Entries = ()
        self.up: dict[int, bool] = {}
        self.said: dict[int, Order] = {}

    @property
    def config(self) -> Config:
        return config(*self.bench.servers)

    def step(self, what: str, one: Any, other: Any) -> None:
        (web,) = self.bench.servers
        present = {int(each.name[2:]): each for each in web.real_servers}
        match what:
            case "verdict" if one in present:
                self.bench.tell(f"rs{one}", up=other)
                self.up[one] = other
            case "order" if one in present:
                self.entries, _ = books.carried_out(
                    self.entries, self.config, [(web, present[one])], other, 1000
                )
                self.said[one] = other
                say(self.bench, *self.entries)
            case "members":
                reals = tuple(each for each in self.whole.real_servers if int(each.name[2:]) in one)
                self.up = {n: up for n, up in self.up.items() if n in one}
                self.bench.reload(replace(self.whole, real_servers=reals))
                self.entries, _ = books.follow(self.entries, self.config)
                say(self.bench, *self.entries)
            case "restart":
                self.restart(self.bench.pools.standing())

    def restart(self, standing: tuple[PoolChange, ...]) -> None:
        kernel = {WEB: dict(self.bench.pools.pool(WEB))}
        new = Bench(*self.bench.servers, adopt=standing, overrides=self.entries)
        new.now_ns = self.bench.now_ns
        for number, up in self.up.items():
            new.pools.note(verdict(f"rs{number}", up=up), new.now_ns)
        new.pools.adopt_kernel(kernel, new.now_ns)
        new.settle()
        self.bench = new

    def check(self) -> None:
        pool, (web,) = self.bench.pools.pool(WEB), self.bench.servers
        known = {at(int(each.name[2:])) for each in web.real_servers}
        sorry_servers = {one.endpoint for one in web.sorry_servers}
        assert pool.keys() <= known | sorry_servers, "somebody who is not configured"
        answering = any(row["in_use"] for row in self.bench.report()["sorry_servers"])
        free = []
        for each in web.real_servers:
            number = int(each.name[2:])
            there, said = pool.get(at(number)), self.said.get(number)
            if said is not None and said.state is State.DISABLED:
                assert there is None
            elif said is not None and said.state is State.DRAIN:
                assert there is None or there.weight == 0
                if self.up.get(number):
                    assert there is not None, "its connections would be cut off"
            elif self.up.get(number):
                wanted = each.weight if said is None or said.weight is None else said.weight
                assert there is not None
                assert there.weight == (0 if answering else wanted)
                free += [number] * (wanted > 0)
            if self.up.get(number) is False:
                assert there is None or there.weight == 0, "a dead one has come alive"
        if free:
            assert any(one.weight for one in pool.values()), "a healthy one, and nobody answers"


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 3), st.booleans(), st.booleans(), st.lists(st.integers(0, 3), min_size=3), STEPS
)
def test_any_history_of_orders_verdicts_reloads_and_restarts(
    quorum: int, has_sorry: bool, inhibit: bool, weights: list[int], steps: list[Any]
) -> None:
    reals = [real(n, weight, inhibit=inhibit) for n, weight in zip(NUMBERS, weights, strict=False)]
    life = Life(server(*reals, quorum=quorum, sorry_servers=(sorry(),) if has_sorry else ()))
    for step in steps:
        life.step(*step)
        life.check()
