# SPDX-License-Identifier: GPL-3.0-or-later
"""Which virtual servers are not to be checked because their address is elsewhere (ha_suspend).

Owns that decision. Must never know who is master: only where the addresses are counts, as in
keepalived.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from lvs_agent.core.messages import SUSPENDED_LIMIT, Suspended
from lvs_agent.core.model import Config, VirtualServer


def wanted(config: Config) -> bool:
    """Whether any virtual server asks for it."""
    return any(server.policy.ha_suspend for server in config.virtual_servers)


def suspended(config: Config, present: Container[str]) -> dict[str, bool]:
    """Whether it is suspended, of each virtual server with ha_suspend: while none of its addresses
    is among `present`, the host's."""
    return {
        server.name: not is_here(server, present)
        for server in config.virtual_servers
        if server.policy.ha_suspend
    }


def changes(told: Mapping[str, bool], now: Mapping[str, bool]) -> tuple[Suspended, ...]:
    """What to say to somebody who was told so, in order. Whoever is new in `now` is spoken of in
    any case: until then he counts as suspended there (`Suspension`)."""
    found: list[Suspended] = []
    whole = dict.fromkeys(told, False) | dict(now)
    for state in (False, True):
        names = [name for name, one in whole.items() if one is state and told.get(name) is not one]
        found += (
            Suspended(virtual_servers=tuple(names[at : at + SUSPENDED_LIMIT]), suspended=state)
            for at in range(0, len(names), SUSPENDED_LIMIT)
        )
    return tuple(found)


class Suspension:
    """What the checking side knows of it: the last word on each virtual server, and who waits for
    a first one. Those are suspended: a check before it would be one too many where the address is
    elsewhere, and its verdict would stay. The first word comes within milliseconds."""

    __slots__ = ("_before", "_told", "names")

    def __init__(self) -> None:
        self._told: dict[str, bool] = {}
        self._before: set[str] = set()
        self.names: set[str] = set()

    def configure(self, config: Config) -> None:
        """Go by another configuration. The word on a new virtual server may have come before it,
        so that one is forgotten only when two configurations in a row do not have it."""
        servers = config.virtual_servers
        now = {server.name for server in servers}
        keep = now | self._before
        self._before = now
        self._told = {name: one for name, one in self._told.items() if name in keep}
        self.names = {name for name, one in self._told.items() if one}
        self.names.update(
            server.name
            for server in servers
            if server.policy.ha_suspend and server.name not in self._told
        )

    def told(self, names: Iterable[str], suspended: bool) -> None:
        """The kernel process said so."""
        self._told.update(dict.fromkeys(names, suspended))
        if suspended:
            self.names.update(names)
        else:
            self.names.difference_update(names)


def is_here(server: VirtualServer, present: Container[str]) -> bool:
    """Whether one of its addresses is among `present`, the host's; a firewall mark has none, and
    may be anywhere."""
    return any(key.mark or key.address in present for key in server.services)
