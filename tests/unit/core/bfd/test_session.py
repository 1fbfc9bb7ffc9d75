# SPDX-License-Identifier: GPL-3.0-or-later
"""One session: its state machine, its timers, its packets (RFC 5880 section 6.8)."""

from __future__ import annotations

import pytest
from lvs_agent.core.bfd.machine import (
    TRANSITIONS,
    Action,
    Disabled,
    Enabled,
    Finished,
    Ignored,
    PacketReceived,
    Reconfigured,
    SendPacket,
    StateChanged,
    Stimulus,
    TimerExpired,
)
from lvs_agent.core.bfd.packet import (
    SECOND_NS,
    ControlPacket,
    Diagnostic,
    RejectReason,
    State,
)
from lvs_agent.core.bfd.report import session_report
from lvs_agent.core.bfd.session import Session
from unit.core.bfd.bfd_examples import MINE, MS, THEIRS, instance, packet, session

ADMIN_DOWN, DOWN, INIT, UP = State


def receive(
    this: Session, state: State, now_ns: int = 0, ttl: int | None = 255, **changes: object
) -> tuple[Action, ...]:
    return this.handle(PacketReceived(packet=packet(state, **changes), ttl=ttl), now_ns)


def sent(actions: tuple[Action, ...]) -> list[ControlPacket]:
    return [action.packet for action in actions if isinstance(action, SendPacket)]


def brought_to(state: State, now_ns: int = 0, **changes: object) -> Session:
    """A session in the state, by the way that a neighbour takes it there."""
    this = session(now_ns, **changes)
    if state is ADMIN_DOWN:
        this.handle(Disabled(), now_ns)
    for received in {INIT: [DOWN], UP: [DOWN, INIT]}.get(state, []):
        receive(this, received, now_ns)
    assert this.state is state
    return this


def rfc_reception(state: State, received: State) -> tuple[State, Diagnostic | None]:
    """The pseudo code of section 6.8.6, from "If bfd.SessionState is AdminDown"."""
    if state is ADMIN_DOWN:
        return state, None
    if received is ADMIN_DOWN:
        return (DOWN, Diagnostic.NEIGHBOUR_SIGNALED_DOWN) if state is not DOWN else (state, None)
    if state is DOWN:
        return {DOWN: (INIT, None), INIT: (UP, None)}.get(received, (state, None))
    if state is INIT:
        return (UP, None) if received in (INIT, UP) else (state, None)
    return (DOWN, Diagnostic.NEIGHBOUR_SIGNALED_DOWN) if received is DOWN else (state, None)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("received", State)
def test_reception_moves_the_state_as_the_rfc_says(state: State, received: State) -> None:
    this = brought_to(state)
    before = this.diagnostic
    expected, diagnostic = rfc_reception(state, received)
    actions = receive(this, received, 1)
    assert this.state is expected
    assert this.diagnostic is (before if diagnostic is None else diagnostic)
    changes = [action for action in actions if isinstance(action, StateChanged)]
    assert [(each.previous, each.state) for each in changes] == (
        [] if expected is state else [(state, expected)]
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    "stimulus", [Stimulus.EXPIRED, Stimulus.DISABLED, Stimulus.ENABLED], ids=str
)
def test_table_of_the_other_stimuli(state: State, stimulus: Stimulus) -> None:
    expected = {
        (INIT, Stimulus.EXPIRED): (DOWN, Diagnostic.DETECTION_TIME_EXPIRED),
        (UP, Stimulus.EXPIRED): (DOWN, Diagnostic.DETECTION_TIME_EXPIRED),
        (DOWN, Stimulus.DISABLED): (ADMIN_DOWN, Diagnostic.ADMINISTRATIVELY_DOWN),
        (INIT, Stimulus.DISABLED): (ADMIN_DOWN, Diagnostic.ADMINISTRATIVELY_DOWN),
        (UP, Stimulus.DISABLED): (ADMIN_DOWN, Diagnostic.ADMINISTRATIVELY_DOWN),
        (ADMIN_DOWN, Stimulus.ENABLED): (DOWN, None),
    }
    assert TRANSITIONS.get((state, stimulus)) == expected.get((state, stimulus))


