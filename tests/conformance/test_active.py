# SPDX-License-Identifier: GPL-3.0-or-later
"""Section 6.4.3: the Active state."""

from __future__ import annotations

import pytest
from conformance.bench import (
    HIGHER,
    LOWER,
    MS,
    Hold,
    Router,
    S,
    State,
    active,
    adverts,
    by_standard,
    every_standard,
    every_version_3,
    log_lines,
    number,
    settings,
)
from conformance.reference import RFC3768, RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6, Standard
from lvs_agent.core.events import InterfaceUp

SKEW = 156 * S // 256
DOWN = 3 * S + SKEW


@every_standard
def test_advert_every_interval(standard: Standard) -> None:
    router = active(settings(standard))
    for _ in range(20):
        assert router.due_ns() == S
        assert adverts(router.passes(S)) == ["advert"]


@every_standard
def test_nothing_is_sent_before_the_interval_is_over(standard: Standard) -> None:
    router = active(settings(standard))
    assert router.passes(S - 1) == []
    assert adverts(router.passes(1)) == ["advert"]


@every_standard
def test_shutdown_resigns_with_priority_0(standard: Standard) -> None:
    router = active(settings(standard))
    actions = router.shutdown()
    assert adverts(actions) == adverts(actions[:1]) == ["resignation"]
    assert router.state is State.INIT
    assert router.due_ns() is None


@every_standard
def test_without_a_primary_address_nothing_is_sent(standard: Standard) -> None:
    """The only advert at the loss of the interface is the resignation; then there is silence."""
    router = active(settings(standard))
    assert adverts(router.loses_interface()) == ["resignation"]
    assert adverts(router.passes(60 * S)) == []
    fresh = Router(settings(standard))
    assert adverts([*fresh.loses_interface(), *fresh.passes(60 * S)]) == []


