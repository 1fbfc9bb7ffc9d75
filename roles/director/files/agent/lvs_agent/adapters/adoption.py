# SPDX-License-Identifier: GPL-3.0-or-later
"""The order to share the host with another VRRP and IPVS program, such as keepalived, for a while.

Owns the file that says so, and reading which instances are held here already. While the file is
there, what is configured belongs to that program as well: the agent goes on with it at its start
instead of clearing it away, and a sweep leaves it. Whoever migrates a host makes the file, and
takes it away when one of the two is alone. Must never change anything.
"""

from __future__ import annotations

import socket
from pathlib import Path

from lvs_agent.adapters.netlink import Netlink
from lvs_agent.adapters.rtnetlink import read_host
from lvs_agent.core import addresses
from lvs_agent.core.model import Config

# In the runtime directory: a boot ends it, since it also ends what was to be adopted.
NAME = "adopt"


def is_ordered(directory: Path) -> bool:
    """Whether what is there is to be adopted."""
    return (directory / NAME).exists()


def held_here(config: Config) -> tuple[str, ...]:
    """The instances all of whose addresses are on this host. Raises OSError."""
    netlink = Netlink(socket.NETLINK_ROUTE)
    try:
        host = read_host(netlink)
    finally:
        netlink.close()
    return addresses.held(config, host)


def in_words(config: Config, held: tuple[str, ...]) -> str:
    """What is adopted, for the journal."""
    others = [one.name for one in config.vrrp_instances if one.name not in held]
    parts = [f"{', '.join(held)} held here, going on as master"] if held else []
    parts += [f"{', '.join(others)} not held here"] if others else []
    parts += ["IPVS as it is, for the services that are configured"]
    return f"adopting what another program has on this host: {'; '.join(parts)}"
