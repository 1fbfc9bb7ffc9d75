# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits for what hostile or broken neighbours can make us log.

Owns the counting. The keys are names from the configuration and labels from `reasons.py`, never
anything from a packet, so the table is bounded by the configuration.
"""

from __future__ import annotations

from collections.abc import Hashable

_PERIOD_NS = 60 * 1_000_000_000


class RateLimit:
    """`burst` lines per key and minute; the first one after that tells how many were left out."""

    def __init__(self, burst: int) -> None:
        self._burst = burst
        # By key: when its minute ends, and the lines asked for within it.
        self._minutes: dict[Hashable, tuple[int, int]] = {}

    def admit(self, key: Hashable, now_ns: int) -> int | None:
        """None: keep quiet. Otherwise how many lines of `key` were left out before this one."""
        end_ns, asked = self._minutes.get(key, (now_ns, 0))
        if now_ns < end_ns:
            self._minutes[key] = (end_ns, asked + 1)
            return 0 if asked < self._burst else None
        self._minutes[key] = (now_ns + _PERIOD_NS, 1)
        return max(0, asked - self._burst)


def left_out(count: int) -> str:
    """The end of a line after `count` others of its kind were left out."""
    return f" ({count} more like this not shown)" if count else ""
