# SPDX-License-Identifier: GPL-3.0-or-later
"""The RFCs' times, to the nanosecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.vrrp.timers import (
    hold_limit_ns,
    master_down_ns,
    next_retry_ns,
    seconds,
    skew_ns,
)
from vrrp_builders import MS, S


@pytest.mark.parametrize(
    ("version", "priority", "interval_ns", "skew", "down"),
    [
        # RFC 3768 section 6.1: the skew does not depend on the interval.
        (2, 100, 1 * S, 609_375_000, 3_609_375_000),
        (2, 100, 10 * S, 609_375_000, 30_609_375_000),
        (2, 255, 1 * S, 3_906_250, 3_003_906_250),
        (2, 1, 1 * S, 996_093_750, 3_996_093_750),
        # RFC 9568 section 6.1: it is a part of the master's interval.
        (3, 100, 1 * S, 609_375_000, 3_609_375_000),
        (3, 100, 10 * S, 6_093_750_000, 36_093_750_000),
        (3, 100, 10 * MS, 6_093_750, 36_093_750),
        (3, 254, 10 * MS, 78_125, 30_078_125),
        (3, 1, 40_950 * MS, 40_790_039_062, 163_640_039_062),
    ],
)
def test_skew_and_master_down(
    version: int, priority: int, interval_ns: int, skew: int, down: int
) -> None:
    assert skew_ns(version, priority, interval_ns) == skew
    assert master_down_ns(version, priority, interval_ns) == down


@pytest.mark.parametrize(("adverts", "down"), [(1, 1_609_375_000), (100, 100_609_375_000)])
def test_another_number_of_intervals_than_three(adverts: int, down: int) -> None:
    assert master_down_ns(2, 100, S, adverts) == down


@given(
    version=st.sampled_from([2, 3]),
    priority=st.integers(1, 254),
    centiseconds=st.integers(1, 4095),
)
def test_a_higher_priority_always_waits_less(
    version: int, priority: int, centiseconds: int
) -> None:
    interval_ns = centiseconds * 10 * MS
    assert skew_ns(version, priority + 1, interval_ns) < skew_ns(version, priority, interval_ns)


def test_hold_limit_is_the_interval_within_bounds() -> None:
    limits = [hold_limit_ns(interval_ns) for interval_ns in (10 * MS, 250 * MS, S, 40 * S)]
    assert limits == [100 * MS, 250 * MS, S, S]


def test_retries_back_off_from_one_second_to_thirty() -> None:
    delays, delay_ns = [], 0
    for _ in range(8):
        delay_ns = next_retry_ns(delay_ns)
        delays.append(delay_ns // S)
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]


def test_durations_for_people() -> None:
    assert seconds(3_609_375_000) == "3.609 s"
