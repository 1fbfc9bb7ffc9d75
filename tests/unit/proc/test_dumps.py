# SPDX-License-Identifier: GPL-3.0-or-later
"""The signals that programs for keepalived send, as they come to the supervisor."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.adapters.journal import Journal
from lvs_agent.config import from_document
from lvs_agent.proc.dumps import JSON, SIGNALS, STATE, STATS, Dumps

_spec = importlib.util.spec_from_file_location(
    "agent_fixture", Path(__file__).with_name("agent_fixture.py")
)
assert _spec is not None
assert _spec.loader is not None
agent_fixture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agent_fixture)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Any]:
    running = agent_fixture.RunningAgent(tmp_path, {}).wait_ready()
    yield running
    running.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """The agent writes nothing below /tmp."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


def test_without_the_options_signals_do_nothing_and_are_told_of_once(agent: Any) -> None:
    for __ in range(2):
        for number in SIGNALS:
            agent.process.send_signal(number)
            agent.ask("status")  # so that none is merged with the next
    lines = agent.stderr().splitlines()
    for option in ("json_dump_file", "state_dump_file", "stats_dump_file"):
        told = [line for line in lines if f"global_defs.{option} is not set" in line]
        assert len(told) == 1
    assert agent.process.poll() is None


def test_report_that_lacks_something_costs_the_file_only(agent: Any, folder: Path) -> None:
    # The children of this fixture say nearly nothing.
    document = json.loads(agent.config.read_text())
    path = folder / "keepalived.json"
    document["global_defs"]["json_dump_file"] = str(path)
    agent.write_config(document)
    agent.ask("reload")
    agent.process.send_signal(JSON)
    agent.wait_for(lambda: f"json_dump_file {path}: the status lacks" in agent.stderr())
    assert not path.exists()
    assert agent.ask("status")["agent"]["generation"] == 2


EMPTY = {"agent": {"router_id": "x"}, "instances": [], "sync_groups": [], "addresses": [],
         "trackers": []}  # fmt: skip


class Bench:
    """Dumps whose status comes when the test says so."""

    def __init__(self, **global_defs: Any) -> None:
        self.config = from_document({"global_defs": global_defs})
        self.waiting: list[Callable[[bytes], None]] = []
        self.dumps = Dumps(lambda: self.config, self.waiting.append, Journal({}))

    def answer(self) -> None:
        self.waiting.pop(0)(json.dumps(EMPTY).encode())


@pytest.mark.parametrize(
    ("option", "number", "text"),
    [
        ("json_dump_file", JSON, "[]\n"),
        ("state_dump_file", STATE, "------< Global definitions >------\n"),
        ("stats_dump_file", STATS, ""),
        ("stats_dump_file", signal.SIGRTMAX - 1, ""),
    ],
)
def test_each_signal_has_its_file_and_one_write_serves_many(
    folder: Path, option: str, number: int, text: str
) -> None:
    bench = Bench(**{option: str(folder / "file")})
    for __ in range(3):
        bench.dumps.signalled(number)
    assert len(bench.waiting) == 1
    bench.answer()
    assert (folder / "file").read_text().startswith(text)
    assert os.listdir(folder) == ["file"]
    bench.dumps.signalled(number)
    assert len(bench.waiting) == 1


def test_directory_that_is_closed_is_told_of_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(json_dump_file=str(folder / "nowhere" / "file"))
    for __ in range(2):
        bench.dumps.signalled(JSON)
        bench.answer()
    told = capsys.readouterr().err
    assert told.count("No such file or directory") == 1
    assert "director_writable_paths" in told


def test_option_that_is_gone_meanwhile_writes_nothing(folder: Path) -> None:
    bench = Bench(json_dump_file=str(folder / "file"))
    bench.dumps.signalled(JSON)
    bench.config = from_document({})
    bench.answer()
    assert os.listdir(folder) == []