def test_first_packet_goes_at_once_and_then_every_second() -> None:
    this = session(7)
    assert this.deadline_ns == 7
    (first,) = sent(this.handle(TimerExpired(), 7))
    assert first == ControlPacket(
        state=DOWN,
        diagnostic=0,
        multiplier=5,
        my_discriminator=MINE,
        your_discriminator=0,
        desired_min_tx_us=1_000_000,
        required_min_rx_us=50_000,
    )
    assert this.deadline_ns == 7 + SECOND_NS
    assert sent(this.handle(TimerExpired(), 7 + SECOND_NS - 1)) == []
    assert len(sent(this.handle(TimerExpired(), 7 + SECOND_NS))) == 1


@pytest.mark.parametrize(
    ("changes", "idle_ns"),
    [
        ({"idle_tx_ns": 10 * MS}, SECOND_NS),  # the RFC's least
        ({"idle_tx_ns": 3 * SECOND_NS}, 3 * SECOND_NS),
        ({"min_tx_ns": 2 * SECOND_NS}, 2 * SECOND_NS),
    ],
)
def test_transmission_is_slow_until_up(changes: dict[str, int], idle_ns: int) -> None:
    this = session(**changes)
    assert this.transmit_interval_ns == idle_ns
    receive(this, DOWN)
    assert this.transmit_interval_ns == idle_ns
    receive(this, INIT)
    assert this.transmit_interval_ns == this.instance.min_tx_ns


@pytest.mark.parametrize(
    ("multiplier", "random", "share"),
    [(5, 0.0, 1.0), (5, 0.5, 0.875), (5, 1.0, 0.75), (1, 0.0, 0.9), (1, 1.0, 0.75)],
)
def test_jitter_takes_up_to_a_quarter_and_a_tenth_at_least_with_multiplier_1(
    multiplier: int, random: float, share: float
) -> None:
    this = Session(instance(multiplier=multiplier), MINE, lambda: random, 0)
    this.handle(TimerExpired(), 0)
    assert this.deadline_ns == int(SECOND_NS * share)


def test_state_change_is_told_at_once_with_the_discriminator_learned() -> None:
    this = session()
    this.handle(TimerExpired(), 0)
    (answer,) = sent(receive(this, DOWN, 5))
    assert (answer.state, answer.your_discriminator, answer.poll) == (INIT, THEIRS, False)
    (answer,) = sent(receive(this, INIT, 6))
    assert (answer.state, answer.desired_min_tx_us) == (UP, 40_000)
    assert not answer.poll  # the Poll Sequence has only periodic packets (section 6.5)
    assert sent(receive(this, UP, 7)) == []  # nothing new to tell


def test_slower_side_decides_the_interval() -> None:
    this = brought_to(UP)
    assert this.transmit_interval_ns == 40 * MS
    receive(this, UP, required_min_rx_us=70_000)
    assert this.transmit_interval_ns == 70 * MS


def test_reduced_remote_interval_is_honoured_at_once() -> None:
    this = brought_to(UP)
    receive(this, UP, required_min_rx_us=5_000_000)
    this.handle(TimerExpired(), 100 * MS)
    receive(this, UP, 200 * MS, required_min_rx_us=20_000)
    assert this.deadline_ns is not None
    assert this.deadline_ns <= 200 * MS


def test_detection_time_is_the_remote_multiplier_times_the_slower_interval() -> None:
    this = brought_to(UP)
    assert this.detection_time_ns == 3 * 100 * MS
    receive(this, UP, desired_min_tx_us=10_000, multiplier=2)
    assert this.detection_time_ns == 2 * 50 * MS


@pytest.mark.parametrize("state", [INIT, UP])
def test_silence_takes_the_session_down_exactly_at_the_detection_time(state: State) -> None:
    this = brought_to(state)
    receive(this, state, 10)
    deadline = 10 + 300 * MS
    this.handle(TimerExpired(), deadline - 1)
    assert this.state is not DOWN
    actions = this.handle(TimerExpired(), deadline)
    assert this.state is DOWN
    (packet_down,) = sent(actions)
    assert packet_down.diagnostic == Diagnostic.DETECTION_TIME_EXPIRED
    assert packet_down.your_discriminator == 0
    (change,) = [each for each in actions if isinstance(each, StateChanged)]
    assert change.reason == "nothing received for 0.300 s"


def test_rejected_packet_does_not_put_detection_off() -> None:
    this = brought_to(UP)
    receive(this, UP, 290 * MS, ttl=254)
    this.handle(TimerExpired(), 300 * MS)
    assert this.state is DOWN


