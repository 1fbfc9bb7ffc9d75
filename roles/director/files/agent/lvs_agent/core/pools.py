# SPDX-License-Identifier: GPL-3.0-or-later
"""All virtual servers' pools over time: verdicts and configurations go in, pools and news come out.

Owns the state of each virtual server across reloads and processes. Must never decide what a verdict
means for a pool (quorum.py), nor touch IPVS.

Any number of verdicts may be noted before `settle` draws the conclusions: thousands come at once
when a site fails, and each conclusion goes through a whole pool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lvs_agent.core.ipvs.model import Destination, Endpoint, Pool, ServiceKey
from lvs_agent.core.messages import PoolChange, Verdict
from lvs_agent.core.model import Config, VirtualServer
from lvs_agent.core.overrides import Entries, InForce, in_force, shown
from lvs_agent.core.quorum import (
    Known,
    Lookup,
    Panic,
    PoolState,
    can_wait,
    conclude,
    sorry_in_use,
    taking_part,
)
from lvs_agent.core.verdicts import Place, VerdictBook, predecessor

# Verdicts of a configuration that this process has yet to be told of: one for each real server that
# there can be; of more, the oldest are left out.
EARLY_LIMIT = 65_536
_NOBODY: dict[Endpoint, Destination] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Virtual servers (by identity) whose pool may be another now, and what is to be told."""

    touched: tuple[ServiceKey, ...]
    news: tuple[PoolChange, ...]


class Pools:
    """`adopt`: what an earlier process said last of its pools; then nothing is concluded before
    `adopt_kernel` was called. `overrides`: what operators said."""

    def __init__(
        self,
        config: Config,
        generation: int,
        *,
        adopt: Iterable[PoolChange] = (),
        overrides: Entries = (),
    ) -> None:
        self.overrides = overrides
        self._in_force: InForce = {}
        self._book = VerdictBook(config, generation)
        self._config = config
        self._servers: dict[ServiceKey, VirtualServer] = {}
        self._states: dict[ServiceKey, PoolState] = {}
        self._pools: dict[ServiceKey, dict[Endpoint, Destination]] = {}
        self._unsettled: dict[ServiceKey, None] = {}
        self._early: deque[Verdict] = deque(maxlen=EARLY_LIMIT)
        self._take(config)
        said = {one.virtual_server: one for one in adopt}
        for identity, server in self._servers.items():
            if server.name in said:
                self._states[identity] = _state_of(said[server.name], server)

    @property
    def generation(self) -> int:
        """That of the configuration in force."""
        return self._book.generation

    def _take(self, config: Config) -> None:
        self._config = config
        self._servers = {server.identity: server for server in config.virtual_servers}
        self._unsettled = dict.fromkeys(self._servers)
        self._in_force = in_force(self.overrides, config)

    def _lookup(self, identity: ServiceKey, overrides: InForce | None = None) -> Lookup:
        """What is known of the servers of one virtual server, with what operators said of them:
        now, or by other `overrides`."""
        known = self._book.of(identity)
        said = (self._in_force if overrides is None else overrides).get(identity)
        if said is None:
            return known

        def lookup(endpoint: Endpoint) -> Known:
            override = said.get(endpoint)
            found = known(endpoint)
            return found if override is None else found._replace(override=override)

        return lookup

    # What is told

    def note(self, verdict: Verdict, now_ns: int) -> bool:
        """A verdict; True when there is something to settle by it. One of the next configuration is
        kept until then: the health process may have been quicker."""
        if verdict.generation > self._book.generation:
            self._early.append(verdict)
            return False
        identity = self._book.note(verdict, now_ns)
        if identity is not None:
            self._unsettled[identity] = None
        return identity is not None

    def adopt_kernel(self, pools: Mapping[ServiceKey, Pool], now_ns: int) -> None:
        """For a successor: what the kernel has stands for the verdicts that nobody repeats."""
        self._book.adopt(pools, self._config, now_ns, self._in_force)
        self._unsettled.update(dict.fromkeys(self._servers))

    def override(self, overrides: Entries) -> None:
        """Go by these overrides, and no others; those they change are to be settled."""
        before = self._in_force
        self.overrides = overrides
        now = self._in_force = in_force(overrides, self._config)
        for identity in before.keys() | now.keys():
            if before.get(identity) != now.get(identity):
                self._unsettled[identity] = None

    def reconfigure(self, config: Config, generation: int, now_ns: int) -> None:
        """Go by another configuration; everything is to be settled anew."""
        before = {key: identity for identity, one in self._servers.items() for key in one.services}
        states = self._states
        new = self._book.reconfigure(config, generation)
        self._take(config)
        self._states = {
            identity: states[former]
            for identity, server in self._servers.items()
            if (former := predecessor(server, before)) in states
        }
        for identity, places in _by_server(new).items():
            if self._can_wait(identity, places):
                for place in places:
                    self._book.wait(place)
        early, self._early = self._early, deque(maxlen=EARLY_LIMIT)
        for verdict in early:
            self.note(verdict, now_ns)

    def _can_wait(self, identity: ServiceKey, new: tuple[Place, ...]) -> bool:
        state = self._states.get(identity)
        unknown = {endpoint for __, endpoint in new}
        server, lookup = self._servers[identity], self._lookup(identity)
        return state is not None and can_wait(server, lookup, state, unknown)

    def settle(self, now_ns: int) -> Settled:
        """Draw the conclusions from all that was told."""
        touched = tuple(self._unsettled)
        self._unsettled = {}
        news: list[PoolChange] = []
        for identity in touched:
            server, lookup = self._servers[identity], self._lookup(identity)
            before = self._states.get(identity)
            state, self._pools[identity] = conclude(server, lookup, before, now_ns)
            self._states[identity] = state
            news += _news(server, before, state)
        for gone in self._pools.keys() - self._servers.keys():
            del self._pools[gone]
        return Settled(touched=touched, news=tuple(news))

    # What follows

    def pool(self, identity: ServiceKey) -> dict[Endpoint, Destination]:
        """What IPVS is to have, as of the last `settle`."""
        return self._pools.get(identity, _NOBODY)

    def by_place(self, overrides: Entries) -> InForce:
        """Other overrides, by their places in the configuration."""
        return in_force(overrides, self._config)

    def pool_with(
        self, identity: ServiceKey, overrides: InForce, now_ns: int
    ) -> dict[Endpoint, Destination]:
        """What IPVS would have by other overrides; nothing is changed."""
        lookup = self._lookup(identity, overrides)
        before = self._states.get(identity)
        return conclude(self._servers[identity], lookup, before, now_ns)[1]

    def known(self, identity: ServiceKey, endpoint: Endpoint) -> Known:
        """What is known of a server of a virtual server that there is."""
        return self._lookup(identity)(endpoint)

    def standing(self) -> tuple[PoolChange, ...]:
        """How it stands with every pool, as no news."""
        return tuple(
            _change(server, "SAME", state, "")
            for identity, server in self._servers.items()
            if (state := self._states.get(identity)) is not None
        )

    def report(self, server: VirtualServer, now_ns: int) -> dict[str, object]:
        """`quorum`, `panic`, `sorry_servers` and `real_servers` of an entry of `services`."""
        identity, lookup = server.identity, self._lookup(server.identity)
        state = self._states.get(identity)
        members = {} if state is None else taking_part(server, lookup, state.panic)
        used = None if state is None else sorry_in_use(server, lookup, state)
        policy = server.policy
        overrides = self._in_force.get(identity, {})
        real_servers = self._book.report(server)
        for row, real in zip(real_servers, server.real_servers, strict=True):
            row["takes_part"] = real.endpoint in members
            override = overrides.get(real.endpoint)
            row["override"] = None if override is None else shown(override)
        return {
            "quorum": state
            and {
                "reached": state.quorum,
                "since_s": _seconds(now_ns - state.quorum_since_ns),
                "weight": state.weight,
                "quorum": policy.quorum,
                "hysteresis": policy.hysteresis,
            },
            "panic": state
            and state.panic
            and {
                "since_s": _seconds(now_ns - state.panic.since_ns),
                "held": [
                    real.name
                    for real in server.real_servers
                    if real.endpoint in members and not lookup(real.endpoint).up
                ],
            },
            "sorry_servers": [
                _sorry_row(one.name, one.endpoint, lookup(one.endpoint), one is used)
                for one in server.sorry_servers
            ],
            "real_servers": real_servers,
        }


