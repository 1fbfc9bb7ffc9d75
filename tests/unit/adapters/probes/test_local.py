# SPDX-License-Identifier: GPL-3.0-or-later
"""MISC_CHECK and FILE_CHECK with real programs and files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.adapters.programs import RUNNING_LIMIT
from lvs_agent.core.checks import FileCheck, MiscCheck
from lvs_agent.core.health.check import Outcome, failed, passed

PACE = {"retry": 0, "delay_before_retry_ns": 0, "delay_loop_ns": 10**9}


def misc(script: str, *, timeout_s: float = 5.0, dynamic: bool = False) -> MiscCheck:
    return MiscCheck(
        argv=("/bin/sh", "-c", script),
        timeout_ns=int(timeout_s * 1e9),
        dynamic=dynamic,
        secure=False,
        **PACE,
    )


def test_the_exit_status_decides(driver: Any) -> None:
    assert driver.run(misc("exit 0")) == passed("exit status 0")
    assert driver.run(misc("echo no queue >&2; exit 1")) == failed("exit status 1: no queue")
    assert driver.run(misc("exit 12")) == failed("exit status 12")
    assert driver.run(misc("exit 12", dynamic=True)).weight == 10
    assert driver.run(misc("kill -9 $$")).outcome is Outcome.FAILED


def test_a_program_that_is_not_there_blames_no_server(driver: Any) -> None:
    check = MiscCheck(argv=("/no/such",), timeout_ns=10**9, dynamic=False, secure=False, **PACE)
    result = driver.run(check)
    assert result.outcome is Outcome.LOCAL_ERROR
    assert result.reason == "/no/such: No such file or directory"


def gone(pid: int) -> bool:
    """Whether a process is no more, or only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("stubborn", [False, True])
def test_at_its_limit_all_its_processes_are_killed(
    driver: Any, tmp_path: Path, stubborn: bool
) -> None:
    pids = tmp_path / "pids"
    trap = "trap '' TERM;" if stubborn else ""
    # The child ignores the first signal in any case.
    child = f"(trap '' TERM; while :; do sleep 0.1; done) & echo $! >> {pids}"
    check = misc(f"{trap} {child}; echo $$ >> {pids}; wait; sleep 100", timeout_s=0.5)
    began = time.monotonic()
    result = driver.run(check)
    assert result == failed("did not end within its time limit")
    # The verdict is there at the limit, not after the killing.
    assert time.monotonic() - began < 0.5 + 1.5
    numbers = [int(line) for line in pids.read_text().split()]
    assert len(numbers) == 2
    end = time.monotonic() + 8
    while len(driver.programs) or not all(gone(number) for number in numbers):
        assert time.monotonic() < end
        driver.turn(0.05)
        time.sleep(0.01)


def test_the_next_try_waits_until_the_last_ones_program_is_gone(
    driver: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    probe = driver.probe(
        misc(f"trap '' TERM; echo start >> {log}; sleep 0.9 & wait; sleep 0.9", timeout_s=0.2)
    )
    probe.start()
    driver.until(1)
    probe.start()
    driver.turn(0.1)
    assert log.read_text().split() == ["start"]
    driver.until(2)
    assert log.read_text().split() == ["start", "start"]


def test_no_more_than_so_many_run_at_a_time(driver: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    wait = f"until test -e {go}; do sleep 0.02; done"
    probes = [driver.probe(misc(f"{wait}; exit {n % 2}")) for n in range(RUNNING_LIMIT + 5)]
    for probe in probes:
        probe.start()
    most = 0
    while len(driver.results) < len(probes):
        driver.turn(0.02)
        most = max(most, len(driver.programs))
        if most >= RUNNING_LIMIT:
            go.touch()
    assert most == RUNNING_LIMIT


def test_an_abandoned_program_is_ended_and_says_nothing(driver: Any) -> None:
    probe = driver.probe(misc("sleep 100"))
    probe.start()
    driver.turn(0.1)
    probe.abandon()
    end = time.monotonic() + 8
    while len(driver.programs):
        assert time.monotonic() < end
        driver.turn(0.05)
    assert driver.results == []


def test_a_try_after_an_abandoned_one_waits_until_that_ones_program_is_gone(
    driver: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    probe = driver.probe(misc(f"trap '' TERM; echo start >> {log}; sleep 0.9 & wait; sleep 0.9"))
    probe.start()
    end = time.monotonic() + 8
    while not log.exists():
        assert time.monotonic() < end
        driver.turn(0.02)
    probe.abandon()
    probe.start()
    driver.turn(0.1)
    assert log.read_text().split() == ["start"]
    driver.until(1)
    assert log.read_text().split() == ["start", "start"]


def test_the_number_in_a_file_decides(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "number"
    check = FileCheck(name="f", path=str(path), weight=0, reverse=False, **PACE)
    assert driver.run(check) == passed("the file does not exist; it counts as 0")
    path.write_text("3\n")
    assert driver.run(check) == failed("the number is 3")
    weighing = FileCheck(name="f", path=str(path), weight=2, reverse=False, **PACE)
    assert driver.run(weighing).added == 6