def test_silence_while_down_forgets_the_neighbour() -> None:
    this = brought_to(UP)
    receive(this, ADMIN_DOWN, 0, required_min_rx_us=9_000_000)
    assert this.transmit_interval_ns == 9 * SECOND_NS
    this.handle(TimerExpired(), 300 * MS)
    assert this.remote is None
    assert this.transmit_interval_ns == SECOND_NS


@pytest.mark.parametrize(("ttl", "max_hops"), [(255, 0), (254, 1), (250, 5), (255, 5)])
def test_ttl_within_max_hops_is_accepted(ttl: int, max_hops: int) -> None:
    this = session(max_hops=max_hops)
    receive(this, DOWN, ttl=ttl)
    assert this.state is INIT


@pytest.mark.parametrize(("ttl", "max_hops"), [(254, 0), (0, 0), (253, 1), (249, 5), (None, 0)])
def test_other_ttl_is_ignored_and_counted(ttl: int | None, max_hops: int) -> None:
    this = session(max_hops=max_hops)
    actions = receive(this, DOWN, ttl=ttl, poll=True)
    assert actions == (Ignored(reason=RejectReason.TTL),)
    assert this.state is DOWN
    assert this.remote is None
    assert this.rejects == {RejectReason.TTL: 1}


def test_poll_is_answered_at_once_in_every_state_but_admin_down() -> None:
    for state in (DOWN, INIT, UP):
        this = brought_to(state)
        # A received state that moves nothing, so that the answer is for the Poll alone.
        (answer,) = sent(receive(this, {DOWN: UP, INIT: DOWN, UP: UP}[state], 1, poll=True))
        assert answer.final
        assert not answer.poll
    this = brought_to(ADMIN_DOWN)
    assert sent(receive(this, DOWN, 1, poll=True)) == []
    assert this.rejects == {RejectReason.ADMIN_DOWN: 1}


def test_answer_to_a_poll_carries_the_new_state_and_is_the_only_packet() -> None:
    this = brought_to(DOWN)
    this.handle(TimerExpired(), 0)
    (answer,) = sent(receive(this, DOWN, 1, poll=True))
    assert (answer.state, answer.final) == (INIT, True)


def test_answer_to_a_poll_leaves_the_periodic_timer_alone() -> None:
    this = brought_to(UP)
    this.handle(TimerExpired(), 40 * MS)
    before = this.deadline_ns
    receive(this, UP, 50 * MS, poll=True)
    assert this.deadline_ns == before


def test_up_polls_for_the_new_interval_on_periodic_packets_until_the_final() -> None:
    this = brought_to(UP)
    for at_ns in (40 * MS, 80 * MS):
        (periodic,) = sent(this.handle(TimerExpired(), at_ns))
        assert periodic.poll
        receive(this, UP, at_ns)
    receive(this, UP, 81 * MS, final=True)
    (periodic,) = sent(this.handle(TimerExpired(), 120 * MS))
    assert not periodic.poll


def settled() -> Session:
    """Up, with its first Poll Sequence behind it, at 40 ms."""
    this = brought_to(UP)
    this.handle(TimerExpired(), 40 * MS)
    receive(this, UP, 40 * MS, final=True)
    assert not this.parameters.polling
    return this


def test_slower_transmission_waits_for_the_final() -> None:
    this = settled()
    changed = Reconfigured(instance=instance(min_tx_ns=400 * MS))
    assert this.handle(changed, 41 * MS) == ()  # no packet beyond the periodic ones
    assert this.transmit_interval_ns == 40 * MS
    (periodic,) = sent(this.handle(TimerExpired(), 80 * MS))
    assert (periodic.poll, periodic.desired_min_tx_us) == (True, 400_000)
    receive(this, UP, 81 * MS, final=True)
    assert this.transmit_interval_ns == 400 * MS


def test_shorter_detection_waits_for_the_final() -> None:
    this = settled()
    receive(this, UP, 41 * MS, desired_min_tx_us=10_000)
    assert this.detection_time_ns == 3 * 50 * MS
    this.handle(Reconfigured(instance=instance(min_rx_ns=10 * MS)), 42 * MS)
    assert this.detection_time_ns == 3 * 50 * MS
    this.handle(TimerExpired(), 80 * MS)
    receive(this, UP, 81 * MS, desired_min_tx_us=10_000, final=True)
    assert this.detection_time_ns == 3 * 10 * MS