@every_standard
def test_resignation_of_another_is_answered(standard: Standard) -> None:
    router = active(settings(standard))
    router.passes(S // 2)
    assert adverts(router.hears(0)) == ["advert"]
    assert router.due_ns() == S
    assert router.state is State.MASTER


@every_standard
@pytest.mark.parametrize(
    ("priority", "sources"),
    [(101, LOWER), (255, LOWER), (100, HIGHER)],
    ids=["one-more", "owner", "equal-of-higher-address"],
)
def test_yields_to_a_better_router(
    standard: Standard, priority: int, sources: dict[int, str]
) -> None:
    router = active(settings(standard))
    actions = router.hears(priority, sources[standard.family])
    assert router.state is State.BACKUP
    assert router.due_ns() == DOWN
    holds = [action for action in actions if isinstance(action, Hold)]
    assert [hold.hold for hold in holds] == [False]
    assert "resignation" not in adverts(actions)


@every_standard
@pytest.mark.parametrize(
    ("priority", "sources"),
    [(1, HIGHER), (99, HIGHER), (100, LOWER)],
    ids=["least", "one-less", "equal-of-lower-address"],
)
def test_loses_to_neither_lower_priority_nor_lower_address(
    standard: Standard, priority: int, sources: dict[int, str]
) -> None:
    router = active(settings(standard))
    for _ in range(30):
        router.passes(S // 3)
        router.hears(priority, sources[standard.family])
        assert router.state is State.MASTER


@every_standard
def test_addresses_compare_unsigned_in_network_order(standard: Standard) -> None:
    """Neither as text, nor as signed numbers, nor from the last byte on."""
    ours, smaller, greater = {
        4: ("10.0.0.1", ("1.0.0.1", "9.255.255.255", "9.0.0.200"), ("200.0.0.1", "10.0.1.0")),
        6: (
            "fe80::100:1",
            ("fe80::f:ffff", "fe80::ff:ffff", "fe80::20"),
            ("fe80::8000:0:0:0", "fe80::101:0"),
        ),
    }[standard.family]
    for sources, state in ((smaller, State.MASTER), (greater, State.BACKUP)):
        for source in sources:
            router = Router(settings(standard))
            router.feed(InterfaceUp(primary=number(ours)))
            router.expire()
            router.hears(100, source)
            assert router.state is state, source


@every_standard
def test_yielding_ends_the_adverts(standard: Standard) -> None:
    router = active(settings(standard))
    router.hears(200)
    assert adverts(router.passes(DOWN - 1)) == []


@every_standard
def test_yielding_to_an_equal_says_so(standard: Standard) -> None:
    router = active(settings(standard))
    router.hears(100, HIGHER[standard.family])
    assert "of equals the higher address wins" in router.core.transition.reason


@every_version_3
def test_yielding_learns_the_interval(standard: Standard) -> None:
    router = active(settings(standard))
    router.hears(200, interval=1000)
    assert router.due_ns() == 10 * DOWN


@every_version_3
def test_yielding_changes_the_skew_time(standard: Standard) -> None:
    router = active(settings(standard))
    router.hears(200, interval=1000)
    router.hears(0)
    assert router.due_ns() == 10 * SKEW


@every_version_3
def test_losing_advert_teaches_no_interval(standard: Standard) -> None:
    router = active(settings(standard))
    router.hears(50, interval=1000)
    router.passes(S)
    assert router.due_ns() == S
    router.hears(200, interval=100)
    assert router.due_ns() == DOWN


@every_version_3
def test_faster_router_yields_to_a_slower_one_of_higher_priority(standard: Standard) -> None:
    router = active(settings(standard, advert_int_ns=S // 10))
    router.hears(200, interval=100)
    assert router.state is State.BACKUP
    assert adverts(router.passes(3 * S)) == []


@every_standard
def test_losing_advert_is_answered(standard: Standard) -> None:
    router = active(settings(standard))
    router.passes(S // 3)
    assert adverts(router.hears(99)) == ["advert"]


@every_standard
def test_flood_of_losing_adverts_is_answered_twice_an_interval(standard: Standard) -> None:
    router = active(settings(standard))
    sent = [advert for _ in range(1000) for advert in adverts(router.hears(99))]
    assert sent == ["advert"]
    for _ in range(1000):
        sent += adverts([*router.passes(10 * MS), *router.hears(99)])
    # Ten intervals: their own ten adverts and at most twice as many answers.
    assert 10 < len(sent) <= 31


@by_standard(RFC3768, RFC5798, RFC5798_IPV6)
def test_option_lower_prio_no_advert_discards_in_silence(standard: Standard) -> None:
    router = active(settings(standard, lower_prio_no_advert=True))
    router.passes(S // 3)
    assert adverts(router.hears(99)) == []
    assert router.due_ns() == S - S // 3
    assert router.state is State.MASTER


@every_standard
def test_strict_mode_yields_in_silence(standard: Standard) -> None:
    """Without it, one parting advert tells a winner that had not heard of us to announce itself."""
    for strict, parting in ((True, []), (False, ["advert"])):
        router = active(settings(standard, strict_mode=strict))
        assert adverts(router.hears(200)) == parting
        assert router.state is State.BACKUP


@every_standard
def test_losing_advert_is_logged(standard: Standard) -> None:
    router = active(settings(standard))
    router.passes(S // 2)
    (line,) = log_lines(router.hears(99))
    assert "10.0.0.6" in line or "fe80::6" in line
    assert "priority 99" in line


@every_standard
def test_losing_adverts_are_logged_at_a_limited_rate(standard: Standard) -> None:
    router = active(settings(standard))
    lines = 0
    for _ in range(1000):
        router.passes(10 * MS)
        lines += len(log_lines(router.hears(99)))
    assert 1 <= lines <= 11


@every_version_3
def test_option_nopreempt_does_not_matter(standard: Standard) -> None:
    router = active(settings(standard, preempt=False))
    router.passes(S // 2)
    assert adverts(router.hears(99)) == ["advert"]
    assert router.state is State.MASTER
    router.hears(101)
    assert router.state is State.BACKUP


@every_version_3
def test_after_a_standstill_nopreempt_leaves_the_other_in_place(standard: Standard) -> None:
    for preempt, state in ((False, State.BACKUP), (True, State.MASTER)):
        router = active(settings(standard, preempt=preempt))
        router.now_ns += 10 * S
        router.hears(99)
        assert router.state is state


@by_standard(RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6)
def test_of_two_owners_one_stays(standard: Standard) -> None:
    """The one of the higher address, as of any two equals."""
    router = active(settings(standard, priority=255))
    router.hears(255, LOWER[standard.family])
    assert router.state is State.MASTER
    router.hears(255, HIGHER[standard.family])
    assert router.state is State.BACKUP


@by_standard(RFC3768)
def test_owner_of_version_2_stays(standard: Standard) -> None:
    router = active(settings(standard, priority=255))
    assert router.hears(255, HIGHER[standard.family]) == []
    assert router.state is State.MASTER
