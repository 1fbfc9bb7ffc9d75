# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvsctl drain | disable | enable | overrides`: what is asked, shown and waited for."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.cli import durations, lvsctl, lvsctl_servers
from lvs_agent.cli.render import render
from lvs_agent.core.control import failure, success

OVERRIDE = {
    "state": "drain",
    "weight": None,
    "owner": "alice",
    "reason": "kernel",
    "since": "2026-11-26T01:00:00+00:00",
    "expires": None,
}


def row(
    active: int = 0, *, counted: bool = True, before: str = "enabled", **after: Any
) -> dict[str, Any]:
    side = {
        "state": "drain",
        "weight": 0,
        "check_weight": None,
        "up": True,
        "checked": True,
        "reason": "",
        "override": OVERRIDE,
    }
    return {
        "virtual_server": "web",
        "real_server": "rs1",
        "address": "192.0.2.11",
        "port": 80,
        "configured_weight": 3,
        "active": active,
        "inactive": 2,
        "counted_here": counted,
        "before": {"state": before},
        "after": side | after,
    }


def reply(*rows: dict[str, Any], **other: Any) -> bytes:
    result = {"changed": True, "real_servers": list(rows), "refused": [], "trouble": None} | other
    return success(result)


class Agent:
    """A control socket with prepared answers, each given once, the last one for ever."""

    def __init__(self, directory: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, list[bytes]] = {}
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(directory / "control.sock"))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                request = json.loads(connection.makefile().readline())
                self.asked.append(request)
                answers = self.answers[request["verb"]]
                connection.sendall(answers.pop(0) if len(answers) > 1 else answers[0])

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(2)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("LVS_AGENT_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(lvsctl_servers, "_POLL_S", 0.001)
    made = Agent(tmp_path)
    yield made
    made.close()


def test_drain_asks_for_all_that_was_said_and_shows_what_was_and_is(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.answers["set_real_server"] = [reply(row(5))]
    words = ["drain", "rs1", "--virtual-server", "web", "--owner", "alice"]
    assert lvsctl.main([*words, "--reason", "kernel", "--for", "10m"]) == 0
    assert agent.asked[0]["arguments"] == {
        "real_server": "rs1",
        "virtual_server": "web",
        "state": "drain",
        "weight": None,
        "owner": "alice",
        "reason": "kernel",
        "expires_s": 600,
        "force": False,
    }
    assert capsys.readouterr().out == (
        "rs1 (192.0.2.11:80) of web: drain (was enabled), weight 0, 5 active, 2 inactive\n"
    )


def test_connections_of_another_director_are_told_apart(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.answers["set_real_server"] = [reply(row(5, counted=False))]
    assert lvsctl.main(["drain", "rs1"]) == 0
    assert "5 active, 2 inactive (the virtual address is not here)" in capsys.readouterr().out


def test_owner_is_who_is_at_the_keyboard(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "carol")
    agent.answers["set_real_server"] = [reply(row())]
    assert lvsctl.main(["disable", "rs1"]) == 0
    assert agent.asked[0]["arguments"]["owner"] == "carol"
    assert agent.asked[0]["arguments"]["state"] == "disabled"


def test_refusal_is_said_with_exit_status_1(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.answers["set_real_server"] = [failure("web: no real server would take connections")]
    assert lvsctl.main(["drain", "rs1"]) == 1
    assert "no real server would take" in capsys.readouterr().err


def test_kernel_that_does_not_follow_is_said(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.answers["set_real_server"] = [reply(row(), trouble="no IPVS")]
    assert lvsctl.main(["drain", "rs1"]) == 0
    assert "does not follow yet: no IPVS" in capsys.readouterr().err


def test_drain_waits_for_the_connections_that_count(agent: Agent) -> None:
    agent.answers["set_real_server"] = [reply(row(2))]
    agent.answers["real_server"] = [reply(row(2)), reply(row(1)), reply(row(9, counted=False))]
    assert lvsctl.main(["drain", "rs1", "--wait"]) == 0
    assert [one["verb"] for one in agent.asked] == ["set_real_server", *["real_server"] * 3]


def test_waiting_ends(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.answers["set_real_server"] = [reply(row(2))]
    agent.answers["real_server"] = [reply(row(2))]
    assert lvsctl.main(["drain", "rs1", "--wait", "--timeout", "0.01"]) == 4
    assert "not within 0.01 s: rs1 of web has 2 active connections" in capsys.readouterr().err


UP = {"state": "enabled", "override": None}


def test_enable_waits_until_it_is_checked_up_and_has_its_weight(agent: Agent) -> None:
    agent.answers["set_real_server"] = [reply(row(**UP))]
    agent.answers["real_server"] = [
        reply(row(**UP | {"up": False, "weight": None})),
        reply(row(**UP | {"checked": False, "weight": 3})),
        reply(row(**UP | {"weight": 0})),  # a sorry server answers
        reply(row(**UP | {"weight": 3})),
    ]
    assert lvsctl.main(["enable", "rs1", "--wait"]) == 0
    assert len(agent.asked) == 5


def test_weight_0_by_hand_is_no_reason_to_wait(agent: Agent) -> None:
    agent.answers["set_real_server"] = [reply(row())]
    said = OVERRIDE | {"state": "enabled", "weight": 0}
    agent.answers["real_server"] = [reply(row(override=said, weight=0))]
    assert lvsctl.main(["enable", "rs1", "--weight", "0", "--wait"]) == 0


def test_overrides_are_listed_with_everything_that_was_said(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"virtual_server": "web", "real_server": "rs1", "address": "192.0.2.11", "port": 80}
    heavier = {"state": "enabled", "weight": 9, "dormant": True, "reason": "\x1b[2J"}
    agent.answers["overrides"] = [
        success([{**one, **OVERRIDE, "dormant": False}, {**one, **OVERRIDE, **heavier}])
    ]
    assert lvsctl.main(["overrides"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "drain     rs1 (192.0.2.11:80) of web  by alice since 2026-11-26T01:00:00+00:00: kernel"
    )
    assert lines[1].startswith("weight 9  rs1")
    assert lines[1].endswith("not in the configuration")
    assert "\x1b" not in lines[1]
    agent.answers["overrides"] = [success([])]
    assert lvsctl.main(["overrides"]) == 0
    assert "the checks decide" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1w", 604_800)],
)
def test_durations_may_have_a_unit(text: str, seconds: int) -> None:
    assert durations.duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5h", "1y", "١s", "1 h"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no time such as"):
        durations.duration_s(text)


# The status.


def shown(*servers: dict[str, Any], **quorum: Any) -> str:
    service = {
        "name": "web", "service": "TCP 192.0.2.80:80", "scheduler": "rr", "in_kernel": True,
        "real_servers": list(servers), "destinations": [], **quorum,
    }  # fmt: skip
    return render({"agent": {}, "services": [service]})


def listed(name: str, **other: Any) -> dict[str, Any]:
    return {
        "name": name, "address": "192.0.2.11", "port": 80, "weight": 1, "check_weight": None,
        "up": True, "checked": True, "takes_part": True, "reason": "", "override": None, **other,
    }  # fmt: skip


def test_status_shows_who_was_taken_out_by_whom_and_why_before_those_that_are_well() -> None:
    text = shown(
        listed("rs1"),
        listed("rs2", override=OVERRIDE),
        listed("rs3", override=OVERRIDE | {"state": "disabled"}, up=False, reason="refused"),
        listed("rs4", override=OVERRIDE | {"state": "enabled", "weight": 7}),
    )
    lines = [line.strip() for line in text.splitlines() if "rs" in line and "192" in line]
    assert [line.split()[:2] for line in lines] == [
        ["DRAIN", "rs2"], ["DISABLED", "rs3"], ["up", "rs1"], ["up", "rs4"],
    ]  # fmt: skip
    assert "by alice since 2026-11-26T01:00:00+00:00: kernel" in lines[0]
    assert lines[1].endswith("DOWN: refused")
    assert "weight 7 by hand instead of 1" in lines[3]


def test_drained_server_that_is_down_is_no_warning_but_explains_a_lost_quorum() -> None:
    drained = listed("rs1", override=OVERRIDE, up=False)
    assert "no warnings" in shown(drained, listed("rs2"))
    lost = {"reached": False, "weight": 0, "quorum": 1, "hysteresis": 0, "since_s": 1}
    assert "1 is needed; 1 taken out by hand; no sorry" in shown(drained, quorum=lost)
