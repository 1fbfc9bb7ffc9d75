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
from pathlib import Path

from bench import report, vrrp
from bench.contestants import Load
from bench.vrrp import Series

ROOT = Path(__file__).resolve().parents[2]


def _takeover_series() -> dict[str, Series]:
    return {
        "overhead": Series("takeover beyond the protocol's time", "ms", "<= 2 median, <= 10 p99"),
        "first arp": Series("first gratuitous ARP after the first advert", "ms", ""),
        "last arp": Series("last VIP announced after the first advert", "ms", "<= keepalived"),
        "advert gap": Series("longest advert gap beyond the interval", "ms", ""),
    }


def _handover_series() -> dict[str, Series]:
    return {
        "resignation": Series("SIGTERM to priority 0", "ms", ""),
        "handover": Series("priority 0 to first advert, beyond the skew", "ms", ""),
    }


def _lateness_series() -> dict[str, Series]:
    return {
        "lateness p50": Series("advert interval off by, p50", "ms", ""),
        "lateness p99": Series("advert interval off by, p99", "ms", ""),
        "lateness max": Series("advert interval off by, worst", "ms", "<= 5 p99.9"),
        "false takeovers": Series("adverts of the backup", "", "0"),
    }


def _cost_series() -> dict[str, Series]:
    return {
        "cpu active": Series("CPU of the active host", "% core", ""),
        "cpu backup": Series("CPU of the backup", "% core", ""),
        "memory": Series("memory, PSS of all processes", "MiB", "<= 36 small"),
    }


def main() -> int:
    """Run everything; `--quick` for a few minutes less."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--output", type=Path, default=ROOT / ".lab-cache" / "bench.json")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("the benchmarks need root: they make network namespaces", file=sys.stderr)
        return 1
    rounds = 3 if options.quick else 10
    seconds = 10 if options.quick else 60
    scenarios: dict[str, dict[str, Series]] = {}

    def scenario(name: str, series: dict[str, Series]) -> dict[str, Series]:
        print(f"... {name}", file=sys.stderr, flush=True)
        scenarios[name] = series
        return series

    fast = Load(interval_s=0.1)
    with tempfile.TemporaryDirectory(prefix="lvs-bench-") as scratch:
        here = Path(scratch)
        one = scenario("takeover after SIGKILL, 1 VIP, T = 0.1 s", _takeover_series())
        vrrp.takeovers(one, fast, rounds, here)
        many = scenario("takeover after SIGKILL, 500 VIPs, T = 1 s", _takeover_series())
        vrrp.takeovers(many, Load(addresses=500), max(2, rounds // 3), here)
        vrrp.handovers(scenario("stop, 1 VIP, T = 0.1 s", _handover_series()), fast, rounds, here)
        gap = {"client gap": Series("longest time without an answer", "s", "")}
        vrrp.client_gap(
            scenario("client asks the VIP, power cut, T = 1 s", gap), Load(), rounds // 3, here
        )
        quiet = scenario("adverts, T = 0.1 s, quiet", _lateness_series())
        vrrp.lateness(quiet, fast, seconds, here, busy=0)
        busy = scenario("adverts, T = 0.1 s, 4 endless loops beside", _lateness_series())
        vrrp.lateness(busy, fast, seconds, here, busy=4)
        vrrp.costs(scenario("1 instance, T = 1 s", _cost_series()), Load(), seconds / 2, here)
        lots = Load(instances=255)
        vrrp.costs(scenario("255 instances, T = 1 s", _cost_series()), lots, seconds / 2, here)
    print(report.table(scenarios))
    options.output.parent.mkdir(exist_ok=True)
    report.save(scenarios, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
