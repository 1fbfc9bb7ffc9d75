# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the lab at work (`load.py`, on the client), and what became of its requests.

Owns starting it and reading what it prints. Must never know what was done to the cluster meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cluster import Cluster
from lvslab import Lab
from lvslab.job import Job

_LOAD = Path(__file__).with_name("load.py")
# Between a director's clock and the client's, and until switches and hosts know a new master.
SLACK_S = 2.0


class Request(NamedTuple):
    """One of the client's, by the wall clock."""

    began_s: float
    ended_s: float
    kind: str
    outcome: str


@dataclass(kw_only=True)
class Requests:
    """What became of the client's requests."""

    job: Job

    def rows(self) -> list[Request]:
        lines = [line.split("\t") for line in self.job.output().splitlines()]
        return [Request(float(row[0]), float(row[1]), *row[2:]) for row in lines if len(row) == 4]

    def lost(self) -> list[Request]:
        return [each for each in self.rows() if each.outcome != "ok"]

    def lost_without(self, handovers_s: list[float]) -> list[Request]:
        """Those that no hand-over can have to do with."""
        return [
            each
            for each in self.lost()
            if not any(each.began_s - SLACK_S < at < each.ended_s + SLACK_S for at in handovers_s)
        ]

    def counts(self) -> dict[str, int]:
        return dict(Counter(each.kind for each in self.rows() if each.outcome == "ok"))

    def per_s(self) -> float:
        """How many were answered well in a second, all kinds together."""
        good = [each.ended_s for each in self.rows() if each.outcome == "ok"]
        return (len(good) - 1) / (max(good) - min(good))

    def gap_s(self) -> float:
        """The longest time between the ends of two good short requests."""
        good = [
            each.ended_s for each in self.rows() if (each.kind, each.outcome) == ("short", "ok")
        ]
        return max(later - at for at, later in pairwise(good))


@contextmanager
def load(lab: Lab, cluster: Cluster, url: str, big_url: str, seconds: float) -> Iterator[Requests]:
    """The client works while the block runs, at most for `seconds`. `url`: several are separated by
    commas."""
    lab.put("client", "/root/load.py", _LOAD.read_text())
    words = ["python3", "/root/load.py", url, big_url, str(seconds)]
    requests = Requests(job=lab.start("client", words))
    try:
        cluster.wait("all kinds of requests", lambda: len(requests.counts()) == 3, timeout_s=30)
        yield requests
        # What is on its way belongs to it.
        served = requests.counts()
        cluster.wait(
            "each kind once more",
            lambda: all(requests.counts()[kind] > count for kind, count in served.items()),
            timeout_s=30,
        )
    finally:
        requests.job.stop()
