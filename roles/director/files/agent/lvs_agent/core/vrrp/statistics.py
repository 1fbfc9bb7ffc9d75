# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual router counts about itself. Only `fsm.py` and `router.py` write here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The last change of state. `previous` is a state's name, `reason` is for people."""

    previous: str
    reason: str
    at_ns: int


@dataclass(slots=True, kw_only=True)
class Statistics:
    """Counters since the instance was configured; `late_*` tell how punctual its timers were.

    A tick is late when it comes more than a quarter of the advert interval after its deadline.
    """

    adverts_sent: int = 0
    adverts_received: int = 0
    priority_zero_sent: int = 0
    priority_zero_received: int = 0
    send_errors: int = 0
    became_master: int = 0
    released_master: int = 0
    losing_adverts: int = 0
    owner_adverts_ignored: int = 0
    dual_active_episodes: int = 0
    address_claims: int = 0
    lower_priority_discarded: int = 0
    takeovers_failed: int = 0
    priority_changes: int = 0
    group_yields: int = 0
    standstills: int = 0
    late_ticks: int = 0
    late_most_ns: int = 0
    gratuitous_arps_sent: int = 0
    gratuitous_arp_errors: int = 0

    def count_lateness(self, late_ns: int, interval_ns: int) -> None:
        """A timer was handled `late_ns` after its deadline."""
        self.late_most_ns = max(self.late_most_ns, late_ns)
        if 4 * late_ns > interval_ns:
            self.late_ticks += 1
