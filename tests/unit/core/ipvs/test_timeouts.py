# SPDX-License-Identifier: GPL-3.0-or-later
"""What IPVS's timeouts are to be, and how they come back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.ipvs.timeouts import (
    Timeouts,
    TimeoutsMade,
    decode,
    encode,
    plan,
    restored,
    wanted,
)
from lvs_agent.core.model import LvsTimeouts

seconds = st.integers(1, 2**31 - 1)
three = st.builds(Timeouts, seconds, seconds, seconds)
made_before = st.builds(TimeoutsMade, before=three, set=three)


def test_what_is_not_configured_stays_as_it_was() -> None:
    configured = LvsTimeouts(tcp_s=7200, tcpfin_s=None, udp_s=60)
    assert wanted(configured, Timeouts(900, 120, 300)) == Timeouts(7200, 120, 60)


@given(made_before)
def test_former_values_come_back(made: TimeoutsMade) -> None:
    assert restored(made, made.set) == made.before


def test_what_somebody_else_changed_since_is_left_alone() -> None:
    made = TimeoutsMade(before=Timeouts(900, 120, 300), set=Timeouts(7200, 30, 60))
    assert restored(made, Timeouts(7200, 31, 60)) == Timeouts(900, 31, 300)


def test_plan_says_what_would_change_and_nothing_else() -> None:
    configured = LvsTimeouts(tcp_s=None, tcpfin_s=None, udp_s=60)
    usual, ours = Timeouts(900, 120, 300), Timeouts(900, 120, 60)
    made = TimeoutsMade(before=usual, set=ours)
    change = "change IPVS timeouts tcp 900 tcpfin 120 udp 300 to tcp 900 tcpfin 120 udp 60"
    assert plan(configured, None, usual) == (change,)
    assert plan(configured, made, ours) == ()
    back = "change IPVS timeouts tcp 900 tcpfin 120 udp 60 to tcp 900 tcpfin 120 udp 300"
    assert plan(None, made, ours) == (back,)
    assert plan(None, None, ours) == ()


@given(st.none() | made_before)
def test_what_is_written_is_read(made: TimeoutsMade | None) -> None:
    assert decode(encode(made)) == (made, None)


@given(st.binary(max_size=200))
def test_damaged_file_is_told_and_believed_in_nothing(data: bytes) -> None:
    found, wrong = decode(data)
    assert found is None or wrong is None


def test_damage_is_named() -> None:
    good = encode(TimeoutsMade(before=Timeouts(1, 2, 3), set=Timeouts(4, 5, 6)))
    for bad in (good[:-5], good.replace(b"[1,", b"[0,"), good.replace(b"[1,", b"["), b"[]"):
        found, wrong = decode(bad)
        assert found is None
        assert wrong
    assert decode(b" " * 5000) == (None, "larger than 4096 bytes")
