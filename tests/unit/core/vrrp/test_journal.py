# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits of the log."""

from __future__ import annotations

from lvs_agent.core.vrrp.journal import RateLimit, left_out
from vrrp_builders import S


def test_burst_then_silence_then_the_number_left_out() -> None:
    limit = RateLimit(2)
    assert [limit.admit("key", at * S) for at in range(5)] == [0, 0, None, None, None]
    assert limit.admit("other", 5 * S) == 0
    assert limit.admit("key", 61 * S) == 3
    assert limit.admit("key", 62 * S) == 0


def test_left_out_is_said_only_if_something_was() -> None:
    assert left_out(0) == ""
    assert left_out(17) == " (17 more like this not shown)"
