# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of the control verbs about real servers: what they mean, or what is wrong.

Owns their names and bounds, and finding the real servers that they name. Must never decide whether
an order is carried out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from lvs_agent.core.model import Config, RealServer
from lvs_agent.core.overrides import Order, State, Target
from lvs_agent.core.quorum import WEIGHT_LIMIT

# Enough for a playbook with who runs it, a pipeline's number, a sentence; a status stays readable.
OWNER_LIMIT = 128
REASON_LIMIT = 200
# A year: what is to last longer is said in the configuration, or for ever.
LASTS_LIMIT_S = 366 * 86_400

_TEXT: tuple[type, ...] = (str, type(None))
_NUMBER: tuple[type, ...] = (int, type(None))
WHICH: dict[str, tuple[type, ...]] = {"virtual_server": _TEXT, "real_server": (str,)}
SET: dict[str, tuple[type, ...]] = {
    **WHICH,
    "state": (str,),
    "weight": _NUMBER,
    "owner": _TEXT,
    "reason": _TEXT,
    "expires_s": _NUMBER,
    "force": (bool,),
    "dry_run": (bool,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for. `order` None: only how it stands."""

    targets: tuple[Target, ...]
    order: Order | None = None
    force: bool = False
    dry_run: bool = False


def asked(arguments: Mapping[str, object], config: Config) -> Asked | str:
    """The meaning of arguments as `WHICH` or `SET` have them, or what is wrong with them. To ask of
    somebody who is not there is nothing wrong; to order something is."""
    virtual_server = arguments.get("virtual_server")
    wanted = str(arguments.get("real_server") or "")
    if not wanted:
        return "real_server is missing: its name, its address, or address:port"
    name = None if virtual_server is None else str(virtual_server)
    targets = _targets(config, name, wanted)
    if "state" not in arguments:
        return Asked(targets=targets)
    if name is not None and all(server.name != name for server in config.virtual_servers):
        return f"there is no virtual server {name[:80]!r}; lvsctl status names them"
    if not targets:
        behind = "" if name is None else f" of virtual server {name!r}"
        return f"there is no real server {wanted[:80]!r}{behind}; lvsctl status names them"
    order = _order(arguments)
    if isinstance(order, str):
        return order
    return Asked(
        targets=targets,
        order=order,
        force=arguments.get("force") is True,
        dry_run=arguments.get("dry_run") is True,
    )


def _order(arguments: Mapping[str, object]) -> Order | str:
    try:
        state = State(str(arguments["state"]))
    except ValueError:
        return f"state {str(arguments['state'])[:40]!r} is none of {', '.join(State)}"
    weight, lasts_s = arguments.get("weight"), arguments.get("expires_s")
    owner, reason = str(arguments.get("owner") or ""), str(arguments.get("reason") or "")
    if weight is not None and state is not State.ENABLED:
        return f"a weight goes with state enabled, not with {state}"
    if isinstance(weight, int) and not 0 <= weight <= WEIGHT_LIMIT:
        return f"weight {weight} is not within 0 and {WEIGHT_LIMIT}"
    if isinstance(lasts_s, int) and not 1 <= lasts_s <= LASTS_LIMIT_S:
        return f"expires_s {lasts_s} is not within 1 and {LASTS_LIMIT_S} (null: never)"
    for name, text, limit in (("owner", owner, OWNER_LIMIT), ("reason", reason, REASON_LIMIT)):
        if len(text) > limit or not text.isprintable():
            return f"{name} is to have at most {limit} characters, all of them printable"
    return Order(
        state=state,
        weight=weight if isinstance(weight, int) else None,
        owner=owner,
        reason=reason,
        lasts_s=lasts_s if isinstance(lasts_s, int) else None,
    )


def _targets(config: Config, virtual_server: str | None, wanted: str) -> tuple[Target, ...]:
    """The real servers of that name or address; sorry servers are none."""
    address, port = _place(wanted)
    return tuple(
        (server, real)
        for server in config.virtual_servers
        if virtual_server in (None, server.name)
        for real in server.real_servers
        if real.name == wanted or (address is not None and _is_at(real, address, port))
    )


def _is_at(real: RealServer, address: str, port: int | None) -> bool:
    return real.endpoint.address == address and port in (None, real.endpoint.port)


def _place(text: str) -> tuple[str | None, int | None]:
    """Address (None: it is none) and port (None: any) of "192.0.2.1", "192.0.2.1:80",
    "2001:db8::1" or "[2001:db8::1]:80"."""
    address, port = text, ""
    if text.startswith("["):
        address, __, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, __, port = text.partition(":")
    try:
        canonical = str(ipaddress.ip_address(address))
    except ValueError:
        return None, None
    if not port:
        return canonical, None
    return (canonical, int(port)) if port.isascii() and port.isdigit() else (None, None)
