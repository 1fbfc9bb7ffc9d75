# SPDX-License-Identifier: GPL-3.0-or-later
"""Every combination, several at a time: each waits for protocol timers more than it computes."""

from __future__ import annotations

import itertools
import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from interop.scenarios import SCENARIOS, complaints
from interop.segment import Segment
from interop.speakers import Flavour, FrrVrrpd, Keepalived, Ours, Speaker

# Two cores start so many agents at once without their timers suffering.
AT_ONCE = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One cell of the matrix. `active`: this agent has the higher priority."""

    peer: str
    flavour: Flavour
    active: bool
    scenario: str

    def name(self) -> str:
        role = "active" if self.active else "backup"
        return f"{self.peer}, {self.flavour.name()}, we are {role}, {self.scenario}"


def _flavours() -> list[Flavour]:
    pairs = ((2, 4), (3, 4), (3, 6))  # version 2 knows no IPv6
    return [
        Flavour(version=version, family=family, unicast=unicast, vmac=vmac)
        for (version, family), unicast, vmac in itertools.product(
            pairs, (False, True), (False, True)
        )
    ]


def cases() -> list[Case]:
    """The whole matrix."""
    keepalived = [
        Case(peer="keepalived", flavour=flavour, active=active, scenario=scenario)
        for flavour, active, scenario in itertools.product(_flavours(), (True, False), SCENARIOS)
    ]
    authenticated = [
        Case(
            peer="keepalived",
            flavour=Flavour(version=2, family=4, authentication=kind),
            active=active,
            scenario=scenario,
        )
        for kind, active, scenario in itertools.product(
            ("PASS", "AH"), (True, False), ("stop", "preempt", "power cut")
        )
    ]
    frr = [
        Case(
            peer="frr",
            flavour=Flavour(version=3, family=family, vmac=True),
            active=active,
            scenario=scenario,
        )
        for family, active, scenario in itertools.product(
            (4, 6), (True, False), ("stop", "preempt", "power cut")
        )
    ]
    return keepalived + authenticated + frr


PEERS: dict[str, type[Speaker]] = {"keepalived": Keepalived, "frr": FrrVrrpd}


def play(case: Case, number: int, directory: Path) -> str | None:
    """Run one case; None, or what went wrong."""
    speakers: tuple[Speaker, ...] = ()
    try:
        with closing(Segment(f"io{os.getpid()}-{number}", directory / f"{number}")) as segment:
            # The winner among equals is the one with the higher address; b has it.
            ours = Ours(segment, "a", case.flavour, 150 if case.active else 100)
            peer = PEERS[case.peer](segment, "b", case.flavour, 100 if case.active else 150)
            speakers = (ours, peer)
            SCENARIOS[case.scenario](*(speakers if case.active else speakers[::-1]))
            if found := complaints(peer):
                return "keepalived complains: " + "; ".join(found[:3])
    except Exception:  # whatever it was, it is the result of this cell
        said = [
            f"--- {speaker.host}: {type(speaker).__name__}\n"
            + "\n".join(speaker.log.read_text(errors="replace").splitlines()[-25:])
            for speaker in speakers
            if speaker.log.exists()
        ]
        return traceback.format_exc(limit=3) + "\n".join(said)
    return None


def play_all(directory: Path, wanted: list[Case] | None = None) -> dict[Case, str | None]:
    """Run the matrix; the result of each case, None for success."""
    todo = cases() if wanted is None else wanted
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(lambda item: play(item[1], item[0], directory), enumerate(todo))
        return dict(zip(todo, results, strict=True))
