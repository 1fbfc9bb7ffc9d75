# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts become mails: batches, retries, bounds."""

from __future__ import annotations

from lvs_agent.core.mail import ALERTS_LIMIT, Entry, Outbox
from vrrp_builders import S


def entry(number: int) -> Entry:
    return Entry(at="2026-01-01 00:00:00 +0000", subject=f"change {number}", text=f"text {number}")


def test_one_alert_is_one_mail_after_the_batch_time() -> None:
    outbox = Outbox()
    outbox.add(entry(1), 5 * S, 0)
    assert outbox.deadline_ns == 5 * S
    assert outbox.take("drct1", 5 * S - 1) is None
    letter = outbox.take("drct1", 5 * S)
    assert letter is not None
    assert letter.subject == "[drct1] change 1"
    assert "text 1" in letter.text
    outbox.delivered(ok=True, now_ns=6 * S)
    assert outbox.idle
    assert outbox.sent == 1


def test_storm_is_one_mail_with_every_change_in_order() -> None:
    outbox = Outbox()
    for number in range(100):
        outbox.add(entry(number), 5 * S, number)
    letter = outbox.take("drct1", 5 * S)
    assert letter is not None
    assert letter.count == 100
    assert letter.subject == "[drct1] 100 changes, the last: change 99"
    assert [line.split("  ")[1] for line in letter.text.splitlines()[2:]] == [
        f"text {number}" for number in range(100)
    ]


def test_one_mail_is_out_at_a_time() -> None:
    outbox = Outbox()
    outbox.add(entry(1), 0, 0)
    assert outbox.take("d", 0) is not None
    outbox.add(entry(2), 0, 1)
    assert outbox.deadline_ns is None
    assert outbox.take("d", 10 * S) is None
    outbox.delivered(ok=True, now_ns=2)
    assert outbox.deadline_ns == 1
    assert outbox.take("d", 2) is not None


def test_undelivered_mail_is_tried_again_with_what_came_since_and_growing_pauses() -> None:
    outbox = Outbox()
    outbox.add(entry(1), 0, 0)
    pauses = []
    now_ns = 0
    for number in range(2, 12):
        assert outbox.take("d", now_ns) is not None
        outbox.add(entry(number), 0, now_ns)
        outbox.delivered(ok=False, now_ns=now_ns)
        assert outbox.deadline_ns is not None
        pauses.append((outbox.deadline_ns - now_ns) // S)
        now_ns = outbox.deadline_ns
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]
    letter = outbox.take("d", now_ns)
    assert letter is not None
    assert letter.count == 11


def test_dead_mail_server_costs_the_oldest_alerts_and_they_are_counted() -> None:
    outbox = Outbox()
    for number in range(ALERTS_LIMIT + 7):
        outbox.add(entry(number), 0, 0)
    assert outbox.dropped == 7
    letter = outbox.take("d", 0)
    assert letter is not None
    assert letter.count == ALERTS_LIMIT
    assert "text 6" not in letter.text.splitlines()[2]
    outbox.add(entry(1), 0, 0)
    outbox.delivered(ok=False, now_ns=0)
    assert outbox.dropped == 8


def test_hurry_sends_at_once() -> None:
    outbox = Outbox()
    outbox.add(entry(1), 5 * S, 0)
    outbox.hurry(S)
    assert outbox.take("d", S) is not None
