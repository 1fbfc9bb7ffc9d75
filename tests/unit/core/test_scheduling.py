# SPDX-License-Identifier: GPL-3.0-or-later
"""When a process raises its own real-time priority."""

from __future__ import annotations

from lvs_agent.core.model import Scheduling
from lvs_agent.core.scheduling import AutoPriority

S = 1_000_000_000
WANTED = Scheduling(auto_priority=22, auto_delay_ns=S)


def test_each_long_wait_is_a_step_up_to_the_limit() -> None:
    auto = AutoPriority(WANTED, 20)
    asked = []
    for __ in range(4):
        priority = auto.late(S, 0)
        asked.append(priority)
        auto.priority = priority or auto.priority
    assert asked == [21, 22, None, None]


def test_short_waits_and_a_limit_below_change_nothing() -> None:
    assert AutoPriority(WANTED, 20).late(S - 1, 0) is None
    assert AutoPriority(WANTED, 50).late(9 * S, 0) is None
    assert AutoPriority(Scheduling(auto_priority=0), 0).late(9 * S, 0) is None


def test_first_step_of_a_process_without_real_time_priority_is_the_lowest() -> None:
    assert AutoPriority(WANTED, 0).late(2 * S, 0) == 1


def test_time_that_it_computed_itself_is_no_wait() -> None:
    auto = AutoPriority(WANTED, 20)
    assert auto.late(1000, 5 * S) is None
    assert auto.late(2 * S, 7 * S - 1) is None  # nearly all of the two seconds
    assert auto.late(2 * S, 8 * S - 1) == 21  # half of them
