# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a document make of the track process: real scripts, processes and files."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent import config as configuration
from unit.proc.test_track import LIMIT_S, World


@pytest.fixture
def world() -> Iterator[Callable[[dict[str, Any]], World]]:
    worlds: list[World] = []

    def make(document: dict[str, Any]) -> World:
        worlds.append(World(configuration.load(json.dumps(document))))
        return worlds[-1]

    yield make
    for one in worlds:
        one.track.stop()
        one.until(lambda one=one: one.loop._stopped)  # type: ignore[misc]
        one.loop.close()


MakeWorld = Callable[[dict[str, Any]], World]


def shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


# Scripts


def test_script_runs_at_its_interval(world: MakeWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    chk = {"script": shell(f"date +%s.%N >> {log}"), "interval": 0.25}
    here = world({"vrrp_scripts": {"chk": chk}})
    here.until(lambda: log.exists() and len(log.read_text().splitlines()) == 4)
    times = [float(line) for line in log.read_text().splitlines()]
    assert 0.6 < times[3] - times[0] < 2


@pytest.mark.parametrize(("secure", "runs"), [(False, True), (True, False)])
def test_script_that_others_could_change_is_not_run_where_the_document_says_so(
    world: MakeWorld,
    tmp_path: Path,
    secure: bool,
    runs: bool,
) -> None:
    marker, script = tmp_path / "ran", tmp_path / "check"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o757)
    document = {
        "global_defs": {"enable_script_security": secure},
        "vrrp_scripts": {"chk": {"script": str(script), "interval": 0.1}},
    }
    here = world(document)
    here.until(lambda: here.ups("chk")[-1:] == [runs])
    assert marker.exists() is runs
    assert runs or "anybody may write" in here.states[-1].reason


def test_script_is_ended_at_its_timeout(world: MakeWorld) -> None:
    chk = {"script": shell("exec sleep 60"), "interval": 50, "timeout": 0.2}
    here = world({"vrrp_scripts": {"chk": chk}})
    began = time.monotonic()
    here.until(lambda: here.ups("chk")[-1:] == [False])
    assert time.monotonic() - began < 3
    assert "time limit" in here.states[-1].reason


