# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders for real servers in the supervisor: asked, refused, written, carried out, ended."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lvs_agent.adapters import overrides_file, own_file
from lvs_agent.core import overrides as books
from lvs_agent.core.ipvs.model import ServiceKey
from lvs_agent.core.messages import Message, OverrideChange, OverridesOrder, OverridesReport
from lvs_agent.core.model import Config
from lvs_agent.core.pools import Pools
from lvs_agent.core.supervise import Stage
from lvs_agent.proc import kernel_orders, override_book
from lvs_agent.proc.loop import Timer
from lvs_agent.proc.override_book import OverrideBook
from lvs_agent.proc.server_orders import KERNEL_NS, ServerOrders
from unit.core.pool_examples import WEB, config, real, server, verdict, weights

OTHER = ServiceKey("TCP", "192.0.2.81", 80)
SITE = config(
    server(real(11), real(12)), server(real(11), real(13), name="shop", services=(OTHER,))
)


class Clock:
    """A loop whose time goes on when it is told."""

    def __init__(self) -> None:
        self.at_ns = 0
        self.timers: list[Timer] = []

    def now_ns(self) -> int:
        return self.at_ns

    def call_at(self, deadline_ns: int, callback: Any) -> Timer:
        timer = Timer(deadline_ns, callback)
        self.timers.append(timer)
        return timer

    def wait(self, ns: int) -> None:
        end_ns = self.at_ns + ns
        for _ in range(100):
            due = sorted(one for one in self.timers if one.deadline_ns <= end_ns)
            if not due:
                break
            self.timers.remove(due[0])
            self.at_ns = max(self.at_ns, due[0].deadline_ns)
            if due[0].callback is not None:
                due[0].callback()
        self.at_ns = end_ns


