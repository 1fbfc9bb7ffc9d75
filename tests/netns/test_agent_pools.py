# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole agent: a real check fails, and commands hear of it; on a kernel without IPVS."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.cli.client import ClientError, ask
from netns.kernel_harness import eventually
from netns.test_agent_without_ipvs import Agent

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

CHECK = {"connect_ip": "192.0.2.1", "connect_timeout": 0.5}


def document(log: Path, **options: Any) -> dict[str, Any]:
    """Two real servers: one that a FILE_CHECK says is well, one whose port is closed."""

    def note(word: str) -> list[str]:
        return ["/bin/sh", "-c", f"echo {word} >> {log}"]

    def real(name: str, number: int, check: dict[str, Any]) -> dict[str, Any]:
        return {
            "ip": f"192.0.2.{number}",
            "notify_up": note(f"{name}-up"),
            "notify_down": note(f"{name}-down"),
            **check,
        }

    reals = options.pop("real_servers", {})
    web = {
        "ip": "192.0.2.80",
        "port": 80,
        "delay_loop": 0.2,
        "retry": 0,
        "quorum_up": note("quorum-up"),
        "quorum_down": note("quorum-down"),
        "real_servers": {
            "good": real("good", 11, {"file_check": {"track_file": "well"}}),
            "bad": real("bad", 12, {"tcp_check": {**CHECK, "connect_port": 1}}),
            **reals,
        },
        **options,
    }
    well = {"well": {"file": str(log.with_name("well")), "init_file": 0, "overwrite": True}}
    return {"vrrp_track_files": well, "virtual_servers": {"web": web}}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    made: list[Agent] = []

    def start(**options: Any) -> Agent:
        made.append(Agent(tmp_path, document(tmp_path / "said", **options)))
        return made[-1]

    yield start
    for one in made:
        one.close()


def said(directory: Path) -> list[str]:
    path = directory / "said"
    return path.read_text().split() if path.exists() else []


def quorum(agent: Agent) -> object:
    """Whether the agent says that there is one; None: it does not say anything."""
    services = ask("status", agent.runtime, 5.0)["services"]
    return (services[0]["quorum"] or {}).get("reached") if services else None


def kill(agent: Agent, name: str) -> None:
    """SIGKILL for one child, by the title it has."""
    for pid in agent.children():
        if Path(f"/proc/{pid}/comm").read_text().strip() == f"lvs-{name}":
            os.kill(pid, signal.SIGKILL)


def test_commands_hear_of_checks_once_and_of_the_end(
    agent: Callable[..., Agent], tmp_path: Path
) -> None:
    one = agent(omega=True, quorum=2)
    eventually(lambda: sorted(said(tmp_path)) == ["bad-down", "quorum-down", "quorum-up"], 20.0)
    for name in ("kernel", "track", "health"):
        before = one.children()
        kill(one, name)
        eventually(lambda before=before: set(one.children()) - set(before))  # type: ignore[misc]
        time.sleep(1.0)  # they tell each other what they know
    eventually(lambda: quorum(one) is False, 20.0)
    assert sorted(said(tmp_path)) == ["bad-down", "quorum-down", "quorum-up"]
    one.process.send_signal(signal.SIGTERM)
    one.process.wait(10)
    assert sorted(said(tmp_path)[3:]) == ["good-down"]


def test_without_omega_the_end_is_told_to_nobody(
    agent: Callable[..., Agent], tmp_path: Path
) -> None:
    one = agent()
    eventually(lambda: sorted(said(tmp_path)) == ["bad-down", "quorum-up"], 20.0)
    one.process.send_signal(signal.SIGTERM)
    one.process.wait(10)
    assert sorted(said(tmp_path)) == ["bad-down", "quorum-up"]


def verdicts(agent: Agent) -> dict[str, tuple[bool, str]]:
    """(up, reason) of each check of a program, by the real server that it is for."""
    try:
        checks = ask("status", agent.runtime, 5.0).get("checks", [])
    except ClientError:
        return {}  # not there yet
    return {
        one["users"][0].removeprefix("web/"): (one["up"], one["reason"])
        for one in checks
        if one["type"] == "MISC_CHECK" and one["checked"]
    }


def test_programs_of_checks_run_as_their_user_whoever_dies(
    agent: Callable[..., Agent], tmp_path: Path
) -> None:
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    closed = tmp_path / "closed"

    def program(number: int, whose: str, **options: Any) -> dict[str, Any]:
        text = f'id >&2; test "$(id -un) $(id -gn)" = "{whose}" -a ! -e {closed}'
        check = {"misc_path": ["/bin/sh", "-c", text], **options}
        return {"ip": f"192.0.2.{number}", "misc_check": check}

    one = agent(
        real_servers={
            "usual": program(21, "root root"),
            "other": program(22, "daemon mail", user="daemon:mail"),
            "wrong": program(23, "daemon mail", user="mail"),
        }
    )

    def settles(*, well: bool) -> None:
        wanted = {"usual": well, "other": well, "wrong": False}
        eventually(lambda: {name: up for name, (up, _) in verdicts(one).items()} == wanted, 20.0)

    settles(well=True)
    assert "(mail)" in verdicts(one)["wrong"][1]
    for name in ("track", "health"):
        before = one.children()
        kill(one, name)
        eventually(lambda before=before: set(one.children()) - set(before))  # type: ignore[misc]
        closed.touch()
        settles(well=False)
        closed.unlink()
        settles(well=True)
