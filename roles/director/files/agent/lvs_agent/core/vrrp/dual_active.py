# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that another router acts as master too, while this one is MASTER.

Owns the judgement when a foreign voice is a second master and when it has fallen silent. Must never
change the state of a router: whoever is master is decided by adverts alone.

Two kinds of evidence: adverts that lose against ours, and a foreign answer to an ARP probe for one
of our own addresses. One losing advert is no second master yet: a master that has just been
overtaken sends a parting one, and one may be on its way when we take over. The second, half an
interval after the first, cannot be explained so. An answer for our address needs no second.
"""

from __future__ import annotations

# A source is silent after so many of its intervals, as in Master_Down_Interval.
_QUIET_PERIODS = 3
# The period of an answer that no probe of ours asked for.
_UNASKED_NS = 1_000_000_000


class DualActive:
    """`active` since `since_ns`, because of `source`. All of it is forgotten by `clear`."""

    def __init__(self) -> None:
        self.active = False
        self.since_ns = 0
        self.source = ""
        self._first_ns: int | None = None
        self._quiet_ns: int | None = None

    @property
    def deadline_ns(self) -> int | None:
        """When the evidence is stale; None while there is none."""
        return self._quiet_ns

    @property
    def episode(self) -> bool:
        """A losing advert was heard, and its source has not been silent since."""
        return self._first_ns is not None

    def heard(self, source: str, interval_ns: int, now_ns: int) -> bool:
        """A losing advert of a sender with that interval; True: this makes us dual-active."""
        if self._first_ns is None:
            self._first_ns = now_ns
        self._not_quiet_before(now_ns + _QUIET_PERIODS * interval_ns)
        if 2 * (now_ns - self._first_ns) < interval_ns:
            return False
        return self._begin(source, now_ns)

    def claimed(self, source: str, probe_ns: int, now_ns: int) -> bool:
        """A foreign answer for our address; True: this makes us dual-active."""
        self._not_quiet_before(now_ns + _QUIET_PERIODS * (probe_ns or _UNASKED_NS))
        return self._begin(source, now_ns)

    def _not_quiet_before(self, time_ns: int) -> None:
        self._quiet_ns = time_ns if self._quiet_ns is None else max(time_ns, self._quiet_ns)

    def _begin(self, source: str, now_ns: int) -> bool:
        if self.active:
            return False
        self.active, self.since_ns, self.source = True, now_ns, source
        return True

    def clear(self) -> bool:
        """Forget the evidence: it is stale, or we are not master any more. True: it was active."""
        was_active, self.active = self.active, False
        self._first_ns = self._quiet_ns = None
        return was_active
