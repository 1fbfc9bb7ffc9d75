# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl status` for people: quorum, panic, and who is up behind a virtual server.

Owns the words. Must never fail on a part that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvs_agent.cli.render_words import duration, place

Item = dict[str, Any]


def warnings(service: Item) -> Iterator[str]:
    """What is wrong with the pool of a virtual server, without its name."""
    panic, quorum = service.get("panic"), service.get("quorum")
    servers = service.get("real_servers", [])
    left_out = service.get("left_out") or {}
    count = len(servers) + left_out.get("up", 0) + left_out.get("down", 0)
    down = sum(_fails(one) for one in servers)
    down += left_out.get("checked_down", 0)
    if panic:
        held = ", ".join(panic.get("held") or [])
        since = duration(panic.get("since_s") or 0)
        yield (
            f"PANIC for {since}: {down} of {count} real servers fail their checks;"
            f" still in the pool: {held}"
        )
    elif count and down == count:
        yield f"no real server is up ({count} down)"
    elif down:
        yield f"{down} of {count} real servers down"
    if quorum and not quorum.get("reached"):
        yield _lost(service, quorum)


def _lost(service: Item, quorum: Item) -> str:
    need = (quorum.get("quorum") or 0) + (quorum.get("hysteresis") or 0)
    sorry = [one for one in service.get("sorry_servers", []) if one.get("in_use")]
    answers = f"; sorry server {place(sorry[0])} answers" if sorry else "; no sorry server answers"
    aside = sum(is_aside(one) for one in service.get("real_servers", []))
    by_hand = f"; {aside} taken out by hand" if aside else ""
    return (
        f"no quorum for {duration(quorum.get('since_s') or 0)}: weight {quorum.get('weight')} is"
        f" up, {need} is needed{by_hand}{answers}"
    )


def _fails(server: Item) -> bool:
    """Its checks say that it is down, and nobody expects that of it."""
    return not (server.get("up") or is_aside(server)) and bool(server.get("checked", True))


def is_aside(server: Item) -> bool:
    """An operator drains or disables it."""
    return bool((server.get("override") or {}).get("state", "enabled") != "enabled")


def override(server: Item) -> str:
    """By whom, since when, until when and why it is as an operator says; empty: it is not."""
    one = server.get("override")
    if not one:
        return ""
    by = f"by {one['owner']}" if one.get("owner") else "by hand"
    until = f" until {one['expires']}" if one.get("expires") else ""
    reason = f": {one['reason']}" if one.get("reason") else ""
    return f"{by} since {one.get('since')}{until}{reason}"


def state(server: Item) -> str:
    """ "up", "DOWN"; a question mark: no check has said so; HELD: it is down, and in the pool;
    DRAIN and DISABLED: an operator has taken it out."""
    if is_aside(server):
        return str(server["override"]["state"]).upper()
    word = "up" if server.get("up") else "HELD" if server.get("takes_part") else "DOWN"
    return word if server.get("checked", True) else f"{word}?"


def weight(server: Item) -> str:
    """The weight, and where it comes from when a check says another than the configuration."""
    configured, checked = server.get("weight"), server.get("check_weight")
    by_hand = (server.get("override") or {}).get("weight")
    if by_hand is not None:
        return f"weight {by_hand} by hand instead of {configured}"
    if checked is None or checked == configured:
        return f"weight {configured}"
    return f"weight {checked} by its check instead of {configured}"


def sorry(server: Item) -> str:
    """What becomes of a sorry server."""
    if server.get("in_use"):
        return "answers"
    return "ready" if server.get("up") else f"DOWN  {server.get('reason')}"
