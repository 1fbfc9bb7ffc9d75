# SPDX-License-Identifier: GPL-3.0-or-later
"""Which virtual servers are not to be checked because their address is elsewhere (ha_suspend).

Owns that decision. Must never know who is master: only where the addresses are counts, as in
keepalived.
"""

from __future__ import annotations

from collections.abc import Container

from lvs_agent.core.model import Config, VirtualServer


def wanted(config: Config) -> bool:
    """Whether any virtual server asks for it."""
    return any(server.policy.ha_suspend for server in config.virtual_servers)


def suspended(config: Config, present: Container[str]) -> tuple[str, ...]:
    """The names of those with ha_suspend none of whose addresses is among `present`, the host's."""
    return tuple(
        server.name
        for server in config.virtual_servers
        if server.policy.ha_suspend and not _is_here(server, present)
    )


def _is_here(server: VirtualServer, present: Container[str]) -> bool:
    return any(key.mark or key.address in present for key in server.services)
