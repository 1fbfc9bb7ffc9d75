# SPDX-License-Identifier: GPL-3.0-or-later
"""Many seeds on every core of the machine, for a number of faults or for a time.

Owns the worker processes and the sum of what they found; also the command line:

    python -m sim.campaign --faults 500000     until so many faults were injected
    python -m sim.campaign --seconds 3600      for so long
    python -m sim.campaign --replay 4711       one seed, with everything that happened in it
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from typing import Any

from sim.run import Result, run_seed

# Failures that are shown; more of them have the same cause as a rule.
_MOST_FAILURES = 5
# Some ten megabytes of worlds.
_SEEDS_PER_COLLECTION = 20


@dataclass(slots=True)
class Tally:
    """What a campaign came to. `cpu_s` is the processor time of all workers."""

    counts: Counter[str] = field(default_factory=Counter)
    seeds: int = 0
    virtual_ns: int = 0
    steps: int = 0
    cpu_s: float = 0.0
    elapsed_s: float = 0.0
    failures: list[Result] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return sum(self.counts.values())

    def add(self, result: Result, cpu_s: float) -> None:
        """One seed more."""
        self.counts += result.counts
        self.seeds += 1
        self.virtual_ns += result.virtual_ns
        self.steps += result.steps
        self.cpu_s += cpu_s
        if result.broken is not None:
            self.failures.append(result)

    def enough(self, faults: int | None, seconds: float | None) -> bool:
        """So many faults, or so much time, or too many failures."""
        return (
            (faults is not None and self.faults >= faults)
            or (seconds is not None and self.elapsed_s >= seconds)
            or len(self.failures) >= _MOST_FAILURES
        )

    def __str__(self) -> str:
        kinds = "\n".join(f"  {number:>9,}  {kind}" for kind, number in self.counts.most_common())
        rate = self.faults / max(self.elapsed_s, 0.001)
        return (
            f"{self.faults:,} faults in {self.seeds:,} seeds, {self.elapsed_s:.1f} s"
            f" ({rate:,.0f} faults/s; {self.cpu_s:.1f} s of processor time)\n"
            f"{self.virtual_ns / 3.6e12:,.1f} simulated hours, {self.steps:,} events\n{kinds}"
        )


def _work(first: int, stride: int, results: Connection, stop: Event) -> None:
    """A worker: every `stride`-th seed, until it is told to stop or nobody listens."""
    os.nice(10)  # real clocks tick in the tests that run beside this one
    # A world is one knot of references, which is garbage when its run is over, and not before: a
    # collection now and then is enough, and a tenth faster.
    gc.collect()
    gc.freeze()
    gc.disable()
    seed = first
    while not stop.is_set():
        if (seed - first) // stride % _SEEDS_PER_COLLECTION == 0:
            gc.collect()
        begin_s = time.process_time()
        result = run_seed(seed)
        try:
            results.send((result, time.process_time() - begin_s))
        except OSError:
            return
        seed += stride


def campaign(
    *, faults: int | None = None, seconds: float | None = None, first_seed: int = 0, jobs: int = 0
) -> Tally:
    """Run seeds from `first_seed` on until `faults` were injected or `seconds` are over.

    Ends early after some failures. `jobs` 0: one worker for each core.
    """
    tally = Tally()
    begin_s = time.monotonic()
    jobs = jobs or len(os.sched_getaffinity(0))
    # fork: the workers start with what is loaded, mutations included.
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    workers: dict[Connection, Any] = {}
    for number in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(first_seed + number, jobs, theirs, stop))
        worker.start()
        theirs.close()
        workers[ours] = worker
    try:
        while not tally.enough(faults, seconds):
            for ready in wait(list(workers), timeout=1):
                assert isinstance(ready, Connection)
                tally.add(*ready.recv())  # EOFError: a worker died, which nothing here explains
            tally.elapsed_s = time.monotonic() - begin_s
    finally:
        stop.set()
        for ours, worker in workers.items():
            ours.close()
            worker.terminate()
            worker.join(10)
    return tally


def explain(seed: int, lines: int = 80) -> str:
    """What happened in a seed, up to its failure: the last lines of its trace."""
    return _explained(run_seed(seed, trace=True), lines)


def _explained(result: Result, lines: int) -> str:
    end = result.broken or "every invariant held"
    return "\n".join([*result.trace[-lines:], f"seed {result.seed}: {end}"])


def report(tally: Tally) -> str:
    """The sums, and the trace of the first failure."""
    parts = [str(tally)]
    for failure in sorted(tally.failures, key=lambda result: result.seed):
        parts.append(f"FAILED seed {failure.seed}: {failure.broken}")
    if tally.failures:
        first = min(result.seed for result in tally.failures)
        parts.append(f"The end of seed {first} (all of it: make sim-replay SEED={first}):")
        parts.append(explain(first))
    return "\n".join(parts)


def main() -> int:
    """The command line; exit status 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--faults", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=0, help="0: one for each core")
    parser.add_argument("--replay", type=int, metavar="SEED")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        result = run_seed(arguments.replay, trace=True)
        print(_explained(result, len(result.trace)))
        return 1 if result.broken is not None else 0
    if arguments.faults is None and arguments.seconds is None:
        parser.error("say how long: --faults, --seconds or --replay")
    tally = campaign(
        faults=arguments.faults,
        seconds=arguments.seconds,
        first_seed=arguments.first_seed,
        jobs=arguments.jobs,
    )
    print(report(tally))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
