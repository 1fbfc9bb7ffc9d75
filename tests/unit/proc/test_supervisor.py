# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor as a real process with real children: faults, stop, reload, control socket."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lvs_agent.cli.client import AgentError

# The folder is no package (pytest's importlib mode), so the neighbour is loaded by its path.
_spec = importlib.util.spec_from_file_location(
    "agent_fixture", Path(__file__).with_name("agent_fixture.py")
)
assert _spec is not None
assert _spec.loader is not None
agent_fixture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agent_fixture)
RunningAgent = agent_fixture.RunningAgent

Run = Callable[..., "RunningAgent"]

CHILDREN = ("ha", "kernel", "health", "track")
NET_RAW, NET_ADMIN = 1 << 13, 1 << 12
# CAP_KILL, CAP_SETGID, CAP_SETUID: only with them can scripts run as other users.
SCRIPT_USERS = 1 << 5 | 1 << 6 | 1 << 7


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    agents = []

    def start(**environment: str) -> RunningAgent:
        agent = RunningAgent(tmp_path, environment)
        agents.append(agent)
        return agent

    yield start
    for agent in agents:
        agent.close()


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def changed_weight(weight: int) -> dict[str, object]:
    document = copy.deepcopy(agent_fixture.DOCUMENT)
    document["virtual_servers"]["web"]["real_servers"]["w1"]["weight"] = weight
    return document


# Rooms


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to have capabilities to give up")
def test_every_process_has_only_its_own_capabilities(run: Run) -> None:
    agent = run().wait_ready()
    wanted = {"ha": NET_RAW, "kernel": NET_ADMIN, "health": 0, "track": SCRIPT_USERS}
    for name, capabilities in wanted.items():
        found = status_of(agent.pid(name))
        assert int(found["CapEff"], 16) == capabilities
        assert int(found["CapPrm"], 16) == capabilities
        assert int(found["CapInh"], 16) == int(found["CapAmb"], 16) == 0
        assert found["NoNewPrivs"] == "1"
    supervisor = status_of(agent.process.pid)
    assert int(supervisor["CapEff"], 16) == 0
    assert int(supervisor["CapPrm"], 16) == NET_RAW | NET_ADMIN | SCRIPT_USERS
    assert supervisor["NoNewPrivs"] == "1"


def test_children_hold_no_descriptor_of_others_and_ps_shows_who_they_are(run: Run) -> None:
    agent = run().wait_ready()
    sockets = {}
    # Kernel and health have one more, for marked sockets.
    for name, peers in {"ha": 2, "kernel": 3, "health": 2, "track": 1}.items():
        pid = agent.pid(name)
        targets = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        sockets[name] = {target for target in targets if target.startswith("socket:")}
        assert len(sockets[name]) == 1 + peers
        assert not any("pidfd" in target for target in targets)
        title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
        assert title == f"lvs-agent: {name}"
        assert status_of(pid)["Name"] == f"lvs-{name}"
    assert not sockets["ha"] & sockets["health"]


def test_first_words_to_a_child_that_is_born_last_are_kept(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="ha:born-late").wait_ready()
    (heard,) = agent.events("ha", "heard")
    assert heard["text"] == "from kernel"


# Readiness


def test_ready_is_notified_only_after_the_last_child(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="kernel:late")
    agent.wait_for(lambda: len(agent.events(event="born")) == 4)
    time.sleep(0.2)
    assert "READY=1" not in agent.notified()
    agent.wait_ready()


def test_watchdog_is_fed_while_all_is_well_and_not_by_a_stopped_supervisor(run: Run) -> None:
    agent = run(WATCHDOG_USEC="400000").wait_ready()
    agent.notifications.clear()
    time.sleep(1)
    assert agent.notified().count("WATCHDOG=1") >= 5
    agent.process.send_signal(signal.SIGSTOP)
    agent.notifications.clear()
    time.sleep(0.5)
    assert "WATCHDOG=1" not in agent.notified()
    agent.process.send_signal(signal.SIGCONT)


def test_status_line_names_the_instance_states(run: Run) -> None:
    agent = run().wait_ready()
    agent.wait_for(lambda: "STATUS=configuration 1; instances: 1 MASTER" in agent.notified())


# Faults


def test_killed_ha_is_back_within_an_advert_interval_with_its_states(run: Run) -> None:
    agent = run().wait_ready()
    killed = time.monotonic()
    os.kill(agent.pid("ha"), signal.SIGKILL)
    agent.wait_for(lambda: len(agent.events("ha", "born")) == 2)
    born = agent.events("ha", "born")[1]
    assert born["adopt"] == ["MASTER"]
    assert born["restarted"]
    assert born["at"] - killed < 0.5
    agent.wait_for(lambda: len(agent.events("kernel", "told")) == 2)
    told = [(one["message"], one["about"]) for one in agent.events("kernel", "told")]
    assert told == [("ProcessDied", "ha"), ("ProcessRestarted", "ha")]
    assert agent.events("health", "told") == []


