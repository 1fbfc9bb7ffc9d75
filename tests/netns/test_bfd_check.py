# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole agent with BFD_CHECKs, and a real server that speaks BFD; a kernel without IPVS.

To the point where the pool decides: what IPVS then has is shown in the lab.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.cli.client import ClientError, ask
from netns.bfd_harness import Runner, instance
from netns.kernel_harness import eventually, run
from netns.test_agent_pools import kill
from netns.test_agent_without_ipvs import Agent

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

DIRECTOR, RS, NOBODY, NOT_OURS = "192.0.2.1", "192.0.2.11", "192.0.2.12", "203.0.113.1"
# For a busy machine; where a time matters it is the agent's own.
WAIT_S = 30.0
# A session is lost after 1 s: a busy machine stands still for a part of that.
MULTIPLIER = 20
TIMES = {"min_rx": 50, "min_tx": 50, "multiplier": MULTIPLIER}


def real(number: int, session: str | None = None) -> dict[str, Any]:
    check = {"bfd_check": {"name": session}} if session else {}
    return {"ip": f"192.0.2.{number}", **check}


def document(log: Path, *, added: bool = False, **more: Any) -> dict[str, Any]:
    """`tied` lives with its session; `never` and `wrong` have sessions that cannot come up."""

    def note(word: str) -> list[str]:
        return ["/bin/sh", "-c", f"echo {word} >> {log}"]

    web = {
        "ip": "192.0.2.80",
        "port": 80,
        "real_servers": {
            "tied": real(11, "rs") | {"notify_up": note("up"), "notify_down": note("down")},
            "added": real(21, "rs" if added else None),
            "never": real(12, "nobody"),
            "wrong": real(13, "not_ours"),
        },
    }
    sessions = {
        "rs": {"neighbor_ip": RS, **TIMES},
        "nobody": {"neighbor_ip": NOBODY, **TIMES},
        "not_ours": {"neighbor_ip": "192.0.2.13", "source_ip": NOT_OURS, **TIMES},
        **more,
    }
    return {"bfd_instances": sessions, "virtual_servers": {"web": web}}


