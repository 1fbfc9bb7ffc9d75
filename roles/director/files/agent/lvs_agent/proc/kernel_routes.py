# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's keeper of routes and routing policy rules.

Owns which of them are wanted and their repair. Must never decide who holds: that is said by
`hold`. What fails is logged and tried again, at each change of the host and at each audit: a route
is never a reason to give up the addresses. Without any it asks the kernel nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lvs_agent.adapters.route_netlink import PROTOCOL
from lvs_agent.adapters.route_table import Found, RouteTable
from lvs_agent.core import routes
from lvs_agent.core.model import Config, Route, Rule
from lvs_agent.core.routes import STATIC, Entry, Place, describe, place
from lvs_agent.proc.kernel_holdings import Holding
from lvs_agent.proc.loop import Loop, Timer

AUDIT_NS = 5_000_000_000
# Changes come in bursts (a takeover of 500 addresses); one look is enough for all of them.
SETTLE_NS = 10_000_000
# Somebody who removes a route as fast as we put it back would keep both of us busy for ever: after
# so many repairs between two audits the rest waits for the next audit.
REPAIRS_PER_AUDIT = 100
_LEFT_AWAY = "somebody removed it, and no_track says to leave it so"
_THEIRS = "there is one of somebody else's in its place"


@dataclass(slots=True)
class Drift:
    """What others did to our routes and rules, and we undid."""

    put_back: int = 0
    removed: int = 0