def test_killed_kernel_is_told_to_both_peers(run: Run) -> None:
    agent = run().wait_ready()
    os.kill(agent.pid("kernel"), signal.SIGKILL)
    for name in ("ha", "health"):
        agent.wait_for(lambda name=name: len(agent.events(name, "told")) == 2)
        told = [(one["message"], one["about"]) for one in agent.events(name, "told")]
        assert told == [("ProcessDied", "kernel"), ("ProcessRestarted", "kernel")]


def test_successor_finds_nothing_that_was_meant_for_the_dead_one(run: Run) -> None:
    agent = run().wait_ready()  # every child has sent its peers a packet that nobody read
    os.kill(agent.pid("ha"), signal.SIGKILL)
    agent.wait_for(lambda: len(agent.events("ha", "born")) == 2)
    second_birth = agent.events("ha", "born")[1]["at"]
    agent.wait_for(lambda: agent.ask("ping"))
    found = [one for one in agent.events("ha", "found") if one["at"] >= second_birth]
    assert found == []


def test_stopped_ha_is_killed_and_not_adopted(run: Run) -> None:
    agent = run().wait_ready()
    stopped = time.monotonic()
    os.kill(agent.pid("ha"), signal.SIGSTOP)
    agent.wait_for(lambda: len(agent.events("ha", "born")) == 2)
    born = agent.events("ha", "born")[1]
    assert born["adopt"] == []
    assert born["at"] - stopped > 0.7  # it was given its time
    assert "ha hung" in agent.stderr()
    assert "killed by SIGKILL" in agent.stderr()


def test_hung_child_leaves_its_traceback_in_the_log(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="ha:hang").wait_ready()
    agent.wait_for(lambda: len(agent.events("ha", "born")) == 2)
    # The successor may say that it is there before the supervisor has said what ended.
    agent.wait_for(lambda: "killed by SIGABRT" in agent.stderr())
    assert "the_hung_function" in agent.stderr()


def test_stopped_supervisor_and_children_all_live_on_when_continued(run: Run) -> None:
    agent = run().wait_ready()
    everybody = [
        agent.process.pid,
        *(agent.pid(name) for name in CHILDREN),
    ]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2)
    for pid in everybody:
        os.kill(pid, signal.SIGCONT)
    time.sleep(1.5)
    assert [
        agent.process.pid,
        *(agent.pid(name) for name in CHILDREN),
    ] == everybody


def test_crash_loop_is_slowed_down_and_shown_and_leaves_the_others_alone(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="health:exit-at-start")
    agent.wait_for(lambda: agent.stderr().count("RuntimeError: cannot start") >= 3)
    status = agent.ask("status")
    assert any("health is" in warning for warning in status["agent"]["warnings"])
    assert status["agent"]["processes"]["ha"]["restarts"] == 0
    assert status["instances"] == [{"name": "VI_1", "state": "MASTER"}]
    time.sleep(1)
    assert agent.stderr().count("RuntimeError: cannot start") <= 7


def test_children_of_a_killed_supervisor_notice_at_once_and_hand_over(run: Run) -> None:
    agent = run().wait_ready()
    killed = time.monotonic()
    agent.process.kill()
    agent.process.wait()
    agent.wait_for(lambda: len(agent.events(event="handed over")) == 4, timeout_s=3)
    noticed = [one["at"] - killed for one in agent.events(event="gone")]
    assert len(noticed) == 4
    assert max(noticed) < 0.1


def test_hung_supervisor_leaves_a_traceback_and_its_children_hand_over(run: Run) -> None:
    """SIGQUIT is the unit's WatchdogSignal, sent to every process of the unit."""
    agent = run().wait_ready()
    for pid in [
        *(agent.pid(name) for name in CHILDREN),
        agent.process.pid,
    ]:
        os.kill(pid, signal.SIGQUIT)
    assert agent.process.wait(3) == -signal.SIGQUIT
    agent.wait_for(lambda: len(agent.events(event="handed over")) == 4, timeout_s=3)
    assert "most recent call first" in agent.stderr()


def test_signals_to_the_whole_group_do_not_end_children_early(run: Run) -> None:
    agent = run().wait_ready()
    for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        os.kill(agent.pid("ha"), one)
    time.sleep(0.3)
    assert len(agent.events("ha", "born")) == 1
    assert agent.events("ha", "stop") == []


# Stopping


