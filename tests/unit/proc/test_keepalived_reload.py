# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent whose configuration is a keepalived.conf reads it again when it is told to."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from keepalived_documents import exported
from lvs_agent.cli.client import AgentError
from lvs_agent.proc import keepalived_source

# The folder is no package (pytest's importlib mode), so the neighbour is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "agent_fixture", Path(__file__).with_name("agent_fixture.py")
)
assert _spec is not None
assert _spec.loader is not None
agent_fixture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agent_fixture)


class OnKeepalived(agent_fixture.RunningAgent):
    """A fake agent that runs by the document as keepalived would have it."""

    def start(self) -> subprocess.Popen[bytes]:
        self.conf = self.config.with_name("keepalived.conf")
        self.conf.write_text(exported(agent_fixture.DOCUMENT))
        program = Path(__file__).with_name("fake_agent.py")
        source = keepalived_source.name(os.fspath(self.conf))
        with self.stderr_path.open("ab") as stderr:
            command = [sys.executable, program, source, self.runtime]
            return subprocess.Popen(command, stderr=stderr, env=self._environment)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[OnKeepalived]:
    found = OnKeepalived(tmp_path, {})
    yield found.wait_ready()
    found.close()


def test_a_change_reaches_the_children_and_what_is_left_out_the_journal(
    agent: OnKeepalived,
) -> None:
    before = agent.conf.read_text()
    agent.conf.write_text(before.replace("priority 150", "priority 77"))
    assert agent.ask("reload") == {"changed": True, "generation": 2}
    agent.conf.write_text(agent.conf.read_text() + "gadget 5\n")
    assert agent.ask("reload") == {"changed": False, "generation": 2}
    assert "warning: " in agent.stderr()
    assert "gadget is not a keyword of the file" in agent.stderr()


def test_a_broken_file_is_rejected_with_its_line_and_the_old_one_stays(
    agent: OnKeepalived,
) -> None:
    before = agent.conf.read_text()
    agent.conf.write_text(before.replace("priority 150", "mcast_dst_ip 192.0.2.7"))
    line = agent.conf.read_text().splitlines().index("    mcast_dst_ip 192.0.2.7") + 1
    with pytest.raises(AgentError):
        agent.ask("reload")
    (error, *_) = agent.ask("status")["agent"]["config_rejected"]["errors"]
    assert error["path"].startswith(f"{agent.conf}:{line}: vrrp_instances.")
    agent.conf.write_text(before)
    assert agent.ask("reload") == {"changed": False, "generation": 1}
