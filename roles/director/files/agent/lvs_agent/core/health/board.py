# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks there are, whom each one serves, and what the kernel process was told.

Owns the sharing of probes (equal checks are one) and the verdicts of real servers over results,
reconfigurations and restarts. Must never run a check nor send anything.

Rules: a verdict changes only on knowledge. A real server whose checks are new keeps the verdict it
had, so a reload never brings a dead server back unchecked. One that nobody ever checked is assumed
up; after a restart of this process not even that is said, because the kernel process knows better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lvs_agent.core.checks import BfdCheck, Check
from lvs_agent.core.health.check import (
    CheckState,
    Pause,
    Result,
    Standing,
    after,
    kind,
    standing,
    target,
    weight_of,
)
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey
from lvs_agent.core.messages import Verdict
from lvs_agent.core.model import Config, RealServer, SorryServer, VirtualServer

# A reason is for people: about one line of the journal.
_REASON_CHARACTERS = 300

# The virtual server's identity, and its own: what makes two the same to IPVS.
ServerKey = tuple[ServiceKey, Endpoint]


_NOT_CHECKED = CheckState()


class Watched:
    """One distinct check and everybody who asked for it. `index` gives its place in time."""

    __slots__ = ("check", "index", "state", "users")

    def __init__(self, check: Check, index: int) -> None:
        self.check = check
        self.index = index
        self.state = _NOT_CHECKED
        self.users: list[Server] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The verdict a real server has now; `weight` as in messages.Verdict."""

    up: bool
    checked: bool
    reason: str
    weight: int | None = None

    @property
    def told(self) -> tuple[bool, bool, int | None]:
        """What another verdict differs in; another reason alone is no news."""
        return self.up, self.checked, self.weight


_PASSED = Held(up=True, checked=True, reason="all checks passed")
_UNCHECKED = Held(up=True, checked=True, reason="no checks")
_ASSUMED = Held(up=True, checked=False, reason="not checked yet")
_ALPHA = Held(up=False, checked=False, reason="waiting for its first check (alpha)")


class Server:
    """A real server of a virtual server; `held` None: nothing is to be said of it yet.

    There may be 65,536 of these: what can be made when needed is not kept.
    """

    __slots__ = ("held", "real", "virtual", "watched")

    def __init__(self, virtual: VirtualServer, real: RealServer | SorryServer) -> None:
        self.virtual = virtual
        self.real = real
        self.watched: tuple[Watched, ...] = ()
        self.held: Held | None = None

    @property
    def key(self) -> ServerKey:
        """What makes it the same real server in another configuration."""
        return self.virtual.identity, self.real.endpoint

    @property
    def name(self) -> str:
        """Both names, for reports."""
        return f"{self.virtual.name}/{self.real.name}"

    def __str__(self) -> str:
        virtual, real = self.virtual, self.real
        return (
            f"real server {real.name} ({real.endpoint}) of virtual server"
            f" {virtual.name} ({virtual.identity})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new verdict. `text` is a line for the journal; None when up or down is as before."""

    verdict: Verdict
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a configuration changed: checks to start, checks to abandon, verdicts."""

    added: tuple[Watched, ...]
    removed: tuple[Watched, ...]
    changes: tuple[Change, ...]


class Board:
    """All checks and all real servers of one configuration generation."""

    def __init__(self, *, restarted: bool) -> None:
        self._assume = not restarted
        self._generation = 0
        self._indexes = 0
        self._watched: dict[Check, Watched] = {}
        self._servers: list[Server] = []

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._watched.values())

    def configure(self, config: Config, generation: int) -> Difference:
        """Take over `config`; equal checks keep their state, the same real servers their verdict.

        A real server is the same by its virtual server's identity, address and port.
        """
        before = {server.key: server.held for server in self._servers}
        old, self._watched, self._servers = self._watched, {}, []
        self._generation = generation
        for watched in old.values():
            watched.users = []
        changes = []
        for virtual in config.virtual_servers:
            for real in virtual.servers:
                server = Server(virtual, real)
                key = server.key
                held = server.held = before.get(key)
                server.watched = tuple(
                    self._watch(check, old, server) for check in dict.fromkeys(real.checks)
                )
                self._servers.append(server)
                self._conclude(server, assume=self._assume and key not in before)
                if held or (server.held and not server.held.up):
                    changes += self._changes(server, held)
        self._assume = True
        return Difference(
            added=tuple(new for check, new in self._watched.items() if check not in old),
            removed=tuple(gone for check, gone in old.items() if check not in self._watched),
            changes=tuple(changes),
        )

    def _watch(self, check: Check, old: dict[Check, Watched], user: Server) -> Watched:
        watched = self._watched.get(check)
        if watched is None:
            watched = old.get(check)
            if watched is None:
                watched = Watched(check, self._indexes)
                self._indexes += 1
            self._watched[check] = watched
        watched.users.append(user)
        return watched

    def settle(self, watched: Watched, result: Result) -> tuple[Pause, list[Change]]:
        """Note the end of a try of `watched`: the pause before the next, and what it changes."""
        before = watched.state
        step = after(before, watched.check.retry, result)
        watched.state = step.state
        changes: list[Change] = []
        if _says(step.state) != _says(before):
            for server in watched.users:
                held = server.held
                self._conclude(server, assume=False)
                changes += self._changes(server, held)
        return step.pause, changes

    def verdicts(self) -> Iterator[Verdict]:
        """Every verdict there is, in the configuration's order; not that somebody is up of whom
        nothing is known, or who has no checks: everybody knows that."""
        return (
            self._verdict(server, held)
            for server in self._servers
            if (held := server.held) and held not in (_ASSUMED, _UNCHECKED)
        )

    def _conclude(self, server: Server, *, assume: bool) -> None:
        match standing(watched.state for watched in server.watched):
            case Standing.UP:
                server.held = _passed(server)
            case Standing.DOWN:
                server.held = Held(up=False, checked=True, reason=_failures(server))
            case Standing.UNKNOWN:
                if assume:
                    server.held = _ALPHA if _waits(server) else _ASSUMED

    def _changes(self, server: Server, before: Held | None) -> list[Change]:
        """The change from `before`; none when only the reason differs."""
        held = server.held
        if held is None or (before and before.told == held.told):
            return []
        # Nothing held before counts as up here: a server found up at the start is no news.
        text = None
        if held.up != (before.up if before else True):
            text = f"{server} is {'up' if held.up else 'down'}: {held.reason}"
        elif before and before.weight != held.weight and held.up:
            weight = server.real.weight if held.weight is None else held.weight
            text = f"{server} has weight {weight}: {held.reason}"
        return [Change(verdict=self._verdict(server, held), text=text)]

    def _verdict(self, server: Server, held: Held) -> Verdict:
        return Verdict(
            generation=self._generation,
            virtual_server=server.virtual.name,
            real_server=server.real.name,
            up=held.up,
            checked=held.checked,
            reason=held.reason,
            weight=held.weight,
        )


def _says(state: CheckState) -> tuple[object, ...]:
    """What of a check's state can change a verdict."""
    return state.up, state.checked, state.weight, state.added