def test_multiplier_changes_with_the_next_packet_without_poll() -> None:
    this = settled()
    this.handle(Reconfigured(instance=instance(multiplier=9)), 41 * MS)
    (periodic,) = sent(this.handle(TimerExpired(), 80 * MS))
    assert (periodic.multiplier, periodic.poll) == (9, False)


def test_passive_side_is_silent_until_it_has_heard_the_other() -> None:
    this = session(passive=True)
    assert this.deadline_ns is None
    assert sent(this.handle(TimerExpired(), SECOND_NS)) == []
    (answer,) = sent(receive(this, DOWN, SECOND_NS))
    assert (answer.state, answer.your_discriminator) == (INIT, THEIRS)
    receive(this, UP, SECOND_NS)
    this.handle(TimerExpired(), 2 * SECOND_NS)
    assert this.state is DOWN
    assert this.deadline_ns is None


def test_remote_that_wants_no_packets_gets_no_periodic_ones() -> None:
    this = brought_to(UP)
    receive(this, UP, 1, required_min_rx_us=0)
    assert sent(this.handle(TimerExpired(), 200 * MS)) == []
    assert this.deadline_ns == 1 + 300 * MS  # detection goes on
    (answer,) = sent(receive(this, UP, 2, required_min_rx_us=0, poll=True))
    assert answer.final


def test_demand_mode_of_the_remote_stops_periodic_packets_but_not_a_poll() -> None:
    this = brought_to(UP)
    receive(this, UP, 40 * MS, demand=True)
    (periodic,) = sent(this.handle(TimerExpired(), 41 * MS))
    assert periodic.poll
    receive(this, UP, 42 * MS, demand=True, final=True)
    assert sent(this.handle(TimerExpired(), 200 * MS)) == []
    receive(this, UP, 201 * MS)
    assert len(sent(this.handle(TimerExpired(), 202 * MS))) == 1


def test_disabled_session_says_admin_down_for_the_neighbours_detection_time() -> None:
    this = brought_to(UP)
    (told,) = sent(this.handle(Disabled(), 0))
    assert (told.state, told.diagnostic) == (ADMIN_DOWN, Diagnostic.ADMINISTRATIVELY_DOWN)
    assert told.desired_min_tx_us == 1_000_000
    repeated, finished = 0, False
    for _ in range(100):
        at_ns = this.deadline_ns
        assert at_ns is not None
        actions = this.handle(TimerExpired(), at_ns)
        repeated += len(sent(actions))
        finished = Finished() in actions
        if finished:
            break
    assert finished
    assert at_ns == 5 * SECOND_NS  # the multiplier times a second
    assert repeated == 4


def test_goodbye_has_a_bound_whatever_the_neighbour_asks() -> None:
    this = brought_to(UP)
    receive(this, UP, 0, required_min_rx_us=0xFFFF_FFFF)
    this.handle(Disabled(), 0)
    assert Finished() in this.handle(TimerExpired(), 10 * SECOND_NS)


def test_session_that_never_heard_anybody_ends_at_once() -> None:
    this = session()
    this.handle(TimerExpired(), 0)
    assert len(sent(this.handle(Disabled(), 1))) == 1
    assert this.handle(TimerExpired(), 1) == (Finished(),)


def test_enabled_again_starts_from_down() -> None:
    this = brought_to(UP)
    this.handle(Disabled(), 0)
    (told,) = sent(this.handle(Enabled(), 1))
    assert told.state is DOWN
    receive(this, INIT, 2)
    assert this.state is UP
    assert Finished() not in this.handle(TimerExpired(), 20 * SECOND_NS)


def test_reason_quotes_the_neighbours_diagnostic() -> None:
    this = brought_to(UP)
    receive(this, DOWN, 1, diagnostic=1)
    assert this.reason == "the neighbour says Down: control detection time expired"


def test_report_has_both_sides() -> None:
    this = brought_to(UP)
    report = session_report(this, SECOND_NS)
    assert report["up"] is True
    assert report["state"] == "Up"
    assert report["detection_time_s"] == 0.3
    assert report["transmit_interval_s"] == 0.04
    assert report["since_s"] == 1.0
    remote = report["remote"]
    assert isinstance(remote, dict)
    assert remote["discriminator"] == THEIRS
    assert remote["multiplier"] == 3
    counters = report["counters"]
    assert isinstance(counters, dict)
    assert counters["came_up"] == 1