def _sorry_row(name: str, endpoint: Endpoint, known: Known, used: bool) -> dict[str, object]:
    return {
        "name": name,
        "address": endpoint.address,
        "port": endpoint.port,
        "in_use": used,
        "up": known.up,
        "checked": known.checked,
        "reason": known.reason,
    }


def _seconds(elapsed_ns: int) -> float:
    return round(elapsed_ns / 1e9, 3)


def _state_of(said: PoolChange, server: VirtualServer) -> PoolState:
    since_ns, threshold = said.panic_since_ns, server.policy.panic
    panic = None
    if since_ns is not None and threshold is not None:
        panic = Panic(since_ns, since_ns - threshold.window_ns)
    return PoolState(
        quorum=said.quorum, quorum_since_ns=said.quorum_since_ns, weight=0, panic=panic
    )


def _by_server(places: Iterable[Place]) -> dict[ServiceKey, tuple[Place, ...]]:
    found: dict[ServiceKey, list[Place]] = {}
    for place in places:
        found.setdefault(place[0], []).append(place)
    return {identity: tuple(own) for identity, own in found.items()}


def _news(server: VirtualServer, before: PoolState | None, state: PoolState) -> list[PoolChange]:
    """What of it people, programs and the supervisor are to be told."""
    reason = _reason(server, state)
    if before is None:
        news = [_change(server, "START", state, reason)]
    elif state.quorum != before.quorum:
        event = "QUORUM_UP" if state.quorum else "QUORUM_DOWN"
        news = [_change(server, event, state, reason)]
    else:
        news = []
    had = before is not None and before.panic is not None
    if had and state.panic is None:
        news.append(_change(server, "PANIC_OVER", state, "the verdicts count again"))
    elif state.panic is not None and not had:
        reason = "too many real servers are down at once; the last good set stays in IPVS"
        news.append(_change(server, "PANIC", state, reason))
    return news


def _reason(server: VirtualServer, state: PoolState) -> str:
    policy = server.policy
    if state.quorum:
        need = policy.quorum - policy.hysteresis
        return f"weights up to {state.weight} are up, and a quorum is lost below {need}"
    need = policy.quorum + policy.hysteresis
    return f"weights of only {state.weight} are up, and a quorum is gained at {need}"


def _change(server: VirtualServer, event: str, state: PoolState, reason: str) -> PoolChange:
    return PoolChange(
        virtual_server=server.name,
        event=event,
        quorum=state.quorum,
        quorum_since_ns=state.quorum_since_ns,
        panic_since_ns=None if state.panic is None else state.panic.since_ns,
        reason=reason,
    )
