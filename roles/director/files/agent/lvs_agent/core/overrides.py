# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators said of real servers, in the place of configuration and checks.

Owns the book of these overrides: whom one is about after a reload, what an order makes of the
book, when one has expired, and its form as text. Must never decide what follows for a pool
(quorum.py does), nor touch a file or a clock.

An override is about an endpoint behind a virtual server, which is known by its services as in
`verdicts.py`: names may change. One whose place is not in the configuration is dormant: it is kept,
because the place may come back with the next reload.

Times are seconds of the wall clock since 1970: they have to survive a reboot.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lvs_agent.core.ipvs.model import Endpoint, ServiceKey
from lvs_agent.core.model import Config, RealServer, VirtualServer

# A host that is a real server of hundreds of virtual servers, a rack of them at once.
OVERRIDES_LIMIT = 2048
# Those of a whole virtual server that a reload takes out for a while.
DORMANT_LIMIT = 256
# By so many of its services a virtual server is found again; a group may have hundreds of them, and
# a reload that removes all of the first sixteen makes another virtual server of it.
SERVICES_LIMIT = 16
# 2048 of up to 16 services (80 bytes each), two names, an owner and a reason.
BYTES_LIMIT = 16 * 1024 * 1024
_VERSION = 1


class State(StrEnum):
    """What an operator may say. ENABLED: the checks decide, perhaps with another weight."""

    ENABLED = "enabled"
    DRAIN = "drain"  # weight 0: no new connections, those it has go on
    DISABLED = "disabled"  # out of the pool, which cuts its connections off


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One word on one real server.

    `services`: of the virtual server, its identity first. `virtual_server`, `real_server`: the
    names they had last, for people. `weight`: in the place of the configured and the checks' one;
    only with ENABLED. `expires_s` None: never.
    """

    services: tuple[ServiceKey, ...]
    endpoint: Endpoint
    virtual_server: str
    real_server: str
    state: State
    weight: int | None
    owner: str
    reason: str
    since_s: int
    expires_s: int | None

    @property
    def aside(self) -> bool:
        """It takes no new connections, whatever its checks say."""
        return self.state is not State.ENABLED

    def describe(self) -> str:
        """For people: "drain", "weight 5", and by whom and why."""
        what = self.state.value if self.weight is None else f"weight {self.weight}"
        by = f" by {self.owner}" if self.owner else ""
        until = "" if self.expires_s is None else f" until {moment(self.expires_s)}"
        why = f": {self.reason}" if self.reason else ""
        return f"{what}{by}{until}{why}"


Entries = tuple[Override, ...]
# By the virtual server's identity, then by its own.
InForce = dict[ServiceKey, dict[Endpoint, Override]]
Target = tuple[VirtualServer, RealServer]
Place = tuple[ServiceKey, Endpoint]


def moment(at_s: int) -> str:
    """A time as people and programs read it (ISO 8601, UTC)."""
    try:
        return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{at_s} s after 1970"


def _placed(entries: Entries, config: Config) -> Iterator[tuple[Override, Place | None]]:
    """Each with its place in `config`, None if it has none; the latest last."""
    if not entries:
        return
    owners = {key: server for server in config.virtual_servers for key in server.services}
    endpoints: dict[ServiceKey, set[Endpoint]] = {}
    for one in sorted(entries, key=lambda each: each.since_s):
        server = next((owners[key] for key in one.services if key in owners), None)
        if server is None:
            yield one, None
            continue
        identity = server.identity
        if identity not in endpoints:
            endpoints[identity] = {real.endpoint for real in server.real_servers}
        yield one, (identity, one.endpoint) if one.endpoint in endpoints[identity] else None


def in_force(entries: Entries, config: Config) -> InForce:
    """Those whose place is in `config`, by that place; of two for one place (a reload may make one
    virtual server of two) the later counts."""
    found: InForce = {}
    for one, place in _placed(entries, config):
        if place is not None:
            found.setdefault(place[0], {})[place[1]] = one
    return found


def dormant(entries: Entries, config: Config) -> Entries:
    """Those that are about nobody of `config`."""
    return tuple(one for one, place in _placed(entries, config) if place is None)


def follow(entries: Entries, config: Config) -> tuple[Entries, Entries]:
    """The book after a reload, and what is dropped for want of room: those in force know their
    virtual server by its services of now, so that the next reload finds it by them; of dormant ones
    the latest are kept. Of two for one place the earlier is forgotten."""
    if not entries:
        return entries, ()
    found = in_force(entries, config)
    servers = {server.identity: server for server in config.virtual_servers}
    made: list[Override] = []
    for identity, own in found.items():
        server = servers[identity]
        names = {real.endpoint: real.name for real in server.real_servers}
        made += (
            replace(
                one,
                services=server.services[:SERVICES_LIMIT],
                virtual_server=server.name,
                real_server=names[one.endpoint],
            )
            for one in own.values()
        )
    asleep = dormant(entries, config)
    dropped = asleep[: max(0, len(asleep) - DORMANT_LIMIT)]
    return (*asleep[len(dropped) :], *made), dropped


def expired(entries: Entries, now_s: int) -> Entries:
    """Those whose time is over."""
    return tuple(one for one in entries if one.expires_s is not None and one.expires_s <= now_s)


# Orders.


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody asks for; the fields are those of `Override`. `lasts_s` None: for ever."""

    state: State
    weight: int | None
    owner: str
    reason: str
    lasts_s: int | None

    def describe(self) -> str:
        """By whom and why, for people."""
        by = f"by {self.owner}" if self.owner else "by hand"
        until = "" if self.lasts_s is None else f" for {self.lasts_s} s"
        weight = "" if self.weight is None else f", weight {self.weight}"
        return f"{by}{until}{weight}" + (f": {self.reason}" if self.reason else "")


