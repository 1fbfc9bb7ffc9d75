# SPDX-License-Identifier: GPL-3.0-or-later
"""What the results of scripts, processes and files mean."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.core.model import Command, TrackFile, TrackProcess, TrackScript
from lvs_agent.core.track.file import state_of, value_of
from lvs_agent.core.track.process import ProcessTracker, Running, matches
from lvs_agent.core.track.script import ScriptTracker, next_start_ns
from vrrp_builders import S

SCRIPT = TrackScript(
    name="chk_nginx",
    command=Command(argv=("/bin/true",), user=None, timeout_ns=S),
    interval_ns=S,
    rise=2,
    fall=3,
    init_fail=False,
)
NGINX = TrackProcess(
    name="nginx",
    process="nginx",
    arguments=None,
    partial=False,
    full_command=False,
    quorum=1,
    quorum_max=None,
    fork_delay_ns=0,
    terminate_delay_ns=0,
)


def said(tracker: ScriptTracker, results: str) -> list[bool | None]:
    """The states told for results such as "+-" (success, failure); None: nothing was told."""
    told = [tracker.finished(ok=one == "+", reason=one) for one in results]
    return [None if state is None else state.up for state in told]


@pytest.mark.parametrize(("first", "up"), [("+", True), ("-", False)])
def test_first_result_of_a_script_decides_at_once(first: str, up: bool) -> None:
    tracker = ScriptTracker(SCRIPT)
    assert tracker.state().up is None
    assert said(tracker, first) == [up]


def test_script_falls_after_fall_failures_in_a_row_and_rises_after_rise_successes() -> None:
    tracker = ScriptTracker(SCRIPT)
    assert said(tracker, "+--+--") == [True, None, None, None, None, None]
    assert said(tracker, "-") == [False]
    assert said(tracker, "+-+") == [None, None, None]
    assert said(tracker, "+") == [True]


def test_script_with_init_fail_begins_down_and_has_to_rise() -> None:
    tracker = ScriptTracker(replace(SCRIPT, init_fail=True))
    assert tracker.state().up is False
    assert said(tracker, "++") == [None, True]


@pytest.mark.parametrize(
    ("started", "now", "next_start"),
    [(0, 0, 1000), (0, 999, 1000), (0, 1000, 2000), (500, 3700, 4500), (500, 400, 1500)],
)
def test_next_run_keeps_the_grid_of_the_interval(started: int, now: int, next_start: int) -> None:
    assert next_start_ns(started, 1000, now) == next_start


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"0\n", 0),
        (b"-20\n", -20),
        (b" +7 ", 7),
        (b"99999999999999999", 1_000_000),
        (None, 0),
        (b"", 0),
        (b"\n", 0),
        (b"down\n", 0),
        (b"1e3", 0),
        (b"5 rubbish", 0),
        (b"3\nsecond line", 3),
    ],
)
def test_number_of_a_track_file(content: bytes | None, value: int) -> None:
    assert value_of(content)[0] == value


@given(st.binary(max_size=80))
def test_any_content_of_a_track_file_is_a_number_and_a_printable_reason(content: bytes) -> None:
    file = TrackFile(name="f", path="/f", init_value=None, overwrite=False)
    state = state_of(file, content)
    assert -1_000_000 <= state.value <= 1_000_000
    assert state.reason.isprintable()


def running(name: str, *arguments: str) -> Running:
    return Running(pid=1, name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("tracked", "process", "expected"),
    [
        ({}, running("nginx", "nginx: master process"), True),
        ({}, running("nginx2", "nginx2"), False),
        ({"process": "/usr/sbin/nginx"}, running("nginx", "/usr/sbin/nginx"), True),
        ({"process": "a-name-longer-than-15"}, running("a-name-longer-t", "x"), True),
        (
            {"process": "/usr/sbin/nginx", "full_command": True},
            running("anything", "/usr/sbin/nginx", "-g"),
            True,
        ),
        (
            {"process": "/usr/sbin/nginx", "full_command": True},
            running("nginx", "/opt/nginx"),
            False,
        ),
        ({"arguments": ("-p", "1")}, running("nginx", "nginx", "-p", "1"), True),
        ({"arguments": ("-p", "1")}, running("nginx", "nginx", "-p", "1", "-x"), False),
        ({"arguments": ("-p", "1"), "partial": True}, running("nginx", "n", "-p", "1", "-x"), True),
        ({"arguments": ("-p", "1"), "partial": True}, running("nginx", "n", "-p", "17"), True),
        ({"arguments": ("-p", "1"), "partial": True}, running("nginx", "n", "-q", "1"), False),
        ({"arguments": ("-p", "1"), "partial": True}, running("nginx", "n", "-p"), False),
        ({"arguments": ()}, running("nginx", "nginx"), True),
        ({"arguments": ()}, running("nginx", "nginx", "-x"), False),
    ],
)
def test_which_processes_count(
    tracked: dict[str, object],
    process: Running,
    expected: bool,
) -> None:
    assert matches(replace(NGINX, **tracked), process) is expected  # type: ignore[arg-type]


def test_quorum_of_processes_has_two_ends() -> None:
    tracker = ProcessTracker(replace(NGINX, quorum=2, quorum_max=3))
    states = [tracker.counted(count, 0) for count in (1, 2, 3, 4, 3)]
    assert [None if state is None else state.up for state in states] == [
        False,
        True,
        None,
        False,
        True,
    ]


def test_delays_hold_a_change_back_until_it_has_lasted() -> None:
    tracker = ProcessTracker(replace(NGINX, terminate_delay_ns=S, fork_delay_ns=2 * S))
    assert tracker.counted(1, 0) is not None
    assert tracker.counted(0, 0) is None
    assert tracker.deadline_ns == S
    assert tracker.counted(1, S // 2) is None  # it came back in time
    assert tracker.deadline_ns is None
    assert tracker.counted(0, 10 * S) is None
    down = tracker.counted(0, 11 * S)
    assert down is not None
    assert down.up is False
    assert tracker.counted(1, 12 * S) is None
    up = tracker.counted(1, 14 * S)
    assert up is not None
    assert up.up is True
