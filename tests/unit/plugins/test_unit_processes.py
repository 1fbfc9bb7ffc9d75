# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a unit, and that none of them acts before its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _host, _unit_processes

# A daemon with a child that leaves a last word when its parent dies or when it is told to end.
DAEMON = """
import ctypes, os, pathlib, signal, sys, time
def last_word(*_):
    pathlib.Path(sys.argv[1]).write_text("cleaned up")
    os._exit(0)
if os.fork() == 0:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    signal.signal(signal.SIGTERM, last_word)
    os.write(1, b"child\\n")
else:
    signal.signal(signal.SIGTERM, last_word)
    os.write(1, b"parent\\n")
while True:
    time.sleep(1)
"""


class Systemd:
    """`systemctl` as `abandon` calls it: a stop kills, as the drop-in file says it."""

    check_mode = False

    def __init__(self, group: list[int], drop_in: Path, *, stop_works: bool = True) -> None:
        self.group = group
        self.drop_in = drop_in
        self.stop_works = stop_works
        self.settings = ""
        self.states: list[str] = []

    def get_bin_path(self, name: str, opt_dirs: list[str]) -> str:
        del opt_dirs
        return name

    def run_command(self, command: list[str], check_rc: bool) -> tuple[int, str, str]:
        assert not check_rc
        if command[1] == "show":
            return 0, "/system.slice/x.service\n", ""
        if command[1] == "stop":
            self.settings = self.drop_in.read_text()
            self.states = [_unit_processes.state(pid) for pid in self.group]
            if not self.stop_works:
                return 1, "", "no"
            for pid in self.group:
                os.kill(pid, signal.SIGKILL)
        return 0, "", ""


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    words = [sys.executable, "-c", DAEMON, str(tmp_path / "last-word")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert {process.stdout.readline().strip() for _ in range(2)} == {"parent", "child"}
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pids = [process.pid, *(int(pid) for pid in children)]

    def alive(_group: str) -> list[int]:
        return [pid for pid in pids if _unit_processes.state(pid) not in ("", "Z")]

    monkeypatch.setattr(_unit_processes, "of_unit", alive)
    monkeypatch.setattr(_unit_processes, "_RUN", str(tmp_path))
    yield pids
    for pid in alive(""):
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=10)


def test_nobody_has_a_last_word(daemon: list[int], tmp_path: Path) -> None:
    systemd = Systemd(daemon, tmp_path / "x.service.d" / "zz-lvs.cluster.conf")
    ended = _unit_processes.abandon(systemd, "x.service")
    assert ended == daemon
    assert systemd.states == ["T", "T"], "all were stopped before any was killed"
    assert "Restart=no" in systemd.settings
    assert not (tmp_path / "last-word").exists()
    assert not (tmp_path / "x.service.d").exists()


def test_what_does_not_end_runs_on(daemon: list[int], tmp_path: Path) -> None:
    drop_in = tmp_path / "x.service.d" / "zz-lvs.cluster.conf"
    with pytest.raises(_host.HostError, match="systemctl stop"):
        _unit_processes.abandon(Systemd(daemon, drop_in, stop_works=False), "x.service")
    assert not any(_unit_processes.state(pid) in ("T", "Z", "") for pid in daemon)
    assert not drop_in.exists()
    assert not (tmp_path / "last-word").exists()


def test_a_unit_that_waits_for_its_restart_does_not_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_unit_processes, "of_unit", lambda _group: [])
    monkeypatch.setattr(_unit_processes, "_RUN", str(tmp_path))
    systemd = Systemd([], tmp_path / "x.service.d" / "zz-lvs.cluster.conf")
    assert _unit_processes.abandon(systemd, "x.service") == []
    assert "ExecStopPost=\n" in systemd.settings, "stopped, and without its clean-up"


@pytest.mark.parametrize(
    ("text", "belongs"),
    [
        ("0::/system.slice/x.service\n", True),
        ("0::/system.slice/x.service/inner\n", True),
        ("4:memory:/other\n1:name=systemd:/system.slice/x.service\n", True),
        ("0::/system.slice/x.service2\n", False),
        ("4:memory:/system.slice/x.service\n", False),
        ("", False),
    ],
)
def test_processes_belong_by_systemds_hierarchy(tmp_path: Path, text: str, belongs: bool) -> None:
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "cgroup").write_text(text)
    (tmp_path / "self").mkdir()
    assert _unit_processes.of_unit("/system.slice/x.service", str(tmp_path)) == [17] * belongs
    assert _unit_processes.of_unit("", str(tmp_path)) == []
    assert _unit_processes.of_unit("/", str(tmp_path)) == []


def test_a_state_is_read_behind_any_name(tmp_path: Path) -> None:
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "stat").write_text("17 (a) S (b) T 1 2 3")
    assert _unit_processes.state(17, str(tmp_path)) == "T"
    assert _unit_processes.state(18, str(tmp_path)) == ""
