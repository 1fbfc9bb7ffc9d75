# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole agent: a real check fails, and commands hear of it; on a kernel without IPVS."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
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
    """(up, reason) of each check, by the real server that it is for; once they are checked."""
    try:
        checks = ask("status", agent.runtime, 5.0).get("checks", [])
    except ClientError:
        return {}  # not there yet
    return {
        one["users"][0].removeprefix("web/"): (one["up"], one["reason"])
        for one in checks
        if one["checked"]
    }


def test_programs_of_checks_run_as_their_user_whoever_dies(
    agent: Callable[..., Agent], request: pytest.FixtureRequest
) -> None:
    # Where every user may look: in pytest's own folder, which is closed, nothing is to be seen.
    where = Path(mkdtemp(prefix="lvs-agent-test-"))
    request.addfinalizer(lambda: shutil.rmtree(where))
    where.chmod(0o755)
    closed = where / "closed"

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
        eventually(lambda: {name: verdicts(one).get(name, ("",))[0] for name in wanted} == wanted)

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


KINDS: dict[str, dict[str, Any]] = {
    "http_get": {"url": {"path": "/"}},
    "ssl_get": {"url": {"path": "/"}},
    "tcp_check": {},
    "smtp_check": {},
    "udp_check": {"require_reply": True},
    "dns_check": {},
    "ping_check": {},
}


def test_what_a_check_sends_has_its_mark_whoever_dies(agent: Callable[..., Agent]) -> None:
    """The mark leads into a table of routes where the server is unreachable in a way of its own."""

    def real(number: int, kind: str, **options: Any) -> dict[str, Any]:
        return {"ip": f"198.51.100.{number}", kind: {**KINDS[kind], **options}}

    marked = {kind: real(number, kind, fwmark=7) for number, kind in enumerate(KINDS, 1)}
    plain = {f"plain_{kind}": real(number, kind) for number, kind in enumerate(KINDS, 101)}
    one = agent(real_servers={**marked, **plain})
    ip = one.namespace.ip
    subprocess.run(
        ["ip", "netns", "exec", one.namespace.name, "sysctl", "-qw",
         "net.ipv4.ping_group_range=0 2147483647"],
        check=True, timeout=10,
    )  # fmt: skip
    ip("rule", "add", "fwmark", "7", "lookup", "77")
    ip("route", "add", "unreachable", "198.51.100.0/24", "table", "77")

    def say(reason: str) -> Callable[[], bool]:
        def found() -> bool:
            reasons = {name: why for name, (_, why) in verdicts(one).items()}
            return all(reasons.get(name) == reason for name in marked) and all(
                reasons.get(name) == "network is unreachable" for name in plain
            )

        return found

    eventually(say("no route to host"), 20.0)
    for name, route, reason in (
        ("kernel", "blackhole", "invalid argument"),
        ("health", "unreachable", "no route to host"),
    ):
        before = one.children()
        kill(one, name)
        eventually(lambda before=before: set(one.children()) - set(before))  # type: ignore[misc]
        ip("route", "replace", route, "198.51.100.0/24", "table", "77")
        eventually(say(reason), 20.0)
