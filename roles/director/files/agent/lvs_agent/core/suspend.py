# SPDX-License-Identifier: GPL-3.0-or-later
"""Which virtual servers are not to be checked because their address is elsewhere (ha_suspend).

Owns that decision. Must never know who is master: only where the addresses are counts, as in
keepalived.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

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
    """What to say to somebody who was told so, in order; who is not spoken of is not suspended."""
    found: list[Suspended] = []
    whole = dict.fromkeys(told, False) | dict(now)
    for state in (False, True):
        names = [name for name, one in whole.items() if one is state and told.get(name) is not one]
        found += (
            Suspended(virtual_servers=tuple(names[at : at + SUSPENDED_LIMIT]), suspended=state)
            for at in range(0, len(names), SUSPENDED_LIMIT)
        )
    return tuple(found)


def is_here(server: VirtualServer, present: Container[str]) -> bool:
    """Whether one of its addresses is among `present`, the host's; a firewall mark has none, and
    may be anywhere."""
    return any(key.mark or key.address in present for key in server.services)
