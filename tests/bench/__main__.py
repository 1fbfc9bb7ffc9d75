# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: this agent beside Debian's keepalived, in turns, on the same two cores.

Prints a table and writes the samples to bench.json in the folder of caches. Times are worth
nothing by themselves on a shared machine; the ratios are.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import lvs, playbooks, report, vrrp
from bench.contestants import Load
from bench.series import Series
from lvslab import Lab

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = "site.yml on 2 directors, beside a plain role"

Figures = tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`figures`: key, what it is, unit, target. `play` adds samples to them."""

    name: str
    figures: Figures
    play: Callable[[dict[str, Series]], None]


TAKEOVER: Figures = (
    ("overhead", "takeover beyond the protocol's time", "ms", "<= 2 median, <= 10 p99"),
    ("first arp", "first gratuitous ARP after the first advert", "ms", ""),
    ("last arp", "last VIP announced after the first advert", "ms", "<= keepalived at 500"),
    ("advert gap", "longest advert gap beyond the interval", "ms", ""),
)
HANDOVER: Figures = (
    ("resignation", "SIGTERM to priority 0", "ms", ""),
    ("handover", "priority 0 to first advert, beyond the skew", "ms", ""),
)
CLIENT: Figures = (("client gap", "longest time without an answer", "s", ""),)
LATENESS: Figures = (
    ("lateness p50", "advert interval off by, p50", "ms", ""),
    ("lateness p99", "advert interval off by, p99", "ms", ""),
    ("lateness p99.9", "advert interval off by, p99.9", "ms", "<= 5"),
    ("lateness max", "advert interval off by, worst", "ms", ""),
    ("false takeovers", "adverts of the backup", "", "0"),
)
CHECKS: Figures = (*LATENESS, ("checks", "HTTP checks made", "/s", ""))
SCALE: Figures = (
    ("start", "from the start to all in force", "s", "<= 1/5 of keepalived"),
    ("load", "from a reload, without any before, to all in force", "s", "<= 1/5"),
    ("reweight", "from the reload to all weights changed", "s", "<= 1/25"),
    ("reweight cpu", "CPU of that", "s", ""),
    ("stop", "from SIGTERM to the end", "s", "<= 1/20"),
    ("left", "left behind in IPVS", "", "0"),
    ("memory", "memory, PSS of all processes", "MiB", "<= 64"),
    ("status", "lvsctl status", "s", "<= 0.3"),
)
RUNS: Figures = (
    ("few", f"run that changes nothing, {playbooks.FEW} real servers", "s", "<= 1/4"),
    ("pings", "the same, in runs of a play of one ping", "", "<= 4"),
    ("many", f"run that changes nothing, {playbooks.MANY} real servers", "s", ""),
    ("growth", f"from {playbooks.FEW} to {playbooks.MANY} real servers", "%", "< 5"),
)
CHECK_COSTS: Figures = (
    ("cpu", "CPU of the daemon", "% core", ""),
    ("rate", "requests that reached the real servers", "/s", ""),
    ("cpu per check", "CPU per request", "us", "<= keepalived"),
)
COSTS: Figures = (
    ("cpu active", "CPU of the active host", "% core", ""),
    ("cpu backup", "CPU of the backup", "% core", ""),
    ("memory", "memory, PSS of all processes", "MiB", "<= 36 small"),
)


def scenarios(rounds: int, seconds: float, here: Path) -> list[Scenario]:
    """Everything that can be measured, with so many rounds, or over so many seconds each."""
    fast, checking = Load(interval_s=0.1), Load(interval_s=0.1, real_servers=2000)
    many, lots = Load(addresses=500), Load(instances=255)
    few = max(2, rounds // 3)
    return [
        Scenario(
            name="takeover after SIGKILL, 1 VIP, T = 0.1 s",
            figures=TAKEOVER,
            play=lambda to: vrrp.takeovers(to, fast, rounds, here),
        ),
        Scenario(
            name="takeover after SIGKILL, 500 VIPs, T = 1 s",
            figures=TAKEOVER,
            play=lambda to: vrrp.takeovers(to, many, few, here),
        ),
        Scenario(
            name="stop, 1 VIP, T = 0.1 s",
            figures=HANDOVER,
            play=lambda to: vrrp.handovers(to, fast, rounds, here),
        ),
        Scenario(
            name="client asks the VIP, power cut, T = 1 s",
            figures=CLIENT,
            play=lambda to: vrrp.client_gap(to, Load(), few, here),
        ),
        Scenario(
            name="adverts, T = 0.1 s, quiet",
            figures=LATENESS,
            play=lambda to: vrrp.lateness(to, fast, seconds, here),
        ),
        Scenario(
            name="adverts, T = 0.1 s, 4 endless loops beside",
            figures=LATENESS,
            play=lambda to: vrrp.lateness(to, fast, seconds, here, busy=4),
        ),
        Scenario(
            name="adverts, T = 0.1 s, 2,000 HTTP checks a second beside",
            figures=CHECKS,
            play=lambda to: vrrp.checks(to, checking, seconds, here, herd=False),
        ),
        Scenario(
            name="adverts, T = 0.1 s, herds of 2,000 HTTP checks beside",
            figures=CHECKS,
            play=lambda to: vrrp.checks(to, checking, seconds, here, herd=True),
        ),
        Scenario(
            name="1 instance, T = 1 s",
            figures=COSTS,
            play=lambda to: vrrp.costs(to, Load(), seconds / 2, here),
        ),
        Scenario(
            name="255 instances, T = 1 s",
            figures=COSTS,
            play=lambda to: vrrp.costs(to, lots, seconds / 2, here),
        ),
    ]


def on_the_lab(rounds: int, lab: Lab) -> list[Scenario]:
    """What needs IPVS."""

    def scenario(name: str, figures: Figures, words: str) -> Scenario:
        return Scenario(
            name=name, figures=figures, play=lambda to: lvs.measure(to, lab, rounds, words)
        )

    return [
        scenario("IPVS, 100 x 100 real servers", SCALE, "scale 100 100"),
        scenario("IPVS, 500 real servers, each checked alone", CHECK_COSTS, "checks 5 100"),
        scenario("IPVS, 50 real servers behind 10 VIPs", CHECK_COSTS, "shared 10 50"),
    ]


def _with_ansible(rounds: int) -> dict[str, dict[str, Series]]:
    """What needs Ansible and two directors of the lab."""
    lab = Lab(playbooks.NAME, topology="pair")
    with playbooks.up(lab) as cluster, tempfile.TemporaryDirectory(prefix="lvs-bench-") as scratch:
        run = Scenario(
            name=PLAYBOOKS,
            figures=RUNS,
            play=lambda to: playbooks.unchanged(to, cluster, rounds, Path(scratch)),
        )
        return play([run])


def play(wanted: Iterable[Scenario]) -> dict[str, dict[str, Series]]:
    """One after the other; the figures of each by its name."""
    found = {}
    for scenario in wanted:
        print(f"... {scenario.name}", file=sys.stderr, flush=True)
        series = {key: Series(*words) for key, *words in scenario.figures}
        scenario.play(series)
        found[scenario.name] = series
    return found


def main() -> int:
    """Run everything; `--quick` for a few minutes less, `--only` for a part."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", metavar="WORDS", default="", help="scenarios that are called so")
    parser.add_argument("--output", type=Path, default=ROOT / ".lab-cache" / "bench.json")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("the benchmarks need root: they make network namespaces", file=sys.stderr)
        return 1
    rounds, seconds = (3, 10) if options.quick else (10, 60)
    found: dict[str, dict[str, Series]] = {}
    with tempfile.TemporaryDirectory(prefix="lvs-bench-") as scratch:
        here = scenarios(rounds, seconds, Path(scratch))
        found |= play(one for one in here if options.only in one.name)
    lab = Lab(lvs.NAME, topology="solo")
    there = [one for one in on_the_lab(max(2, rounds // 3), lab) if options.only in one.name]
    if there:
        with lvs.up(lab):
            found |= play(there)
    if options.only in PLAYBOOKS:
        found |= _with_ansible(max(3, rounds // 2))
    if not found:
        parser.error(f"no scenario is called {options.only}")
    print(report.table(found))
    options.output.parent.mkdir(exist_ok=True)
    report.save(found, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
