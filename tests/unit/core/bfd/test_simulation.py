# SPDX-License-Identifier: GPL-3.0-or-later
"""Two sessions through any weather: Up on both sides after it, down within the detection time."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from lvs_agent.core.bfd.packet import SECOND_NS, State
from lvs_agent.core.model import BfdInstance
from unit.core.bfd.bfd_examples import instance
from unit.core.bfd.bfd_simulation import MS, SETTLE_NS, Simulation, Weather

INTERVALS = st.integers(20, 400).map(lambda ms: ms * MS)
MULTIPLIERS = st.integers(1, 5)
SIDES = st.integers(0, 1)
ADDRESSES = ("192.0.2.1", "192.0.2.2")


def side(number: int, **changes: object) -> BfdInstance:
    here, there = ADDRESSES[number], ADDRESSES[1 - number]
    return instance(neighbor=there, source=here, **changes)


def check_detection(simulation: Simulation, blocked: set[int]) -> None:
    """Cut one direction or both: who hears nothing is down at its detection time, exactly."""
    simulation.blocked = blocked
    sides = simulation.sides
    detection_ns = [side.session.detection_time_ns or 0 for side in sides]
    assert all(detection_ns)
    expected = {number: sides[number].heard_ns + detection_ns[number] for number in blocked}
    begin_ns = simulation.now_ns
    simulation.run(max(expected.values()) - begin_ns + max(detection_ns) + 2 * MS)
    for number in (0, 1):
        downs = [
            at_ns
            for at_ns, who, state in simulation.changes
            if who == number and state is State.DOWN and at_ns >= begin_ns
        ]
        if number not in blocked:
            # It hears of it, and a packet takes 1 ms; from a passive side that has lost its
            # neighbour it hears nothing (RFC 5880 section 6.8.7).
            silent = sides[1 - number].session.instance.passive
            later_ns = detection_ns[number] if silent else 0
            assert downs[0] <= expected[1 - number] + later_ns + 2 * MS
        elif len(blocked) == 1 or expected[number] <= expected[1 - number]:
            assert downs[0] == expected[number]
        else:
            assert downs[0] <= expected[number]


class TwoSessions(RuleBasedStateMachine):
    """Rules are faults, with time between them; the end is calm."""

    simulation: Simulation

    @initialize(
        seed=st.integers(0, 2**32),
        tx=st.tuples(INTERVALS, INTERVALS),
        rx=st.tuples(INTERVALS, INTERVALS),
        multipliers=st.tuples(MULTIPLIERS, MULTIPLIERS),
        passive=st.sampled_from((None, 0, 1)),
    )
    def begin(
        self,
        seed: int,
        tx: tuple[int, int],
        rx: tuple[int, int],
        multipliers: tuple[int, int],
        passive: int | None,
    ) -> None:
        a, b = (
            side(
                number,
                min_tx_ns=tx[number],
                min_rx_ns=rx[number],
                multiplier=multipliers[number],
                passive=passive == number,
            )
            for number in (0, 1)
        )
        self.passive = passive
        self.simulation = Simulation((a, b), seed)

    @rule(
        loss=st.sampled_from((0.0, 0.1, 0.4, 0.8)),
        duplication=st.sampled_from((0.0, 0.3)),
        corruption=st.sampled_from((0.0, 0.0, 0.05)),
        late_ms=st.sampled_from((0, 5, 60, 600)),
        duration_ms=st.integers(1, 3000),
    )
    def bad_weather(
        self, loss: float, duplication: float, corruption: float, late_ms: int, duration_ms: int
    ) -> None:
        self.simulation.weather = Weather(loss, duplication, corruption, late_ms * MS)
        self.simulation.run(duration_ms * MS)

    @rule(blocked=st.sampled_from((set(), {0}, {1}, {0, 1})), duration_ms=st.integers(1, 3000))
    def cut(self, blocked: set[int], duration_ms: int) -> None:
        self.simulation.blocked = set(blocked)
        self.simulation.run(duration_ms * MS)

    @rule(number=SIDES, duration_ms=st.integers(0, 500))
    def crash(self, number: int, duration_ms: int) -> None:
        self.simulation.restart(number)
        self.simulation.run(duration_ms * MS)

    @rule(number=SIDES, tx=INTERVALS, rx=INTERVALS, multiplier=MULTIPLIERS)
    def other_parameters(self, number: int, tx: int, rx: int, multiplier: int) -> None:
        changed = side(
            number,
            min_tx_ns=tx,
            min_rx_ns=rx,
            multiplier=multiplier,
            passive=self.passive == number,
        )
        self.simulation.reconfigure(number, changed)
        self.simulation.run(20 * MS)

    @rule(number=SIDES, duration_ms=st.integers(0, 6000))
    def remove_and_add(self, number: int, duration_ms: int) -> None:
        wanted = self.simulation.sides[number].instance
        self.simulation.reconfigure(number)
        self.simulation.run(duration_ms * MS)
        self.simulation.reconfigure(number, wanted)

    def teardown(self) -> None:
        if not hasattr(self, "simulation"):
            return
        simulation = self.simulation
        simulation.calm()
        simulation.run(SETTLE_NS)
        assert simulation.both_up()
        settled = len(simulation.changes)
        simulation.run(3 * SECOND_NS)
        assert len(simulation.changes) == settled, "a session flaps in calm weather"
        for this in simulation.sides:
            assert not this.session.parameters.polling
            assert this.session.parameters.tx_ns == this.instance.min_tx_ns
            assert this.session.parameters.rx_ns == this.instance.min_rx_ns
        check_detection(simulation, simulation.random.choice([{0}, {1}, {0, 1}]))


TestTwoSessions = TwoSessions.TestCase
TestTwoSessions.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("blocked", [{0}, {1}, {0, 1}])
def test_cut_is_detected_at_the_detection_time(blocked: set[int]) -> None:
    simulation = Simulation((side(0), side(1, min_tx_ns=90 * MS)), 1)
    simulation.run(SETTLE_NS)
    check_detection(simulation, blocked)


def test_both_are_up_within_a_few_slow_packets() -> None:
    simulation = Simulation((side(0), side(1)), 1)
    simulation.run(SECOND_NS + 10 * MS)
    assert simulation.both_up()


def test_changed_intervals_never_take_a_session_down() -> None:
    simulation = Simulation((side(0, multiplier=1), side(1, multiplier=1)), 1)
    simulation.run(2 * SECOND_NS)
    before = len(simulation.changes)
    for tx_ms, rx_ms in ((400, 20), (20, 400), (20, 20), (300, 300)):
        for number in (0, 1):
            changed = side(number, multiplier=1, min_tx_ns=tx_ms * MS, min_rx_ns=rx_ms * MS)
            simulation.reconfigure(number, changed)
        simulation.run(2 * SECOND_NS)
    assert len(simulation.changes) == before
    assert simulation.both_up()
