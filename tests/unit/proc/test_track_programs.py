# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of MISC_CHECKs that name a user, run by the track process at the word of health."""

from __future__ import annotations

import json
import os
import pwd
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent import config as configuration
from lvs_agent.adapters.digest import sha256_hex
from lvs_agent.adapters.programs import RUNNING_LIMIT
from lvs_agent.core.health.programs import name_of
from lvs_agent.core.messages import ProcessDied, ProgramEnded, ProgramWanted, Reconfigure
from lvs_agent.core.model import Config
from lvs_agent.proc.config_parts import pack, part
from unit.proc.test_track import LIMIT_S, World

# Whoever runs the tests.
OWN = {"user": pwd.getpwuid(os.geteuid()).pw_name}


def shell(text: str, **options: Any) -> dict[str, Any]:
    """A MISC_CHECK."""
    return {"misc_path": ["/bin/sh", "-c", text], **OWN, **options}


def config(*checks: dict[str, Any], **global_defs: Any) -> Config:
    """What track gets of a document with these MISC_CHECKs."""
    server = {"ip": "10.0.0.80", "port": 80, "real_servers": {}}
    server["real_servers"] = {
        f"rs{number}": {"ip": f"10.0.1.{number + 1}", "misc_check": check}
        for number, check in enumerate(checks)
    }
    document = {"global_defs": global_defs, "virtual_servers": {"web": server}}
    return part("track", configuration.load(json.dumps(document)))


class Asking(World):
    """The track process, and what health is told."""

    def ask(self, check: int | str, number: int) -> None:
        """Have the program of the check with this place in the document run, or of this name."""
        programs = self.track.config.programs
        name = check if isinstance(check, str) else name_of(programs[check], sha256_hex)
        self.supervisor.send(ProgramWanted(check=name, number=number))

    def answers(self) -> dict[int, ProgramEnded]:
        found = [one for one in self.said if isinstance(one, ProgramEnded)]
        assert len({one.number for one in found}) == len(found), "answered twice"
        return {one.number: one for one in found}

    def answer(self, number: int) -> ProgramEnded:
        self.until(lambda: number in self.answers())
        return self.answers()[number]


MakeWorld = Callable[..., Asking]


@pytest.fixture
def world() -> Iterator[MakeWorld]:
    worlds: list[Asking] = []

    def make(*checks: dict[str, Any], **global_defs: Any) -> Asking:
        worlds.append(Asking(config(*checks, **global_defs)))
        return worlds[-1]

    yield make
    for one in worlds:
        one.track.stop()
        one.until(lambda one=one: one.loop._stopped)  # type: ignore[misc]
        one.loop.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_program_runs_as_its_user_or_as_that_of_all_scripts(world: MakeWorld) -> None:
    def whose(user: str, group: str) -> str:
        return f'test "$(id -un) $(id -gn)" = "{user} {group}"'

    here = world(
        shell(whose("daemon", "daemon"), user="daemon"),
        shell(whose("daemon", "mail"), user="daemon:mail"),
        shell(whose("nobody", "games"), user=None),
        shell(whose("nobody", "nogroup"), user=None),
        script_user="nobody:games",
    )
    for number in range(4):
        here.ask(number, number)
    assert [here.answer(number).exit_code for number in range(4)] == [0, 0, 0, 1]


def test_answer_says_how_the_program_ended(world: MakeWorld) -> None:
    here = world(
        shell("exit 12"),
        shell("echo no queue >&2; exit 1"),
        shell("exec sleep 60", misc_timeout=0.2),
        {"misc_path": "/no/such", **OWN},
        shell("true", user="no-such-user"),
    )
    for number in range(5):
        here.ask(number, 100 + number)
    assert here.answer(100) == ProgramEnded(
        number=100, exit_code=12, timed_out=False, started=True, words=""
    )
    assert (here.answer(101).exit_code, here.answer(101).words) == (1, "no queue")
    assert (here.answer(102).exit_code, here.answer(102).timed_out) == (None, True)
    assert here.answer(103).started is False
    assert here.answer(104).words == "/bin/sh: there is no user no-such-user"


