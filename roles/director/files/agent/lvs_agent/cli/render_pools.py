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
    down = sum(not one.get("up") and one.get("checked", True) for one in servers)
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
    return (
        f"no quorum for {duration(quorum.get('since_s') or 0)}: weight {quorum.get('weight')} is"
        f" up, {need} is needed{answers}"
    )


def state(server: Item) -> str:
    """ "up", "DOWN"; a question mark: no check has said so; HELD: it is down, and in the pool."""
    word = "up" if server.get("up") else "HELD" if server.get("takes_part") else "DOWN"
    return word if server.get("checked", True) else f"{word}?"


def weight(server: Item) -> str:
    """The weight, and where it comes from when a check says another than the configuration."""
    configured, checked = server.get("weight"), server.get("check_weight")
    if checked is None or checked == configured:
        return f"weight {configured}"
    return f"weight {checked} by its check instead of {configured}"


def sorry(server: Item) -> str:
    """What becomes of a sorry server."""
    if server.get("in_use"):
        return "answers"
    return "ready" if server.get("up") else f"DOWN  {server.get('reason')}"
