# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 6.4.2: the Backup state."""

from __future__ import annotations

import pytest
from conformance.bench import (
    HIGHER,
    VIRTUAL,
    Hold,
    S,
    SendAdvert,
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

# Of priority 100 at an interval of one second, in both versions.
SKEW = 156 * S // 256
DOWN = 3 * S + SKEW


@every_standard
def test_shutdown_ends_quietly(standard: Standard) -> None:
    router = backup(settings(standard))
    assert adverts(router.shutdown()) == []
    assert router.due_ns() is None
    assert router.state is State.INIT


@every_standard
def test_silence_makes_active_with_an_advert_first(standard: Standard) -> None:
    router = backup(settings(standard))
    assert router.passes(DOWN - 1) == []
    first, hold, *_ = router.passes(1)
    assert first == SendAdvert()
    assert isinstance(hold, Hold)
    assert hold.hold
    assert router.state is State.MASTER


@every_standard
def test_accepted_advert_restarts_the_timer(standard: Standard) -> None:
    router = backup(settings(standard))
    for _ in range(5):
        router.passes(DOWN - 1)
        router.hears(150)
        assert router.due_ns() == DOWN
    assert router.state is State.BACKUP


@every_standard
def test_new_active_announces_every_address(standard: Standard) -> None:
    router = backup(settings(standard))
    router.expire()
    assert announced(router.acknowledge()) == [*VIRTUAL[standard.family]]


@every_standard
def test_nothing_is_announced_before_the_kernel_confirms(standard: Standard) -> None:
    router = backup(settings(standard))
    assert announced(router.expire()) == []
    assert announced(router.acknowledge(error="Operation not permitted")) == []
    assert router.state is State.FAULT


@every_standard
def test_new_active_advertises_by_its_own_interval(standard: Standard) -> None:
    router = backup(settings(standard, advert_int_ns=2 * S))
    router.hears(150, interval=2 if standard.version == 2 else 1000)
    router.expire()
    router.acknowledge()
    assert router.due_ns() == 2 * S


@every_standard
def test_resignation_leaves_only_the_skew_time(standard: Standard) -> None:
    router = backup(settings(standard))
    router.hears(150)
    assert adverts(router.hears(0)) == []
    assert router.due_ns() == SKEW
    router.expire()
    assert router.state is State.MASTER


@every_version_3
def test_accepted_advert_teaches_its_interval(standard: Standard) -> None:
    router = backup(settings(standard))
    router.hears(150, interval=1000)
    assert router.due_ns() == 10 * DOWN
    router.hears(150, interval=1)
    assert router.due_ns() == 30_000_000 + 156 * 10_000_000 // 256


@every_version_3
def test_accepted_advert_changes_the_skew_time(standard: Standard) -> None:
    router = backup(settings(standard))
    router.hears(150, interval=1000)
    router.hears(0)
    assert router.due_ns() == 10 * SKEW


@every_version_3
def test_discarded_advert_teaches_no_interval(standard: Standard) -> None:
    router = backup(settings(standard))
    router.hears(99, interval=1000)
    assert router.due_ns() == DOWN
    router.hears(0)
    assert router.due_ns() == SKEW


@every_standard
@pytest.mark.parametrize("priority", [100, 101, 254, 255])
def test_equal_or_higher_priority_is_obeyed(standard: Standard, priority: int) -> None:
    router = backup(settings(standard))
    router.passes(2 * S)
    assert adverts(router.hears(priority)) == []
    assert router.due_ns() == DOWN
    assert router.state is State.BACKUP


@every_standard
@pytest.mark.parametrize("priority", [1, 99])
def test_lower_priority_is_discarded_when_preempting(standard: Standard, priority: int) -> None:
    router = backup(settings(standard))
    router.passes(2 * S)
    assert adverts(router.hears(priority)) == []
    assert router.due_ns() == DOWN - 2 * S
    router.expire()
    assert router.state is State.MASTER


@every_standard
@pytest.mark.parametrize("priority", [1, 99])
def test_without_preemption_a_lower_priority_is_obeyed(standard: Standard, priority: int) -> None:
    router = backup(settings(standard, preempt=False))
    for _ in range(10):
        router.passes(DOWN - 1)
        router.hears(priority)
        assert router.due_ns() == DOWN
    assert router.state is State.BACKUP


@every_standard
def test_owner_preempts_whatever_the_option_says(standard: Standard) -> None:
    """An owner never waits; one that lost to another owner does not obey lower priorities."""
    router = active(settings(standard, priority=255, preempt=False))
    router.hears(254)
    assert router.state is State.MASTER
    router.hears(255, HIGHER[standard.family])
    if standard.version == 2:
        # RFC 3768 lets an owner hear nobody at all.
        assert router.state is State.MASTER
        return
    assert router.state is State.BACKUP
    router.passes(2 * S)
    due_ns = router.due_ns()
    router.hears(254)
    assert router.due_ns() == due_ns
