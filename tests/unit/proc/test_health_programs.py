# SPDX-License-Identifier: GPL-3.0-or-later
"""MISC_CHECKs that name a user, in a health process that asks for their programs to be run."""

from __future__ import annotations

import json
from typing import Any

from health_process import Process, Run, document
from lvs_agent.adapters.digest import sha256_hex
from lvs_agent.config import load
from lvs_agent.core.health.programs import name_of
from lvs_agent.core.messages import (
    ProcessDied,
    ProgramEnded,
    ProgramWanted,
    Verdict,
    VerdictsComplete,
)

PROGRAM = {"misc_check": {"misc_path": "/bin/false", "user": "nobody"}}


def wanted(**reals: dict[str, Any]) -> dict[str, Any]:
    found = document(**reals)
    found["virtual_servers"]["web0"] |= {"retry": 0, "warmup": 0}
    return found


def started(run: Run, of: dict[str, Any], **more: Any) -> Process:
    process = run(of, **more)
    process.until(lambda: VerdictsComplete(generation=1) in process.told)
    return process


def requests(process: Process) -> list[ProgramWanted]:
    return [one for one in process.said if isinstance(one, ProgramWanted)]


def request(process: Process, count: int) -> ProgramWanted:
    """The request of this number, the first being 1."""
    process.until(lambda: len(requests(process)) >= count)
    return requests(process)[count - 1]


def answer(process: Process, number: int, code: int | None, **more: Any) -> None:
    """What track says of a program."""
    fields = {"timed_out": False, "started": True, "words": "", **more}
    process.send(ProgramEnded(number=number, exit_code=code, **fields))


def last(process: Process, name: str = "rs") -> Verdict:
    found = [m for m in process.told if isinstance(m, Verdict) and m.real_server == name]
    assert found
    return found[-1]


def test_program_is_asked_for_by_name_once_at_a_time_and_its_end_decides(run: Run) -> None:
    of = wanted(rs=PROGRAM)
    process = started(run, of)
    first = request(process, 1)
    assert first.check == name_of(load(json.dumps(of)).programs[0], sha256_hex)
    process.listen_for(0.5)  # two times delay_loop
    assert requests(process) == [first]
    answer(process, first.number, 1, words="no queue")
    process.until(lambda: process.verdicts("rs") == [(False, True)])
    assert last(process).reason == "MISC_CHECK /bin/false: exit status 1: no queue (1 try)"
    second = request(process, 2)
    assert second.check == first.check
    assert second.number != first.number
    answer(process, second.number, 0)
    process.until(lambda: process.verdicts("rs")[-1] == (True, True))
    third = request(process, 3)
    answer(process, third.number, None, timed_out=True)
    process.until(lambda: process.verdicts("rs")[-1] == (False, True))
    assert "did not end within its time limit" in last(process).reason


def test_status_of_a_program_may_be_a_weight(run: Run) -> None:
    of = wanted(rs={"misc_check": {**PROGRAM["misc_check"], "misc_dynamic": True}})
    process = started(run, of)
    answer(process, request(process, 1).number, 9)
    process.until(lambda: process.verdicts("rs") == [(True, True)])
    assert last(process).weight == 7


def test_equal_checks_are_asked_for_once_and_those_of_another_user_apart(run: Run) -> None:
    other = {"misc_check": {**PROGRAM["misc_check"], "user": "nobody:mail"}}
    process = started(run, wanted(a=PROGRAM, b=PROGRAM, c=other))
    request(process, 2)
    process.listen_for(0.3)
    names = {one.check: one.number for one in requests(process)}
    assert len(requests(process)) == len(names) == 2
    for number in names.values():
        answer(process, number, 1)
    for name in ("a", "b", "c"):
        process.until(lambda name=name: process.verdicts(name) == [(False, True)])


def test_death_of_track_changes_no_verdict_and_it_is_asked_again(run: Run) -> None:
    process = started(run, wanted(rs=PROGRAM))
    answer(process, request(process, 1).number, 0)
    process.until(lambda: process.verdicts("rs") == [(True, True)])
    lost = request(process, 2)
    process.send(ProcessDied(name="track"))
    again = request(process, 3)
    assert process.verdicts("rs") == [(True, True)]
    answer(process, lost.number, 1)  # too late: it is not the answer that is waited for
    answer(process, again.number + 77, 1)
    answer(process, again.number, 0)
    request(process, 4)
    assert process.verdicts("rs") == [(True, True)]
    assert process.report()["health"]["local_errors"] == 1


def test_program_that_could_not_be_started_blames_no_server(run: Run) -> None:
    process = started(run, wanted(rs=PROGRAM))
    words = "/bin/false: may not be run as nobody (Operation not permitted)"
    answer(process, request(process, 1).number, None, started=False, words=words)
    request(process, 2)
    assert process.verdicts("rs") == []
    assert any(f"cannot run on this host: {words}" in line for line in process.lines())


def test_next_health_process_uses_no_number_again(run: Run) -> None:
    numbers = [request(started(run, wanted(rs=PROGRAM)), 1).number for _ in range(2)]
    assert numbers[1] > numbers[0] + 1000


def test_check_that_a_reload_takes_away_waits_for_no_answer(run: Run) -> None:
    process = started(run, wanted(rs=PROGRAM))
    before = request(process, 1)
    process.reconfigure(wanted(rs={"misc_check": {"misc_path": "/bin/false", "user": "daemon"}}), 2)
    answer(process, before.number, 1)
    after = request(process, 2)
    assert after.check != before.check
    assert process.verdicts("rs") == []
    answer(process, after.number, 1)
    process.until(lambda: process.verdicts("rs") == [(False, True)])


def test_check_that_stays_keeps_its_request_over_a_reload(run: Run) -> None:
    process = started(run, wanted(rs=PROGRAM))
    before = request(process, 1)
    process.reconfigure(wanted(rs=PROGRAM, more=PROGRAM), 2)
    answer(process, before.number, 1)
    process.until(lambda: process.verdicts("more") == [(False, True)])
