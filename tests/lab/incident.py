# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault and what everybody saw of it: both directors from the inside, the network from outside.

Owns watching and bringing all clocks to one. Must never know what should have happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import time
from typing import Any

from cluster import Cluster
from lvslab import Lab
from lvslab.job import Job
from witness import Advert, adverts

WATCHER = Path(__file__).with_name("director_watcher.py")
LONGEST_S = 60
CLOCK_READINGS = 5


@dataclass(frozen=True, kw_only=True)
class Change:
    """An address that came or went on a director."""

    at_s: float
    address: str
    added: bool


@dataclass(kw_only=True)
class Sight:
    """What one director's watcher wrote. All times are seconds of this machine's wall clock."""

    rows: list[dict[str, Any]]

    def changes(self, address: str) -> list[Change]:
        """What happened to `address` (with prefix length), in order."""
        return [
            Change(at_s=row["at"], address=address, added=row["added"])
            for row in self.rows
            if row["what"] == "address" and row["address"] == address
        ]

    def gone_s(self, address: str, after_s: float = 0) -> float:
        """When `address` was removed for the first time after `after_s`."""
        return next(c.at_s for c in self.changes(address) if not c.added and c.at_s > after_s)

    def sent_s(self, virtual_router_id: int, priority: int) -> list[float]:
        """When it sent adverts of this priority."""
        return [
            row["at"]
            for row in self.rows
            if row["what"] == "advert"
            and (row["virtual_router_id"], row["priority"]) == (virtual_router_id, priority)
        ]

    def tables(self) -> list[list[str]]:
        """The states of IPVS, each different from the one before."""
        return [row["table"] for row in self.rows if row["what"] == "ipvs"]

    def exits(self) -> dict[int, float]:
        """When the processes ended that were there at first."""
        return {row["pid"]: row["at"] for row in self.rows if row["what"] == "exit"}

    def held(self, address: str, from_s: float, to_s: float) -> list[tuple[float, float]]:
        """The spans in which it had `address`; what it had at first follows from the changes."""
        changes = self.changes(address)
        since = from_s if changes and not changes[0].added else None
        spans: list[tuple[float, float]] = []
        for change in changes:
            if change.added:
                since = change.at_s if since is None else since
            elif since is not None:
                spans.append((since, change.at_s))
                since = None
        return spans if since is None else [*spans, (since, to_s)]


@dataclass(kw_only=True)
class Incident:
    """A fault. What it holds after the block: `sights` by director, `adverts` on the network."""

    lab: Lab
    offsets_s: dict[str, float]
    jobs: dict[str, Job] = field(default_factory=dict)
    sights: dict[str, Sight] = field(default_factory=dict)
    adverts: list[Advert] = field(default_factory=list)
    begin_s: float = field(default_factory=time)
    end_s: float = 0.0

    def strike(self, director: str, command: str) -> float:
        """Run `command` there; the second just before it began."""
        shown = self.lab.run(director, f"date +%s.%N; {command}", timeout=30).stdout
        return float(shown.split()[0]) - self.offsets_s[director]

    def of(self, source: str, virtual_router_id: int) -> list[Advert]:
        """The adverts of one router on the network."""
        return [
            advert
            for advert in self.adverts
            if (advert.source, advert.virtual_router_id) == (source, virtual_router_id)
        ]

    def both_held_s(self, address: str) -> float:
        """For how long in all two directors had `address` at once."""
        one, other = (s.held(address, self.begin_s, self.end_s) for s in self.sights.values())
        return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in one for b in other)


def longest_pause_s(seen: Sequence[Advert]) -> float:
    """The longest time between two adverts."""
    return max(later.at_s - one.at_s for one, later in pairwise(seen))


def clock_offsets(lab: Lab, *directors: str) -> dict[str, float]:
    """By how much each director's wall clock is ahead of this machine's: seconds, to some ms."""
    return {director: _offset_s(lab, director) for director in directors}


def _offset_s(lab: Lab, director: str) -> float:
    readings: list[tuple[float, float]] = []
    for _ in range(CLOCK_READINGS):
        before = time()
        theirs = float(lab.run(director, "date +%s.%N").stdout)
        after = time()
        readings.append((after - before, theirs - (before + after) / 2))
    return min(readings)[1]


@contextmanager
def incident(
    cluster: Cluster, offsets_s: dict[str, float], interface: str, network: str
) -> Iterator[Incident]:
    """Watch both directors and the network while the block runs; read everything at its end.

    Each director must be master of something: the block begins when each was seen to advertise.
    """
    lab = cluster.lab
    seen = Incident(lab=lab, offsets_s=offsets_s)
    command = f"exec python3 - {LONGEST_S} {interface} $(pgrep '^lvs-')"
    with ExitStack() as stack:
        with lab.capture(network, "proto 112") as pcap:
            for director in offsets_s:
                script = f"{command} <<'END'\n{WATCHER.read_text()}\nEND"
                seen.jobs[director] = lab.start(director, script)
                stack.callback(seen.jobs[director].stop)
            for job in seen.jobs.values():
                cluster.wait("an advert is seen", lambda job=job: '"advert"' in job.output())
            yield seen
            seen.end_s = time()
        for director, job in seen.jobs.items():
            assert job.running(), f"the watcher on {director} ended early:\n{job.output()}"
            seen.sights[director] = _sight(job.output(), offsets_s[director])
    seen.adverts = adverts(pcap)


def _sight(text: str, offset_s: float) -> Sight:
    rows = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return Sight(rows=[{**row, "at": row["at"] - offset_s} for row in rows])