def test_script_security_holds_for_programs_of_checks(world: MakeWorld, tmp_path: Path) -> None:
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o757)
    here = world({"misc_path": str(program), **OWN}, enable_script_security=True)
    here.ask(0, 1)
    assert here.answer(1).started is False
    assert "anybody may write to" in here.answer(1).words


def test_nothing_but_what_the_document_says_is_run_and_every_request_is_answered(
    world: MakeWorld, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    here = world(shell(f"echo ran >> {log}; sleep 0.3"))
    for number, name in enumerate(("", "/bin/true", "0", "f" * 32)):
        here.ask(name, number)
        assert (here.answer(number).started, here.answer(number).words) == (
            False, "it is not in the configuration",
        )  # fmt: skip
    here.ask(0, 10)
    for number in range(11, 20):
        here.ask(0, number)  # health waits for the answer before it asks again
    assert {here.answer(number).words for number in range(11, 20)} == {"it runs already"}
    assert here.answer(10).exit_code == 0
    assert log.read_text().split() == ["ran"]
    here.ask(0, 20)
    assert here.answer(20).exit_code == 0


def test_no_more_than_so_many_run_at_a_time_and_scripts_do_not_wait_for_them(
    world: MakeWorld, tmp_path: Path
) -> None:
    go, log = tmp_path / "go", tmp_path / "log"
    text = f"echo >> {log}; until test -e {go}; do sleep 0.05; done; exit"
    here = world(*(shell(f"{text} {number}") for number in range(RUNNING_LIMIT + 2)))
    for number in range(RUNNING_LIMIT + 2):
        here.ask(number, number)
    here.until(lambda: log.exists() and len(log.read_text().splitlines()) == RUNNING_LIMIT)
    assert here.answers() == {}
    go.touch()
    codes = [here.answer(number).exit_code for number in range(RUNNING_LIMIT + 2)]
    assert codes == list(range(RUNNING_LIMIT + 2))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def begun(here: Asking, path: Path) -> int:
    """The process id that a program wrote into `path`."""
    here.until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_death_of_the_health_process_ends_what_ran_for_it(world: MakeWorld, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    here = world(shell(f"echo $$ > {path}; exec sleep 60"), shell("exit 3"))
    here.ask(0, 1)
    pid = begun(here, path)
    here.supervisor.send(ProcessDied(name="health"))
    here.until(lambda: gone(pid))
    path.unlink()
    here.ask(0, 1001)  # its successor may ask for the same
    here.ask(1, 1002)
    assert here.answer(1002).exit_code == 3
    begun(here, path)
    assert set(here.answers()) == {1002}


def test_reload_ends_what_is_no_longer_wanted_and_leaves_the_rest_alone(
    world: MakeWorld, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("kept", "dropped")]
    go = tmp_path / "go"
    kept, dropped = (
        shell(f"echo $$ > {path}; until test -e {go}; do sleep 0.05; done; exit 4")
        for path in paths
    )
    here = world(kept, dropped)
    here.ask(0, 1)
    here.ask(1, 2)
    pids = [begun(here, path) for path in paths]
    changed = config(shell("exit 5"), kept)
    here.supervisor.send(Reconfigure(generation=2, config=pack(changed)))
    assert here.answer(2).words == "it is no longer in the configuration"
    here.until(lambda: gone(pids[1]))
    assert not gone(pids[0])
    go.touch()
    assert here.answer(1).exit_code == 4
    here.ask(0, 3)
    assert here.answer(3).exit_code == 5


def test_stop_kills_what_runs(world: MakeWorld, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    here = world(shell(f"trap '' TERM; echo $$ > {path}; exec sleep 60"))
    here.ask(0, 1)
    pid = begun(here, path)
    here.track.stop()
    end = time.monotonic() + LIMIT_S
    while not gone(pid):
        assert time.monotonic() < end
        time.sleep(0.02)
