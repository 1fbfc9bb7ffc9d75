# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts of the health process, by what they are about rather than by name.

Owns remembering them across configurations and processes. Must never decide what follows from one
(quorum.py does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lvs_agent.core.checks import Check
from lvs_agent.core.ipvs.model import Endpoint, Pool, ServiceKey
from lvs_agent.core.messages import Verdict
from lvs_agent.core.model import Config, VirtualServer
from lvs_agent.core.quorum import endpoint_of


@dataclass(frozen=True, slots=True)
class _Known:
    up: bool
    checked: bool
    reason: str


_ASSUMED = _Known(True, False, "assumed up until checked")


class VerdictBook:
    """What is known of every real server; what is not known is assumed up, as keepalived does."""

    def __init__(self, config: Config, generation: int) -> None:
        self.generation = generation
        self._known: dict[tuple[ServiceKey, Endpoint], _Known] = {}
        self._names: dict[tuple[str, str], tuple[ServiceKey, Endpoint]] = {}
        self._checks: dict[tuple[ServiceKey, Endpoint], tuple[Check, ...]] = {}
        self._index(config)

    def _index(self, config: Config) -> None:
        self._names = {}
        self._checks = {}
        for server in config.virtual_servers:
            for real in server.real_servers:
                place = server.identity, endpoint_of(real)
                self._names[server.name, real.name] = place
                self._checks[place] = real.checks

    def note(self, verdict: Verdict) -> ServiceKey | None:
        """Remember; the identity of the virtual server whose pool may change by it, None when
        nothing changes."""
        if verdict.generation != self.generation:
            return None
        place = self._names.get((verdict.virtual_server, verdict.real_server))
        if place is None:
            return None
        before = self.is_up(*place)
        self._known[place] = _Known(verdict.up, verdict.checked, verdict.reason)
        return place[0] if verdict.up != before else None

    def is_up(self, key: ServiceKey, endpoint: Endpoint) -> bool:
        """Whether the real server may take part."""
        return self._known.get((key, endpoint), _ASSUMED).up

    def reconfigure(self, config: Config, generation: int) -> None:
        """Keep what is still asked for. A real server that is new in one service gets the verdict
        it has in another with the same checks: a server known to be dead is not tried again."""
        elsewhere = {
            (place[1], self._checks[place]): known
            for place, known in self._known.items()
            if self._checks.get(place)
        }
        self.generation = generation
        before = self._checks
        self._index(config)
        known: dict[tuple[ServiceKey, Endpoint], _Known] = {}
        for place, checks in self._checks.items():
            if place in self._known and (checks or not before.get(place)):
                known[place] = self._known[place]
            elif (place[1], checks) in elsewhere:
                known[place] = elsewhere[place[1], checks]
        self._known = known

    def adopt(self, pools: Mapping[ServiceKey, Pool]) -> None:
        """For a successor: a real server without a verdict counts as up when the kernel has it, as
        down when its service is there without it; the last verdicts are held that way."""
        for place in self._checks:
            key, endpoint = place
            if place not in self._known and key in pools:
                pool = pools[key]
                up = (endpoint if endpoint.port else endpoint._replace(port=key.port)) in pool
                self._known[place] = _Known(up, False, "as the kernel had it when we started")

    def report(self, server: VirtualServer) -> list[dict[str, object]]:
        """The real servers of one virtual server for the status."""
        rows: list[dict[str, object]] = []
        for real in server.real_servers:
            known = self._known.get((server.identity, endpoint_of(real)), _ASSUMED)
            rows.append(
                {
                    "name": real.name,
                    "address": real.address,
                    "port": real.port,
                    "weight": real.weight,
                    "up": known.up,
                    "checked": known.checked,
                    "reason": known.reason,
                }
            )
        return rows
