# SPDX-License-Identifier: GPL-3.0-or-later
"""A director can go back to what its agent ran with, and to nothing that was only half there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _checkpoint, _host, _links
from ansible_collections.lvs.cluster.plugins.modules import agent_release, agent_rollback

from .control_server import ControlServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the files are to belong to root")

OLD, NEW = "0" * 16, "1" * 16
CONFIG, UNIT = '{"a": 1}\n', "[Unit]\n"


class Director:
    """A host whose agent runs release OLD, with NEW beside it."""

    def __init__(self, folder: Path) -> None:
        self.places = _checkpoint.Places(
            root=str(folder / "root"),
            config=str(folder / "config.json"),
            unit=str(folder / "agent.service"),
            socket=str(folder / "control.sock"),
        )
        for release in (OLD, NEW):
            os.makedirs(os.path.join(self.places.root, "releases", release))
        Path(self.places.config).write_text(CONFIG)
        Path(self.places.unit).write_text(UNIT)
        _links.switch(self.places.root, OLD)
        self.agent = ControlServer(Path(self.places.socket))
        self.agent.in_force(CONFIG, OLD)
        self.age(self.places.unit, 60)
        self.commands: list[list[str]] = []
        self.accepts = True

    def age(self, path: str, seconds: float) -> None:
        """As if `path` had been written so long before the agent was started."""
        started = os.stat(self.places.socket).st_mtime
        os.utime(path, (started - seconds, started - seconds))

    def take(self, coming: str = NEW) -> None:
        """As a run does before it changes anything."""
        _checkpoint.take(self.places, _checkpoint.agent_of(self.places), coming)

    def change(self) -> None:
        """All that a run changes before it restarts the agent."""
        _links.switch(self.places.root, NEW)
        Path(self.places.unit).write_text(UNIT + "# new\n")
        self.age(self.places.unit, -60)
        Path(self.places.config).write_text('{"a": 2}\n')

    def restarted(self, release: str) -> None:
        """The agent has been started with what is on the disk."""
        self.agent.in_force(Path(self.places.config).read_text(), release)
        self.age(self.places.unit, 60)

    def go_back(self, *, check_mode: bool = False, **parameters: Any) -> Any:
        module = SimpleNamespace(
            params={"to": "last", "configuration": True, **parameters},
            check_mode=check_mode,
            run_command=self.run_command,
            get_bin_path=lambda name, **_: f"/bin/{name}",
        )
        return agent_rollback.work(module, self.places)  # type: ignore[arg-type]

    def run_command(self, command: list[str], **_: object) -> tuple[int, str, str]:
        self.commands.append(command)
        if command[-1] == "-":
            return (0, "", "") if self.accepts else (1, "a: unknown option\n", "")
        return 0, "", ""

    @property
    def restarts(self) -> int:
        return sum("restart" in command for command in self.commands)

    @property
    def state(self) -> tuple[str, str, str]:
        current = os.readlink(os.path.join(self.places.root, "current"))
        unit, config = Path(self.places.unit).read_text(), Path(self.places.config).read_text()
        return os.path.basename(current), unit, config


@pytest.fixture
def director(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Director]:
    made = Director(tmp_path)
    # The group of the agent is not on this machine.
    monkeypatch.setattr(agent_rollback._agent, "GROUP", "root")
    yield made
    made.agent.close()


def test_release_unit_and_configuration_come_back(director: Director) -> None:
    before = director.state
    director.take()
    director.change()
    director.restarted(NEW)
    result = director.go_back()
    assert director.state == before
    assert (result["release"], result["from_release"], director.restarts) == (OLD, NEW, 1)


def test_an_agent_that_was_not_restarted_yet_goes_on_running(director: Director) -> None:
    before = director.state
    director.take()
    director.change()
    director.go_back()
    assert (director.state, director.restarts) == (before, 0)
    assert not _checkpoint.unit_is_newer(director.places)


def test_an_agent_that_does_not_answer_is_restarted(director: Director) -> None:
    director.take()
    director.agent.close()
    os.unlink(director.places.socket)
    director.go_back()
    assert director.restarts == 1


def test_a_run_that_was_interrupted_does_not_become_the_way_back(director: Director) -> None:
    before = director.state
    director.take()
    director.change()
    director.take()  # the next run; the agent still runs with what was
    director.go_back()
    assert director.state == before


def test_after_a_good_run_the_way_back_of_a_release_is_kept_beside_the_last(
    director: Director,
) -> None:
    former = director.state
    director.take()
    director.change()
    director.restarted(NEW)
    Path(director.places.config).write_text('{"a": 2}\n')
    director.take()  # some later run, of the same release
    Path(director.places.config).write_text('{"a": 3}\n')
    director.go_back()
    assert director.state[2] == '{"a": 2}\n'
    director.restarted(NEW)
    director.go_back(to="release", configuration=False)
    assert director.state == (OLD, former[1], '{"a": 2}\n')


def test_going_back_from_going_back(director: Director) -> None:
    director.take()
    director.change()
    director.restarted(NEW)
    newer = director.state
    director.go_back(to="release", configuration=False)
    director.restarted(OLD)
    director.go_back(to="release", configuration=False)
    assert director.state == newer


def test_a_release_that_does_not_accept_the_configuration_changes_nothing(
    director: Director,
) -> None:
    director.take()
    director.change()
    director.restarted(NEW)
    before = director.state
    director.accepts = False
    with pytest.raises(_host.HostError, match="does not accept the present configuration"):
        director.go_back(to="release", configuration=False)
    assert (director.state, director.restarts) == (before, 0)


def test_without_a_checkpoint_it_says_so(director: Director) -> None:
    with pytest.raises(_host.HostError, match="nothing to go back to"):
        director.go_back()


def test_check_mode_changes_nothing(director: Director) -> None:
    director.take()
    director.change()
    director.restarted(NEW)
    before = director.state
    result = director.go_back(check_mode=True)
    assert result["changed"]
    assert (director.state, director.restarts) == (before, 0)


def test_a_checkpoint_is_roots_alone(director: Director) -> None:
    director.take()
    folder = os.path.join(director.places.root, "checkpoints")
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert {os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in os.listdir(folder)} == {
        0o600
    }


def test_releases_to_go_back_to_are_not_pruned(director: Director) -> None:
    director.take()
    agent_release.prune(director.places.root, 1, [NEW])
    assert set(os.listdir(os.path.join(director.places.root, "releases"))) == {OLD, NEW}


def test_an_agent_that_knows_only_the_long_status_is_understood(director: Director) -> None:
    director.agent.replies = {"status": director.agent.replies["summary"]}
    director.take()
    assert _checkpoint.load(director.places.root, "last") is not None
