# SPDX-License-Identifier: GPL-3.0-or-later
"""One BFD session in asynchronous mode (RFC 5880 section 6.8): states, timers, what to send.

Owns the session's variables. Must never touch a socket or read a clock: time comes with each
event, randomness through a function. The echo function and our own demand mode are not supported;
a neighbour's demand mode is obeyed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from lvs_agent.core.bfd.machine import (
    RECEIVED,
    TRANSITIONS,
    Action,
    Disabled,
    Enabled,
    Event,
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
    MICROSECOND_NS,
    SECOND_NS,
    ControlPacket,
    Diagnostic,
    RejectReason,
    State,
    diagnostic_text,
    microseconds,
)
from lvs_agent.core.bfd.parameters import Parameters
from lvs_agent.core.model import BfdInstance

_TTL_SENT_BY_NEIGHBOR = 255
# What goes for the neighbour while nothing is known of it (section 6.8.1).
_UNKNOWN_MIN_RX_US = 1
# A session that ends tells the neighbour for its detection time, which the neighbour can make days
# long; after this it is left to the neighbour's own detection.
_FAREWELL_MOST_NS = 10 * SECOND_NS
# The share of the interval that jitter may take off; with multiplier 1 at least a tenth, or the
# neighbour's detection time would end before the next packet (section 6.8.7).
_JITTER_MOST = 0.25
_JITTER_LEAST_SINGLE = 0.10


@dataclass(slots=True)
class Counters:
    """Since the session exists. `went_down`: from Up to anything else."""

    sent: int = 0
    received: int = 0
    send_errors: int = 0
    polls_sent: int = 0
    finals_sent: int = 0
    finals_received: int = 0
    came_up: int = 0
    went_down: int = 0


class Session:
    """`discriminator` is unique on this system and not 0; `random` gives numbers in [0, 1)."""

    def __init__(
        self, instance: BfdInstance, discriminator: int, random: Callable[[], float], now_ns: int
    ) -> None:
        self.instance = instance
        self.discriminator = discriminator
        self.state = State.DOWN
        self.diagnostic = Diagnostic.NONE
        self.reason = "the session begins"
        self.since_ns = now_ns
        self.counters = Counters()
        self.rejects: Counter[RejectReason] = Counter()
        self.remote: ControlPacket | None = None
        self.parameters = Parameters(self._idle_tx_ns(), instance.min_rx_ns)
        self._random = random
        self._share = 1.0
        self._sent_ns: int | None = None
        self._received_ns = now_ns
        self._announced = (self.state, self.diagnostic)
        self._finish_ns: int | None = None

    def handle(self, event: Event, now_ns: int) -> tuple[Action, ...]:
        """One event; what to do about it, in this order."""
        actions: list[Action] = []
        match event:
            case PacketReceived():
                self._receive(event, now_ns, actions)
            case TimerExpired():
                self._expire(now_ns, actions)
            case Reconfigured():
                self.instance = event.instance
                self._apply_parameters()
            case Disabled():
                self._finish_ns = now_ns + self._farewell_ns()
                self._move(Stimulus.DISABLED, "no longer configured", now_ns, actions)
            case Enabled():
                self._finish_ns = None
                self._move(Stimulus.ENABLED, "configured again", now_ns, actions)
            case _:
                assert_never(event)
        self._announce(now_ns, actions)
        return tuple(actions)

    # -- what the timers say

    @property
    def deadline_ns(self) -> int | None:
        """When `handle` wants TimerExpired; None: not before something is received."""
        times = (self._transmit_ns(), self._detect_ns(), self._finish_ns)
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    @property
    def transmit_interval_ns(self) -> int:
        """The agreed interval before jitter (section 6.8.7)."""
        remote_us = _UNKNOWN_MIN_RX_US if self.remote is None else self.remote.required_min_rx_us
        return max(self.parameters.tx_ns, remote_us * MICROSECOND_NS)

    @property
    def detection_time_ns(self) -> int | None:
        """Silence after which the neighbour is lost (section 6.8.4); None while it is unknown."""
        if self.remote is None:
            return None
        interval_ns = max(self.parameters.rx_ns, self.remote.desired_min_tx_us * MICROSECOND_NS)
        return self.remote.multiplier * interval_ns

    def _detect_ns(self) -> int | None:
        detection_ns = self.detection_time_ns
        return None if detection_ns is None else self._received_ns + detection_ns

    def _transmit_ns(self) -> int | None:
        if not self._may_transmit_periodically():
            return None
        if self._sent_ns is None:
            return self.since_ns
        return self._sent_ns + int(self.transmit_interval_ns * self._share)

    def _may_transmit(self) -> bool:
        # A passive side waits until it has heard the other.
        return self.remote is not None or not self.instance.passive

    def _may_transmit_periodically(self) -> bool:
        if self.remote is None:
            return not self.instance.passive
        if self.remote.required_min_rx_us == 0:
            return False
        both_up = self.state is State.UP and self.remote.state is State.UP
        return not (self.remote.demand and both_up) or self.parameters.polling

    def _idle_tx_ns(self) -> int:
        # Never below a second while not Up (section 6.8.3).
        return max(self.instance.idle_tx_ns, self.instance.min_tx_ns, SECOND_NS)

    def _farewell_ns(self) -> int:
        """How long to send AdminDown: the neighbour's detection time, unless it knows nothing."""
        if self.remote is None or not self.remote.required_min_rx_us:
            return 0
        remote_ns = self.remote.required_min_rx_us * MICROSECOND_NS
        interval_ns = max(self._idle_tx_ns(), remote_ns)
        return min(self.instance.multiplier * interval_ns, _FAREWELL_MOST_NS)

    # -- events

    def _receive(self, event: PacketReceived, now_ns: int, actions: list[Action]) -> None:
        """RFC 5880 section 6.8.6 from where the session is known; first RFC 5881 section 5."""
        packet = event.packet
        if event.ttl is None or event.ttl < _TTL_SENT_BY_NEIGHBOR - self.instance.max_hops:
            self.rejects[RejectReason.TTL] += 1
            actions.append(Ignored(reason=RejectReason.TTL))
            return
        self.remote = packet
        self.counters.finals_received += packet.final
        self.parameters.received(packet.final)
        if self.state is State.ADMIN_DOWN:
            self.rejects[RejectReason.ADMIN_DOWN] += 1
            return
        self.counters.received += 1
        self._received_ns = now_ns
        self._move(RECEIVED[packet.state], _received_text(packet), now_ns, actions)
        if packet.poll:
            self._send(now_ns, actions, final=True)

    def _expire(self, now_ns: int, actions: list[Action]) -> None:
        if self._finish_ns is not None and now_ns >= self._finish_ns:
            self._finish_ns = None
            actions.append(Finished())
            return
        detect_ns = self._detect_ns()
        if detect_ns is not None and now_ns >= detect_ns:
            silence = f"nothing received for {(now_ns - self._received_ns) / SECOND_NS:.3f} s"
            # What was known of the neighbour goes in any state (sections 6.8.1 and 6.8.18).
            self.remote = None
            self._move(Stimulus.EXPIRED, silence, now_ns, actions)
        transmit_ns = self._transmit_ns()
        if transmit_ns is not None and now_ns >= transmit_ns and not self._unannounced():
            self._send(now_ns, actions)

    def _move(self, stimulus: Stimulus, reason: str, now_ns: int, actions: list[Action]) -> None:
        """The only place where the state changes."""
        previous = self.state
        following = TRANSITIONS.get((previous, stimulus))
        if following is None:
            return
        self.state, diagnostic = following
        if diagnostic is not None:
            self.diagnostic = diagnostic
        self.reason, self.since_ns = reason, now_ns
        self.counters.came_up += self.state is State.UP
        self.counters.went_down += previous is State.UP
        self._apply_parameters()
        actions.append(StateChanged(previous=previous, state=self.state, reason=reason))

    def _apply_parameters(self) -> None:
        up = self.state is State.UP
        desired_tx_ns = self.instance.min_tx_ns if up else self._idle_tx_ns()
        self.parameters.change(desired_tx_ns, self.instance.min_rx_ns, up=up)

    # -- sending

    def _unannounced(self) -> bool:
        return self._announced != (self.state, self.diagnostic)

    def _announce(self, now_ns: int, actions: list[Action]) -> None:
        """A changed state or diagnostic goes out at once, changed intervals in their turn.

        Section 6.8.7 asks for the first, section 6.5 forbids more packets for a Poll Sequence. It
        is one packet at most for each one received.
        """
        if self._unannounced() and self._may_transmit():
            self._send(now_ns, actions, poll=False)

    def _send(
        self, now_ns: int, actions: list[Action], *, final: bool = False, poll: bool = True
    ) -> None:
        """Periodic unless told otherwise; a Final leaves the periodic timer alone."""
        poll = poll and not final and self.parameters.polling
        packet = replace(self._content(), poll=poll, final=final)
        if poll:
            self.parameters.asked()
        if not final:
            self._sent_ns = now_ns
            self._share = 1.0 - self._jitter()
        self._announced = (self.state, self.diagnostic)
        self.counters.sent += 1
        self.counters.polls_sent += poll
        self.counters.finals_sent += final
        actions.append(SendPacket(packet=packet))

    def _jitter(self) -> float:
        least = _JITTER_LEAST_SINGLE if self.instance.multiplier == 1 else 0.0
        return least + (_JITTER_MOST - least) * self._random()

    def _content(self) -> ControlPacket:
        return ControlPacket(
            state=self.state,
            diagnostic=self.diagnostic,
            multiplier=self.instance.multiplier,
            my_discriminator=self.discriminator,
            your_discriminator=0 if self.remote is None else self.remote.my_discriminator,
            desired_min_tx_us=microseconds(self.parameters.desired_tx_ns),
            required_min_rx_us=microseconds(self.parameters.required_rx_ns),
        )


def _received_text(packet: ControlPacket) -> str:
    """Why the state changes when this packet comes, for people."""
    said = f"the neighbour says {packet.state.label}"
    if packet.state in (State.INIT, State.UP) or not packet.diagnostic:
        return said
    return f"{said}: {diagnostic_text(packet.diagnostic)}"
