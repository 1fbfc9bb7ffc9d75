# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status says about a BFD session.

Owns the shape. Must never change anything. Durations are seconds, `*_ns` is the monotonic clock.
"""

from __future__ import annotations

from dataclasses import asdict

from lvs_agent.core.bfd.packet import (
    MICROSECOND_NS,
    SECOND_NS,
    ControlPacket,
    State,
    diagnostic_text,
)
from lvs_agent.core.bfd.session import Session


def session_report(session: Session, now_ns: int) -> dict[str, object]:
    """One session; `remote` None and `detection_time_s` None: the neighbour is silent."""
    instance, parameters = session.instance, session.parameters
    detection_ns = session.detection_time_ns
    return {
        "name": instance.name,
        "neighbor": instance.neighbor,
        "source": instance.source,
        "up": session.state is State.UP,
        "state": session.state.label,
        "reason": session.reason,
        "since_ns": session.since_ns,
        "since_s": (now_ns - session.since_ns) / SECOND_NS,
        "diagnostic": diagnostic_text(session.diagnostic),
        "discriminator": session.discriminator,
        "passive": instance.passive,
        "transmit_interval_s": session.transmit_interval_ns / SECOND_NS,
        "detection_time_s": None if detection_ns is None else detection_ns / SECOND_NS,
        "desired_min_tx_s": parameters.desired_tx_ns / SECOND_NS,
        "required_min_rx_s": parameters.required_rx_ns / SECOND_NS,
        "multiplier": instance.multiplier,
        "poll": parameters.poll.value,
        "remote": None if session.remote is None else _remote(session.remote),
        "counters": {
            **asdict(session.counters),
            "rejected": {reason.value: count for reason, count in session.rejects.items()},
        },
    }


def _remote(packet: ControlPacket) -> dict[str, object]:
    """What the neighbour said last."""
    return {
        "state": packet.state.label,
        "diagnostic": diagnostic_text(packet.diagnostic),
        "discriminator": packet.my_discriminator,
        "desired_min_tx_s": packet.desired_min_tx_us * MICROSECOND_NS / SECOND_NS,
        "required_min_rx_s": packet.required_min_rx_us * MICROSECOND_NS / SECOND_NS,
        "required_min_echo_rx_s": packet.required_min_echo_rx_us * MICROSECOND_NS / SECOND_NS,
        "multiplier": packet.multiplier,
        "demand": packet.demand,
    }
