# SPDX-License-Identifier: GPL-3.0-or-later
"""BFD instances and packets for the tests, complete, with what a test is about replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lvs_agent.core.bfd.packet import SECOND_NS, ControlPacket, State
from lvs_agent.core.bfd.session import Session
from lvs_agent.core.model import BfdInstance

MS = 1_000_000
MINE = 0x1111
THEIRS = 0x2222

INSTANCE = BfdInstance(
    name="peer",
    neighbor="192.0.2.2",
    source="192.0.2.1",
    min_rx_ns=50 * MS,
    min_tx_ns=40 * MS,
    idle_tx_ns=SECOND_NS,
    multiplier=5,
    passive=False,
    ttl=255,
    max_hops=0,
)
PACKET = ControlPacket(
    state=State.DOWN,
    diagnostic=0,
    multiplier=3,
    my_discriminator=THEIRS,
    your_discriminator=MINE,
    desired_min_tx_us=100_000,
    required_min_rx_us=20_000,
)


def instance(**changes: Any) -> BfdInstance:
    return replace(INSTANCE, **changes)


def packet(state: State = State.DOWN, **changes: Any) -> ControlPacket:
    return replace(PACKET, state=state, **changes)


def session(now_ns: int = 0, **changes: Any) -> Session:
    """A new session without jitter."""
    return Session(instance(**changes), MINE, lambda: 0.0, now_ns)
