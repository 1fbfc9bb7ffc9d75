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
from lvs_agent.core.overrides import InForce, Override, State
from lvs_agent.core.quorum import Known, Lookup, is_down, starts_down

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
        # By the virtual server's identity, then by its own.
        self._known: dict[ServiceKey, dict[Endpoint, Known]] = {}
        self._checks: dict[ServiceKey, dict[Endpoint, tuple[Check, ...]]] = {}
        # Only of those with checks, which alone are spoken of.
        self._names: dict[tuple[str, str], Place] = {}
        self._alpha: set[Place] = set()
        # Whose a service is: a virtual server may have many, and lose its first.
        self._owners: dict[ServiceKey, ServiceKey] = {}
        self._index(config)

    def _index(self, config: Config) -> None:
        self._names, self._checks, self._alpha, self._owners = {}, {}, set(), {}
        for server in config.virtual_servers:
            identity = server.identity
            self._owners.update(dict.fromkeys(server.services, identity))
            self._known.setdefault(identity, {})
            self._checks[identity] = {one.endpoint: one.checks for one in server.servers}
            for one in server.servers:
                if one.checks:
                    self._names[server.name, one.name] = identity, one.endpoint
                    if starts_down(one):
                        self._alpha.add((identity, one.endpoint))

    def of(self, identity: ServiceKey) -> Lookup:
        """What is known, or assumed, of the servers of one virtual server. One without checks is
        up, and nobody needs to say so."""
        known = self._known.get(identity, {})
        checks = self._checks.get(identity, {})

        def lookup(endpoint: Endpoint) -> Known:
            found = known.get(endpoint)
            if found is not None:
                return found
            if not checks.get(endpoint):
                return _UNCHECKED
            return _ALPHA if (identity, endpoint) in self._alpha else _ASSUMED

        return lookup

    def note(self, verdict: Verdict, now_ns: int) -> ServiceKey | None:
        """Remember; the virtual server whose pool may change by it, None when nothing changes."""
        if verdict.generation != self.generation:
            return None
        place = self._names.get((verdict.virtual_server, verdict.real_server))
        if place is None or not (verdict.checked or self._is_new_word(place, verdict)):
            return None
        identity, endpoint = place
        before = self.of(identity)(endpoint)
        known = self._known[identity][endpoint] = Known(
            verdict.up,
            verdict.checked,
            verdict.reason,
            verdict.weight,
            _good_ns(before, up=verdict.up, now_ns=now_ns),
        )
        return None if _takes_part_alike(before, known) else identity

    def _is_new_word(self, place: Place, verdict: Verdict) -> bool:
        """Of what nobody has checked yet: that it is to wait (alpha) counts where nothing is known;
        that it is up is assumed here, or not."""
        identity, endpoint = place
        return not verdict.up and endpoint not in self._known.get(identity, {})

    def reconfigure(self, config: Config, generation: int) -> tuple[Place, ...]:
        """Keep what is still asked for. A server that is new behind one virtual server gets the
        verdict it has behind another with the same checks: a server known to be dead is not tried
        again. New ones of virtual servers that were there, of which nothing is known, are returned.
        """
        elsewhere = {
            (endpoint, checks): known
            for identity, found in self._known.items()
            for endpoint, known in found.items()
            if (checks := self._checks[identity].get(endpoint))
        }
        self.generation = generation
        before, known_before, owners = self._checks, self._known, self._owners
        self._known = {}
        self._index(config)
        new: list[Place] = []
        for server in config.virtual_servers:
            identity, former = server.identity, predecessor(server, owners)
            known_here = self._known[identity]
            was_known = {} if former is None else known_before[former]
            was_checked = {} if former is None else before[former]
            for one in server.servers:
                endpoint, checks = one.endpoint, one.checks
                was = was_checked.get(endpoint)
                known = was_known.get(endpoint)
                if known is not None and (checks or not was):
                    # Of a weight that a check said nothing is left with another check.
                    known_here[endpoint] = known if checks == was else known._replace(weight=None)
                elif not checks:
                    pass
                elif was is not None and not was:
                    known_here[endpoint] = _UNCHECKED  # new checks are no reason to give it up
                elif (endpoint, checks) in elsewhere:
                    known_here[endpoint] = elsewhere[endpoint, checks]
                elif former is not None and was is None:
                    new.append((identity, endpoint))
        return tuple(new)

    def wait(self, place: Place) -> None:
        """That one is not to take part before its first check."""
        identity, endpoint = place
        self._known[identity][endpoint] = _WAITING

    def adopt(
        self,
        pools: Mapping[ServiceKey, Pool],
        config: Config,
        now_ns: int,
        overrides: InForce | None = None,
    ) -> None:
        """For a successor: a server without a verdict counts as up when the kernel has it, as down
        when its service is there without it; the last verdicts are held that way. What has a
        weight in the kernel was good until now, whatever became of it meanwhile. Of one with an
        override the kernel may say nothing: then it is assumed up, as at the start."""
        for server in config.virtual_servers:
            if server.identity not in pools:
                continue
            key, pool = server.identity, pools[server.identity]
            known_here, overridden = self._known[key], (overrides or {}).get(key, {})
            sorry = any(_weight(pool, key, one) for one in server.sorry_servers)
            for real in server.real_servers:
                weight = _weight(pool, key, real)
                known = known_here.get(real.endpoint)
                if known is None:
                    if not real.checks:
                        continue
                    if weight == 0 and real.policy.inhibit and (sorry or real.weight == 0):
                        continue  # dead, or alive and not to get new connections: who knows
                    if _says_nothing(overridden.get(real.endpoint), real):
                        continue
                    works = weight is not None and (weight > 0 or not real.policy.inhibit)
                    known = Known(works, False, "as the kernel had it when we started")
                good = known._replace(good_ns=now_ns)
                known_here[real.endpoint] = good if weight else known

    def report(self, server: VirtualServer) -> list[dict[str, object]]:
        """The real servers of one virtual server for the status."""
        lookup = self.of(server.identity)
        return [
            {
                "name": one.name,
                "address": one.endpoint.address,
                "port": one.endpoint.port,
                "weight": one.weight,
                "check_weight": known.weight,
                "up": known.up,
                "checked": known.checked,
                "reason": known.reason,
            }
            for one in server.real_servers
            for known in (lookup(one.endpoint),)
        ]


def _says_nothing(override: Override | None, real: RealServer) -> bool:
    """The kernel has it so because of an operator, dead or alive."""
    if override is None:
        return False
    return override.state is State.DISABLED or real.policy.inhibit


def _weight(pool: Pool, key: ServiceKey, server: RealServer | SorryServer) -> int | None:
    """The weight that a server has in the pool of service `key`; None: it is not there."""
    address, port = server.endpoint
    there = pool.get(Endpoint(address, port or key.port))
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
