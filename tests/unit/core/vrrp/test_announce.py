# SPDX-License-Identifier: GPL-3.0-or-later
"""Gratuitous ARP: the frame's bytes, and which address is announced when."""

from __future__ import annotations

from collections import Counter

from lvs_agent.core.vrrp.announce import (
    CONGESTION_PAUSE_NS,
    SLICE_FRAMES,
    Announcer,
    gratuitous_arp,
)
from vrrp_builders import S, instance, virtual

NOW = 7 * S
ALL = tuple(f"10.2.{n // 250}.{n % 250 + 1}" for n in range(500))


def announcer(count: int = 500, **changes: object) -> Announcer:
    return Announcer(instance(addresses=tuple(map(virtual, ALL[:count])), **changes))


def drain(of: Announcer, now_ns: int) -> list[str]:
    """All that is due at `now_ns`, slice by slice."""
    taken: list[str] = []
    while of.deadline_ns is not None and of.deadline_ns <= now_ns:
        piece = of.take(now_ns)
        assert 0 < len(piece) <= SLICE_FRAMES
        taken += piece
    return taken


def test_frame_is_a_broadcast_request_for_its_own_address() -> None:
    frame = gratuitous_arp("10.0.0.100", bytes.fromhex("020000000001"))
    assert frame.hex(" ") == (
        "ff ff ff ff ff ff 02 00 00 00 00 01 08 06"
        " 00 01 08 00 06 04 00 01"
        " 02 00 00 00 00 01 0a 00 00 64"
        " 00 00 00 00 00 00 0a 00 00 64"
    )


def test_every_address_goes_out_once_before_any_is_repeated() -> None:
    of = announcer()
    of.start(ALL, NOW)
    taken = drain(of, NOW)
    assert tuple(taken[:500]) == ALL
    assert set(Counter(taken).values()) == {5}


def test_second_burst_follows_after_the_delay_and_nothing_after_it() -> None:
    of = announcer(2)
    of.start(ALL[:2], NOW)
    assert len(drain(of, NOW)) == 10
    assert of.deadline_ns == NOW + 5 * S
    assert len(drain(of, NOW + 5 * S)) == 10
    assert of.deadline_ns is None


def test_refresh_repeats_one_round_for_ever() -> None:
    of = announcer(2, garp_master_delay_ns=0, garp_master_refresh_ns=60 * S)
    of.start(ALL[:2], NOW)
    drain(of, NOW)
    for minute in (1, 2, 3):
        assert of.deadline_ns == NOW + minute * 60 * S
        assert drain(of, NOW + minute * 60 * S) == list(ALL[:2])


def test_stop_forgets_everything() -> None:
    of = announcer()
    of.start(ALL, NOW)
    of.take(NOW)
    of.stop()
    assert of.deadline_ns is None
    assert of.take(NOW + 100 * S) == []


def test_restart_in_a_burst_adds_nothing_twice() -> None:
    of = announcer()
    of.start(ALL, NOW)
    for _ in range(100):
        of.start(ALL, NOW)
    assert len(drain(of, NOW)) == 2500


def test_full_device_queue_pauses_and_loses_nothing() -> None:
    of = announcer()
    of.start(ALL, NOW)
    first = of.take(NOW)
    of.congested(first[10:], NOW)
    assert of.deadline_ns == NOW + CONGESTION_PAUSE_NS
    assert of.take(NOW) == []
    rest = drain(of, NOW + CONGESTION_PAUSE_NS)
    assert first[:10] + rest[:490] == list(ALL)


def test_device_that_stays_full_ends_the_burst() -> None:
    of = announcer(garp_master_delay_ns=0)
    of.start(ALL, NOW)
    now_ns, tries = NOW, 0
    while of.deadline_ns is not None:
        now_ns = max(now_ns, of.deadline_ns)
        of.congested(of.take(now_ns), now_ns)
        tries += 1
        assert tries < 1000
    assert now_ns - NOW <= S


def test_removed_address_is_not_announced() -> None:
    of = announcer(3)
    of.start(ALL[:3], NOW)
    of.update(instance(addresses=(virtual(ALL[0]),)))
    assert set(drain(of, NOW)) == {ALL[0]}
    assert set(drain(of, NOW + 5 * S)) == {ALL[0]}