def carried_out(
    entries: Entries, config: Config, targets: Collection[Target], order: Order, now_s: int
) -> tuple[Entries, bool]:
    """The book that `order` makes, and whether it says anything else of `targets` than before. To
    extend the time of what is in force is no change: so a playbook that runs again has all of it.
    """
    found = in_force(entries, config)
    places = {(server.identity, real.endpoint) for server, real in targets}
    gone = {one for one, place in _placed(entries, config) if place in places}
    made: list[Override] = []
    changed = False
    for server, real in targets:
        before = found.get(server.identity, {}).get(real.endpoint)
        after = _made(server, real, order, before, now_s)
        if after is not None:
            made.append(after)
        changed = changed or meaning(before) != meaning(after)
    return (*(one for one in entries if one not in gone), *made), changed


def _made(
    server: VirtualServer, real: RealServer, order: Order, before: Override | None, now_s: int
) -> Override | None:
    if order.state is State.ENABLED and order.weight is None:
        return None
    same = before is not None and (before.state, before.weight) == (order.state, order.weight)
    return Override(
        services=server.services[:SERVICES_LIMIT],
        endpoint=real.endpoint,
        virtual_server=server.name,
        real_server=real.name,
        state=order.state,
        weight=order.weight,
        owner=order.owner,
        reason=order.reason,
        since_s=before.since_s if before is not None and same else now_s,
        expires_s=None if order.lasts_s is None else now_s + order.lasts_s,
    )


def meaning(one: Override | None) -> object:
    """What of it makes a difference: all but its times."""
    if one is None:
        return None
    return one.state, one.weight, one.owner, one.reason, one.expires_s is None


# As text: the file's, and that of the messages between the processes.


def shown(one: Override) -> dict[str, object]:
    """`override` of a real server in the status."""
    return {
        "state": one.state.value,
        "weight": one.weight,
        "owner": one.owner,
        "reason": one.reason,
        "since": moment(one.since_s),
        "expires": None if one.expires_s is None else moment(one.expires_s),
    }


def encode(entries: Entries) -> bytes:
    """The book as JSON."""
    rows = [
        {
            "services": [list(key) for key in one.services],
            "address": one.endpoint.address,
            "port": one.endpoint.port,
            "virtual_server": one.virtual_server,
            "real_server": one.real_server,
            "state": one.state.value,
            "weight": one.weight,
            "owner": one.owner,
            "reason": one.reason,
            "since_s": one.since_s,
            "expires_s": one.expires_s,
        }
        for one in entries
    ]
    text = json.dumps({"version": _VERSION, "overrides": rows}, separators=(",", ":"))
    return text.encode() + b"\n"


def decode(data: bytes) -> tuple[Entries, str | None]:
    """The book, and what was wrong with the text (None: nothing). An entry that makes no sense is
    left out; the others count."""
    if len(data) > BYTES_LIMIT:
        return (), f"larger than {BYTES_LIMIT} bytes"
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return (), "not JSON"
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        return (), f"not of version {_VERSION}"
    rows = document.get("overrides")
    if not isinstance(rows, list):
        return (), "it has no list of overrides"
    found = [_entry(row) for row in rows[:OVERRIDES_LIMIT]]
    entries = tuple(one for one in found if one is not None)
    wrong = len(rows) - len(entries)
    return entries, f"{wrong} of {len(rows)} overrides make no sense" if wrong else None


def _entry(row: Any) -> Override | None:
    try:
        texts = [row[name] for name in ("virtual_server", "real_server", "owner", "reason")]
        weight, expires_s = row["weight"], row["expires_s"]
        numbers = [row["port"], row["since_s"], *(n for n in (weight, expires_s) if n is not None)]
        services = tuple(_service(key) for key in row["services"])
        state = State(row["state"])
    except (KeyError, TypeError, ValueError):
        return None
    if (
        not services
        or not all(isinstance(text, str) for text in (*texts, row["address"]))
        or not all(_is_whole(number) and number >= 0 for number in numbers)
    ):
        return None
    return Override(
        services=services,
        endpoint=Endpoint(row["address"], row["port"]),
        virtual_server=texts[0],
        real_server=texts[1],
        state=state,
        weight=weight,
        owner=texts[2],
        reason=texts[3],
        since_s=row["since_s"],
        expires_s=expires_s,
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _service(key: Any) -> ServiceKey:
    protocol, address, port, mark = key
    if not (isinstance(protocol, str) and isinstance(address, str)):
        raise TypeError(key)
    if not (_is_whole(port) and _is_whole(mark)):
        raise TypeError(key)
    return ServiceKey(protocol, address, port, mark)
