# SPDX-License-Identifier: GPL-3.0-or-later
"""Spread, period and order of checks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.health.schedule import (
    GRID_NS,
    WARMUP_NS,
    Queue,
    next_slot_ns,
    on_grid_ns,
    phase_ns,
    warmup_ns,
)

SECOND = 1_000_000_000
DURATIONS = st.integers(50_000_000, 86_400 * SECOND)


@pytest.mark.parametrize("count", [2, 3, 10, 100, 1000, 10_000])
def test_any_number_of_checks_is_spread_evenly_over_the_interval(count: int) -> None:
    starts = sorted(phase_ns(index, 60 * SECOND) for index in range(count))
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert starts[0] == 0
    assert starts[-1] < 60 * SECOND
    # Three-gap theorem for the golden ratio: no gap exceeds the mean by the ratio squared.
    assert max(gaps) <= 2.62 * 60 * SECOND / count


def test_checks_added_later_fall_between_the_earlier_ones() -> None:
    starts = sorted(phase_ns(index, SECOND) for index in range(1000, 1100))
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert max(gaps) <= 2.62 * SECOND / 100


def test_first_checks_come_soon_however_long_the_interval() -> None:
    assert warmup_ns(2, 60 * SECOND) <= 10_000_000
    assert warmup_ns(100_000, 60 * SECOND) == WARMUP_NS
    assert warmup_ns(100_000, SECOND) == SECOND


@given(slot=st.integers(0, 10**18), delay=DURATIONS, now=st.integers(0, 2 * 10**18))
def test_a_check_keeps_its_place_in_the_interval(slot: int, delay: int, now: int) -> None:
    following = next_slot_ns(slot, delay, now)
    assert following > now
    assert (following - slot) % delay == 0
    assert following == slot or following - delay <= now


@given(at=st.integers(0, 2**62))
def test_the_grid_never_makes_a_start_early_nor_a_step_late(at: int) -> None:
    assert at <= on_grid_ns(at) < at + GRID_NS
    assert on_grid_ns(on_grid_ns(at)) == on_grid_ns(at)


@given(st.lists(st.integers(0, 100), max_size=50))
def test_the_queue_gives_items_in_order_of_time_then_of_entry(times: list[int]) -> None:
    queue: Queue[int] = Queue()
    for item, due in enumerate(times):
        queue.push(due, item)
    taken = []
    while (item_or_none := queue.pop_due(100)) is not None:
        taken.append(item_or_none)
    assert taken == sorted(range(len(times)), key=lambda item: (times[item], item))
    assert queue.next_ns() is None


def test_the_queue_keeps_what_is_not_due_and_drops_what_is_unwanted() -> None:
    queue: Queue[str] = Queue()
    for due, item in ((30, "c"), (10, "a"), (20, "b")):
        queue.push(due, item)
    assert queue.pop_due(9) is None
    queue.drop(lambda item: item == "a")
    assert (len(queue), queue.next_ns()) == (2, 20)
    assert queue.pop_due(25) == "b"
    assert queue.pop_due(25) is None