class RouteKeeper:
    """Opens its sockets when there is something to keep. Raises OSError when it cannot.

    Not `restarted`: whatever of the configured ones is there already is a dead agent's, and goes.
    While the host is `shared` with another program, only what was taken here is removed here.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        config: Config,
        log: Callable[[str, str], None],
        restarted: bool,
        shared: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._log = log
        self._shared = shared
        self._table: RouteTable | None = None
        state = Holding.UNKNOWN if restarted else Holding.RELEASED
        self._entries = routes.configured(config)
        self._states = dict.fromkeys(self._entries, state) | {STATIC: Holding.HELD}
        self._done: set[Entry] = set()  # added, or found there, at some time
        self._errors: dict[Entry, str] = {}  # why a wanted one is not there
        self._soon: Timer | None = None
        self._repairs = 0
        self.drift = Drift()
        self._watch()
        self._look()
        loop.call_at(loop.now_ns() + AUDIT_NS, self._audit)

    def _watch(self) -> None:
        """Listen while there is something to keep."""
        everything = self._all()
        self._protocols = frozenset(e.protocol for e in everything if isinstance(e, Route))
        if everything and self._table is None:
            self._table = RouteTable()
            self._loop.add_reader(self._table.fileno(), self._readable)
        elif not everything and self._table is not None:
            self._loop.remove_reader(self._table.fileno())
            self._table.close()
            self._table = None

    def _all(self) -> dict[Entry, None]:
        return {entry: None for part in self._entries.values() for entry in part}

    def _of(self, *states: Holding) -> dict[Entry, None]:
        """The entries of instances in one of `states`, each once, in order."""
        return {
            entry: None
            for name, part in self._entries.items()
            if self._states[name] in states
            for entry in part
        }

    # Taking and giving up

    def hold(self, name: str, hold: bool) -> None:
        """Add or remove the routes and rules of an instance."""
        if name not in self._entries or self._table is None:
            return
        before = self._states[name]
        self._states[name] = Holding.HELD if hold else Holding.RELEASED
        if hold:
            self._add(self._table, self._entries[name])
        elif before is Holding.HELD or not self._shared():
            kept = self._of(Holding.HELD, Holding.UNKNOWN)
            self._remove(self._table, [e for e in self._entries[name] if e not in kept])

    def release_all(self) -> list[str]:
        """Remove everything, the static ones too; what went wrong."""
        self._states = dict.fromkeys(self._entries, Holding.RELEASED) | {STATIC: Holding.RELEASED}
        return [] if self._table is None else self._remove(self._table, list(self._all()))

    def reconfigure(self, config: Config, former_names: Mapping[str, str]) -> None:
        """Apply the difference; a route that only changes is at no moment away."""
        before = self._of(Holding.HELD, Holding.UNKNOWN)
        states = self._states
        self._entries = routes.configured(config)
        self._states = {
            name: states.get(former_names.get(name, name), Holding.RELEASED)
            for name in self._entries
        }
        self._states[STATIC] = Holding.HELD
        kept = self._of(Holding.HELD, Holding.UNKNOWN)
        gone = [entry for entry in before if entry not in kept]
        if self._entries:
            self._watch()
        if self._table is not None:
            new = [entry for entry in self._of(Holding.HELD) if entry not in self._done]
            self._add(self._table, new, replaced=gone)
            self._remove(self._table, gone)
        self._watch()
        self._look()

    def _add(
        self, table: RouteTable, entries: Iterable[Entry], replaced: Iterable[Entry] = ()
    ) -> None:
        outcome = table.add(entries, replaced)
        for entry in outcome.taken:
            self._is_there(entry)
        if outcome.existing:
            self._look_soon()  # tells whether they are ours
        self._note(outcome.refused)

    def _remove(self, table: RouteTable, entries: list[Entry]) -> list[str]:
        """Remove, in reverse order; what went wrong. Never somebody else's equal one."""
        ours = [e for e in entries[::-1] if e in self._done or e not in self._errors]
        for entry in entries:
            self._done.discard(entry)
            self._errors.pop(entry, None)
        errors = table.remove(ours)
        for error in errors:
            self._log("error", error)
        return errors

    def _is_there(self, entry: Entry) -> None:
        self._done.add(entry)
        self._errors.pop(entry, None)

    def _note(self, errors: Mapping[Entry, str]) -> None:
        """Remember why entries are not there; the log hears once of each."""
        news = {entry: error for entry, error in errors.items() if self._errors.get(entry) != error}
        self._errors |= news
        for error in dict.fromkeys(news.values()):
            concerned = [entry for entry, its in news.items() if its == error]
            self._log("error", f"{self._words(concerned)}: {error}; trying again")

    def _words(self, entries: list[Entry]) -> str:
        """The first few, with the first one's holder: a message must stay readable."""
        first = entries[0]
        owners = (name for name, part in self._entries.items() if first in part)
        name = next(owners, STATIC)
        text = "; ".join(describe(entry) for entry in entries[:5])
        rest = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
        return f"{f'vrrp_instances.{name}' if name else 'static'}: {text}{rest}"

    # Watching and repairing

    def host_changed(self) -> None:
        """An interface or address came, went or changed: routes may have gone with it."""
        if self._table is not None:
            self._table.forget_interfaces()
            self._look_soon()

    def _readable(self) -> None:
        if self._table is not None and self._table.changed(self._protocols):
            self._look_soon()

    def _look_soon(self) -> None:
        if self._soon is None:
            self._soon = self._loop.call_at(self._loop.now_ns() + SETTLE_NS, self._look)

    def _audit(self) -> None:
        self._loop.call_at(self._loop.now_ns() + AUDIT_NS, self._audit)
        self._repairs = 0
        if self._table is not None:
            self._table.forget_interfaces()
            self._look()

    def _look(self) -> None:
        """Compare with the kernel; put back what is missing, remove what should not be."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._table is None or self._repairs >= REPAIRS_PER_AUDIT:
            return
        try:
            found = self._table.read(map(place, self._all()))
        except OSError as error:
            self._log("error", f"reading routes: {error.strerror or error}")
            return
        away: list[Entry] = []
        for entry in self._of(Holding.HELD):
            if any(routes.is_exactly(entry, one.entry) for one in found.get(place(entry), ())):
                self._is_there(entry)
            else:
                away.append(entry)
        strays = [] if self._shared() else self._strays(found)
        if strays or not self._done.isdisjoint(away):
            self._repairs += 1
        self._clear_away(self._table, strays)
        self._put_back(self._table, away)

    def _strays(self, found: dict[Place, list[Found]]) -> list[Found]:
        """Ours by place and protocol number, but altered, or of an instance that is not held."""
        kept: dict[Place, list[Entry]] = {}
        for entry in self._of(Holding.HELD, Holding.UNKNOWN):
            kept.setdefault(place(entry), []).append(entry)
        strays: dict[bytes, Found] = {}
        for entry in self._all():
            for one in found.get(place(entry), ()):
                # With a protocol number that others use too, only exactly ours is ours.
                alike = isinstance(entry, Rule) or entry.protocol == PROTOCOL
                if not alike and not routes.is_exactly(entry, one.entry):
                    continue
                if not any(routes.is_exactly(k, one.entry) for k in kept.get(place(entry), ())):
                    strays[one.body] = one
        return list(strays.values())

    def _clear_away(self, table: RouteTable, strays: list[Found]) -> None:
        if not strays:
            return
        errors = table.remove_found(strays)
        self.drift.removed += len(strays) - len(errors)
        for error in errors:
            self._log("error", error)
        words = self._words([one.entry for one in strays])
        self._log("warning", f"{words}: removed; not wanted now, or altered by somebody else")

    def _put_back(self, table: RouteTable, away: list[Entry]) -> None:
        left = [entry for entry in away if entry in self._done and not entry.track]
        outcome = table.add([entry for entry in away if entry not in left])
        back = [entry for entry in outcome.taken if entry in self._done]
        if back:
            self.drift.put_back += len(back)
            self._log("warning", f"{self._words(back)}: had been removed; put back")
        for entry in outcome.taken:
            self._is_there(entry)
        self._note(
            outcome.refused
            | dict.fromkeys(outcome.existing, _THEIRS)
            | dict.fromkeys(left, _LEFT_AWAY)
        )

    def report(self) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """`routes` and `rules` of the status; `instance` is None for a static one."""
        found: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
        for name, entries in self._entries.items():
            for entry in entries:
                line: dict[str, object] = {
                    "instance": name or None,
                    "rule" if isinstance(entry, Rule) else "route": describe(entry),
                    "held": self._states[name].value,
                    "present": entry in self._done and entry not in self._errors,
                    "error": self._errors.get(entry),
                }
                found[isinstance(entry, Rule)].append(line)
        return found
