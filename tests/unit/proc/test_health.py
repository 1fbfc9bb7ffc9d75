# SPDX-License-Identifier: GPL-3.0-or-later
"""The health process itself, forked, over the sockets it has in the agent, against real servers."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from health_process import LONGEST_S, Run, Web, document, http, tcp
from lvs_agent.config import load
from lvs_agent.core.health.schedule import STARTS_AT_ONCE
from lvs_agent.core.messages import (
    ProcessDied,
    ProcessRestarted,
    Ready,
    Stop,
    Verdict,
    VerdictsComplete,
)
from lvs_agent.proc import health
from lvs_agent.proc.child import Start
from lvs_agent.proc.loop import Loop


def test_a_first_start_tells_what_checks_find_and_nothing_that_is_assumed(
    run: Run, web: Web, closed_port: int
) -> None:
    process = run(document(good=http(web.port), bad=tcp(closed_port), free={}))
    process.until(lambda: len(process.told) == 3)
    process.listen_for(0.5)
    assert process.told[0] == VerdictsComplete(generation=1)
    assert process.verdicts("good") == [(True, True)]
    assert process.verdicts("bad") == [(False, True)]
    assert len(process.told) == 3
    assert process.lines() == [
        "warning: real server bad (10.1.0.2:80) of virtual server web0 (TCP 10.0.0.1:80) is down:"
        f" TCP_CHECK 127.0.0.1:{closed_port}: connection refused (2 tries)"
    ]
    assert Ready(generation=1) in process.said


def test_a_restarted_process_tells_only_what_it_has_found_itself(
    run: Run, web: Web, closed_port: int
) -> None:
    process = run(document(good=http(web.port), bad=tcp(closed_port), free={}), restarted=True)
    process.until(lambda: len(process.told) == 3)
    assert process.told[0] == VerdictsComplete(generation=1)
    assert process.verdicts("good") == [(True, True)]
    assert process.verdicts("bad") == [(False, True)]


def test_a_dead_web_server_is_told_and_told_again_when_it_is_back(run: Run, web: Web) -> None:
    process = run(document(rs=http(web.port, "/index.html")))
    process.until(lambda: process.verdicts("rs") == [(True, True)])
    web.status = 503
    failed = time.monotonic()
    process.until(lambda: process.verdicts("rs")[-1] == (False, True))
    # delay_loop, one retry after delay_before_retry, and the two answers.
    assert time.monotonic() - failed < 1
    web.status = 200
    process.until(lambda: process.verdicts("rs")[-1] == (True, True))
    process.until(lambda: len(process.lines()) == 2)
    down, up = process.lines()
    assert down.endswith(
        f"HTTP_GET 127.0.0.1:{web.port}: /index.html: status 503, wanted 200-299 (2 tries)"
    )
    assert up.endswith("is up: all checks passed")


def test_one_probe_serves_all_virtual_servers(run: Run, web: Web) -> None:
    process = run(document(10, rs=http(web.port)))
    process.until(lambda: len(process.told) == 11)
    before, started = web.requests, time.monotonic()
    process.listen_for(1)
    expected = (time.monotonic() - started) / 0.2
    assert expected - 2 <= web.requests - before <= expected + 2
    (check,) = process.report()["checks"]
    assert check["users"] == [f"web{number}/rs" for number in range(10)]
    web.status = 500
    process.until(lambda: len(process.told) == 21)


def test_a_reload_neither_flaps_nor_storms(run: Run, web: Web, closed_port: int) -> None:
    first = document(good=http(web.port), bad=tcp(closed_port))
    process = run(first)
    process.until(lambda: (False, True) in process.verdicts("bad"))
    process.until(lambda: (True, True) in process.verdicts("good"))
    before = web.requests
    for generation in range(2, 12):
        process.reconfigure(first, generation)
        assert process.verdicts("good") == [(True, True)]
        assert process.verdicts("bad") == [(False, True)]
        assert {m.generation for m in process.told if isinstance(m, Verdict)} == {generation}
    assert web.requests - before <= 3


def test_a_reload_takes_checks_away_and_adds_others(run: Run, web: Web, closed_port: int) -> None:
    process = run(document(rs=tcp(closed_port)))
    process.until(lambda: process.verdicts("rs")[-1:] == [(False, True)])
    process.reconfigure(document(rs=http(web.port)), 2)
    # Dead until the new check has passed: no unchecked server comes back by a reload.
    process.until(lambda: process.verdicts("rs")[-1] == (True, True))
    assert process.verdicts("rs") == [(False, True), (True, True)]
    process.reconfigure(document(rs={}), 3)
    assert process.report()["checks"] == []
    before = web.requests
    process.listen_for(0.5)
    assert web.requests == before


def test_a_check_in_flight_that_is_taken_away_is_abandoned(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = run(document(rs=http(silent.getsockname()[1])))
        connection, _ = silent.accept()
        process.until(lambda: VerdictsComplete(generation=1) in process.told)
        process.reconfigure(document(rs={}), 2)
        connection.settimeout(LONGEST_S)
        with connection, contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
        process.listen_for(0.7)
    assert process.verdicts("rs") == []
    assert process.report()["health"]["connections"] == 0


def test_a_new_kernel_process_is_told_everything_again(
    run: Run, web: Web, closed_port: int
) -> None:
    process = run(document(good=http(web.port), bad=tcp(closed_port)))
    process.until(lambda: len(process.told) == 3)
    process.told.clear()
    process.send(ProcessDied(name="kernel"))
    process.send(ProcessRestarted(name="ha"))
    process.listen_for(0.3)
    assert process.told == []
    process.send(ProcessRestarted(name="kernel"))
    process.until(lambda: VerdictsComplete(generation=1) in process.told)
    assert (process.verdicts("good"), process.verdicts("bad")) == ([(True, True)], [(False, True)])


def test_a_reload_reminds_the_track_process_of_the_dead_and_of_nobody_else(
    run: Run, web: Web, closed_port: int
) -> None:
    """It may hear of these virtual servers for the first time (config_parts.py)."""
    wanted = document(good=http(web.port), bad=tcp(closed_port))
    process = run(wanted)
    # Its first word and the reminder are told apart by generation, whenever each comes.
    process.until(lambda: ("bad", False, False) in process.passed_on(generation=1))
    process.reconfigure(wanted, 2)
    process.until(lambda: len(process.passed_on(generation=2)) > 0)
    process.listen_for(0.3)
    assert process.passed_on(generation=2) == [("bad", False, True)]


def test_the_report_says_what_each_check_found(run: Run, web: Web, closed_port: int) -> None:
    process = run(document(good=http(web.port), bad=tcp(closed_port)))
    process.until(lambda: len(process.told) == 3)
    report = process.report()
    by_type = {check["type"]: check for check in report["checks"]}
    good, bad = by_type["HTTP_GET"], by_type["TCP_CHECK"]
    assert 0 < good.pop("last_ms") < 500
    assert 0 < bad.pop("last_ms") < 500
    assert bad.pop("failed_tries") >= 2
    assert good == {
        "target": f"127.0.0.1:{web.port}", "type": "HTTP_GET", "up": True, "checked": True,
        "reason": "status 200", "warning": None, "paused": False, "failed_tries": 0,
        "users": ["web0/good"],
    }  # fmt: skip
    assert bad == {
        "target": f"127.0.0.1:{closed_port}", "type": "TCP_CHECK", "up": False, "checked": True,
        "reason": "connection refused", "warning": None, "paused": False, "users": ["web0/bad"],
    }  # fmt: skip
    assert report["health"]["local_errors"] == 0


def test_when_descriptors_run_out_no_server_is_blamed_and_heartbeats_go_on(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:
        port = silent.getsockname()[1]
        checks = {f"rs{n}": http(port, f"/{n}") for n in range(200)}
        wanted = document(**checks)
        wanted["virtual_servers"]["web0"] |= {"connect_timeout": 5, "retry": 0}
        # 64 are kept in reserve, so this leaves room for 26 connections: the cap holds.
        process = run(wanted, descriptors=90)
        process.listen_for(2)
        report = process.report()["health"]
        assert (report["connections"], report["connection_limit"]) == (26, 26)
        assert report["local_errors"] == 0
        # Descriptors go all the same, by another hand: errors of this host.
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (10, 90))
        process.listen_for(5)
        after = process.report()
    assert after["health"]["local_errors"] > 0
    blamed = [check["reason"] for check in after["checks"] if not check["up"]]
    assert [reason for reason in blamed if "no answer within 5 s" not in reason] == []
    assert len(blamed) <= 26
    assert any("too many open files" in line for line in process.lines())
    gaps = [after - before for before, after in pairwise(process.beats)]
    assert max(gaps) < 1


def test_a_herd_of_a_thousand_checks_keeps_heartbeats_and_loses_nothing(run: Run, web: Web) -> None:
    checks = {
        f"rs{n}": http(web.port, address=f"127.1.{n // 250}.{n % 250 + 1}") for n in range(1000)
    }
    with socket.create_server(("0.0.0.0", 0), backlog=4096) as anywhere:
        port = anywhere.getsockname()[1]
        for check in checks.values():
            check["http_get"]["connect_port"] = port
        everything = document(**checks)
        everything["virtual_servers"]["web0"] |= {"delay_loop": 1, "connect_timeout": 5}
        process = run(everything)
        answered = threading.Thread(target=answer_all, args=(anywhere,), daemon=True)
        answered.start()
        process.until(lambda: len(process.told) == 1001, 30)
        # A pause of the process makes all of them due at once.
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(process.pid, signal.SIGCONT)
        process.beats.clear()
        process.listen_for(3)
        assert len(process.told) == 1001
        gaps = [after - before for before, after in pairwise(process.beats)]
        assert max(gaps) < 1
        assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 500


def test_checks_due_at_once_start_in_portions() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:
        port = silent.getsockname()[1]
        config = load(json.dumps(document(**{f"rs{n}": http(port, f"/{n}") for n in range(100)})))
        ends = [*socket.socketpair(), *socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
        loop = Loop()
        process = health.Health(
            loop, ends[0], ends[2], Start(config=config, generation=1, restarted=False)
        )
        time.sleep(0.3)  # everything is due
        numbers: list[int] = []
        deadline = time.monotonic() + 10
        while (not numbers or numbers[-1] < 100) and time.monotonic() < deadline:
            loop.turn(longest_wait_ns=1_000_000)
            report = process.report(brief=False)["health"]
            assert isinstance(report, dict)
            numbers.append(report["tries"])
        process.stop()
    steps = [after - before for before, after in pairwise([0, *numbers])]
    assert numbers[-1] == 100
    assert max(steps) == STARTS_AT_ONCE
    for end in ends[1::2]:
        end.close()


def answer_all(listener: socket.socket) -> None:
    """Answer everybody from one epoll until the listener is closed."""
    poll, open_ones = select.epoll(), {}
    listener.setblocking(False)
    poll.register(listener, select.EPOLLIN)
    # The listener's number may be used anew once the test has closed it.
    with contextlib.suppress(OSError, ValueError, KeyError):
        while listener.fileno() >= 0:
            for fileno, _ in poll.poll(0.2):
                if fileno != listener.fileno():
                    with open_ones.pop(fileno) as connection, contextlib.suppress(OSError):
                        connection.recv(65536)
                        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    continue
                with contextlib.suppress(BlockingIOError):
                    for _ in range(1024):
                        connection, _ = listener.accept()
                        open_ones[connection.fileno()] = connection
                        poll.register(connection, select.EPOLLIN)


@pytest.mark.parametrize("how", ["stop", "supervisor gone"])
def test_the_process_ends_without_taking_verdicts_back(
    run: Run, web: Web, closed_port: int, how: str
) -> None:
    process = run(document(good=http(web.port), bad=tcp(closed_port)))
    process.until(lambda: len(process.told) == 3)
    process.told.clear()
    if how == "stop":
        process.send(Stop())
    else:
        process.hang_up()
    assert process.exit_code() == 0
    assert process.told == []


def test_many_changes_at_once_are_told_but_not_all_written_to_the_journal(
    run: Run, closed_port: int
) -> None:
    # All in one second: 300 services share one dead server.
    wanted = document(rs=tcp(closed_port))
    service = wanted["virtual_servers"].pop("web0")
    for number in range(300):
        address = f"10.2.{number // 250}.{number % 250 + 1}"
        wanted["virtual_servers"][f"web{number}"] = {**service, "ip": address}
    process = run(wanted)
    process.until(lambda: len(process.told) == 301)
    process.until(lambda: any("100 more lines about" in line for line in process.lines()))
    assert len(process.lines()) == 201
