# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulation itself: half a million faults, and that it would notice a bug.

SIM_FAULTS sets the number of faults; `make check` takes a small share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sim.campaign import campaign, report
from sim.mutations import MUTATIONS, Mutation
from sim.run import run_seed

FAULTS = int(os.environ.get("SIM_FAULTS", "500000"))
# Three minutes on two cores, as processor time: another load on the machine is no failure.
MOST_CPU_S = 2 * 180 * FAULTS / 500_000
KINDS = {
    "loss",
    "delay and reordering",
    "duplication",
    "partition",
    "one-way partition",
    "power cut",
    "agent stopped",
    "ha process crash",
    "ha process hangs",
    "kernel process death",
    "kernel process silent",
    "kernel process slow",
    "kernel refuses addresses",
    "freeze",
    "host suspended",
    "interface down",
    "address removed by hand",
    "instance given_away",
    "instance held",
    "instance ordinary",
    "master told to resign",
    "reload: priority",
    "reload: advert_int",
    "reload: addresses",
    "reload: nopreempt",
    "reload: preempt_delay",
    "tracked script fails",
    "tracked file changes",
    "wall clock step",
    "single frame lost",
    "single frame duplicated",
    "single frame reordered",
    "single frame corrupted",
}


@pytest.mark.timeout(1200)
def test_every_invariant_holds_through_all_faults(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tally = campaign(faults=FAULTS)
    with capsys.disabled():
        print(f"\n{tally}")
    record_property("faults", tally.faults)
    record_property("elapsed_s", round(tally.elapsed_s, 1))
    assert not tally.failures, report(tally)
    assert tally.faults >= FAULTS
    assert set(tally.counts) == KINDS
    # No kind is there for show: the rarest is one in five thousand.
    assert min(tally.counts.values()) >= FAULTS / 5000, tally.counts
    assert tally.cpu_s < MOST_CPU_S + 5, str(tally)


@contextmanager
def planted(mutation: Mutation) -> Iterator[None]:
    with mutation.planted():
        yield


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_planted_bug_is_found(mutation: Mutation) -> None:
    with planted(mutation):
        for seed in range(mutation.seeds):
            result = run_seed(seed)
            if result.broken is not None:
                break
    assert result.broken is not None, f"not found in {mutation.seeds} seeds"
    assert result.invariant in mutation.caught_by, result.broken
    # The same seed without it: the bug was found, not something else. (All those before it are
    # among the seeds of the campaign.)
    assert run_seed(seed).broken is None


def test_a_seed_is_the_same_run_every_time() -> None:
    one, other = run_seed(3, trace=True), run_seed(3, trace=True)
    assert one.trace == other.trace
    assert one.counts == other.counts


def test_trace_of_a_failure_ends_with_what_is_broken() -> None:
    with MUTATIONS[0].planted():
        seed = next(seed for seed in range(100) if run_seed(seed).broken is not None)
        result = run_seed(seed, trace=True)
    assert result.broken is not None
    assert result.trace[-1].endswith(result.broken)
    assert any("===" in line for line in result.trace)