def test_stop_goes_ha_first_then_the_others_and_exits_zero(run: Run) -> None:
    agent = run().wait_ready()
    agent.process.terminate()
    assert agent.process.wait(4) == 0
    stops = [one["name"] for one in agent.events(event="stop")]
    assert stops[0] == "ha"
    assert sorted(stops) == ["ha", "health", "kernel", "track"]
    assert "STOPPING=1" in agent.notified()
    assert not (agent.runtime / "control.sock").exists()


@pytest.mark.parametrize("name", ["ha", "kernel"])
def test_stop_is_over_within_four_seconds_with_a_deaf_child(run: Run, name: str) -> None:
    agent = run(LVS_TEST_FAULT=f"{name}:deaf-to-stop").wait_ready()
    begun = time.monotonic()
    agent.process.terminate()
    assert agent.process.wait(6) == 1
    assert time.monotonic() - begun < 4
    assert agent.events("kernel", "stop")
    assert f"{name} did not stop in time" in agent.stderr()


# Reload


def test_reload_reaches_every_child_and_virtual_servers_those_who_need_them(run: Run) -> None:
    agent = run().wait_ready()
    agent.write_config(changed_weight(5))
    assert agent.ask("reload") == {"changed": True, "generation": 2}
    pools = {one["name"]: one["pools"] for one in agent.events(event="reconfigured")}
    assert pools["kernel"] == pools["health"] != []
    assert pools["track"] == pools["ha"] == []
    processes = agent.ask("status")["agent"]["processes"]
    assert {one["generation"] for one in processes.values()} == {2}


def test_reload_without_a_difference_in_meaning_touches_nobody(run: Run) -> None:
    agent = run().wait_ready()
    agent.write_config(json.dumps(agent_fixture.DOCUMENT, indent=4) + "\n")
    assert agent.ask("reload") == {"changed": False, "generation": 1}
    assert agent.events(event="reconfigured") == []


@pytest.mark.parametrize("by_signal", [False, True])
def test_wrong_file_is_rejected_whole_and_the_old_one_stays(run: Run, by_signal: bool) -> None:
    agent = run().wait_ready()
    broken = changed_weight(5)
    broken["vrrp_instances"]["VI_1"]["priorty"] = 10  # type: ignore[index]
    broken["vrrp_instances"]["VI_1"]["virtual_router_id"] = 300  # type: ignore[index]
    agent.write_config(broken)
    if by_signal:
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for(lambda: agent.ask("status")["agent"]["config_rejected"])
    else:
        with pytest.raises(AgentError) as caught:
            agent.ask("reload")
        paths = {one["path"] for one in caught.value.errors}
        assert {"vrrp_instances.VI_1.priorty", "vrrp_instances.VI_1.virtual_router_id"} <= paths
    status = agent.ask("status")["agent"]
    assert len(status["config_rejected"]["errors"]) == 2
    assert status["generation"] == 1
    assert any("rejected" in warning for warning in status["warnings"])
    assert "vrrp_instances.VI_1.priorty" in agent.stderr()
    assert agent.events(event="reconfigured") == []
    agent.write_config(changed_weight(6))
    assert agent.ask("reload")["changed"]
    assert agent.ask("status")["agent"]["config_rejected"] is None


@pytest.mark.parametrize("text", ["", "{", '{"vrrp_instances": {"VI', "\x00", "[]", '"x"'])
def test_half_written_file_changes_nothing(run: Run, text: str) -> None:
    agent = run().wait_ready()
    agent.write_config(text)
    with pytest.raises(AgentError, match="rejected"):
        agent.ask("reload")
    assert agent.events(event="reconfigured") == []
    assert agent.process.poll() is None


def test_missing_file_changes_nothing(run: Run) -> None:
    agent = run().wait_ready()
    agent.config.unlink()
    with pytest.raises(AgentError) as caught:
        agent.ask("reload")
    assert "No such file" in caught.value.errors[0]["message"]


def test_child_busy_with_a_large_configuration_is_not_taken_for_hung(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="kernel:busy-with-configuration").wait_ready()
    agent.write_config(changed_weight(5))
    assert agent.ask("reload", timeout_s=8)["changed"]
    assert len(agent.events("kernel", "born")) == 1


def test_reloads_at_once_are_all_answered_with_the_last_file(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="health:busy-with-configuration").wait_ready()
    agent.write_config(changed_weight(5))
    clients = [connect(agent) for _ in range(3)]
    for client in clients:
        client.sendall(b'{"verb": "reload"}\n')
    agent.wait_for(lambda: agent.events("health", "reconfigured"))
    agent.write_config(changed_weight(6))
    generations = [
        json.loads(client.makefile().readline())["result"]["generation"] for client in clients
    ]
    assert generations == [2, 3, 3]


