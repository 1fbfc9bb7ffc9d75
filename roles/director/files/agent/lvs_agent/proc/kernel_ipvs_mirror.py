# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel is known to have of our IPVS services, and the only way to change it.

Owns that picture: every write and every reading goes through it, so that it is as new as either.
Must never know what is desired, nor when to look. Unless said otherwise, all methods raise OSError
and IpvsMissing where IPVS cannot be spoken to; the picture is read as a whole again after that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from lvs_agent.adapters.ipvs_answers import Counters
from lvs_agent.adapters.ipvs_netlink import Ipvs, IpvsMissing, ServiceState, explain
from lvs_agent.core.ipvs.diff import apply
from lvs_agent.core.ipvs.model import (
    DeleteService,
    Endpoint,
    Operation,
    Service,
    ServiceKey,
    ServiceSettings,
)
from lvs_agent.core.ipvs.text import describe
from lvs_agent.core.model import VirtualServer

# Fresh counters are read of up to this many destinations (10 ms); beyond, those of the audit.
FRESH_DESTINATIONS_LIMIT = 1_000

Listed = dict[ServiceKey, tuple[ServiceSettings, Counters]]


class IpvsMirror:
    """`known`: what there is; `refused`: why the kernel did not take the last change of a
    service."""

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log
        self._ipvs = Ipvs()
        self._counters: dict[ServiceKey, tuple[Counters, dict[Endpoint, Counters]]] = {}
        self.known: dict[ServiceKey, Service] = {}
        self.refused: dict[ServiceKey, str] = {}

    def close(self) -> None:
        """Let go of the socket; the next call opens another. Raises nothing."""
        self._ipvs.close()

    # Looking

    def read(self, keys: Iterable[ServiceKey]) -> None:
        """Begin anew: what there is of `keys`, and nothing else."""
        states = self._ipvs.read(keys)
        self.known = {}
        self._note(states)

    def services(self) -> Listed:
        """All services that the kernel has, whoever made them, without their destinations."""
        return self._ipvs.service_list()

    def look_at(self, key: ServiceKey, listed: Listed) -> None:
        """One service again, of which `services` has just said whether it is there, and how."""
        self.known.pop(key, None)
        if key in listed:
            settings, counters = listed[key]
            pool, per_destination = self._ipvs.destinations(key)
            self.known[key] = Service(key=key, settings=settings, pool=pool)
            self._counters[key] = counters, per_destination

    def refresh(self, keys: Iterable[ServiceKey]) -> None:
        """Read `keys` again, if that takes no time; else the audit's word has to do."""
        wanted = [key for key in keys if key in self.known]
        if (
            not wanted
            or sum(len(self.known[key].pool) for key in wanted) > FRESH_DESTINATIONS_LIMIT
        ):
            return
        states = self._ipvs.read(wanted)
        for key in wanted:
            del self.known[key]
        self._note(states)

    def _note(self, states: Mapping[ServiceKey, ServiceState]) -> None:
        for key, state in states.items():
            self.known[key] = state.service
            self._counters[key] = state.counters, state.destination_counters

    def counters(self, key: ServiceKey) -> tuple[Counters, dict[Endpoint, Counters]]:
        """Of the service and of each destination, as they were last read. Raises nothing."""
        return self._counters.get(key, (Counters(), {}))

    def connections(self, server: VirtualServer, endpoint: Endpoint) -> tuple[int, int]:
        """Active and inactive ones of a real server, as they were last read. Raises nothing."""
        active = inactive = 0
        for key in server.services:
            there = Endpoint(endpoint.address, endpoint.port or key.port)
            its = self.counters(key)[1].get(there, Counters())
            active, inactive = active + (its.active or 0), inactive + (its.inactive or 0)
        return active, inactive

    # Changing

    def bring(
        self,
        batch: dict[ServiceKey, list[Operation]],
        again: Callable[[ServiceKey], list[Operation]],
    ) -> None:
        """Do the operations of each service. One that is refused is read again, and what `again`
        then says is tried once."""
        refused = self._apply(batch)
        if refused:
            states = self._ipvs.read(refused)
            for key in refused:
                self.known.pop(key, None)
                if key in states:
                    self.known[key] = states[key].service
            refused = self._apply({key: again(key) for key in refused})
        for key in batch:
            self._note_refusal(key, refused.get(key))

    def _apply(self, batch: dict[ServiceKey, list[Operation]]) -> dict[ServiceKey, str]:
        """Apply and remember; the first refusal of each service."""
        operations = [operation for part in batch.values() for operation in part]
        refused: dict[ServiceKey, str] = {}
        for position, refusal in self._ipvs.apply(operations).items():
            operation = operations[position]
            text = f"{describe(operation)}: {explain(operation, refusal)}"
            refused.setdefault(operation.key, text)
        for key, part in batch.items():
            if key in refused or not part:
                continue
            before = {key: self.known[key]} if key in self.known else {}
            self.known.pop(key, None)
            self.known.update(apply(part, before))
        return refused

    def _note_refusal(self, key: ServiceKey, text: str | None) -> None:
        """Log each refusal once: the audit tries again every few seconds."""
        if text is None:
            self.refused.pop(key, None)
        elif self.refused.get(key) != text:
            self.refused[key] = text
            self._log("error", f"IPVS: {text}")

    def remove(self, keys: Collection[ServiceKey]) -> list[str]:
        """Remove all of `keys` that are there; what went wrong. Without IPVS there is nothing to
        remove. Raises nothing."""
        try:
            states = self._ipvs.service_list() if keys else {}
            operations = [DeleteService(key) for key in sorted(keys) if key in states]
            refusals = self._ipvs.apply(operations)
        except IpvsMissing:
            return []
        except OSError as error:
            return [f"IPVS: {error}"]
        return [
            f"{describe(operations[n])}: {explain(operations[n], refusal)}"
            for n, refusal in refusals.items()
        ]
