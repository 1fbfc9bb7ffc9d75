# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told of real and virtual servers, as a document says it: real commands and mails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.config import load
from lvs_agent.core.messages import PoolChange, Reconfigure, Verdict
from lvs_agent.proc.config_parts import pack
from unit.proc.test_track_telling import (
    MakeWorld,
    Smtp,
    mailed,
    mailing,
    shell,
    smtp,
    tell,
    world,
    written,
)

__all__ = ["smtp", "world"]  # fixtures

CHECK = {"tcp_check": {}}


def http(log: Path, real: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """A virtual server whose commands note what they are in `log`."""

    def say(word: str) -> list[str]:
        return shell(f"echo {word} >> {log}")

    commands = {"notify_up": say("up"), "notify_down": say("down")}
    return {
        "ip": "10.0.0.80",
        "port": 80,
        "quorum_up": say("quorum-up"),
        "quorum_down": say("quorum-down"),
        "real_servers": {"a": {"ip": "10.0.0.3", "port": 80, **commands, **(real or {})}},
        **options,
    }


def verdict(*, up: bool, of: str = "http") -> Verdict:
    return Verdict(
        generation=1, virtual_server=of, real_server="a", up=up, checked=True, reason="refused"
    )


def pool(event: str, *, quorum: bool, of: str = "http") -> PoolChange:
    return PoolChange(
        virtual_server=of,
        event=event,
        quorum=quorum,
        quorum_since_ns=0,
        panic_since_ns=None,
        reason="because",
    )


def document(**servers: dict[str, Any]) -> dict[str, Any]:
    return {"virtual_servers": servers}


def test_commands_of_the_document_run_when_servers_and_quorum_come_and_go(
    world: MakeWorld, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    here = world(document(http=http(log)))
    steps = [
        (pool("START", quorum=True), "quorum-up"),
        (verdict(up=False), "down"),
        (pool("QUORUM_DOWN", quorum=False), "quorum-down"),
        (verdict(up=True), "up"),
        (pool("QUORUM_UP", quorum=True), "quorum-up"),
    ]
    expected: list[str] = []
    for message, word in steps:
        tell(here, message)
        expected.append(word)
        here.until(lambda: written(log) == expected)
    tell(here, Reconfigure(generation=2, config=pack(load(json.dumps(document())))))
    here.until(lambda: sorted(written(log)[5:]) == ["down", "quorum-down"])


@pytest.mark.parametrize("omega", [False, True])
def test_end_of_the_agent_is_told_where_the_document_says_so(
    world: MakeWorld, tmp_path: Path, omega: bool
) -> None:
    quiet, log = tmp_path / "quiet", tmp_path / "log"
    servers = {"http": http(log, omega=omega), "other": http(quiet, ip="10.0.0.81")}
    here = world(document(**servers))
    for of in servers:
        tell(here, pool("START", quorum=True, of=of))
    here.until(lambda: bool(written(log) and written(quiet)))
    here.track.stop()
    here.until(lambda: here.loop._stopped)
    farewell = ["down", "quorum-down"] if omega else []
    assert sorted(written(log)) == [*farewell, "quorum-up"]
    assert written(quiet) == ["quorum-up"]


@pytest.mark.parametrize("own", [None, False, True])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_first_success_after_alpha_is_news(
    world: MakeWorld, tmp_path: Path, own: bool | None, all_of_them: bool
) -> None:
    log = tmp_path / "log"
    real = CHECK if own is None else {**CHECK, "alpha": own}
    here = world(document(http=http(log, real, alpha=all_of_them)))
    tell(here, verdict(up=True), pool("START", quorum=True))
    here.until(lambda: "quorum-up" in written(log))
    alpha = all_of_them if own is None else own
    if alpha:
        here.until(lambda: "up" in written(log))
    assert written(log).count("up") == alpha


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((None, None), {"virtual", "real"}),
        ((False, None), set()),
        ((False, True), {"real"}),
        ((True, False), {"virtual"}),
    ],
)
def test_mail_goes_out_where_the_document_says_so(
    world: MakeWorld,
    smtp: Smtp,
    tmp_path: Path,
    said: tuple[bool | None, bool | None],
    expected: set[str],
) -> None:
    inbox, port = smtp()
    of_virtual, of_real = said
    own = {} if of_virtual is None else {"smtp_alert": of_virtual}
    real = {} if of_real is None else {"smtp_alert": of_real}
    last = http(tmp_path / "last", ip="10.0.0.81", smtp_alert=True)
    servers = document(http=http(tmp_path / "log", real, **own), last=last)
    here = world({"global_defs": mailing(port), **servers})
    tell(here, verdict(up=False), pool("QUORUM_DOWN", quorum=False))
    tell(here, pool("QUORUM_DOWN", quorum=False, of="last"))
    here.until(lambda: "virtual server last is DOWN" in mailed(inbox))
    words = {"virtual": "virtual server http is DOWN", "real": "real server a (10.0.0.3:80)"}
    assert {name for name, text in words.items() if text in mailed(inbox)} == expected


def test_many_commands_at_once_all_run(world: MakeWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    real_servers = {
        f"a{n}": {
            "ip": f"10.1.{n // 250}.{n % 250 + 1}",
            "notify_down": shell(f"echo {n} >> {log}"),
        }
        for n in range(60)
    }
    server = {"ip": "10.0.0.80", "port": 80, "real_servers": real_servers}
    here = world(document(http=server))
    for n in range(60):
        tell(
            here,
            Verdict(
                generation=1,
                virtual_server="http",
                real_server=f"a{n}",
                up=False,
                checked=True,
                reason="",
            ),
        )
    here.until(lambda: len(written(log)) == 60)
    assert sorted(map(int, written(log))) == list(range(60))
