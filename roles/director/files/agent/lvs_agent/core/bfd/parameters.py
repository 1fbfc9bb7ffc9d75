# SPDX-License-Identifier: GPL-3.0-or-later
"""Our side's two intervals of a BFD session: what is advertised, what is in use, and the Poll
Sequence between the two (RFC 5880 sections 6.5 and 6.8.3).

Owns when a changed interval takes effect. Must never know the clock or the neighbour's intervals.
"""

from __future__ import annotations

from enum import StrEnum


class Poll(StrEnum):
    """Where the Poll Sequence stands."""

    IDLE = "idle"
    # Periodic packets carry the Poll bit.
    ACTIVE = "active"
    # As ACTIVE, and the intervals have changed since: which change the Final would mean is
    # ambiguous, so another sequence has to follow (section 6.8.3, third choice).
    ACTIVE_OUTDATED = "active_outdated"
    # The Final came; a packet without Final has to come before the next sequence may begin.
    SEPARATING = "separating"


class Parameters:
    """`desired_tx_ns` and `required_rx_ns` are advertised, `tx_ns` and `rx_ns` in use."""

    def __init__(self, desired_tx_ns: int, required_rx_ns: int) -> None:
        self.desired_tx_ns = self.tx_ns = desired_tx_ns
        self.required_rx_ns = self.rx_ns = required_rx_ns
        self.poll = Poll.IDLE
        self._asked = False

    @property
    def polling(self) -> bool:
        """Whether periodic packets carry the Poll bit now."""
        return self.poll in (Poll.ACTIVE, Poll.ACTIVE_OUTDATED)

    def change(self, desired_tx_ns: int, required_rx_ns: int, *, up: bool) -> None:
        """Other intervals; `up`: the session's state after whatever caused the change.

        In an Up session a slower transmission and a shorter detection wait for the end of the
        Poll Sequence; everything else holds at once.
        """
        changed = (desired_tx_ns, required_rx_ns) != (self.desired_tx_ns, self.required_rx_ns)
        self.desired_tx_ns, self.required_rx_ns = desired_tx_ns, required_rx_ns
        self.tx_ns = min(self.tx_ns, desired_tx_ns) if up else desired_tx_ns
        self.rx_ns = max(self.rx_ns, required_rx_ns) if up else required_rx_ns
        if not changed:
            return
        if self.poll is Poll.IDLE:
            self._begin()
        elif self.poll is Poll.ACTIVE and self._asked:
            self.poll = Poll.ACTIVE_OUTDATED

    def _begin(self) -> None:
        self.poll = Poll.ACTIVE
        self._asked = False

    def asked(self) -> None:
        """A packet with the Poll bit goes out."""
        self._asked = True

    def received(self, final: bool) -> None:
        """A valid packet came. A Final before any Poll was sent answers an earlier sequence."""
        if final and self.polling and self._asked:
            if self.poll is Poll.ACTIVE_OUTDATED:
                self.poll = Poll.SEPARATING
                return
            self.poll = Poll.IDLE
            self.tx_ns, self.rx_ns = self.desired_tx_ns, self.required_rx_ns
        elif not final and self.poll is Poll.SEPARATING:
            self._begin()
