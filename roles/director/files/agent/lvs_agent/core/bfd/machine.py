# SPDX-License-Identifier: GPL-3.0-or-later
"""The BFD state machine as one table, and the shapes of a session's inputs and outputs.

Owns RFC 5880 section 6.2's transitions. Must never know timers or packets' other fields: those
are the business of `session.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lvs_agent.core.bfd.packet import ControlPacket, Diagnostic, RejectReason, State
from lvs_agent.core.model import BfdInstance


class Stimulus(StrEnum):
    """What moves the machine: a state that the neighbour sent, silence, or the operator."""

    RECEIVED_ADMIN_DOWN = "received AdminDown"
    RECEIVED_DOWN = "received Down"
    RECEIVED_INIT = "received Init"
    RECEIVED_UP = "received Up"
    EXPIRED = "detection time expired"
    DISABLED = "disabled"
    ENABLED = "enabled"


RECEIVED = {
    State.ADMIN_DOWN: Stimulus.RECEIVED_ADMIN_DOWN,
    State.DOWN: Stimulus.RECEIVED_DOWN,
    State.INIT: Stimulus.RECEIVED_INIT,
    State.UP: Stimulus.RECEIVED_UP,
}

_EXPIRED = Diagnostic.DETECTION_TIME_EXPIRED
_SIGNALED = Diagnostic.NEIGHBOUR_SIGNALED_DOWN
_ADMINISTRATIVE = Diagnostic.ADMINISTRATIVELY_DOWN

# Next state and diagnostic; None leaves the diagnostic: it goes on telling why the session failed
# the last time (section 4.1). What is not listed changes nothing.
TRANSITIONS: dict[tuple[State, Stimulus], tuple[State, Diagnostic | None]] = {
    (State.DOWN, Stimulus.RECEIVED_DOWN): (State.INIT, None),
    (State.DOWN, Stimulus.RECEIVED_INIT): (State.UP, None),
    (State.DOWN, Stimulus.DISABLED): (State.ADMIN_DOWN, _ADMINISTRATIVE),
    (State.INIT, Stimulus.RECEIVED_ADMIN_DOWN): (State.DOWN, _SIGNALED),
    (State.INIT, Stimulus.RECEIVED_INIT): (State.UP, None),
    (State.INIT, Stimulus.RECEIVED_UP): (State.UP, None),
    (State.INIT, Stimulus.EXPIRED): (State.DOWN, _EXPIRED),
    (State.INIT, Stimulus.DISABLED): (State.ADMIN_DOWN, _ADMINISTRATIVE),
    (State.UP, Stimulus.RECEIVED_ADMIN_DOWN): (State.DOWN, _SIGNALED),
    (State.UP, Stimulus.RECEIVED_DOWN): (State.DOWN, _SIGNALED),
    (State.UP, Stimulus.EXPIRED): (State.DOWN, _EXPIRED),
    (State.UP, Stimulus.DISABLED): (State.ADMIN_DOWN, _ADMINISTRATIVE),
    (State.ADMIN_DOWN, Stimulus.ENABLED): (State.DOWN, None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketReceived:
    """A decoded packet that belongs to the session; `ttl` None: the system did not tell it."""

    packet: ControlPacket
    ttl: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerExpired:
    """`deadline_ns` has passed, and what the socket had received by then has been handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """The same neighbour and source with other settings."""

    instance: BfdInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """AdminDown: say so for a while, then `Finished` (RFC 5880 section 6.8.16)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enabled:
    """Wanted again before `Finished`."""


Event = PacketReceived | TimerExpired | Reconfigured | Disabled | Enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPacket:
    """Send it to the neighbour now."""

    packet: ControlPacket


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The session went from `previous` to `state`; `reason` is for people."""

    previous: State
    state: State
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A packet had no effect, and an operator should know why."""

    reason: RejectReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The neighbour had time to hear of AdminDown; the session may be forgotten."""


Action = SendPacket | StateChanged | Ignored | Finished
