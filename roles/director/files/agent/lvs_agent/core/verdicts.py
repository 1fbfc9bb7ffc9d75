# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts of the health process, by what they are about rather than by name.

Owns remembering them across configurations and processes. Must never decide what follows from one
(quorum.py does).

A verdict is about an address and port behind a virtual server. Only knowledge replaces knowledge:
that nobody has checked a server yet is no reason to forget what was known of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from lvs_agent.core.checks import Check
from lvs_agent.core.ipvs.model import Endpoint, Pool, ServiceKey
from lvs_agent.core.messages import Verdict
from lvs_agent.core.model import Config, RealServer, SorryServer, VirtualServer
from lvs_agent.core.quorum import Known, endpoint_of, is_down, starts_down

# The virtual server's identity, and the server's.
Place = tuple[ServiceKey, Endpoint]

_UNCHECKED = Known(True, True, "no checks")
_ASSUMED = Known(True, False, "assumed up until checked")
_ALPHA = Known(False, False, "counts as down until its first check (alpha)")
_WAITING = Known(False, False, "new: takes part after its first check")


class VerdictBook:
    """What is known of every server; what is not known is assumed up, as keepalived does."""

    def __init__(self, config: Config, generation: int) -> None:
        self.generation = generation
        self._known: dict[Place, Known] = {}
        self._names: dict[tuple[str, str], Place] = {}
        self._checks: dict[Place, tuple[Check, ...]] = {}
        self._alpha: set[Place] = set()
        # Whose a service is: a virtual server may have many, and lose its first.
        self._owners: dict[ServiceKey, ServiceKey] = {}
        self._index(config)

    def _index(self, config: Config) -> None:
        self._names, self._checks, self._alpha, self._owners = {}, {}, set(), {}
        for server in config.virtual_servers:
            identity = server.identity
            self._owners.update(dict.fromkeys(server.services, identity))
            for one in server.servers:
                place = identity, endpoint_of(one)
                self._names[server.name, one.name] = place
                self._checks[place] = one.checks
                if starts_down(one):
                    self._alpha.add(place)

    def lookup(self, identity: ServiceKey, endpoint: Endpoint) -> Known:
        """What is known, or assumed. One without checks is up, and nobody needs to say so."""
        place = identity, endpoint
        known = self._known.get(place)
        if known is not None:
            return known
        if not self._checks.get(place):
            return _UNCHECKED
        return _ALPHA if place in self._alpha else _ASSUMED

    def note(self, verdict: Verdict, now_ns: int) -> ServiceKey | None:
        """Remember; the virtual server whose pool may change by it, None when nothing changes."""
        if verdict.generation != self.generation:
            return None
        place = self._names.get((verdict.virtual_server, verdict.real_server))
        if place is None or not (verdict.checked or self._is_new_word(place, verdict)):
            return None
        before = self.lookup(*place)
        known = self._known[place] = Known(
            verdict.up,
            verdict.checked,
            verdict.reason,
            verdict.weight,
            _good_ns(before, up=verdict.up, now_ns=now_ns),
        )
        return None if _takes_part_alike(before, known) else place[0]

    def _is_new_word(self, place: Place, verdict: Verdict) -> bool:
        """Of what nobody has checked yet: that it is to wait (alpha) counts where nothing is known;
        that it is up is assumed here, or not."""
        return not verdict.up and place not in self._known

    def reconfigure(self, config: Config, generation: int) -> tuple[Place, ...]:
        """Keep what is still asked for. A server that is new behind one virtual server gets the
        verdict it has behind another with the same checks: a server known to be dead is not tried
        again. New ones of virtual servers that were there, of which nothing is known, are returned.
        """
        elsewhere = {
            (place[1], self._checks[place]): known
            for place, known in self._known.items()
            if self._checks.get(place)
        }
        self.generation = generation
        before, known_before, owners = self._checks, self._known, self._owners
        self._index(config)
        self._known = {}
        new: list[Place] = []
        for server in config.virtual_servers:
            former = predecessor(server, owners)
            for one in server.servers:
                endpoint = endpoint_of(one)
                place = server.identity, endpoint
                old = None if former is None else (former, endpoint)
                if old in known_before and (one.checks or not before.get(old)):
                    known = known_before[old]
                    if one.checks != before.get(old):
                        known = known._replace(weight=None)  # whose check may be gone
                    self._known[place] = known
                elif one.checks and old in before and not before[old]:
                    self._known[place] = _UNCHECKED  # new checks are no reason to give it up
                elif (endpoint, one.checks) in elsewhere:
                    self._known[place] = elsewhere[endpoint, one.checks]
                elif former is not None and old not in before and one.checks:
                    new.append(place)
        return tuple(new)

    def wait(self, place: Place) -> None:
        """That one is not to take part before its first check."""
        self._known[place] = _WAITING

    def adopt(self, pools: Mapping[ServiceKey, Pool], config: Config, now_ns: int) -> None:
        """For a successor: a server without a verdict counts as up when the kernel has it, as down
        when its service is there without it; the last verdicts are held that way. What has a
        weight in the kernel was good until now, whatever became of it meanwhile."""
        for server in config.virtual_servers:
            if server.identity not in pools:
                continue
            key, pool = server.identity, pools[server.identity]
            sorry = any(_weight(pool, key, one) for one in server.sorry_servers)
            for real in server.real_servers:
                place = key, endpoint_of(real)
                weight = _weight(pool, key, real)
                known = self._known.get(place)
                if known is None:
                    if not real.checks:
                        continue
                    if weight == 0 and real.policy.inhibit and (sorry or real.weight == 0):
                        continue  # dead, or alive and not to get new connections: who knows
                    works = weight is not None and (weight > 0 or not real.policy.inhibit)
                    known = Known(works, False, "as the kernel had it when we started")
                self._known[place] = known._replace(good_ns=now_ns) if weight else known

    def report(self, server: VirtualServer) -> list[dict[str, object]]:
        """The real servers of one virtual server for the status."""
        return [
            {
                "name": one.name,
                "address": one.address,
                "port": one.port,
                "weight": one.weight,
                "check_weight": known.weight,
                "up": known.up,
                "checked": known.checked,
                "reason": known.reason,
            }
            for one in server.real_servers
            for known in (self.lookup(server.identity, endpoint_of(one)),)
        ]


def _weight(pool: Pool, key: ServiceKey, server: RealServer | SorryServer) -> int | None:
    """The weight that a server has in the pool of service `key`; None: it is not there."""
    there = pool.get(Endpoint(server.address, server.port or key.port))
    return None if there is None else there.weight


def predecessor(
    server: VirtualServer, owners: Mapping[ServiceKey, ServiceKey]
) -> ServiceKey | None:
    """The identity that `server` had in the configuration with these owners of services: that of
    the first service which was there already."""
    return next((owners[key] for key in server.services if key in owners), None)


def _takes_part_alike(one: Known, other: Known) -> bool:
    return (one.up, is_down(one), one.weight) == (other.up, is_down(other), other.weight)


def _good_ns(before: Known, *, up: bool, now_ns: int) -> int | None:
    """When it was last good: now, for one that is up; or was, and not merely by assumption."""
    if up:
        return now_ns if not before.up or before.good_ns is None else before.good_ns
    if before.up and before.good_ns is not None:
        return now_ns
    return before.good_ns
