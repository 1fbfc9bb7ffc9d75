# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of the configuration takes, asked of a server on a real control socket."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _agent, _status
from ansible_collections.lvs.cluster.plugins.modules import agent_config

from .control_server import ControlServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the file is to belong to root")

DOCUMENT = {"vrrp_instances": {"VI_1": {"authentication": {"auth_pass": "zrs66zrs"}}}}


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlServer]:
    path = tmp_path / "control.sock"
    monkeypatch.setattr(_agent.request, "__defaults__", (str(path), 5.0, None))
    monkeypatch.setattr(_agent, "installed_release", lambda root="": "installed")
    server = ControlServer(path)
    server.in_force("something else")
    server.replies["reload"] = {"ok": True, "result": {}}
    yield server
    server.close()


def install(path: Path, *, check_mode: bool = False, reload: bool = True) -> dict[str, Any]:
    parameters = {
        "document": json.dumps(DOCUMENT),
        "path": str(path),
        "group": "root",
        "validate": False,
        "reload": reload,
    }
    return agent_config.install(SimpleNamespace(params=parameters, check_mode=check_mode))  # type: ignore[arg-type]


def test_a_new_file_is_reloaded_once(tmp_path: Path, agent: ControlServer) -> None:
    path = tmp_path / "config.json"
    result = install(path)
    assert (result["change"], result["reloaded"], result["changed"]) == ("structure", True, True)
    assert json.loads(path.read_text()) == DOCUMENT
    assert path.stat().st_mode & 0o777 == 0o640
    agent.in_force(path.read_text())
    again = install(path)
    assert (again["change"], again["changed"], again["diff"]) == ("none", False, [])
    assert agent.asked.count("reload") == 1


def test_an_agent_that_missed_a_reload_gets_it_with_an_unchanged_file(
    tmp_path: Path, agent: ControlServer
) -> None:
    path = tmp_path / "config.json"
    install(path, reload=False)
    result = install(path)
    assert (result["change"], result["reloaded"]) == ("structure", True)


def test_an_agent_of_another_release_is_to_be_restarted_not_reloaded(
    tmp_path: Path, agent: ControlServer
) -> None:
    agent.in_force("something else", release="old")
    assert install(tmp_path / "config.json")["change"] == "restart"
    assert "reload" not in agent.asked


def test_a_refused_reload_brings_the_old_file_back_with_the_agents_errors(
    tmp_path: Path, agent: ControlServer
) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}\n")
    errors = [{"path": "vrrp_instances.VI_1.interface", "message": "is required"}]
    agent.replies["reload"] = {"ok": False, "error": "rejected", "errors": errors}
    with pytest.raises(agent_config.Rejected, match=r"VI_1\.interface: is required") as caught:
        install(path)
    assert caught.value.errors == errors
    assert path.read_text() == "{}\n"


def test_check_mode_tells_the_difference_without_the_password(
    tmp_path: Path, agent: ControlServer
) -> None:
    path = tmp_path / "config.json"
    result = install(path, check_mode=True)
    assert result["change"] == "structure"
    assert not path.exists()
    assert agent.asked == ["summary"]
    assert "(hidden)" in result["diff"][0]["after"]
    assert "zrs66zrs" not in json.dumps(result)


def test_without_a_running_agent_the_file_is_all(tmp_path: Path, agent: ControlServer) -> None:
    agent.close()
    (tmp_path / "control.sock").unlink()
    result = install(tmp_path / "config.json")
    assert (result["change"], result["changed"], result["reloaded"]) == ("none", True, False)


@pytest.mark.parametrize(
    ("instances", "wrong"),
    [
        ([{"name": "A", "state": "MASTER"}], []),
        ([{"name": "A", "state": "BACKUP", "master": {"address": "172.16.1.9"}}], []),
        (
            [{"name": "A", "state": "BACKUP", "master": None}],
            ["instance A is BACKUP and knows no master"],
        ),
        (
            [{"name": "A", "state": "FAULT", "reason": "eth0 is down"}],
            ["instance A is FAULT (eth0 is down)"],
        ),
    ],
)
def test_settled_means_that_every_instance_has_a_master(
    instances: list[Any], wrong: list[str]
) -> None:
    processes = {"ha": {"state": "running"}}
    status = {"agent": {"processes": processes}, "instances": instances}
    assert _status.unsettled(status) == wrong


def test_a_process_that_does_not_run_is_not_settled() -> None:
    status = {"agent": {"processes": {"health": {"state": "starting"}}}, "instances": []}
    assert _status.unsettled(status) == ["process health is starting"]
