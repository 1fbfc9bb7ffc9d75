# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent check --change`: what a file would change for the agent that runs."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.cli.agent import main

# The folder is no package (pytest's importlib mode), so the neighbour is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "agent_fixture", Path(__file__).with_name("agent_fixture.py")
)
assert _spec is not None
assert _spec.loader is not None
agent_fixture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agent_fixture)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Any]:
    running = agent_fixture.RunningAgent(tmp_path, {})
    running.wait_ready()
    yield running
    running.close()


def kind(
    document: dict[str, Any], runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> str | None:
    path = tmp_path / "new.json"
    path.write_text(json.dumps(document))
    words = ["check", "--json", "--change", "--runtime-dir", str(runtime), str(path)]
    assert main(words) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    found: str | None = file["change"]
    return found


def test_the_kind_is_seen_from_the_configuration_in_force(
    agent: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = copy.deepcopy(agent_fixture.DOCUMENT)
    assert kind(document, agent.runtime, tmp_path, capsys) == "none"
    document["virtual_servers"]["web"]["real_servers"]["w1"]["weight"] = 7
    assert kind(document, agent.runtime, tmp_path, capsys) == "weights"
    # A file that nobody has loaded yet counts for nothing.
    agent.write_config(document)
    assert kind(document, agent.runtime, tmp_path, capsys) == "weights"
    assert kind(agent_fixture.DOCUMENT, agent.runtime, tmp_path, capsys) == "structure"


def test_another_password_is_a_change_though_it_is_not_shown(
    agent: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = copy.deepcopy(agent_fixture.DOCUMENT)
    secret = document["vrrp_instances"]["VI_1"]["authentication"] = {
        "auth_type": "PASS",
        "auth_pass": "zrs66zrs",
    }
    agent.write_config(document)
    agent.ask("reload")
    assert kind(document, agent.runtime, tmp_path, capsys) == "none"
    secret["auth_pass"] = "another"
    assert kind(document, agent.runtime, tmp_path, capsys) == "structure"


def test_without_an_agent_there_is_no_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kind(agent_fixture.DOCUMENT, tmp_path / "run", tmp_path, capsys) is None
