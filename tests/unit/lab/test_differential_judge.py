# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a difference between keepalived and the agent, and what is on purpose."""

from __future__ import annotations

from typing import Any

import differential
import pytest

CALM: dict[str, Any] = {"stopped": True, "idle": [], "left": [], "frames": "", "log": ""}


def result(theirs: list[str], ours: list[str], **of_ours: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "counted": False,
        "keepalived": {**CALM, "had": {"routes": theirs}},
        "agent": {**CALM, "had": {"routes": ours}, **of_ours},
    }


@pytest.fixture(autouse=True)
def no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """tshark is not needed to compare tables."""
    monkeypatch.setattr(differential, "frames", lambda _capture: {})


def test_rows_of_one_side_only_are_named_with_their_side() -> None:
    said = differential.differences(result(["a", "b"], ["b", "c"]))
    assert said == ["routes, only keepalived: a", "routes, only agent: c"]
    assert differential.differences(result(["a"], ["a"])) == []


def test_a_row_that_stands_twice_is_not_the_same_as_one() -> None:
    assert differential.differences(result(["a", "a"], ["a"])) == ["routes, only keepalived: a"]


def test_what_keeps_running_or_stays_behind_is_a_difference() -> None:
    assert differential.differences(result([], [], stopped=False, left=["rules"])) == [
        "agent did not stop",
        "agent left something behind: rules",
    ]


def test_a_configuration_that_nobody_makes_anything_of_compares_nothing() -> None:
    assert differential.differences(result([], [], idle=["ipvs"])) == [
        "agent made nothing of it: ipvs"
    ]


def test_a_scenario_that_could_not_be_played_is_a_difference() -> None:
    assert differential.differences({"name": "x", "error": "no namespace"}) == ["no namespace"]


def test_a_reason_explains_its_difference_and_fails_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(differential, "DELIBERATE", {"x": {"only agent: c": "on purpose"}})
    assert differential.unexplained("x", ["routes, only agent: c"]) == []
    assert differential.unexplained("y", ["routes, only agent: c"]) == ["routes, only agent: c"]
    assert differential.unexplained("x", []) == ["no such difference any more: only agent: c"]
