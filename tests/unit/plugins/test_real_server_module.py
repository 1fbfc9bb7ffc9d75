# SPDX-License-Identifier: GPL-3.0-or-later
"""`real_server`: what it asks of one agent, and what it does on all directors of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.lvs.cluster.plugins.action import real_server as action
from ansible_collections.lvs.cluster.plugins.modules import real_server

from .control_server import ControlServer

DEFAULTS = {
    name: one.get("default") for name, one in real_server.ARGUMENTS.items() if name != "socket"
}


class Agent(ControlServer):
    """One real server behind web and shop, on a control socket; refuses what it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.told: list[dict[str, Any]] = []
        self.overrides: dict[str, dict[str, Any] | None] = {"web": None, "shop": None}
        self.active = [0]
        self.up = [True]
        self.counted = True
        self.refuses: str | None = None
        self.trouble: str | None = None

    def reply(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.told.append(arguments)
        if verb == "set_real_server" and self.refuses:
            return {"ok": False, "error": self.refuses}
        names = [name for name in self.overrides if arguments["virtual_server"] in (None, name)]
        rows, changed = [], False
        active = self.active.pop(0) if len(self.active) > 1 else self.active[0]
        up = self.up.pop(0) if len(self.up) > 1 else self.up[0]
        for name in names if arguments["real_server"] == "rs1" else []:
            before = after = self.overrides[name]
            if verb == "set_real_server":
                after = self._made(arguments)
                changed = changed or before != after
                if not arguments["dry_run"]:
                    self.overrides[name] = after
            rows.append(
                {
                    "virtual_server": name,
                    "real_server": "rs1",
                    "configured_weight": {"web": 10, "shop": 1}[name],
                    "active": active,
                    "counted_here": self.counted,
                    "before": self._side(before, up),
                    "after": self._side(after, up),
                }
            )
        result = {"changed": changed, "real_servers": rows, "refused": [], "trouble": self.trouble}
        return {"ok": True, "result": result}

    @staticmethod
    def _made(wanted: dict[str, Any]) -> dict[str, Any] | None:
        if wanted["state"] == "enabled" and wanted["weight"] is None:
            return None
        words = {name: wanted[name] for name in ("state", "weight", "owner", "reason")}
        return {**words, "expires": wanted["expires_s"] and "some time"}

    @staticmethod
    def _side(said: dict[str, Any] | None, up: bool) -> dict[str, Any]:
        return {
            "state": said["state"] if said else "enabled",
            "weight": {"enabled": 1, "drain": 0, "disabled": None}[
                said["state"] if said else "enabled"
            ],
            "up": up,
            "checked": True,
            "reason": "refused",
            "check_weight": None,
            "override": said,
        }

    def verbs(self) -> list[str]:
        return [
            "look" if verb == "real_server" else wanted["state"]
            for verb, wanted in zip(self.asked, self.told, strict=True)
        ]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "control.sock")
    yield made
    made.close()


def run(agent: Agent, *, check: bool = False, **options: Any) -> dict[str, Any]:
    params = {**DEFAULTS, "host": "rs1", "socket": agent.path, "wait_interval": 0.01, **options}
    return real_server.execute(real_server.Order(params, dry_run=check))


def test_it_is_done_once_wherever_the_server_is_and_the_diff_says_what(agent: Agent) -> None:
    result = run(agent, state="drain", reason="kernel", expires="2h")
    assert result["changed"]
    assert [(one["virtual_server"], one["state"]) for one in result["state_before"]] == [
        ("web", "enabled"),
        ("shop", "enabled"),
    ]
    assert {one["state"] for one in result["state_after"]} == {"drain"}
    assert "web rs1: enabled, weight 1\n" in result["diff"]["before"]
    assert "web rs1: drain, weight 0 by ansible: kernel\n" in result["diff"]["after"]
    assert agent.told[-1]["expires_s"] == 7200
    again = run(agent, state="drain", reason="kernel", expires="2h")
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"]


def test_check_mode_says_the_same_and_changes_nothing(agent: Agent) -> None:
    result = run(agent, check=True, state="drain", wait=True, drain=True)
    assert result["changed"]
    assert {one["state"] for one in result["state_after"]} == {"drain"}
    assert agent.overrides == {"web": None, "shop": None}
    assert agent.verbs() == ["look", "drain"]


