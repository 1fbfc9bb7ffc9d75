# SPDX-License-Identifier: GPL-3.0-or-later
"""Track scripts (vrrp_script): what a run's end means, and when the next one starts.

Owns rise, fall and the first result. Must never run anything.

As in keepalived the very first result decides at once; from then on `fall` failures in a row bring
a script down and `rise` successes bring it up. With `init_fail` it begins down and has to rise.
"""

from __future__ import annotations

from lvs_agent.core.messages import TrackerState
from lvs_agent.core.model import TrackerKind, TrackScript


class ScriptTracker:
    """One script's history. `up` None: no run has ended yet."""

    def __init__(self, script: TrackScript) -> None:
        self.script = script
        self.up: bool | None = False if script.init_fail else None
        self.reason = "no run has ended yet"
        self.runs = 0
        self.failures = 0
        self._against = 0  # results in a row that speak against `up`

    def update(self, script: TrackScript) -> None:
        """Go on with other settings; the history stays."""
        self.script = script

    def finished(self, *, ok: bool, reason: str) -> TrackerState | None:
        """A run ended, or took too long; the state, if it is another one now."""
        self.runs += 1
        self.failures += not ok
        self.reason = reason
        if ok is self.up:
            self._against = 0
            return None
        self._against += 1
        needed = self.script.rise if ok else self.script.fall
        if self.up is not None and self._against < needed:
            return None
        self.up = ok
        self._against = 0
        return self.state()

    def state(self) -> TrackerState:
        """What ha is told."""
        return TrackerState(
            kind=TrackerKind.SCRIPT,
            name=self.script.name,
            up=self.up,
            value=0,
            reason=self.reason,
        )


def next_start_ns(started_ns: int, interval_ns: int, now_ns: int) -> int:
    """The next start: on the grid of the interval, so that a slow run moves none after it."""
    elapsed = max(0, now_ns - started_ns)
    return started_ns + (elapsed // interval_ns + 1) * interval_ns
