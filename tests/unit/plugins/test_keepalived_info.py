# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a running keepalived for its states."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.modules import keepalived_info
from unit.plugins.test_keepalived import DUMP

# In the place of keepalived: writes what it has been given, in two parts, at SIGUSR1.
WRITER = """
import pathlib, signal, sys, time
path, text = pathlib.Path(sys.argv[1]), sys.stdin.read()
def write(*_):
    with path.open("w") as file:
        for part in (text[:100], text[100:]):
            file.write(part)
            file.flush()
signal.signal(signal.SIGUSR1, write if text else signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(1)
"""
Begin = Callable[[str], int]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "keepalived.data"
    # /proc/PID/root is this machine's root, as of any process that has no other.
    monkeypatch.setattr(keepalived_info, "_DUMP", str(found)[1:])
    return found


@pytest.fixture
def begin(path: Path) -> Iterator[Begin]:
    processes: list[subprocess.Popen[str]] = []

    def started(text: str) -> int:
        words = [sys.executable, "-c", WRITER, str(path)]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text)
        process.stdin.close()
        assert process.stdout.readline() == "ready\n"
        return process.pid

    yield started
    for process in processes:
        process.kill()
        process.wait(timeout=10)


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the file has to be root's")


def test_the_new_file_is_read_and_not_the_one_of_before(path: Path, begin: Begin) -> None:
    path.write_text(DUMP.replace("MASTER", "FAULT"))
    routers, silent = keepalived_info.states(begin(DUMP))
    assert silent == ""
    assert [each.state for each in routers] == ["MASTER", "BACKUP"]


def test_a_keepalived_that_writes_nothing_is_told(
    path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalived_info, "_DUMP_S", 0.3)
    path.write_text(DUMP)
    routers, silent = keepalived_info.states(begin(""))
    assert routers == []
    assert f"no new {path}" in silent


def test_a_file_that_others_have_made_is_not_believed(path: Path) -> None:
    path.write_text(DUMP)
    assert keepalived_info.dump(str(path)).text == DUMP
    os.chown(path, 65534, 65534)
    assert keepalived_info.dump(str(path)) == keepalived_info.Dump()
    link = path.with_name("link")
    link.symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        keepalived_info.dump(str(link))


def test_a_process_that_has_ended_is_told(path: Path) -> None:
    del path
    process = subprocess.Popen(["true"])
    process.wait(timeout=10)
    __, silent = keepalived_info.states(process.pid)
    assert "No such" in silent


def test_a_process_is_elsewhere_unless_it_is_the_units_or_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait(timeout=10)
    called = [os.getpid(), os.getppid(), ended.pid]
    monkeypatch.setattr(keepalived_info, "called_keepalived", lambda: called)
    # A child that is there only when the group is read is one of the unit's.
    monkeypatch.setattr(keepalived_info._unit_processes, "of_unit", lambda group: [os.getpid()])
    assert keepalived_info.elsewhere("/system.slice/keepalived.service") == [os.getppid()]