def test_per_cent_is_of_the_configured_weight_of_each_and_at_least_1(agent: Agent) -> None:
    run(agent, state="enabled", weight="50%")
    assert [agent.overrides[name]["weight"] for name in ("web", "shop")] == [5, 1]  # type: ignore[index]
    assert not run(agent, state="enabled", weight="50%")["changed"]
    run(agent, state="enabled", weight="7", backend="web")
    assert agent.overrides["web"]["weight"] == 7  # type: ignore[index]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"state": "enabled", "weight": "half"}, "neither a number nor per cent"),
        ({"state": "drain", "weight": "5"}, "weight goes with state enabled"),
        ({"state": "drain", "expires": "soon"}, "no time such as"),
        ({"state": "drain", "host": "rs9"}, "has no real server rs9"),
        ({"state": "drain", "backend": "mail"}, "rs1 behind virtual server mail"),
        ({"state": "drain", "wait_interval": 0}, "wait_interval"),
    ],
)
def test_what_is_wrong_is_said(agent: Agent, options: dict[str, Any], words: str) -> None:
    with pytest.raises(real_server.Wrong, match=words):
        run(agent, **options)
    assert "drain" not in agent.verbs()


def test_nobody_is_a_warning_where_that_is_asked_for(agent: Agent) -> None:
    result = run(agent, state="drain", host="rs9", fail_on_not_found=False)
    assert (result["changed"], result["state_after"]) == (False, [])
    assert "rs9" in result["warnings"][0]


def test_it_waits_until_few_enough_connections_are_left(agent: Agent) -> None:
    agent.active = [9, 9, 9, 4, 2]  # two virtual servers each
    result = run(agent, state="drain", wait=True, wait_connections=4, timeout=20)
    assert result["connections"] == 4
    assert not result["timed_out"]


def test_connections_that_another_director_has_are_not_waited_for(agent: Agent) -> None:
    agent.active, agent.counted = [9], False
    assert run(agent, state="drain", wait=True, timeout=0)["connections"] == 0


def test_waiting_ends_and_the_order_holds(agent: Agent) -> None:
    agent.active = [3]
    with pytest.raises(real_server.Wrong, match="6 active connections are left; the order itself"):
        run(agent, state="drain", wait=True, timeout=0.05)
    assert agent.overrides["web"] is not None
    result = run(agent, state="drain", wait=True, timeout=0.05, on_timeout="continue")
    assert result["timed_out"]
    assert "6 active connections are left" in result["warnings"][0]


def test_retries_bound_the_waiting_without_a_timeout(agent: Agent) -> None:
    agent.active = [3]
    with pytest.raises(real_server.Wrong, match=r"not within 0\.05 s"):
        run(agent, state="drain", wait=True, wait_retries=5)


def test_disabled_after_a_drain(agent: Agent) -> None:
    agent.active = [1, 1, 1, 0]
    result = run(agent, state="disabled", drain=True)
    assert agent.verbs()[:2] == ["look", "drain"]
    assert agent.verbs()[-1] == "disabled"
    assert {one["state"] for one in result["state_before"]} == {"enabled"}
    assert {one["state"] for one in result["state_after"]} == {"disabled"}
    asked = len(agent.asked)
    assert not run(agent, state="disabled", drain=True)["changed"]
    assert "drain" not in agent.verbs()[asked:]  # it would be in the pool again


def test_enabled_waits_until_it_is_up(agent: Agent) -> None:
    agent.up = [False, False, False, True]
    assert run(agent, state="enabled", wait=True, timeout=20)["state_after"][0]["up"]
    agent.up = [False]
    with pytest.raises(real_server.Wrong, match="rs1 of web is not up: refused"):
        run(agent, state="enabled", wait=True, timeout=0)


def test_kernel_that_does_not_follow_is_a_failure(agent: Agent) -> None:
    agent.trouble = "no IPVS"
    with pytest.raises(real_server.Wrong, match="does not follow yet: no IPVS"):
        run(agent, state="drain")


# On all directors.


