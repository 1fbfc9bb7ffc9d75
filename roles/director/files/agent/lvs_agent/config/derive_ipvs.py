# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from several options of a virtual server together, for rules and builder alike.

Owns those derivations. Takes checked values; must never reject anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_agent.config.derive import or_else
from lvs_agent.core.ipvs.model import SCHEDULER_FLAGS, ServiceKey, Tunnel, marked

Values = dict[str, Any]

_FAMILIES = {"inet": 4, "inet6": 6, None: 4}
# Option -> the flag as ipvsadm calls it.
FLAG_OPTIONS = {name.replace("-", "_"): name for name in SCHEDULER_FLAGS}


def services(server: Values, groups: Values) -> tuple[ServiceKey, ...]:
    """The IPVS services of a virtual server, each once, in the order of the document."""
    if server["fwmark"] is not None:
        return (marked(server["fwmark"], _FAMILIES[server["ip_family"]]),)
    if server["group"] is not None:
        members = groups[server["group"]]["members"]
        return tuple(dict.fromkeys(k for one in members for k in _member(one, server["protocol"])))
    return (ServiceKey(server["protocol"], server["ip"], server["port"] or 0),)


def _member(member: Values, protocol: str) -> Iterator[ServiceKey]:
    if member["fwmark"] is not None:
        yield marked(member["fwmark"], _FAMILIES[member["ip_family"]])
        return
    first, last = member["port"] or (0, 0)
    for address in member["ip"] or ():
        for port in range(first, last + 1):
            yield ServiceKey(protocol, address, port)


def services_count(server: Values, groups: Values) -> int:
    """How many `services` would give, without making them; some may be there twice."""
    if server["group"] is None:
        return 1
    count = 0
    for member in groups[server["group"]]["members"]:
        first, last = member["port"] or (0, 0)
        count += len(member["ip"] or ("mark",)) * (last - first + 1)
    return count


def common_port(keys: tuple[ServiceKey, ...]) -> int:
    """The port that all services have; 0 where they differ, or have none."""
    ports = {key.port for key in keys}
    return ports.pop() if len(ports) == 1 else 0


def forwarding(holder: Values, server: Values) -> tuple[str, Tunnel | None]:
    """The method of a real server or sorry server, and the encapsulation of TUN but for ipip."""
    kind = or_else(holder["lb_kind"], server["lb_kind"])
    if kind["method"] != "TUN" or kind["type"] in (None, "ipip"):
        return kind["method"], None
    return "TUN", Tunnel(kind["type"], kind["port"] or 0, or_else(kind["checksum"], "nocsum"))


def scheduler_flags(server: Values) -> int:
    """The bits of the flags that are set."""
    flags = 0
    for option, name in FLAG_OPTIONS.items():
        if server[option]:
            flags |= SCHEDULER_FLAGS[name]
    return flags