def test_script_rises_and_falls_after_so_many_results(world: MakeWorld, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    def chk(name: str, **options: Any) -> dict[str, Any]:
        text = f"echo >> {tmp_path / name}; test -e {flag}"
        return {"script": shell(text), "interval": 0.05, **options}

    scripts = {
        "plain": chk("plain"),
        "rising": chk("rising", rise=6),
        "falling": chk("falling", fall=6),
        "doubtful": chk("doubtful", init_fail=True, rise=6),
    }
    flag.touch()

    def runs(name: str) -> int:
        return len((tmp_path / name).read_text().splitlines())

    here = world({"vrrp_scripts": scripts})
    here.until(lambda: all(here.ups(name) for name in scripts))
    assert here.ups("doubtful") == [False]  # at once, and not unknown
    here.until(lambda: here.ups("doubtful")[-1] is True)
    assert runs("doubtful") >= 6
    assert here.ups("plain") == here.ups("rising") == here.ups("falling") == [None, True]
    before = runs("falling")
    flag.unlink()
    here.until(lambda: here.ups("plain")[-1] is False and here.ups("rising")[-1] is False)
    assert here.ups("falling")[-1] is True
    here.until(lambda: here.ups("falling")[-1] is False)
    assert runs("falling") >= before + 5
    flag.touch()
    here.until(lambda: here.ups("plain")[-1] is True)
    assert here.ups("rising")[-1] is False
    before = runs("rising")
    here.until(lambda: here.ups("rising")[-1] is True)
    assert runs("rising") >= before + 3


def test_script_runs_as_its_user_or_as_that_of_all(world: MakeWorld) -> None:
    def runs_as(user: str, group: str) -> list[str]:
        return shell(f'test "$(id -un) $(id -gn)" = "{user} {group}"')

    scripts = {
        "of_all": {"script": runs_as("nobody", "games")},
        "own": {"script": runs_as("daemon", "daemon"), "user": "daemon"},
        "group": {"script": runs_as("daemon", "mail"), "user": "daemon:mail"},
        "blank": {"script": runs_as("daemon", "mail"), "user": "daemon mail"},
    }
    here = world({"global_defs": {"script_user": "nobody:games"}, "vrrp_scripts": scripts})
    here.until(lambda: all(len(here.ups(name)) == 2 for name in scripts))
    assert {name: here.ups(name) for name in scripts} == {name: [None, True] for name in scripts}


# Processes


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[tuple[Path, Callable[..., None]]]:
    """A program of a name of its own, and what starts it with the arguments given."""
    program = tmp_path / "lvs-doc-daemon"
    program.symlink_to("/bin/sleep")
    running: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> None:
        running.append(subprocess.Popen([str(program), *arguments]))

    def stop() -> None:
        for process in running:
            process.kill()
            process.wait(LIMIT_S)
        running.clear()

    yield program, lambda *arguments: start(*arguments) if arguments else stop()
    stop()


def test_which_and_how_many_processes_count(
    world: MakeWorld, daemons: tuple[Path, Callable[..., None]]
) -> None:
    program, start = daemons
    for arguments in (("100",), ("100", "1")):
        start(*arguments)
    name = program.name
    other = f"/nowhere/{name}"
    expected: dict[str, tuple[dict[str, Any], bool]] = {
        "two": ({"process": name, "quorum": 2}, True),
        "three": ({"process": name, "quorum": 3}, False),
        "not_above_one": ({"process": name, "quorum_max": 1}, False),
        "not_above_two": ({"process": name, "quorum_max": 2}, True),
        "nobody": ({"process": f"{name}2"}, False),
        "exact": ({"process": f"{name} 100", "quorum": 2}, False),
        "partial": ({"process": f"{name} 100", "quorum": 2, "param_match": "partial"}, True),
        "initial": ({"process": f"{name} 100", "quorum": 2, "param_match": "initial"}, True),
        "name": ({"process": other}, True),
        "other_file": ({"process": other, "full_command": True}, False),
        "own_file": ({"process": str(program), "full_command": True}, True),
    }
    processes = {name: options for name, (options, _) in expected.items()}
    here = world({"vrrp_track_processes": processes})
    settled = {name: [up] for name, (_, up) in expected.items()}
    # A program just started may lack its arguments at the first look; the next one sees them.
    here.until(lambda: {name: here.ups(name)[-1:] for name in expected} == settled)


def test_delays_of_processes_hold_changes_back(
    world: MakeWorld, daemons: tuple[Path, Callable[..., None]]
) -> None:
    program, start = daemons
    start("100")
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "both": {"delay": 0.6},
        "dying": {"terminate_delay": 0.6},
        "forking": {"fork_delay": 0.6},
    }
    processes = {name: {"process": program.name, **more} for name, more in options.items()}
    here = world({"vrrp_track_processes": processes})
    here.until(lambda: all(here.ups(name)[-1:] == [True] for name in options))
    for change, up, late in (
        ((), False, {"both", "dying"}),
        (("100",), True, {"both", "forking"}),
    ):
        start(*change)
        here.until(lambda up=up: here.ups("plain")[-1] is up)  # type: ignore[misc]
        began = time.monotonic()
        here.until(
            lambda up=up, late=late: all(here.ups(n)[-1] is up for n in options.keys() - late)  # type: ignore[misc]
        )
        assert {name for name in options if here.ups(name)[-1] is not up} == late
        here.until(
            lambda up=up, late=late: all(here.ups(name)[-1] is up for name in late)  # type: ignore[misc]
        )
        assert 0.3 < time.monotonic() - began < 5


# Files


def test_file_is_where_and_begins_as_the_document_says(world: MakeWorld, tmp_path: Path) -> None:
    for name in ("kept", "fresh", "plain"):
        (tmp_path / name).write_text("3\n")
    (tmp_path / "missing").unlink(missing_ok=True)
    files = {
        "plain": {"file": str(tmp_path / "plain")},
        "kept": {"file": str(tmp_path / "kept"), "init_file": 9},
        "fresh": {"file": str(tmp_path / "fresh"), "init_file": 9, "overwrite": True},
        "missing": {"file": str(tmp_path / "missing"), "init_file": 4},
    }
    here = world({"vrrp_track_files": files})
    here.until(lambda: all(here.values(name) for name in files))
    assert {name: here.values(name)[-1] for name in files} == {
        "plain": 3,
        "kept": 3,
        "fresh": 9,
        "missing": 4,
    }
    assert (tmp_path / "missing").read_text().strip() == "4"
