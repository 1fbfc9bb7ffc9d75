# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's part of the status: in slices, and without what nobody reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lvs_agent.proc.kernel_brief import OTHERS_LIMIT, WELL_LIMIT, Brief
from lvs_agent.proc.kernel_status import StatusAnswer
from lvs_agent.proc.loop import Loop

Row = dict[str, Any]


def row(name: str, ups: str, *, first: bool = True) -> Row:
    """A service whose real servers are up (u), down (d) or down unchecked (?)."""
    servers = [
        {"name": f"rs{number}", "up": state == "u", "checked": state != "?"}
        for number, state in enumerate(ups)
    ]
    destinations = [{"name": one["name"], "active": 2, "inactive": 3} for one in servers]
    destinations.append({"name": None, "active": 50, "inactive": 0})
    return {
        "name": name,
        "real_servers": servers if first else [],
        "destinations": destinations,
    }


def names(rows: list[Row]) -> list[str | None]:
    return [one["name"] for one in rows]


def test_few_real_servers_are_all_there() -> None:
    brief, small = Brief(), row("web", "uud?")
    short = brief.shorten(small)
    assert short.pop("left_out") == dict.fromkeys(
        ("up", "down", "checked_down", "active", "inactive"), 0
    )
    assert short == small


def test_of_thousands_those_that_are_up_are_counted_and_those_that_are_not_are_named() -> None:
    brief = Brief()
    web = brief.shorten(row("web", "u" * WELL_LIMIT + "uud" + "u"))
    assert names(web["real_servers"]) == [
        f"rs{number}" for number in (*range(WELL_LIMIT), WELL_LIMIT + 2)
    ]
    assert names(web["destinations"]) == [*names(web["real_servers"]), None]
    assert web["left_out"] == {
        "up": 3, "down": 0, "checked_down": 0, "active": 6, "inactive": 9
    }  # fmt: skip
    shop = brief.shorten(row("shop", "du"))
    assert names(shop["real_servers"]) == ["rs0"]
    assert shop["left_out"]["up"] == 1


def test_whom_an_operator_has_spoken_of_is_named_however_many_are_up() -> None:
    web = row("web", "u" * (WELL_LIMIT + 5))
    web["real_servers"][-1]["override"] = {"state": "drain"}
    short = Brief().shorten(web)
    assert names(short["real_servers"])[-1] == f"rs{WELL_LIMIT + 4}"
    assert short["left_out"]["up"] == 4


def test_another_service_of_the_same_virtual_server_leaves_out_the_same() -> None:
    brief = Brief()
    brief.shorten(row("web", "u" * (WELL_LIMIT - 1)))
    brief.shorten(row("shop", "uu"))
    second = brief.shorten(row("shop", "uu", first=False))
    assert names(second["destinations"]) == ["rs0", None]
    assert second["left_out"]["active"] == 2
    assert second["left_out"]["up"] == 0  # it was counted with the first


def test_even_those_that_are_down_have_an_end() -> None:
    short = Brief().shorten(row("web", "d" * OTHERS_LIMIT + "?d"))
    assert len(short["real_servers"]) == OTHERS_LIMIT
    assert (short["left_out"]["down"], short["left_out"]["checked_down"]) == (2, 1)


class Answers:
    """What was answered, and the turns of the loop before it."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.found: list[bytes] = []

    def begin(self, rows: Iterator[Row], *, brief: bool = False) -> StatusAnswer:
        answer = StatusAnswer(self.loop, rows, brief=brief)
        answer.begin(self.found.append)
        return answer

    def turns(self) -> int:
        for turn in range(100):
            if self.found:
                return turn
            self.loop.turn(0)
        raise AssertionError("no answer")


@pytest.fixture
def answers() -> Iterator[Answers]:
    made = Answers()
    yield made
    made.loop.close()


def test_a_few_services_are_answered_at_once(answers: Answers) -> None:
    rows = [row("web", "ud"), row("shop", "u")]
    answers.begin(iter(rows))
    assert answers.turns() == 0
    assert json.loads(answers.found[0]) == rows


def test_nothing_is_an_answer_too(answers: Answers) -> None:
    answers.begin(iter(()))
    assert answers.found == [b"[]"]


def test_thousands_take_many_turns_and_come_whole(answers: Answers) -> None:
    rows = [row(f"web{number}", "u" * 100) for number in range(100)]
    answers.begin(iter(rows))
    assert answers.turns() >= 10
    assert json.loads(answers.found[0]) == rows


def test_the_brief_answer_is_small(answers: Answers) -> None:
    answers.begin((row(f"web{number}", "u" * 100) for number in range(100)), brief=True)
    answers.turns()
    assert len(answers.found[0]) < 60_000
    found = json.loads(answers.found[0])
    counts = [len(one["real_servers"]) + one["left_out"]["up"] for one in found]
    assert counts == [100] * 100


def test_an_answer_that_nobody_waits_for_any_more_ends(answers: Answers) -> None:
    looked_at: list[int] = []

    def rows() -> Iterator[Row]:
        for number in range(100):
            looked_at.append(number)
            yield row(f"web{number}", "u" * 100)

    answer = answers.begin(rows())
    answer.cancel()
    for _ in range(50):
        answers.loop.turn(0)
    assert answers.found == []
    assert len(looked_at) < 20
