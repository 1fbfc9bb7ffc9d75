# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 6.4.1: what Startup does."""

from __future__ import annotations

from conformance.bench import (
    VIRTUAL,
    Router,
    S,
    State,
    active,
    adverts,
    announced,
    backup,
    every_standard,
    every_version_3,
    settings,
)
from conformance.reference import Standard


def down_ns(priority: int) -> int:
    """At an interval of one second, which makes both versions equal."""
    return 3 * S + (256 - priority) * S // 256


@every_standard
def test_startup_begins_the_protocol(standard: Standard) -> None:
    router = Router(settings(standard))
    router.start()
    assert router.state is State.BACKUP


@every_standard
def test_nothing_happens_before_startup(standard: Standard) -> None:
    for priority in (100, 255):
        router = Router(settings(standard, priority=priority))
        assert router.due_ns() is None
        assert adverts(router.hears(1)) == []
        assert adverts(router.hears(0)) == []
        assert router.state is State.INIT


@every_standard
def test_owner_becomes_active_at_once(standard: Standard) -> None:
    router = Router(settings(standard, priority=255))
    actions = router.start()
    assert adverts(actions[:1]) == ["advert"]
    assert router.state is State.MASTER


@every_standard
def test_owner_announces_every_address(standard: Standard) -> None:
    router = Router(settings(standard, priority=255))
    router.start()
    assert announced(router.acknowledge()) == [*VIRTUAL[standard.family]]


@every_standard
def test_owner_advertises_again_after_its_interval(standard: Standard) -> None:
    router = active(settings(standard, priority=255, advert_int_ns=2 * S))
    assert router.due_ns() == 2 * S


@every_standard
def test_others_become_backup(standard: Standard) -> None:
    for priority in (1, 100, 254):
        router = Router(settings(standard, priority=priority))
        assert adverts(router.start()) == []
        assert router.state is State.BACKUP


@every_standard
def test_others_announce_nothing(standard: Standard) -> None:
    router = Router(settings(standard, priority=254))
    assert announced(router.start()) == []
    assert announced(router.acknowledge()) == []
    assert announced(router.hears(255)) == []


@every_standard
def test_others_wait_by_their_own_interval(standard: Standard) -> None:
    for priority in (1, 100, 254):
        assert backup(settings(standard, priority=priority)).due_ns() == down_ns(priority)
    slow = backup(settings(standard, advert_int_ns=5 * S)).due_ns()
    skew = (256 - 100) * (S if standard.version == 2 else 5 * S) // 256
    assert slow == 15 * S + skew


@every_version_3
def test_restart_forgets_a_learned_interval(standard: Standard) -> None:
    router = backup(settings(standard))
    router.hears(150, interval=1000)
    assert router.due_ns() == 10 * down_ns(100)
    router.loses_interface()
    router.start()
    assert router.due_ns() == down_ns(100)
