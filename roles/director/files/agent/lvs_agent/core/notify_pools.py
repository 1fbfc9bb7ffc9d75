# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told of what happens to virtual servers and real servers.

Owns that translation into commands, lines and mails. Must never run a command or send anything,
nor decide about a quorum: the kernel process does (`pools.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from lvs_agent.core.ipvs.model import Endpoint, ServiceKey
from lvs_agent.core.messages import OverrideChange, PoolChange, Verdict
from lvs_agent.core.model import Command, Config, RealServer, VirtualServer
from lvs_agent.core.notify import Alert, Line, Run, Told
from lvs_agent.core.quorum import starts_down

# Virtual server and real server, by name.
_Key = tuple[str, str]
_Name = TypeVar("_Name")
_Identity = TypeVar("_Identity")


class PoolNotifications:
    """Remembers what is needed to tell news from repetition."""

    def __init__(self, config: Config) -> None:
        self._virtual: dict[str, VirtualServer] = {}
        self._real: dict[_Key, tuple[VirtualServer, RealServer]] = {}
        # As far as it was told; a real server of which nothing was is up, or down with alpha.
        self._up: dict[_Key, bool] = {}
        self._quorum: dict[str, bool] = {}
        self._take(config)

    def _take(self, config: Config) -> None:
        self._virtual = {server.name: server for server in config.virtual_servers}
        self._real = {
            (server.name, real.name): (server, real)
            for server in config.virtual_servers
            for real in server.real_servers
        }

    def update(self, config: Config) -> tuple[Told, ...]:
        """Go by another configuration. What was up and is removed goes down, as in keepalived; what
        only has another name goes on."""
        virtual, real = self._virtual, self._real
        were_up = {key for key in real if self._is_up(key)}
        up = {place: up for key, up in self._up.items() for place in _places(*real[key])}
        quorum = {
            service: up for name, up in self._quorum.items() for service in virtual[name].services
        }
        self._take(config)
        self._up = _carried(up, {key: _places(*of) for key, of in self._real.items()})
        self._quorum = _carried(
            quorum, {name: server.services for name, server in self._virtual.items()}
        )
        told: list[Told] = []
        reason = "removed from the configuration"
        left = {place for of in self._real.values() for place in _places(*of)}
        for key in real:
            if key in were_up and left.isdisjoint(_places(*real[key])):
                told += _real_server(*real[key], up=False, reason=reason)
        services = {service for server in config.virtual_servers for service in server.services}
        for server in virtual.values():
            if services.isdisjoint(server.services) and quorum.get(server.identity):
                told += _quorum(server, up=False, reason=reason)
        return tuple(told)

    def _is_up(self, key: _Key) -> bool:
        return self._up.get(key, not starts_down(self._real[key][1]))

    def told(self, news: Verdict | PoolChange | OverrideChange) -> tuple[Told, ...]:
        """What to do about it, in order."""
        match news:
            case Verdict():
                return tuple(self._verdict(news))
            case PoolChange():
                return tuple(self._pool(news))
            case OverrideChange():
                return tuple(self._override(news))

    def _verdict(self, news: Verdict) -> Iterator[Told]:
        """A real server that went up or down; the first word on a healthy one is no news."""
        key = (news.virtual_server, news.real_server)
        if key not in self._real or not news.checked:
            return
        before, self._up[key] = self._is_up(key), news.up
        if news.up is not before and not news.repeated:
            yield from _real_server(*self._real[key], up=news.up, reason=news.reason)

    def _override(self, news: OverrideChange) -> Iterator[Told]:
        """A word for those who read; no command, because nothing went up or down."""
        found = self._real.get((news.virtual_server, news.real_server))
        if found is None:
            return
        server, real = found
        state = news.state.upper()
        yield Line(text=f"RS {_place(server, real)} {_virtual(server)} {state}", vrrp=False)
        if real.policy.mail:
            what = f"real server {real.name} ({real.endpoint})"
            yield Alert(
                subject=f"{what} of {server.name}: {news.state}",
                text=f"{what} of virtual server {server.name}: {news.state} {news.reason}",
            )

    def _pool(self, news: PoolChange) -> Iterator[Told]:
        server = self._virtual.get(news.virtual_server)
        if server is None:
            return
        self._quorum[server.name] = news.quorum
        match news.event:
            case "START" | "QUORUM_UP" | "QUORUM_DOWN":
                # That everything is well at the start is nothing to write home about.
                quiet = news.event == "START" and news.quorum
                yield from _quorum(server, up=news.quorum, reason=news.reason, quiet=quiet)
            case "PANIC" | "PANIC_OVER":
                yield Line(text=f"VS {_virtual(server)} {news.event}", vrrp=False)
                if server.policy.mail:
                    what = f"virtual server {server.name}: {news.event.replace('_', ' ').lower()}"
                    yield Alert(subject=what, text=f"{what}: {news.reason}")
            case _:
                return

    def farewell(self) -> tuple[Told, ...]:
        """The agent stops: those with omega are told as going down."""
        told: list[Told] = []
        reason = "the agent stops"
        for key, (server, real) in self._real.items():
            if server.policy.omega and self._is_up(key):
                told += _real_server(server, real, up=False, reason=reason)
        for name, server in self._virtual.items():
            if server.policy.omega and self._quorum.get(name):
                told += _quorum(server, up=False, reason=reason)
        return tuple(told)


def _real_server(
    server: VirtualServer, real: RealServer, *, up: bool, reason: str
) -> Iterator[Told]:
    state = "UP" if up else "DOWN"
    command = real.policy.notify_up if up else real.policy.notify_down
    yield from _run(f"RS {server.name} {real.name}", command)
    yield Line(text=f"RS {_place(server, real)} {_virtual(server)} {state}", vrrp=False)
    if real.policy.mail:
        what = f"real server {real.name} ({real.endpoint})"
        yield Alert(
            subject=f"{what} of {server.name} is {state}",
            text=f"{what} of virtual server {server.name} is {state}: {reason}",
        )


def _quorum(server: VirtualServer, *, up: bool, reason: str, quiet: bool = False) -> Iterator[Told]:
    state = "UP" if up else "DOWN"
    policy = server.policy
    yield from _run(f"VS {server.name}", policy.quorum_up if up else policy.quorum_down)
    yield Line(text=f"VS {_virtual(server)} {state}", vrrp=False)
    if policy.mail and not quiet:
        what = f"virtual server {server.name} is {state}"
        yield Alert(subject=what, text=f"{what}: {reason}")


def _run(key: str, command: Command | None) -> list[Run]:
    return [] if command is None else [Run(key=key, command=command, more=(), crowd=True)]


def _places(server: VirtualServer, real: RealServer) -> tuple[tuple[ServiceKey, Endpoint], ...]:
    return tuple((service, real.endpoint) for service in server.services)


def _carried(
    before: Mapping[_Identity, bool], now: Mapping[_Name, Iterable[_Identity]]
) -> dict[_Name, bool]:
    """What was known of the same thing, under the names of now."""
    found: dict[_Name, bool] = {}
    for name, identities in now.items():
        known = [before[one] for one in identities if one in before]
        if known:
            found[name] = known[0]
    return found


def _virtual(server: VirtualServer) -> str:
    """As keepalived writes it: a mark, the name of a group, or the address."""
    key = server.identity
    if key.mark:
        return f"FWM {key.mark}"
    return f"[{server.group or key.address}]:{server.protocol.lower()}:{key.port}"


def _place(server: VirtualServer, real: RealServer) -> str:
    port = real.endpoint.port or server.identity.port
    return f"[{real.endpoint.address}]:{server.protocol.lower()}:{port}"
