# SPDX-License-Identifier: GPL-3.0-or-later
"""interface_up_down_delays: when an interface's state counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.link_delay import LinkDelay

DOWN, UP = 200, 1_000


def running() -> LinkDelay:
    delay = LinkDelay(DOWN, UP)
    assert delay.observe(2, True, 0)
    return delay


def test_first_state_counts_at_once() -> None:
    for up in (False, True):
        delay = LinkDelay(DOWN, UP)
        assert delay.observe(2, up, 0) is up
        assert delay.deadline_ns is None


def test_down_counts_after_its_delay_and_not_before() -> None:
    delay = running()
    assert delay.observe(2, False, 50)
    assert delay.deadline_ns == 50 + DOWN
    assert delay.observe(2, False, 50 + DOWN - 1)
    assert not delay.observe(2, False, 50 + DOWN)
    assert delay.deadline_ns is None


def test_up_counts_after_its_own_delay() -> None:
    delay = running()
    delay.observe(2, False, 0)
    assert not delay.observe(2, False, DOWN)
    assert not delay.observe(2, True, 300)
    assert not delay.observe(2, True, 300 + UP - 1)
    assert delay.observe(2, True, 300 + UP)


def test_short_interruption_never_counts_and_begins_anew() -> None:
    delay = running()
    assert delay.observe(2, False, 0)
    assert delay.observe(2, True, DOWN - 1)
    assert delay.deadline_ns is None
    assert delay.observe(2, False, DOWN)
    assert delay.observe(2, False, 2 * DOWN - 1)
    assert not delay.observe(2, False, 2 * DOWN)


def test_another_interface_of_that_name_counts_at_once() -> None:
    delay = running()
    assert not delay.observe(0, False, 10)  # gone
    assert delay.observe(3, True, 20)  # there again, with another index
    assert delay.deadline_ns is None


def test_without_delays_everything_counts_at_once() -> None:
    delay = LinkDelay(0, 0)
    for now_ns, up in enumerate((True, False, True, True, False)):
        assert delay.observe(2, up, now_ns) is up


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 500)), max_size=40))
def test_what_counts_was_so_without_interruption_for_the_whole_delay(
    steps: list[tuple[bool, int]],
) -> None:
    delay = running()
    now_ns, since_ns, is_up, counted = 0, 0, True, True
    for up, later_ns in steps:
        now_ns += later_ns
        if up != is_up:
            is_up, since_ns = up, now_ns
        counts = delay.observe(2, up, now_ns)
        if counts != counted:
            assert counts == up
            assert now_ns - since_ns >= (UP if up else DOWN)
            counted = counts
        waits = delay.deadline_ns
        assert (waits is None) == (counts == up)
        assert waits is None or waits > now_ns