class World:
    """A director, and a namespace of the real server at the other end of its eth0."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "said"
        self.config = directory / "config.json"
        self.agent = Agent(directory, document(self.log))
        self.far = f"{self.agent.namespace.name}-rs"
        self.peers: list[Runner] = []
        try:
            self._plug()
        except BaseException:
            self.close()
            raise

    def _plug(self) -> None:
        run("ip", "netns", "add", self.far)
        self.agent.namespace.ip("link", "set", "eth0p", "netns", self.far)
        run("ip", "-n", self.far, "link", "set", "eth0p", "up")
        run("ip", "-n", self.far, "address", "add", f"{RS}/24", "dev", "eth0p")
        eventually(self._answers, WAIT_S)

    def _answers(self) -> bool:
        try:
            return bool(self.status()["services"])
        except ClientError:
            return False

    def peer(self) -> Runner:
        """The real server's own BFD: one of ours, for there is no other to stop and go on."""
        self.peers.append(
            Runner(self.far, [instance("director", DIRECTOR, RS, multiplier=MULTIPLIER)])
        )
        return self.peers[-1]

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = ask("status", self.agent.runtime, 5.0)
        return answer

    def server(self, name: str) -> dict[str, Any]:
        """What the kernel process has of a real server."""
        services = self.status()["services"]  # none while there is no kernel process
        rows = services[0]["real_servers"] if services else []
        return next((row for row in rows if row["name"] == name), {})

    def stands(self, name: str, up: bool) -> bool:
        """Whether that is a check's verdict, and the pool's."""
        row = self.server(name)
        return (row.get("up"), row.get("checked"), row.get("takes_part")) == (up, True, up)

    def becomes(self, name: str, up: bool) -> None:
        eventually(lambda: self.stands(name, up), WAIT_S)

    def said(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def pid(self, name: str) -> int:
        return int(self.status()["agent"]["processes"][name]["pid"] or 0)

    def kill(self, name: str) -> None:
        """Kill a child, and wait for its successor."""
        before = self.pid(name)
        kill(self.agent, name)
        eventually(lambda: self.pid(name) not in (0, before), WAIT_S)

    def close(self) -> None:
        for peer in self.peers:
            peer.kill()
        self.agent.close()
        run("ip", "netns", "del", self.far)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_real_server_leaves_the_pool_with_its_session_and_comes_back(world: World) -> None:
    peer = world.peer()
    world.becomes("tied", True)
    peer.process.send_signal(signal.SIGSTOP)
    world.becomes("tied", False)
    reason = world.server("tied")["reason"]
    assert reason.startswith(f"BFD_CHECK rs ({RS}): nothing received for ")
    probe = ("probe", "--config", str(world.config), "--runtime-dir", str(world.agent.runtime))
    by_hand = world.agent.call(*probe, "web", "tied")
    assert by_hand.returncode == 1
    assert "FAILED: session Down: nothing received for " in by_hand.stdout
    peer.process.send_signal(signal.SIGCONT)
    world.becomes("tied", True)
    eventually(lambda: world.said() == ["down", "up"], WAIT_S)
    assert world.agent.call(*probe, "web", "tied").returncode == 0
    # An orderly end of the neighbour is told by itself, without waiting.
    peer.close()
    world.becomes("tied", False)
    assert "AdminDown" in world.server("tied")["reason"]


def test_session_that_never_comes_up_is_down_unless_this_host_is_to_blame(world: World) -> None:
    assert not world.server("never").get("checked")
    world.becomes("never", False)
    assert world.server("never")["reason"].endswith(f"no session with {NOBODY} within 10 s")
    eventually(lambda: world.status()["health"].get("local_errors"), WAIT_S)
    wrong = world.server("wrong")
    assert (wrong["up"], wrong["checked"]) == (True, False)
    log = world.agent.log.read_text()
    assert "BFD_CHECK not_ours (192.0.2.13) cannot run on this host: BFD instance not_ours" in log
    faults = world.status()["bfd"]["faults"]
    assert list(faults) == ["not_ours"]
    probe = ("probe", "--config", str(world.config), "--runtime-dir", str(world.agent.runtime))
    by_hand = world.agent.call(*probe, "web", "wrong")
    assert by_hand.returncode == 2
    assert "BFD instance not_ours cannot send" in by_hand.stdout


def checks(world: World) -> dict[str, tuple[bool, bool]]:
    """(checked, up) of every check that the health process of now has, by its session."""
    status = world.status()
    rows = [] if "health" in status["stale"] else status["checks"]
    return {row["target"].split()[0]: (row["checked"], row["up"]) for row in rows}


def test_new_health_process_knows_the_sessions_that_nothing_happens_to(world: World) -> None:
    peer = world.peer()
    world.becomes("tied", True)
    world.kill("health")
    eventually(lambda: checks(world).get("rs") == (True, True), WAIT_S)
    peer.process.send_signal(signal.SIGSTOP)
    world.becomes("tied", False)
    world.kill("health")
    eventually(lambda: checks(world).get("rs") == (True, False), WAIT_S)
    assert world.stands("tied", False)
    peer.process.send_signal(signal.SIGCONT)
    world.becomes("tied", True)
    eventually(lambda: world.said() == ["down", "up"], WAIT_S)


def session(world: World) -> dict[str, Any]:
    """The session in the track process."""
    sessions = world.status()["bfd"].get("sessions", [])
    return next((one for one in sessions if one["name"] == "rs"), {})


def test_new_track_process_takes_no_server_out_of_the_pool(world: World) -> None:
    peer = world.peer()
    world.becomes("tied", True)
    for _ in range(2):
        before = session(world)["discriminator"]
        world.kill("track")
        eventually(lambda before=before: session(world).get("discriminator") != before, WAIT_S)  # type: ignore[misc]
        eventually(lambda: session(world).get("up"), WAIT_S)
    assert world.stands("tied", True)
    assert world.said() == []
    peer.process.send_signal(signal.SIGSTOP)
    world.becomes("tied", False)
    eventually(lambda: world.said() == ["down"], WAIT_S)


def reload(world: World, wanted: dict[str, Any]) -> None:
    world.config.write_text(json.dumps(wanted))
    ask("reload", world.agent.runtime, 20.0)


def test_check_that_a_reload_adds_follows_the_session_that_is_there(world: World) -> None:
    world.peer()
    world.becomes("tied", True)
    assert world.server("added")["reason"] == "no checks"
    discriminator = session(world)["discriminator"]
    reload(world, document(world.log, added=True))
    eventually(lambda: world.server("added").get("reason") == "all checks passed", WAIT_S)
    assert session(world)["discriminator"] == discriminator
    # One that is new altogether, to a neighbour that is not there, for a real server that is new.
    wanted = document(world.log, added=True, late={"neighbor_ip": "192.0.2.14", **TIMES})
    wanted["virtual_servers"]["web"]["real_servers"]["late"] = real(14, "late")
    reload(world, wanted)
    world.becomes("late", False)
    assert world.stands("tied", True)
    assert world.said() == []
