# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's routes and routing policy rules: adding, removing, reading, hearing of changes.

Owns the rtnetlink conversation about them. Must never decide what should be there. It asks for
routes with the configured protocol numbers only: a director may have a full BGP table.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lvs_agent.adapters import route_netlink as codec
from lvs_agent.adapters.netlink import Netlink, Refusal
from lvs_agent.adapters.netlink_events import EventSocket
from lvs_agent.adapters.route_answers import FoundRoute, FoundRule, decode_route, decode_rule
from lvs_agent.core.ledger import LedgerRoute, LedgerRule
from lvs_agent.core.model import Route, Rule
from lvs_agent.core.routes import Entry, Place, describe, place

# RTNLGRP_IPV4_ROUTE, _IPV4_RULE, _IPV6_ROUTE, _IPV6_RULE. IPv4 routes that go with an interface or
# address go without a word (net/ipv4/fib_trie.c, fib_table_flush): somebody has to watch those.
_GROUPS = (7, 8, 11, 19)
_ROUTE_MESSAGES = (codec.RTM_NEWROUTE, codec.RTM_DELROUTE)
_RTM_PROTOCOL_AT = 5  # struct rtmsg

Found = FoundRoute | FoundRule


@dataclass(slots=True)
class Outcome:
    """What became of a batch of additions; `existing` were there already, theirs or ours."""

    taken: list[Entry] = field(default_factory=list)
    existing: list[Entry] = field(default_factory=list)
    refused: dict[Entry, str] = field(default_factory=dict)


class RouteTable:
    """Raises OSError when its sockets cannot be opened."""

    def __init__(self) -> None:
        self._netlink = Netlink(socket.NETLINK_ROUTE, strict=True)
        self._events = EventSocket(socket.NETLINK_ROUTE, _GROUPS)
        self._indexes: dict[str, int] | None = None

    def fileno(self) -> int:
        """For the loop: readable when something has changed."""
        return self._events.fileno()

    def close(self) -> None:
        """Close the sockets."""
        self._netlink.close()
        self._events.close()

    def changed(self, protocols: frozenset[int]) -> bool:
        """Whether somebody else did something, since the last call, that may concern routes with
        those protocol numbers, or rules."""
        notifications, changed = self._events.read()
        for kind, author, body in notifications:
            concerns_us = author != self._netlink.port
            if kind in _ROUTE_MESSAGES:
                concerns_us &= len(body) > _RTM_PROTOCOL_AT and body[_RTM_PROTOCOL_AT] in protocols
            changed = changed or concerns_us
        return changed

    def forget_interfaces(self) -> None:
        """Ask again for the interfaces' numbers."""
        self._indexes = None

    def _interfaces(self) -> dict[str, int]:
        if self._indexes is None:
            self._indexes = {name: index for index, name in socket.if_nameindex()}
        return self._indexes

    def add(self, entries: Iterable[Entry], replaced: Iterable[Entry] = ()) -> Outcome:
        """Add in one write. An IPv6 route takes the place of one of `replaced`. Never raises."""
        places = {place(one) for one in replaced if isinstance(one, Route) and one.family == 6}
        outcome = Outcome()
        sent: list[Entry] = []
        requests: list[bytes] = []
        for entry in entries:
            try:
                if isinstance(entry, Rule):
                    requests.append(codec.add_rule(entry))
                else:
                    requests.append(
                        codec.add_route(entry, self._interfaces(), replace=place(entry) in places)
                    )
                sent.append(entry)
            except codec.NoInterface as error:
                outcome.refused[entry] = str(error)
        try:
            refusals = self._netlink.transact(requests)
        except OSError as error:
            outcome.refused.update(dict.fromkeys(sent, error.strerror or str(error)))
            return outcome
        for position, entry in enumerate(sent):
            refusal = refusals.get(position)
            if refusal is None:
                outcome.taken.append(entry)
            elif refusal.errno == errno.EEXIST:
                outcome.existing.append(entry)
            else:
                outcome.refused[entry] = str(refusal)
                self._indexes = None if refusal.errno == errno.ENODEV else self._indexes
        return outcome

    def remove(self, entries: Iterable[Entry]) -> list[str]:
        """Remove in one write; what went wrong. What is not there is fine."""
        sent: list[Entry] = []
        requests: list[bytes] = []
        for entry in entries:
            try:
                if isinstance(entry, Rule):
                    requests.append(codec.delete_rule(entry))
                else:
                    requests.append(codec.delete_route(entry, self._interfaces()))
                sent.append(entry)
            except codec.NoInterface:
                continue  # gone with it, or found by the next comparison
        return _named(sent, self._transact(requests))

    def remove_found(self, found: Sequence[Found]) -> list[str]:
        """Remove exactly these; what went wrong."""
        requests = [
            codec.delete_again(
                one.body,
                codec.RTM_DELROUTE if isinstance(one, FoundRoute) else codec.RTM_DELRULE,
            )
            for one in found
        ]
        return _named([one.entry for one in found], self._transact(requests))

    def _transact(self, requests: list[bytes]) -> dict[int, Refusal]:
        try:
            refusals = self._netlink.transact(requests)
        except OSError as error:
            return {0: Refusal(error.errno or 0, "")}
        return {n: refusal for n, refusal in refusals.items() if refusal.errno not in codec.GONE}

    def read(self, places: Iterable[Place]) -> dict[Place, list[Found]]:
        """What the kernel has with the families and protocol numbers of `places`, by place.

        Raises NetlinkError.
        """
        places = list(places)
        names = {index: name for name, index in self._interfaces().items()}
        found: list[Found | None] = []
        routes = [one for one in places if isinstance(one, LedgerRoute)]
        for family, protocol in sorted({(one.family, one.protocol) for one in routes}):
            bodies = self._netlink.dump(codec.routes_request(family, protocol))
            found += [decode_route(body, names) for body in bodies]
        for family in sorted({one.family for one in places if isinstance(one, LedgerRule)}):
            bodies = self._netlink.dump(codec.rules_request(family))
            found += [decode_rule(body) for body in bodies]
        by_place: dict[Place, list[Found]] = {}
        for one in found:
            if one is not None:
                by_place.setdefault(place(one.entry), []).append(one)
        return by_place


def _named(entries: Sequence[Entry], refusals: dict[int, Refusal]) -> list[str]:
    return [f"removing {describe(entries[n])}: {refusal}" for n, refusal in refusals.items()]
