# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the kernel for `lvs-agent plan`.

Owns the reading only; core/plan.py compares. Must never change anything.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lvs_agent.adapters import ipvs_timeouts, ledger_file
from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing
from lvs_agent.adapters.netlink import Netlink
from lvs_agent.adapters.route_table import RouteTable
from lvs_agent.adapters.rtnetlink import read_host
from lvs_agent.core import plan as comparison
from lvs_agent.core.ipvs import timeouts
from lvs_agent.core.ipvs.model import Service, ServiceKey
from lvs_agent.core.ledger import Ledger, of_config
from lvs_agent.core.model import Config
from lvs_agent.core.plan_pools import of_status
from lvs_agent.core.routes import Entry, Place


def plan(
    config: Config,
    *,
    runtime_directory: Path | None = None,
    status: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """What the agent would change in this host's kernel with `config`, a line for each change.

    `status` is the document of `lvsctl status --json`: with it a real server that is down is not
    shown as one to add, and one that is new waits for its check; without it the agent is about to
    start, and every real server counts as up unless it has alpha. Needs CAP_NET_ADMIN for IPVS.
    Raises OSError when the kernel cannot be read.
    """
    directory = runtime_directory or ledger_file.runtime_dir()
    ledger, __ = ledger_file.read(directory)
    netlink = Netlink(socket.NETLINK_ROUTE)
    try:
        host = read_host(netlink)
    finally:
        netlink.close()
    if status is None and config.global_defs.lvs_flush:
        services = _services(None)
        ledger |= Ledger(services=frozenset(services))
    else:
        services = _services(of_config(config).services | ledger.services)
    lines = comparison.plan(
        config,
        host,
        services,
        ledger,
        present=_routes(of_config(config) | ledger),
        running=of_status(status or {}),
    )
    return (*lines, *_timeouts(config, directory))


def _timeouts(config: Config, directory: Path) -> tuple[str, ...]:
    """Those of IPVS's connections; without the module there are none yet."""
    configured = config.global_defs.timeouts
    made, __ = ipvs_timeouts.read(directory)
    if configured is None and made is None:
        return ()
    ipvs = Ipvs()
    try:
        return timeouts.plan(configured, made, ipvs.timeouts())
    except IpvsMissing:
        return ()
    finally:
        ipvs.close()


def _routes(concerned: Ledger) -> dict[Place, list[Entry]]:
    """The kernel's routes and rules in the places of those that are or were ours."""
    places = concerned.routes | concerned.rules
    if not places:
        return {}
    table = RouteTable()
    try:
        found = table.read(places)
    finally:
        table.close()
    return {place: [one.entry for one in there] for place, there in found.items()}


def _services(keys: frozenset[ServiceKey] | None) -> dict[ServiceKey, Service]:
    """The services among `keys`, None: all; without the module there are none yet."""
    ipvs = Ipvs()
    try:
        wanted = frozenset(ipvs.service_list()) if keys is None else keys
        states = ipvs.read(wanted) if wanted else {}
    except IpvsMissing:
        return {}
    finally:
        ipvs.close()
    return {key: state.service for key, state in states.items()}