class Site:
    """Directors by name; what the module would say on each of them."""

    def __init__(self, *names: str) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.states = dict.fromkeys(names, "enabled")
        self.dead: set[str] = set()
        self.refusing: set[str] = set()
        self.waits: dict[str, list[float]] = {}
        self.late: set[str] = set()

    def run(self, name: str, other: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((name, other))
        if name in self.dead:
            raise AnsibleConnectionFailure("no route")
        if name in self.refusing:
            return {"failed": True, "msg": "nobody is left"}
        before, after = self.states[name], other.get("state", self.wanted)
        self.states[name] = after
        waited = 0.0
        if other.get("wait"):
            waited = self.waits.get(name, [0.0])[0]
            self.waits[name] = self.waits.get(name, [0.0])[1:] or [0.0]
        late = bool(other.get("wait")) and name in self.late
        return {
            "changed": before != after,
            "state_before": [before],
            "state_after": [after],
            "connections": 1,
            "waited": waited,
            "timed_out": late,
            "missing": "1 active connections are left" if late else None,
            "diff": {"before": before, "after": after},
        }

    def do(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        self.wanted = arguments["state"]
        order = action.Everywhere(self.run, arguments, check_mode=check)
        return order.carry_out(list(self.states))

    def waited_for(self) -> list[str]:
        return [name for name, other in self.calls if other.get("wait")]


def test_all_have_it_before_any_is_waited_for() -> None:
    site = Site("a", "b")
    result = site.do(state="drain", wait=True)
    assert [(name, bool(other["wait"])) for name, other in site.calls] == [
        ("a", False), ("b", False), ("a", True), ("b", True),
    ]  # fmt: skip
    assert (result["changed"], result["connections"], result["timed_out"]) == (True, 2, False)
    assert result["state_before"] == ["enabled"]
    assert set(result["directors"]) == {"a", "b"}
    assert not Site("a").do(state="enabled")["changed"]


def test_whoever_was_content_before_a_failover_is_asked_again() -> None:
    site = Site("a", "b")
    site.waits = {"b": [20.0, 0.0], "a": [0.0, 5.0, 0.0]}
    site.do(state="drain", wait=True)
    assert site.waited_for() == ["a", "b", "a", "b", "a", "b"]


def test_time_is_one_for_all_directors_and_is_over_when_it_is_over() -> None:
    site = Site("a", "b")
    site.late = {"b"}
    with pytest.raises(action.Failed, match="b: 1 active connections are left; the order itself"):
        site.do(state="drain", wait=True, timeout=0)
    result = site.do(state="drain", wait=True, timeout=0, on_timeout="continue")
    assert result["timed_out"]
    assert "b: 1 active" in result["warnings"][0]


def test_disabled_after_a_drain_on_all_of_them() -> None:
    site = Site("a", "b")
    result = site.do(state="disabled", drain=True)
    assert [other.get("state") for _, other in site.calls] == [*["drain"] * 4, None, None]
    assert result["changed"]
    assert result["state_before"] == ["enabled"]
    assert result["state_after"] == ["disabled"]


def test_unreachable_director_fails_after_the_others_have_it_or_is_a_warning() -> None:
    site = Site("a", "b")
    site.dead = {"a"}
    with pytest.raises(action.Failed, match="a is unreachable: no route; it is done on b"):
        site.do(state="drain", wait=True)
    assert site.waited_for() == []
    result = site.do(state="drain", wait=True, on_unreachable="continue")
    assert site.waited_for() == ["b"]
    assert result["directors"]["a"] == {"unreachable": "no route"}
    assert "a is unreachable" in result["warnings"][0]


def test_when_nobody_can_be_reached_it_fails_in_any_case() -> None:
    site = Site("a", "b")
    site.dead = {"a", "b"}
    with pytest.raises(action.Failed, match=r"a is unreachable.*b is unreachable"):
        site.do(state="drain", on_unreachable="continue")


def test_refusal_of_one_says_on_whom_it_is_done() -> None:
    site = Site("a", "b")
    site.refusing = {"b"}
    with pytest.raises(action.Failed, match=r"^b: nobody is left; it is done on a$"):
        site.do(state="drain")


def test_check_mode_waits_for_nobody() -> None:
    site = Site("a", "b")
    assert site.do(check=True, state="disabled", drain=True)["changed"]
    assert [other.get("state") for _, other in site.calls] == [None, None]
