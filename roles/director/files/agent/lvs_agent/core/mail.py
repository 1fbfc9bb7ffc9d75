# SPDX-License-Identifier: GPL-3.0-or-later
"""When alerts are mailed, and as what: many changes make one mail.

Owns batching, retries and their bounds. Must never speak SMTP nor read a clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# Alerts that wait while the mail server does not answer; the oldest go first and are counted.
ALERTS_LIMIT = 500
# A mail server that refuses is tried again after this, doubling up to the second.
_RETRY_FIRST_NS = 5_000_000_000
_RETRY_MOST_NS = 300_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One alert. `at` is the wall clock's time for people."""

    at: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be mailed: one line of subject, plain text."""

    subject: str
    text: str
    count: int


class Outbox:
    """Alerts on their way. At most one letter is out at a time."""

    def __init__(self) -> None:
        self.sent = 0
        self.failed = 0
        self.dropped = 0
        self._waiting: deque[Entry] = deque()
        self._due_ns: int | None = None
        self._out: list[Entry] = []
        self._retry_ns = 0

    @property
    def deadline_ns(self) -> int | None:
        """When `take` has a letter; None while none is due or one is out."""
        return None if self._out else self._due_ns

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is out."""
        return not self._waiting and not self._out

    def add(self, entry: Entry, batch_ns: int, now_ns: int) -> None:
        """One alert more; the first of a batch waits `batch_ns` for others."""
        self._keep((*self._waiting, entry))
        if self._due_ns is None:
            self._due_ns = now_ns + batch_ns

    def _keep(self, entries: tuple[Entry, ...]) -> None:
        self.dropped += max(0, len(entries) - ALERTS_LIMIT)
        self._waiting = deque(entries[-ALERTS_LIMIT:])

    def hurry(self, now_ns: int) -> None:
        """Wait for no further alerts."""
        if self._waiting:
            self._due_ns = now_ns

    def take(self, router_id: str, now_ns: int) -> Letter | None:
        """The letter that is due. `delivered` must follow."""
        if self._out or self._due_ns is None or now_ns < self._due_ns or not self._waiting:
            return None
        self._due_ns = None
        self._out, self._waiting = list(self._waiting), deque()
        return _letter(router_id, self._out)

    def delivered(self, *, ok: bool, now_ns: int) -> None:
        """The letter went out, or did not: then it is tried again together with what came since."""
        entries, self._out = self._out, []
        if ok:
            self.sent += 1
            self._retry_ns = 0
            return
        self.failed += 1
        self._retry_ns = min(max(2 * self._retry_ns, _RETRY_FIRST_NS), _RETRY_MOST_NS)
        self._keep((*entries, *self._waiting))
        self._due_ns = now_ns + self._retry_ns


def _letter(router_id: str, entries: list[Entry]) -> Letter:
    subject = entries[0].subject
    if len(entries) > 1:
        subject = f"{len(entries)} changes, the last: {entries[-1].subject}"
    lines = [f"{entry.at}  {entry.text}" for entry in entries]
    return Letter(
        subject=f"[{router_id}] {subject}",
        text=f"Director {router_id} reports:\n\n" + "\n".join(lines) + "\n",
        count=len(entries),
    )