class Site:
    """A supervisor with a real book and orders, and the kernel process's pools."""

    def __init__(self, directory: Path, now: Config = SITE) -> None:
        self.loop = Clock()
        self.loaded = SimpleNamespace(config=now)
        self.supervision = SimpleNamespace(
            stage=Stage.RUNNING, operator_said=lambda change: (change,)
        )
        self.journal = SimpleNamespace(write=lambda level, text: self.lines.append((level, text)))
        self.lines: list[tuple[str, str]] = []
        self.news: list[OverrideChange] = []
        self.told: list[OverridesOrder] = []
        self.replies: list[dict[str, Any]] = []
        self.kernel_answers = self.kernel_lives = True
        self.overrides = OverrideBook(self, directory)  # type: ignore[arg-type]
        self.orders = ServerOrders(self, self.overrides)  # type: ignore[arg-type]
        self.pools = Pools(now, 1, overrides=self.overrides.entries)
        self.pools.settle(0)
        self.overrides.keep_looking()

    def execute(self, actions: tuple[OverrideChange, ...]) -> None:
        self.news += actions

    @contextlib.contextmanager
    def patient_watchdog(self) -> Iterator[None]:
        yield

    def tell(self, name: str, message: Message) -> bool:
        assert name == "kernel"
        assert isinstance(message, OverridesOrder)
        if not self.kernel_lives:
            return False
        self.told.append(message)
        if self.kernel_answers:
            self.loop.call_at(self.loop.now_ns(), lambda: self.answer(message))
        return True

    def answer(self, order: OverridesOrder, **other: Any) -> None:
        """As kernel_ipvs.py does."""
        entries = self.pools.overrides
        if order.overrides:
            entries, wrong = books.decode(order.overrides)
            assert wrong is None
        if order.in_force:
            self.pools.override(entries)
        self.pools.settle(0)
        servers = {one.identity: one for one in self.loaded.config.virtual_servers}
        places = kernel_orders.places_of(order.places)
        found = kernel_orders.report(self.pools, servers, places, entries, 0)
        kernel_orders.add_connections(
            found["places"], servers.values(), {"192.0.2.80"}, lambda _server, _one: (3, 4)
        )
        found |= {"refused": [], "trouble": None} | other
        self.orders.said(
            OverridesReport(request_id=order.request_id, report=json.dumps(found).encode())
        )

    def ask(self, **arguments: Any) -> None:
        self.orders.serve(arguments, lambda reply: self.replies.append(json.loads(reply)))
        self.loop.wait(0)

    def order(self, state: str = "drain", name: str = "rs11", **other: Any) -> dict[str, Any]:
        self.ask(real_server=name, state=state, owner="alice", reason="kernel", **other)
        return self.replies[-1]

    def reload(self, now: Config) -> None:
        self.loaded = SimpleNamespace(config=now)
        self.pools.reconfigure(now, self.pools.generation + 1, 0)
        self.overrides.reconfigured()
        self.loop.wait(0)

    def tell_verdict(self, name: str, *, up: bool) -> None:
        self.pools.note(verdict(name, up=up), 0)
        self.pools.settle(0)

    def words(self) -> str:
        return "\n".join(text for _, text in self.lines)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The wall clock; `s` is its time."""
    wall = SimpleNamespace(s=1_000_000)
    monkeypatch.setattr(override_book.time, "time", lambda: wall.s)
    return wall


def on_disk(directory: Path) -> list[tuple[str, str]]:
    entries, wrong = overrides_file.read(directory)
    assert wrong is None
    return [(one.real_server, one.state.value) for one in entries]


def test_order_is_carried_out_wherever_the_server_is_and_says_what_was_and_is(
    site: Site, tmp_path: Path
) -> None:
    reply = site.order()
    assert reply["ok"], reply
    result = reply["result"]
    assert result["changed"]
    seen = [
        (
            row["virtual_server"],
            row["before"]["state"],
            row["before"]["weight"],
            row["after"]["state"],
            row["after"]["weight"],
            row["counted_here"],
        )
        for row in result["real_servers"]
    ]
    assert seen == [
        ("web", "enabled", 1, "drain", 0, True),
        ("shop", "enabled", 1, "drain", 0, False),
    ]
    assert result["real_servers"][0]["after"]["override"]["reason"] == "kernel"
    assert weights(site.pools.pool(WEB)) == {"11": 0, "12": 1}
    assert on_disk(tmp_path) == [("rs11", "drain"), ("rs11", "drain")]
    assert [(one.virtual_server, one.state) for one in site.news] == [
        ("web", "drain"),
        ("shop", "drain"),
    ]
    assert "virtual_servers.web.real_servers.rs11: drain: by alice: kernel" in site.words()


def test_same_order_again_changes_nothing_and_tells_nobody(site: Site) -> None:
    site.order()
    told, news = len(site.told), len(site.news)
    assert not site.order()["result"]["changed"]
    assert (len(site.told), len(site.news)) == (told + 1, news)


def test_dry_run_says_what_would_be_and_does_nothing(site: Site, tmp_path: Path) -> None:
    result = site.order(dry_run=True)["result"]
    assert result["changed"]
    after = result["real_servers"][0]["after"]
    assert (after["state"], after["weight"], after["override"]["owner"]) == ("drain", 0, "alice")
    assert site.overrides.entries == ()
    assert on_disk(tmp_path) == []
    assert weights(site.pools.pool(WEB)) == {"11": 1, "12": 1}


def test_last_server_that_takes_connections_is_refused_unless_forced(
    site: Site, tmp_path: Path
) -> None:
    site.tell_verdict("rs12", up=False)
    for state in ("drain", "disabled"):
        reply = site.order(state)
        assert not reply["ok"]
        assert reply["error"].startswith("web: no real server would take new connections")
        assert "(1 does now)" in reply["error"]
        assert "shop" not in reply["error"]
    assert not site.order("enabled", weight=0)["ok"]
    assert on_disk(tmp_path) == []
    assert site.order(virtual_server="shop")["ok"]
    assert site.order(force=True)["ok"]
    assert weights(site.pools.pool(WEB)) == {"11": 0}


def test_dead_server_may_be_drained_even_if_it_is_the_only_one(site: Site) -> None:
    for name in ("rs11", "rs12"):
        site.tell_verdict(name, up=False)
    assert site.order(virtual_server="web")["ok"]


def test_order_that_would_leave_it_to_the_sorry_server_is_refused(tmp_path: Path) -> None:
    from unit.core.pool_examples import sorry

    site = Site(tmp_path, config(server(real(11), real(12), quorum=2, sorry_servers=(sorry(),))))
    assert not site.order()["ok"]


def test_two_orders_at_once_do_not_leave_each_others_server_as_the_last(site: Site) -> None:
    for name in ("rs11", "rs12"):
        site.orders.serve(
            {"real_server": name, "virtual_server": "web", "state": "drain"},
            lambda reply: site.replies.append(json.loads(reply)),
        )
    site.loop.wait(0)
    assert [one["ok"] for one in site.replies] == [True, False]


def test_order_that_cannot_be_made_durable_is_refused_and_warned_of(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(own_file, "write", full)
        reply = site.order()
    assert not reply["ok"]
    assert reply["error"].endswith("No space left on device; nothing is changed")
    assert weights(site.pools.pool(WEB)) == {"11": 1, "12": 1}
    assert "orders for real servers are refused" in site.overrides.warnings()[0]
    assert site.order()["ok"]
    assert site.overrides.warnings() == []


def test_file_is_on_disk_before_anybody_goes_by_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(len(site.told)), sync(fd)))
    site.order()
    assert synced == [1, 1]  # the file and its directory, when only the question was asked


def test_damaged_file_is_a_warning_and_is_kept_beside(tmp_path: Path) -> None:
    (tmp_path / overrides_file.NAME).write_text("{")
    site = Site(tmp_path)
    assert site.lines[0][0] == "error"
    assert "not JSON" in site.overrides.warnings()[0]
    assert site.order()["ok"]
    assert site.overrides.warnings() == []
    assert (tmp_path / (overrides_file.NAME + ".damaged")).read_text() == "{"


def test_overrides_are_there_from_the_first_moment_of_the_next_agent(
    site: Site, tmp_path: Path
) -> None:
    site.order()
    again = Site(tmp_path)
    assert weights(again.pools.pool(WEB)) == {"11": 0, "12": 1}
    assert again.news == []


def test_kernel_process_that_is_not_there_or_silent_is_an_error_in_bounded_time(
    site: Site, tmp_path: Path
) -> None:
    site.kernel_lives = False
    assert "does not answer; try again" in site.order()["error"]
    site.kernel_lives, site.kernel_answers = True, False
    site.ask(real_server="rs11", state="drain")
    site.loop.wait(KERNEL_NS)
    assert len(site.replies) == 2
    assert on_disk(tmp_path) == []
    assert not site.replies[1]["ok"]


def test_kernel_process_that_dies_after_the_order_was_written_gets_it_with_its_birth(
    site: Site, tmp_path: Path
) -> None:
    site.kernel_answers = False
    site.ask(real_server="rs11", state="drain")
    site.answer(site.told[-1])
    site.loop.wait(KERNEL_NS)
    assert "the order is kept" in site.replies[-1]["error"]
    assert on_disk(tmp_path)
    assert site.overrides.entries  # what a new kernel process is born with


def test_late_answer_to_an_earlier_question_is_not_taken_for_this_one(site: Site) -> None:
    site.kernel_answers = False
    site.ask(real_server="rs11", state="drain")
    late = site.told[-1]
    site.loop.wait(KERNEL_NS)
    site.ask(real_server="rs12", state="drain")
    site.answer(late)
    assert len(site.replies) == 1
    site.kernel_answers = True
    site.answer(site.told[-1])
    site.loop.wait(0)
    assert [one.real_server for one in site.overrides.entries] == ["rs12"]


def test_kernel_process_that_has_just_begun_says_so(site: Site) -> None:
    site.kernel_answers = False
    site.ask(real_server="rs11", state="drain")
    site.answer(site.told[-1], error="it has just been restarted")
    assert "it has just been restarted; try again" in site.replies[-1]["error"]


def test_stopping_agent_takes_no_orders(site: Site) -> None:
    site.supervision.stage = Stage.STOPPING_HA
    assert site.order()["error"] == "the agent is stopping"


def test_question_changes_nothing_and_nobody_is_an_answer(site: Site) -> None:
    site.ask(real_server="rs11")
    rows = site.replies[-1]["result"]["real_servers"]
    assert [row["after"]["state"] for row in rows] == ["enabled", "enabled"]
    assert (rows[0]["active"], rows[0]["inactive"]) == (3, 4)
    assert site.told[-1].overrides == b""
    site.ask(real_server="nosuch")
    assert site.replies[-1]["result"]["real_servers"] == []


# Ends.


def test_override_ends_by_itself_and_people_are_told(
    site: Site, tmp_path: Path, clock: SimpleNamespace
) -> None:
    assert site.order(virtual_server="web", expires_s=60)["ok"]
    clock.s += 59
    site.loop.wait(2_000_000_000)
    assert weights(site.pools.pool(WEB)) == {"11": 0, "12": 1}
    clock.s += 1
    site.loop.wait(2_000_000_000)
    assert weights(site.pools.pool(WEB)) == {"11": 1, "12": 1}
    assert on_disk(tmp_path) == []
    assert site.news[-1].state == "enabled"
    assert "enabled: its time is over (drain by alice until" in site.words()


def test_time_that_was_over_before_the_start_ends_it_too(
    site: Site, tmp_path: Path, clock: SimpleNamespace
) -> None:
    site.order(virtual_server="web", expires_s=60)
    clock.s += 3600
    again = Site(tmp_path)
    again.loop.wait(2_000_000_000)
    assert weights(again.pools.pool(WEB)) == {"11": 1, "12": 1}
    assert [one.state for one in again.news] == ["enabled"]


def test_clock_that_is_set_back_makes_it_later_and_never_wrong(
    site: Site, clock: SimpleNamespace
) -> None:
    site.order(virtual_server="web", expires_s=60)
    clock.s -= 900_000
    site.loop.wait(5_000_000_000)
    assert weights(site.pools.pool(WEB)) == {"11": 0, "12": 1}
    clock.s += 900_060
    site.loop.wait(2_000_000_000)
    assert weights(site.pools.pool(WEB)) == {"11": 1, "12": 1}


def test_one_that_ends_while_another_is_ordered_does_not_come_back(
    site: Site, clock: SimpleNamespace
) -> None:
    site.order(virtual_server="web", expires_s=60)
    site.kernel_answers = False
    site.ask(real_server="rs13", state="drain")
    clock.s += 60
    question = site.told[-1]
    site.loop.wait(2_000_000_000)
    site.kernel_answers = True
    site.answer(question)
    site.loop.wait(0)
    assert site.replies[-1]["ok"]
    assert [one.real_server for one in site.overrides.entries] == ["rs13"]


# Reloads, and what is shown.


def test_reload_that_renames_everything_keeps_it(site: Site, tmp_path: Path) -> None:
    site.order()
    web = server(real(11, name="new"), real(12), services=(OTHER, WEB), name="renamed")
    site.reload(config(web))
    site.pools.settle(0)
    assert weights(site.pools.pool(OTHER)) == {"11": 0, "12": 1}
    assert {row["virtual_server"] for row in site.overrides.listing()} == {"renamed"}
    assert set(on_disk(tmp_path)) == {("new", "drain")}


def test_reload_without_the_server_lets_it_sleep_and_says_so(site: Site) -> None:
    site.order(virtual_server="web")
    site.reload(config(server(real(12))))
    (row,) = site.overrides.listing()
    assert row["dormant"]
    assert "not in the configuration: rs11 of web (drain by alice" in site.overrides.warnings()[0]


def test_one_without_an_end_is_warned_of_after_a_day(site: Site, clock: SimpleNamespace) -> None:
    site.order(virtual_server="web")
    site.order(name="rs13", expires_s=10 * override_book.FORGOTTEN_S)
    clock.s += override_book.FORGOTTEN_S
    assert site.overrides.warnings() == []
    clock.s += 1
    (warning,) = site.overrides.warnings()
    assert "for more than a day" in warning
    assert "rs11 of web (drain by alice: kernel)" in warning
    assert "rs13" not in warning


def test_there_is_a_bound(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvs_agent.proc.server_orders.OVERRIDES_LIMIT", 1)
    assert "more than 1 overrides" in site.order()["error"]
