# SPDX-License-Identifier: GPL-3.0-or-later
"""When a changed interval takes effect: RFC 5880 sections 6.5 and 6.8.3."""

from __future__ import annotations

import pytest
from lvs_agent.core.bfd.parameters import Parameters, Poll


def in_use(parameters: Parameters) -> tuple[int, int]:
    return parameters.tx_ns, parameters.rx_ns


@pytest.mark.parametrize(
    ("tx", "rx", "during"),
    [
        (20, 100, (20, 100)),  # faster sending holds at once
        (200, 100, (100, 100)),  # slower sending waits for the Final
        (100, 200, (100, 200)),  # a longer detection holds at once
        (100, 50, (100, 100)),  # a shorter detection waits for the Final
        (200, 50, (100, 100)),
    ],
)
def test_change_while_up_holds_at_once_or_after_the_poll(
    tx: int, rx: int, during: tuple[int, int]
) -> None:
    parameters = Parameters(100, 100)
    parameters.change(tx, rx, up=True)
    assert parameters.polling
    assert in_use(parameters) == during
    parameters.asked()
    parameters.received(False)
    assert in_use(parameters) == during
    parameters.received(True)
    assert in_use(parameters) == (tx, rx)
    assert parameters.poll is Poll.IDLE


def test_change_while_not_up_holds_at_once_and_polls() -> None:
    parameters = Parameters(100, 100)
    parameters.change(1000, 10, up=False)
    assert in_use(parameters) == (1000, 10)
    assert parameters.polling


def test_going_down_ends_what_was_waiting() -> None:
    parameters = Parameters(100, 100)
    parameters.change(200, 50, up=True)
    parameters.change(1000, 50, up=False)
    assert in_use(parameters) == (1000, 50)


def test_no_change_is_no_poll() -> None:
    parameters = Parameters(100, 100)
    parameters.change(100, 100, up=True)
    assert not parameters.polling


def test_final_before_any_poll_was_sent_means_nothing() -> None:
    parameters = Parameters(100, 100)
    parameters.change(200, 100, up=True)
    parameters.received(True)
    assert parameters.polling
    assert in_use(parameters) == (100, 100)


def test_second_change_gets_a_sequence_of_its_own() -> None:
    parameters = Parameters(100, 100)
    parameters.change(200, 100, up=True)
    parameters.asked()
    parameters.change(300, 100, up=True)
    parameters.received(True)  # answers the first change, or the second: nobody knows
    assert not parameters.polling
    assert in_use(parameters) == (100, 100)
    parameters.received(True)  # a duplicate separates nothing
    assert not parameters.polling
    parameters.received(False)
    assert parameters.polling
    parameters.received(True)  # late, before the second sequence has sent anything
    assert parameters.polling
    parameters.asked()
    parameters.received(True)
    assert in_use(parameters) == (300, 100)
    assert not parameters.polling