def _waits(server: Server) -> bool:
    """Whether it is to count as down until its first check has spoken (alpha)."""
    return any(watched.check.alpha and not watched.state.checked for watched in server.watched)


def _passed(server: Server) -> Held:
    """Up; one and the same for all that have no weight of their checks."""
    if not server.watched:
        return _UNCHECKED
    states = [watched.state for watched in server.watched]
    weight = weight_of(states, server.real.weight)
    if weight is None:
        return _PASSED
    reason = "; ".join(
        f"{kind(watched.check)} {target(watched.check)}: {watched.state.reason}"
        for watched in server.watched
        if watched.state.weight is not None or watched.state.added is not None
    )
    return Held(up=True, checked=True, reason=reason[:_REASON_CHARACTERS], weight=weight)


def _failures(server: Server) -> str:
    """Which checks of a dead real server fail, and why."""
    reasons = []
    for watched in server.watched:
        state = watched.state
        if state.checked and not state.up:
            reasons.append(f"{kind(watched.check)} {target(watched.check)}: {_failure(watched)}")
    return "; ".join(reasons)[:_REASON_CHARACTERS]


def _failure(watched: Watched) -> str:
    state = watched.state
    if isinstance(watched.check, BfdCheck):
        return state.reason  # nobody tries anything
    tries = f"{state.failed_tries} tries" if state.failed_tries > 1 else "1 try"
    return f"{state.reason} ({tries})"


def is_paused(users: list[Server], suspended: set[str]) -> bool:
    """Whether nobody asks for a check now but virtual servers that are suspended (ha_suspend)."""
    return bool(suspended) and all(server.virtual.name in suspended for server in users)
