# SPDX-License-Identifier: GPL-3.0-or-later
"""BFD_CHECKs in a health process that is told of the sessions, as the supervisor does it."""

from __future__ import annotations

from typing import Any

from health_process import Process, Run, document, tcp
from lvs_agent.core.messages import BfdState, Verdict, VerdictsComplete

RS1, RS2 = "10.1.0.1", "10.1.0.2"
TIED = {"bfd_check": {"name": "rs1"}}


def with_sessions(services: int = 1, /, **real_servers: dict[str, Any]) -> dict[str, Any]:
    """A document with two BFD sessions."""
    wanted = document(services, **real_servers)
    wanted["bfd_instances"] = {"rs1": {"neighbor_ip": RS1}, "rs2": {"neighbor_ip": RS2}}
    return wanted


def session(
    process: Process, up: bool | None, neighbor: str = RS1, *, local_error: bool = False
) -> None:
    """What the track process says of a session."""
    words = {True: "the neighbour says Up", False: "nothing received for 0.3 s", None: "no port"}
    process.send(BfdState(neighbor=neighbor, up=up, reason=words[up], local_error=local_error))


# What nobody says anything of.
ASSUMED = Verdict(
    generation=1, virtual_server="web0", real_server="rs", up=True, checked=False, reason=""
)


def last(process: Process, name: str = "rs") -> Verdict:
    """The last verdict on a real server."""
    found = [m for m in process.told if isinstance(m, Verdict) and m.real_server == name]
    return found[-1] if found else ASSUMED


def started(run: Run, wanted: dict[str, Any], **more: Any) -> Process:
    process = run(wanted, **more)
    process.until(lambda: VerdictsComplete(generation=1) in process.told)
    return process


def test_real_server_goes_and_comes_with_its_session(run: Run) -> None:
    # An hour between checks and 9 tries: neither is for a session.
    wanted = with_sessions(2, rs=TIED, free=tcp(1) | {"delay_loop": 3600})
    for server in wanted["virtual_servers"].values():
        server |= {"retry": 9, "delay_before_retry": 300, "delay_loop": 3600}
    process = started(run, wanted)
    assert (last(process).up, last(process).checked) == (True, False)
    for up in (True, False, True):
        session(process, up)
        process.until(lambda up=up: (last(process).up, last(process).checked) == (up, True))
        session(process, not up, RS2)  # of which nobody asks anything
    assert process.verdicts("rs").count((False, True)) == 2  # behind both virtual servers
    session(process, False)
    process.until(lambda: not last(process).up)
    assert last(process).reason == "BFD_CHECK rs1 (10.1.0.1): nothing received for 0.3 s"
    (row,) = [row for row in process.report()["checks"] if row["type"] == "BFD_CHECK"]
    assert (row["target"], row["up"], row["reason"], row["users"]) == (
        "rs1 (10.1.0.1)", False, "nothing received for 0.3 s", ["web0/rs", "web1/rs"],
    )  # fmt: skip
    assert any("is down: BFD_CHECK rs1" in line for line in process.lines())


def test_session_that_is_not_known_changes_no_verdict(run: Run) -> None:
    process = started(run, with_sessions(rs=TIED))
    session(process, False)
    process.until(lambda: not last(process).up)
    before = len(process.told)
    session(process, None)
    session(process, None, local_error=True)
    process.until(lambda: process.report()["health"]["local_errors"] == 1)
    assert process.told[before:] == []
    lines = "\n".join(process.lines())
    assert "BFD_CHECK rs1 (10.1.0.1) cannot run on this host: no port" in lines
    session(process, True)
    process.until(lambda: last(process).up)


def test_alpha_is_down_until_the_session_is_up(run: Run) -> None:
    alpha = {"bfd_check": {"name": "rs1", "alpha": True}}
    process = started(run, with_sessions(rs=alpha, usual=TIED))
    assert (last(process).up, last(process, "usual").up) == (False, True)
    session(process, True)
    process.until(lambda: last(process).up and last(process, "usual").checked)


def test_check_said_at_the_virtual_server_is_that_of_each_real_server(run: Run) -> None:
    wanted = with_sessions(a={}, b={}, own={"bfd_check": {"name": "rs2"}})
    wanted["virtual_servers"]["web0"] |= TIED
    process = started(run, wanted)
    session(process, False)
    session(process, True, RS2)
    process.until(lambda: last(process, "own").checked)
    assert [last(process, name).up for name in ("a", "b", "own")] == [False, False, True]


def test_check_of_a_sorry_server_is_its_own(run: Run) -> None:
    wanted = with_sessions(rs={})
    wanted["virtual_servers"]["web0"]["sorry_server"] = {"ip": "10.2.0.1", **TIED}
    process = started(run, wanted)
    session(process, False)
    process.until(lambda: last(process, "sorry_server").checked)
    assert not last(process, "sorry_server").up


def test_check_that_a_reload_adds_knows_at_once_how_the_session_stands(run: Run) -> None:
    process = started(run, with_sessions(rs={}))
    session(process, False)
    wanted = with_sessions(rs=TIED, late={"bfd_check": {"name": "rs2"}})
    process.reconfigure(wanted, 2)
    process.until(lambda: not last(process).up)
    assert not last(process, "late").checked
    session(process, False, RS2)
    process.until(lambda: not last(process, "late").up)
    # Another neighbour under the same name: what was said of the first says nothing of it.
    wanted["bfd_instances"]["rs1"]["neighbor_ip"] = "10.1.0.3"
    process.reconfigure(wanted, 3)
    rows = {row["target"]: row["checked"] for row in process.report()["checks"]}
    assert rows == {"rs1 (10.1.0.3)": False, "rs2 (10.1.0.2)": True}
    assert not last(process).up
    session(process, True, "10.1.0.3")
    process.until(lambda: last(process).up)


def test_words_of_sessions_that_are_gone_are_not_kept(run: Run) -> None:
    wanted = with_sessions(rs=TIED)
    process = started(run, wanted)
    session(process, True)
    process.until(lambda: last(process).checked)
    process.reconfigure(document(rs={}), 2)
    session(process, False)
    process.reconfigure(wanted, 3)
    assert [row["checked"] for row in process.report()["checks"]] == [False]
    session(process, False)
    process.until(lambda: not last(process).up)


def test_new_health_process_says_nothing_before_it_is_told(run: Run) -> None:
    process = started(run, with_sessions(rs=TIED), restarted=True)
    assert process.verdicts("rs") == []
    session(process, False)
    process.until(lambda: process.verdicts("rs") == [(False, True)])


def test_session_that_changes_while_its_virtual_server_is_suspended_counts_after_that(
    run: Run,
) -> None:
    process = started(run, with_sessions(rs=TIED, other=tcp(1)))
    session(process, True)
    process.until(lambda: last(process).checked)
    process.suspend("web0")
    # The two come by different ways: the session's word is to be the later one.
    process.until(lambda: any(row["paused"] for row in process.report()["checks"]))
    session(process, False)
    process.until(lambda: all(row["paused"] for row in process.report()["checks"]))
    assert last(process).up
    process.suspend("web0", suspended=False)
    process.until(lambda: not last(process).up)
