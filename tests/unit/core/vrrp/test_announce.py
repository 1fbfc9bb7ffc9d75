# SPDX-License-Identifier: GPL-3.0-or-later
"""Which address is announced when."""

from __future__ import annotations

from collections import Counter

from lvs_agent.core.vrrp.announce import (
    CONGESTION_PAUSE_NS,
    SLICE_FRAMES,
    Announcer,
)
from vrrp_builders import MS, S, instance, virtual

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


def test_every_address_goes_out_once_before_any_is_repeated() -> None:
    of = announcer()
    of.start(ALL, NOW)
    taken = drain(of, NOW)
    assert tuple(taken[:500]) == ALL
    assert set(Counter(taken).values()) == {5}


def test_the_rest_of_a_burst_is_due_after_what_became_due_meanwhile() -> None:
    of = announcer()
    of.start(ALL, NOW)
    of.take(NOW + 3 * MS)
    assert of.deadline_ns == NOW + 3 * MS


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


def test_excluded_addresses_are_announced_too() -> None:
    of = Announcer(
        instance(addresses=(virtual(ALL[0]),), excluded=(virtual("2001:db8::1"), virtual(ALL[1])))
    )
    of.start((ALL[0], "2001:db8::1", ALL[1]), NOW)
    assert set(drain(of, NOW)) == {ALL[0], ALL[1], "2001:db8::1"}


def times(of: Announcer, until_ns: int) -> list[tuple[int, str]]:
    """When each frame goes out, up to `until_ns`."""
    found = []
    while of.deadline_ns is not None and of.deadline_ns <= until_ns:
        now_ns = of.deadline_ns
        found += [(now_ns - NOW, address) for address in of.take(now_ns)]
        assert len(found) < 10_000
    return found


def test_garp_interval_lies_between_two_frames() -> None:
    of = announcer(3, garp_interval_ns=10 * MS, garp_master_repeat=2, garp_master_delay_ns=0)
    of.start(ALL[:3], NOW)
    assert times(of, NOW + S) == [(n * 10 * MS, ALL[n % 3]) for n in range(6)]


def test_each_family_has_its_own_interval() -> None:
    six = ("2001:db8::1", "2001:db8::2")
    of = Announcer(
        instance(
            addresses=(virtual(ALL[0]),),
            excluded=tuple(map(virtual, six)),
            garp_interval_ns=10 * MS,
            gna_interval_ns=30 * MS,
            garp_master_repeat=1,
            garp_master_delay_ns=0,
        )
    )
    of.start((ALL[0], *six), NOW)
    assert times(of, NOW + S) == [(0, ALL[0]), (10 * MS, six[0]), (40 * MS, six[1])]


def test_a_slow_burst_does_not_begin_again_before_its_interval() -> None:
    of = announcer(1, garp_interval_ns=100 * MS, garp_master_repeat=1, garp_master_delay_ns=0)
    of.start(ALL[:1], NOW)
    assert of.take(NOW) == [ALL[0]]
    of.start(ALL[:1], NOW + MS)
    assert of.take(NOW + MS) == []
    assert of.take(NOW + 100 * MS) == [ALL[0]]


def test_refresh_has_its_own_number_of_rounds() -> None:
    of = announcer(
        2, garp_master_delay_ns=0, garp_master_refresh_ns=60 * S, garp_master_refresh_repeat=3
    )
    of.start(ALL[:2], NOW)
    drain(of, NOW)
    assert drain(of, NOW + 60 * S) == list(ALL[:2]) * 3


def test_answer_to_a_losing_advert_has_its_own_burst_and_leaves_the_refresh_alone() -> None:
    of = announcer(2, garp_master_refresh_ns=60 * S, garp_lower_prio_delay_ns=2 * S)
    of.start(ALL[:2], NOW)
    drain(of, NOW + 5 * S)
    refresh_ns = of.deadline_ns
    of.start(ALL[:2], NOW + 10 * S, repeat=3)
    assert drain(of, NOW + 10 * S) == list(ALL[:2]) * 3
    assert of.deadline_ns == NOW + 12 * S
    assert drain(of, NOW + 12 * S) == list(ALL[:2]) * 3
    assert of.deadline_ns == refresh_ns == NOW + 60 * S


def test_no_rounds_for_a_losing_advert_mean_no_frame() -> None:
    of = announcer(2)
    of.start(ALL[:2], NOW, repeat=0)
    assert of.deadline_ns is None
