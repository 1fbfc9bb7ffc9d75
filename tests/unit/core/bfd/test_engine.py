# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session a packet belongs to, and what a new configuration does to the sessions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.bfd.engine import Engine, canonical
from lvs_agent.core.bfd.machine import Finished, SendPacket, StateChanged, TimerExpired
from lvs_agent.core.bfd.packet import SECOND_NS, RejectReason, State, encode
from lvs_agent.core.bfd.session import Session
from unit.core.bfd.bfd_examples import MS, THEIRS, instance, packet

ONE = instance(name="one", neighbor="192.0.2.2")
TWO = instance(name="two", neighbor="2001:db8:0::2", source=None)


def engine() -> Engine:
    made = Engine(lambda: 0.5)
    assert made.reconfigure((ONE, TWO), 0) == []
    return made


def named(this: Engine, name: str) -> Session:
    return next(each for each in this.configured() if each.instance.name == name)


def bring_up(this: Engine, name: str, source: str) -> Session:
    session = named(this, name)
    this.receive(encode(packet(State.DOWN, your_discriminator=0)), source, 255, 0)
    ours = session.discriminator
    this.receive(encode(packet(State.INIT, your_discriminator=ours)), source, 255, 0)
    assert session.state is State.UP
    return session


def test_discriminators_are_unique_and_not_zero_even_without_randomness() -> None:
    for number in (0.0, 0.5, 1 - 2**-53):
        this = Engine(lambda number=number: number)  # type: ignore[misc]
        this.reconfigure([instance(name=str(n), neighbor=f"192.0.2.{n}") for n in range(9)], 0)
        found = {session.discriminator for session in this.configured()}
        assert len(found) == 9
        assert all(0 < each <= 0xFFFF_FFFF for each in found)


@pytest.mark.parametrize(("name", "source"), [("one", "192.0.2.2"), ("two", "2001:db8::2")])
def test_packet_without_our_discriminator_belongs_to_its_source(name: str, source: str) -> None:
    this = engine()
    this.receive(encode(packet(State.DOWN, your_discriminator=0)), source, 255, 0)
    states = {each.instance.name: each.state for each in this.configured()}
    assert states == {"one": State.DOWN, "two": State.DOWN, name: State.INIT}


def test_our_discriminator_decides_whatever_the_source() -> None:
    this = engine()
    session = bring_up(this, "one", "192.0.2.2")
    down = packet(State.DOWN, your_discriminator=session.discriminator)
    this.receive(encode(down), "198.51.100.9", 255, 1)
    assert session.state is State.DOWN


def test_strangers_are_refused_and_counted() -> None:
    this = engine()
    unknown = encode(packet(State.UP, your_discriminator=1))
    assert this.receive(unknown, "192.0.2.9", 255, 0) is RejectReason.UNKNOWN_DISCRIMINATOR
    first = encode(packet(State.DOWN, your_discriminator=0))
    assert this.receive(first, "192.0.2.9", 255, 0) is RejectReason.UNKNOWN_NEIGHBOR
    assert this.receive(b"", "192.0.2.9", 255, 0) is RejectReason.TRUNCATED
    assert this.report(0)["rejected"] == {
        "unknown_discriminator": 1,
        "unknown_neighbor": 1,
        "truncated": 1,
    }
    # What comes from a neighbour's address is counted at its session.
    assert this.receive(b"", "192.0.2.2", 255, 0) is RejectReason.TRUNCATED
    assert named(this, "one").rejects == {RejectReason.TRUNCATED: 1}


def test_link_local_neighbours_differ_by_their_interface() -> None:
    this = Engine(lambda: 0.5)
    this.reconfigure(
        (
            instance(name="e0", neighbor="fe80:0::1%eth0"),
            instance(name="e1", neighbor="fe80::1%eth1"),
        ),
        0,
    )
    this.receive(encode(packet(State.DOWN, your_discriminator=0)), "fe80::1%eth1", 255, 0)
    assert named(this, "e0").state is State.DOWN
    assert named(this, "e1").state is State.INIT


def test_unchanged_session_survives_and_changed_intervals_poll() -> None:
    this = engine()
    one, two = bring_up(this, "one", "192.0.2.2"), bring_up(this, "two", "2001:db8::2")
    changed = instance(name="one", neighbor="192.0.2.2", min_tx_ns=7 * MS)
    assert this.reconfigure((changed, TWO), 1) == []
    assert this.configured() == (one, two)
    assert (one.state, two.state) == (State.UP, State.UP)
    assert one.parameters.polling
    assert one.instance == changed


def test_removed_session_says_admin_down_until_it_has_finished() -> None:
    this = engine()
    one = bring_up(this, "one", "192.0.2.2")
    actions = [action for _, action in this.reconfigure((TWO,), 1)]
    assert [type(action) for action in actions] == [StateChanged, SendPacket]
    assert one not in this.configured()
    assert [each["name"] for each in this.report(1)["sessions"]] == ["two"]  # type: ignore[attr-defined]
    late = encode(packet(State.DOWN, your_discriminator=one.discriminator))
    assert this.receive(late, "192.0.2.2", 255, 2) == []
    outputs = this.handle(one, TimerExpired(), 5 * SECOND_NS + 1)
    assert outputs == [(one, Finished())]
    assert this.receive(late, "192.0.2.2", 255, 3) is RejectReason.UNKNOWN_DISCRIMINATOR


def test_session_wanted_again_goes_on_with_its_discriminator() -> None:
    this = engine()
    one = bring_up(this, "one", "192.0.2.2")
    this.reconfigure((TWO,), 1)
    this.reconfigure((ONE, TWO), 2)
    assert named(this, "one") is one
    assert one.state is State.DOWN


def test_other_source_is_another_session() -> None:
    this = engine()
    one = bring_up(this, "one", "192.0.2.2")
    moved = instance(name="one", neighbor="192.0.2.2", source="192.0.2.7")
    actions = [action for _, action in this.reconfigure((moved, TWO), 1)]
    assert [type(action) for action in actions] == [StateChanged, SendPacket, Finished]
    other = named(this, "one")
    assert other is not one
    # The same change while the old session says goodbye.
    this.reconfigure((TWO,), 2)
    this.reconfigure((ONE, TWO), 3)
    assert named(this, "one") is not other


def test_two_instances_with_one_neighbour_are_refused_with_nothing_changed() -> None:
    this = engine()
    twin = instance(name="twin", neighbor="192.0.2.2", source=None)
    with pytest.raises(ValueError, match="one and twin have the same neighbor"):
        this.reconfigure((ONE, twin), 1)
    assert [each.instance for each in this.configured()] == [ONE, TWO]


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 255)), max_size=20))
def test_any_datagrams_leave_the_engine_working(datagrams: list[tuple[bytes, int]]) -> None:
    this = engine()
    for now_ns, (payload, ttl) in enumerate(datagrams):
        this.receive(payload, canonical("192.0.2.2"), ttl, now_ns)
    session = named(this, "one")
    this.receive(encode(packet(State.DOWN, your_discriminator=0)), "192.0.2.2", 255, 30)
    assert session.remote is not None
    assert session.remote.my_discriminator == THEIRS