# Control socket


def connect(agent: RunningAgent) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(15)
    client.connect(str(agent.runtime / "control.sock"))
    return client


def test_socket_and_directory_are_for_owner_and_group_only(run: Run) -> None:
    agent = run().wait_ready()
    assert stat.S_IMODE((agent.runtime / "control.sock").stat().st_mode) == 0o660
    assert stat.S_IMODE(agent.runtime.stat().st_mode) & 0o007 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_other_users_may_read_but_not_reload(run: Run) -> None:
    agent = run().wait_ready()
    (agent.runtime / "control.sock").chmod(0o666)
    for directory in (agent.runtime, *agent.runtime.parents):
        if directory.owner() == "root" and directory != Path("/tmp"):
            directory.chmod(directory.stat().st_mode | 0o011)
    script = (
        "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "s.sendall(sys.argv[2].encode()+b'\\n'); print(s.makefile().readline())"
    )
    for verb, ok in (("ping", True), ("status", True), ("reload", False)):
        request = json.dumps({"verb": verb})
        answer = subprocess.run(
            ["/usr/bin/python3", "-c", script, str(agent.runtime / "control.sock"), request],
            user=65534, group=65534, extra_groups=[], check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert json.loads(answer)["ok"] is ok
    assert "only for root" in answer


def test_status_merges_all_parts(run: Run) -> None:
    status = run().wait_ready().ask("status")
    assert status["agent"]["router_id"] == "LVS1"
    assert status["agent"]["stage"] == "running"
    assert status["instances"][0]["state"] == "MASTER"
    assert status["services"][0]["name"] == "web"
    assert status["checks"] == []
    assert status["stale"] == {}


def test_status_of_ten_thousand_real_servers_is_whole(run: Run) -> None:
    agent = run(LVS_TEST_REAL_SERVERS="10000").wait_ready()
    status = agent.ask("status")
    assert len(status["services"][0]["real_servers"]) == 10_000


def test_status_does_not_wait_for_a_slow_child(run: Run) -> None:
    agent = run(LVS_TEST_FAULT="health:slow-report").wait_ready()
    begun = time.monotonic()
    status = agent.ask("summary")
    assert time.monotonic() - begun < 0.55
    assert status["stale"] == {"health": None}
    assert status["instances"]
    time.sleep(0.6)  # its late answer has come, and is shown next time with its age
    assert 0 < agent.ask("summary")["stale"]["health"] < 5


def test_slow_and_silent_clients_hold_up_nobody(run: Run) -> None:
    agent = run(LVS_TEST_REAL_SERVERS="10000").wait_ready()
    unread = connect(agent)
    unread.sendall(b'{"verb": "status"}\n')
    half = connect(agent)
    half.sendall(b'{"verb": ')
    for _ in range(5):
        assert agent.ask("ping", timeout_s=1)["stage"] == "running"


def test_too_long_a_request_is_refused(run: Run) -> None:
    agent = run().wait_ready()
    client = connect(agent)
    client.sendall(b"x" * 10_000)
    answer = json.loads(client.makefile().readline())
    assert not answer["ok"]
    assert "longer than" in answer["error"]


def answers(agent: RunningAgent) -> bool:
    try:
        return bool(agent.ask("ping"))
    except AgentError:
        return False


def test_more_clients_than_allowed_are_turned_away_with_the_reason(run: Run) -> None:
    agent = run().wait_ready()
    idle = [connect(agent) for _ in range(32)]
    extra = connect(agent)
    answer = json.loads(extra.makefile().readline())
    assert "too many clients" in answer["error"]
    for client in idle:
        client.close()
    agent.wait_for(lambda: answers(agent))


def test_many_requests_on_one_connection_are_answered_in_order(run: Run) -> None:
    agent = run().wait_ready()
    client = connect(agent)
    client.sendall(b'{"verb":"ping"}\n{"verb":"nonsense"}\n{"verb":"ping"}\n')
    lines = client.makefile()
    assert [json.loads(lines.readline())["ok"] for _ in range(3)] == [True, False, True]


def test_config_verb_shows_no_secret(run: Run) -> None:
    agent = run().wait_ready()
    document = changed_weight(1)
    document["vrrp_instances"]["VI_1"] |= {  # type: ignore[index]
        "authentication": {"auth_type": "PASS", "auth_pass": "s3cr3t"},
        "version": 2,
    }
    agent.write_config(document)
    agent.ask("reload")
    shown = agent.ask("config")
    assert shown["vrrp_instances"][0]["authentication"] == {"data": "(secret)"}
    assert "s3cr3t" not in json.dumps(shown)
    assert "s3cr3t" not in json.dumps(agent.ask("status"))
