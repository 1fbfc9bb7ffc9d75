# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving instances away, as the supervisor serves it: the wait, the file, restarts, the end."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.cli.client import AgentError, ask
from lvs_agent.cli.lvsctl import EXIT_NO, main

# The folder is no package (pytest's importlib mode), so the neighbour is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "agent_fixture", Path(__file__).with_name("agent_fixture.py")
)
assert _spec is not None
assert _spec.loader is not None
agent_fixture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agent_fixture)
DOCUMENT, RunningAgent = agent_fixture.DOCUMENT, agent_fixture.RunningAgent

Start = Callable[..., Any]
# Master_Down_Interval of priority 1 is 0.8 s then.
QUICK = {
    **DOCUMENT["vrrp_instances"]["VI_1"],
    "version": 3,
    "advert_int": 0.2,
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an agent. `peer`: preempts, resigned-only, or (None) there is none."""
    agents: list[Any] = []
    (tmp_path / "state").mkdir()

    def begin(peer: str | None = None, **instance: Any) -> Any:
        environment = {"LVS_TEST_STATE_DIR": str(tmp_path / "state")}
        if peer is not None:
            environment["LVS_TEST_PEER"] = peer
        agent = RunningAgent(tmp_path, environment)
        agents.append(agent)
        agent.wait_ready()
        if instance:
            agent.write_config({**DOCUMENT, "vrrp_instances": {"VI_1": {**QUICK, **instance}}})
            agent.ask("reload")
        return agent

    yield begin
    for agent in agents:
        agent.close()


def failover(agent: Any, state: str = "given_away", **arguments: Any) -> Any:
    return ask("failover", agent.runtime, 20, {"state": state, "instance": "VI_1", **arguments})


def kept(agent: Any) -> list[tuple[str, str]]:
    """What the file says."""
    path = agent.config.parent / "state" / "instances.json"
    entries = json.loads(path.read_text())["instances"]
    return [(each["instance"], each["state"]) for each in entries]


def told(agent: Any) -> list[str]:
    """The overrides that ha was told of."""
    events = agent.events("ha", "told")
    return [each["state"] for each in events if each["message"] == "InstanceOverride"]


def test_it_is_given_away_when_the_peer_is_heard_and_survives_every_restart(start: Start) -> None:
    agent = start("preempts")
    reply = failover(agent, owner="alice", reason="new kernel")
    assert reply["changed"]
    assert reply["instances"] == [
        {
            "name": "VI_1",
            "state_before": "ordinary",
            "state_after": "given_away",
            "new_master": "10.0.0.7",
        }
    ]
    assert kept(agent) == [("VI_1", "given_away")]
    assert not failover(agent, owner="alice", reason="new kernel")["changed"]
    warnings = agent.ask("status")["agent"]["warnings"]
    assert any("VI_1 is given away by alice: new kernel" in each for each in warnings)
    agent.wait_for(lambda: "InstanceEvent" in [e["message"] for e in agent.events("track", "told")])

    agent.process.send_signal(signal.SIGTERM)
    agent.process.wait(8)
    agent.notifications.clear()
    agent.process = agent.start()
    agent.wait_ready()
    assert agent.events("ha", "born")[-1]["overrides"] == [["VI_1", "given_away"]]

    reply = failover(agent, "ordinary")
    assert reply["instances"][0]["state_before"] == "given_away"
    assert kept(agent) == []
    agent.wait_for(lambda: told(agent)[-1] == "ordinary")


def test_nobody_takes_it_so_it_is_taken_back_and_the_reason_is_said(start: Start) -> None:
    agent = start(priority=150)
    with pytest.raises(AgentError, match="VI_1 not given away: no other director took over") as e:
        failover(agent)
    assert e.value.errors[0]["path"] == "VI_1"
    assert kept(agent) == []
    agent.wait_for(lambda: told(agent) == ["given_away", "ordinary"])
    assert not any(each["message"] == "StepDown" for each in agent.events("ha", "told"))


def test_what_was_held_is_held_again_after_a_failure(start: Start) -> None:
    agent = start(priority=150)
    assert failover(agent, "held", expires_s=600)["changed"]
    with pytest.raises(AgentError):
        failover(agent)
    assert kept(agent) == [("VI_1", "held")]


def test_forced_it_resigns_when_nobody_preempts(start: Start) -> None:
    agent = start("resigned-only", priority=150)
    assert failover(agent, force=True)["instances"][0]["new_master"] == "10.0.0.7"


def test_with_nopreempt_it_resigns_without_force(start: Start) -> None:
    agent = start("resigned-only", nopreempt=True)
    assert failover(agent)["instances"][0]["new_master"] == "10.0.0.7"


def test_resuming_ends_a_handover_under_way(start: Start, tmp_path: Path) -> None:
    agent = start()
    line = b'{"verb":"failover","arguments":{"state":"given_away","instance":"VI_1"}}\n'
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.settimeout(5)
        waiting.connect(str(agent.runtime / "control.sock"))
        waiting.sendall(line)
        agent.wait_for(lambda: told(agent) == ["given_away"])
        with pytest.raises(AgentError, match="being given away at this moment"):
            failover(agent, "held")
        failover(agent, "ordinary")
        assert b"somebody else resumed it" in waiting.recv(4096)
    assert kept(agent) == []


def test_an_override_ends_by_itself(start: Start) -> None:
    agent = start()
    failover(agent, "held", expires_s=1)
    agent.wait_for(lambda: told(agent) == ["held", "ordinary"])
    assert kept(agent) == []


def test_an_expired_override_of_an_earlier_run_is_forgotten_at_the_start(
    start: Start, tmp_path: Path
) -> None:
    entry = {"instance": "VI_1", "state": "held", "owner": "", "reason": "", "since_s": 1}
    text = json.dumps({"version": 1, "instances": [{**entry, "expires_s": int(time.time())}]})
    (tmp_path / "state").joinpath("instances.json").write_text(text)
    agent = start()
    assert agent.events("ha", "born")[-1]["overrides"] == []


def test_what_cannot_be_kept_is_refused(start: Start, tmp_path: Path) -> None:
    agent = start()
    (tmp_path / "state").rmdir()
    with pytest.raises(AgentError, match="would not survive a restart, so nothing is done"):
        failover(agent, "held")
    assert told(agent) == []


def test_an_unreadable_file_is_a_warning_and_no_more(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state" / "instances.json").write_text("{")
    agent = start()
    (warning,) = agent.ask("status")["agent"]["warnings"]
    assert "instances.json: not JSON" in warning


def test_check_says_what_would_change_and_changes_nothing(start: Start) -> None:
    agent = start("preempts")
    reply = failover(agent, check=True)
    assert reply["changed"]
    assert reply["instances"][0]["state_after"] == "given_away"
    assert told(agent) == []


def test_of_two_who_want_it_for_themselves_one_has_it(start: Start) -> None:
    agent = start("preempts")
    failover(agent, owner="one", reason="upgrade", expires_s=600, exclusive=True)
    with pytest.raises(AgentError, match=r"by one: upgrade until .*; wait for"):
        failover(agent, owner="other", exclusive=True)
    # Its end is the owner's affair too.
    assert failover(agent, "ordinary", owner="other", exclusive=True)["instances"] == []
    assert kept(agent) == [("VI_1", "given_away")]
    assert not failover(agent, owner="one", reason="upgrade", expires_s=9, exclusive=True)[
        "changed"
    ]
    assert failover(agent, "ordinary", owner="one", exclusive=True)["changed"]
    assert kept(agent) == []


def test_an_owner_cannot_be_given_away(start: Start) -> None:
    agent = start(priority=255)
    with pytest.raises(AgentError, match="owns its addresses"):
        failover(agent)


def test_lvsctl_says_who_is_master_now(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    agent = start("preempts")
    directory = ["--runtime-dir", str(agent.runtime)]
    assert main([*directory, "failover", "VI_1", "--owner", "alice", "--for", "10m"]) == 0
    assert "VI_1: ordinary -> given away; 10.0.0.7 is master (" in capsys.readouterr().out
    assert main([*directory, "hold", "--all"]) == 0
    assert "VI_1: given away -> held" in capsys.readouterr().out
    assert main([*directory, "resume", "nobody"]) == EXIT_NO
    assert "no VRRP instance 'nobody' here; there are: VI_1" in capsys.readouterr().err
