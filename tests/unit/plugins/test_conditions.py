# SPDX-License-Identifier: GPL-3.0-or-later
"""What agent_wait and agent_info look for in a status, and how a wait ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _conditions
from ansible_collections.lvs.cluster.plugins.module_utils._conditions import Conditions
from ansible_collections.lvs.cluster.plugins.modules import agent_info, agent_wait


def server(name: str, *, up: bool = True, checked: bool = True) -> dict[str, Any]:
    return {"name": name, "up": up, "checked": checked}


def status(**changes: Any) -> dict[str, Any]:
    web = {
        "name": "web",
        "service": "TCP 172.16.1.99:80",
        "in_kernel": True,
        "quorum": {"reached": True, "weight": 2, "quorum": 1},
        "panic": None,
        "connections": 7,
        "real_servers": [server("w1"), server("w2"), server("w3", up=False)],
        "destinations": [{"name": "w1", "active": 3, "inactive": 1}],
        "left_out": {"up": 5, "down": 1, "active": 2, "inactive": 0},
    }
    plain = {
        "at": "now",
        "agent": {"config_sha256": "abc", "processes": {"ha": {"state": "running"}}},
        "instances": [{"name": "VI_1", "state": "MASTER", "counters": {"adverts_sent": 4}}],
        "services": [web],
        "checks": [1, 2],
    }
    return plain | changes


MET = (
    Conditions(settled=True),
    Conditions(master_of=("VI_1",)),
    Conditions(pool_up=("web",), min_real_servers=7),
    Conditions(config="abc"),
    Conditions(condition=("x", lambda _: [1])),
)
MISSING = (
    (Conditions(backup_of=("VI_1",)), "instance VI_1 is MASTER, not BACKUP"),
    (Conditions(master_of=("VI_2",)), "there is no instance VI_2"),
    (Conditions(pool_up=("ftp",)), "there is no virtual server ftp"),
    (Conditions(min_real_servers=8), "virtual server web has 7 real servers up, not 8"),
    (Conditions(config="abd"), "the configuration in force is abc, not abd"),
    (Conditions(condition=("x == `1`", lambda _: None)), "x == `1` gives None"),
)


@pytest.mark.parametrize("wanted", MET)
def test_a_condition_that_is_met_leaves_nothing_to_say(wanted: Conditions) -> None:
    assert wanted.wrong(status()) == []


@pytest.mark.parametrize(("wanted", "text"), MISSING)
def test_a_condition_that_is_not_met_is_said_in_plain_words(wanted: Conditions, text: str) -> None:
    assert wanted.wrong(status()) == [text]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"in_kernel": False}, "virtual server web is not in the kernel's table"),
        ({"error": "EPERM"}, "virtual server web: EPERM"),
        (
            {"quorum": {"reached": False, "weight": 0, "quorum": 1}},
            "virtual server web has no quorum: weight 0 of 1",
        ),
        ({"real_servers": [server("w1", checked=False)]}, "virtual server web: w1 is not checked"),
    ],
)
def test_a_pool_is_up_when_all_of_it_is_known_to_serve(changes: dict[str, Any], text: str) -> None:
    web = status()["services"][0] | changes
    (wrong,) = Conditions(pool_up=("web",)).wrong(status(services=[web]))
    assert wrong.startswith(text)


def test_settled_is_what_is_waited_for_when_nothing_else_is_said() -> None:
    nothing = {
        "settled": None,
        "master_of": [],
        "backup_of": [],
        "pool_up": [],
        "min_real_servers": None,
        "config": None,
        "condition": None,
    }
    assert agent_wait.conditions(nothing).settled
    assert not agent_wait.conditions(nothing | {"config": "abc"}).settled
    assert agent_wait.conditions(nothing | {"config": "abc", "settled": True}).settled


class Clock:
    """Time that passes when somebody sleeps, and a status for each look."""

    def __init__(self, looks: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self._looks: Iterator[Any] = iter(looks)
        self._last: Any = None
        monkeypatch.setattr(_conditions.time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(_conditions.time, "sleep", self.sleep)

    def sleep(self, span_s: float) -> None:
        self.now_s += span_s

    def fetch(self) -> dict[str, Any]:
        self._last = next(self._looks, self._last)
        if isinstance(self._last, Exception):
            raise self._last
        return {"wrong": self._last}


def judge(found: dict[str, Any]) -> list[str]:
    return list(found["wrong"])


def test_an_agent_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([_agent.AgentUnreachable("no answer"), ["not yet"], []], monkeypatch)
    waited = _conditions.wait(clock.fetch, judge, 10, 1)
    assert (waited.wrong, waited.waited_s) == ([], 2)


def test_the_wait_ends_at_its_limit_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([["not yet"]], monkeypatch)
    waited = _conditions.wait(clock.fetch, judge, 3.5, 1)
    assert (waited.wrong, waited.waited_s) == (["not yet"], 3.5)


def test_stable_means_without_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([[], [], ["again"], []], monkeypatch)
    assert _conditions.wait(clock.fetch, judge, 60, 1, 3).waited_s == 6
    clock = Clock([[]], monkeypatch)
    waited = _conditions.wait(clock.fetch, judge, 2, 1, 5)
    assert waited.wrong == ["all of it has been so for 2.0 s, not yet for 5 s"]


@pytest.mark.parametrize(
    ("sections", "verb"),
    [
        ([], "status"),
        (["instances", "pools", "statistics"], "summary"),
        (["instances", "services"], "status"),
        (["checks"], "status"),
    ],
)
def test_only_what_needs_every_real_server_asks_for_all(sections: list[str], verb: str) -> None:
    assert agent_info.verb(sections) == verb


def test_sections_are_what_is_left_of_the_status() -> None:
    assert agent_info.parts(status(), []) == status()
    found = agent_info.parts(status(), ["instances", "pools", "statistics"])
    assert found.keys() == {"at", "agent", "instances", "pools", "statistics"}
    (pool,) = found["pools"]
    assert pool == {
        "name": "web",
        "services": ["TCP 172.16.1.99:80"],
        "in_kernel": True,
        "quorum": True,
        "panic": False,
        "up": 7,
        "down": 2,
        "active": 5,
        "inactive": 1,
    }
    assert found["statistics"]["instances"] == {"VI_1": {"adverts_sent": 4}}
    assert found["statistics"]["services"]["TCP 172.16.1.99:80"]["connections"] == 7
