# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that pause while the virtual address is elsewhere (ha_suspend)."""

from __future__ import annotations

from health_process import Run, Web, document, http


def test_checks_pause_while_suspended_and_hold_their_verdicts(run: Run, web: Web) -> None:
    process = run(document(rs=http(web.port)))
    process.until(lambda: process.verdicts("rs")[-1:] == [(True, True)])
    process.suspend("web0")
    process.until(lambda: all(row["paused"] for row in process.report()["checks"]))
    requests = web.requests
    web.status = 500
    process.told.clear()
    process.listen_for(1.0)  # five times the delay_loop
    assert web.requests == requests
    assert process.verdicts("rs") == []
    process.suspend("web0", suspended=False)
    process.until(lambda: process.verdicts("rs") == [(False, True)])


def test_check_that_somebody_else_asks_for_goes_on(run: Run, web: Web) -> None:
    process = run(document(2, rs=http(web.port)))
    process.suspend("web0")
    process.until(lambda: web.requests > 0)
    before = web.requests
    process.until(lambda: web.requests >= before + 2)
    process.suspend("web1")
    process.until(lambda: all(row["paused"] for row in process.report()["checks"]))


def test_new_names_of_the_same_virtual_servers_pause_too(run: Run, web: Web) -> None:
    wanted = document(rs=http(web.port))
    process = run(wanted)
    process.suspend("renamed")
    process.until(lambda: web.requests > 1)
    wanted["virtual_servers"] = {"renamed": wanted["virtual_servers"]["web0"]}
    process.reconfigure(wanted, 2)
    process.until(lambda: all(row["paused"] for row in process.report()["checks"]))


def test_no_check_before_the_first_word_on_where_the_address_is(run: Run, web: Web) -> None:
    wanted = document(rs=http(web.port))
    wanted["virtual_servers"]["web0"]["ha_suspend"] = True
    process = run(wanted)
    process.until(lambda: [row["paused"] for row in process.report()["checks"]] == [True])
    process.listen_for(1.0)  # five times the delay_loop
    assert web.requests == 0
    process.suspend("web0", suspended=False)
    process.until(lambda: process.verdicts("rs")[-1:] == [(True, True)])


def test_check_resumes_when_the_virtual_server_asks_for_no_pause_any_more(
    run: Run, web: Web
) -> None:
    wanted = document(rs=http(web.port) | {"delay_loop": 60})
    wanted["virtual_servers"]["web0"]["ha_suspend"] = True
    process = run(wanted)
    process.until(lambda: [row["paused"] for row in process.report()["checks"]] == [True])
    del wanted["virtual_servers"]["web0"]["ha_suspend"]
    process.reconfigure(wanted, 2)
    process.until(lambda: process.verdicts("rs")[-1:] == [(True, True)])
    assert [row["paused"] for row in process.report()["checks"]] == [False]
