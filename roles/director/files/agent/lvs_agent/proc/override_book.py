# SPDX-License-Identifier: GPL-3.0-or-later
"""The overrides of this director: their file, their end, what there is to say of them.

Owns what the kernel process is, or will be, going by: it gets the book at its birth and with each
change. Must never decide what an override means for a pool.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lvs_agent.adapters import overrides_file
from lvs_agent.core import overrides as books
from lvs_agent.core.messages import OverrideChange, OverridesOrder
from lvs_agent.core.overrides import Entries, Override
from lvs_agent.core.supervise import KERNEL, STOPPING

if TYPE_CHECKING:
    from lvs_agent.proc.loop import Timer
    from lvs_agent.proc.supervisor import Supervisor

# How late an override may end; and how late a step of the clock is noticed.
_LOOK_NS = 1_000_000_000
# One that nobody gave an end to, and that is older, is perhaps forgotten.
FORGOTTEN_S = 86_400
_NAMED = 3


def now_s() -> int:
    """Overrides end by the wall clock alone, because that has to hold over a reboot: a clock that
    is set forward ends one sooner, one that is set back later."""
    return int(time.time())


class OverrideBook:
    """`entries`: all of them. It is replaced, never changed in place."""

    def __init__(self, supervisor: Supervisor, directory: Path) -> None:
        self._supervisor = supervisor
        self._directory = directory
        self._looking: Timer | None = None
        self._unwritten: str | None = None
        read, self._unreadable = overrides_file.read(directory)
        if self._unreadable is not None:
            supervisor.journal.write("error", self._damage())
        self.entries: Entries = self._followed(read)

    # Change.

    def write(self, entries: Entries) -> str | None:
        """Make it durable; what went wrong. A slow disk may keep us from the loop for seconds."""
        try:
            with self._supervisor.patient_watchdog():
                overrides_file.write(self._directory, entries)
        except OSError as error:
            path = self._directory / overrides_file.NAME
            self._unwritten = f"cannot write {path}: {error.strerror}"
            return self._unwritten
        self._unreadable = self._unwritten = None
        return None

    def _replace(self, entries: Entries) -> None:
        """Another book, not by an order: what cannot be written comes back with the next start."""
        self.entries = entries
        if (wrong := self.write(entries)) is not None:
            self._supervisor.journal.write("error", wrong)
        order = OverridesOrder(
            request_id=0, in_force=True, places=(), overrides=books.encode(entries)
        )
        self._supervisor.tell(KERNEL, order)

    def reconfigured(self) -> None:
        """Another configuration was given out: what is in force is known by its services of now."""
        followed = self._followed(self.entries)
        if set(followed) != set(self.entries):
            self._replace(followed)

    def _followed(self, entries: Entries) -> Entries:
        followed, dropped = books.follow(entries, self._supervisor.loaded.config)
        for one in dropped:
            text = (
                f"forgetting {one.describe()} of {one.real_server} of {one.virtual_server}:"
                f" not in the configuration, as are {books.DORMANT_LIMIT} newer overrides"
            )
            self._supervisor.journal.write("warning", text)
        return followed

    # Expiry.

    def keep_looking(self) -> None:
        """See to it that nothing stays after its end; also what has expired before the start, which
        is told as any other."""
        if self._looking is None and any(one.expires_s is not None for one in self.entries):
            loop = self._supervisor.loop
            self._looking = loop.call_at(loop.now_ns() + _LOOK_NS, self._look)

    def _look(self) -> None:
        self._looking = None
        if self._supervisor.supervision.stage not in STOPPING:
            over = books.expired(self.entries, now_s())
            if over:
                self._end(over)
        self.keep_looking()

    def _end(self, over: Entries) -> None:
        """Those whose time is over go; people are told."""
        gone = set(over)
        awake = gone - self._asleep(over)
        self._replace(tuple(one for one in self.entries if one not in gone))
        for one in over:
            if one in awake:
                reason = f"its time is over ({one.describe()})"
                self.tell_people(one.virtual_server, one.real_server, None, reason)

    # Who is told.

    def tell_people(
        self, virtual_server: str, real_server: str, now: Override | None, reason: str
    ) -> None:
        """That `now` is what holds of a real server; None: its checks."""
        state = "enabled" if now is None else now.state.value
        text = f"virtual_servers.{virtual_server}.real_servers.{real_server}: {state}"
        self._supervisor.journal.write("info", f"{text}: {reason}")
        change = OverrideChange(
            virtual_server=virtual_server, real_server=real_server, state=state, reason=reason
        )
        self._supervisor.execute(self._supervisor.supervision.operator_said(change))

    def listing(self) -> list[dict[str, object]]:
        """All of them, those that end first before the others; `dormant`: its place is not in the
        configuration."""
        asleep = self._asleep(self.entries)
        ordered = sorted(
            self.entries, key=lambda one: (one.expires_s is None, one.expires_s or one.since_s)
        )
        return [
            {
                "virtual_server": one.virtual_server,
                "real_server": one.real_server,
                "address": one.endpoint.address,
                "port": one.endpoint.port,
                **books.shown(one),
                "dormant": one in asleep,
            }
            for one in ordered
        ]

    def warnings(self) -> list[str]:
        """What an operator has to know of them."""
        found = [self._damage()] if self._unreadable else []
        if self._unwritten:
            found.append(f"{self._unwritten}; orders for real servers are refused")
        asleep = self._asleep(self.entries)
        if asleep:
            names = _some(asleep)
            found.append(f"overrides of real servers that are not in the configuration: {names}")
        late_s = now_s() - FORGOTTEN_S
        old = {one for one in self.entries if one.expires_s is None and one.since_s < late_s}
        if old - asleep:
            names = _some(old - asleep)
            found.append(f"overridden by hand for more than a day, without an end: {names}")
        return found

    def _asleep(self, entries: Entries) -> set[Override]:
        return set(books.dormant(entries, self._supervisor.loaded.config))

    def _damage(self) -> str:
        return (
            f"{self._unreadable}: what operators said of real servers is lost, or a part of it;"
            " drain or disable again who is not to get connections"
        )


def _some(entries: Iterable[Override]) -> str:
    ordered = sorted(entries, key=lambda one: (one.since_s, one.real_server))
    named = [
        f"{one.real_server} of {one.virtual_server} ({one.describe()})" for one in ordered[:_NAMED]
    ]
    rest = len(ordered) - _NAMED
    return "; ".join(named) + (f"; and {rest} more" if rest > 0 else "")
