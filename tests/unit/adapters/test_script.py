# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs, for real: results, time limits, process groups, other users."""

from __future__ import annotations

import gc
import grp
import os
import pwd
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lvs_agent.adapters.script import Script, ScriptResult
from lvs_agent.core.model import Command
from lvs_agent.proc.loop import Loop
from vrrp_builders import MS, S

LIMIT_S = 10.0


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def until(loop: Loop, done: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < end, "nothing happened"
        loop.turn(50 * MS)


class Watched:
    """A script and what it said."""

    def __init__(
        self,
        loop: Loop,
        *argv: str,
        user: str | None = None,
        group: str | None = None,
        limit_ns: int = 5 * S,
    ) -> None:
        self.results: list[ScriptResult] = []
        self.gone = 0
        command = Command(argv=argv, user=user, group=group, timeout_ns=limit_ns)
        self.script = Script(loop, command, (), self.results.append, self._gone)

    def _gone(self) -> None:
        self.gone += 1


def shell(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def ended(loop: Loop, watched: Watched) -> ScriptResult:
    until(loop, lambda: bool(watched.gone))
    assert watched.gone == 1
    (result,) = watched.results
    return result


def test_success_and_failure_are_told_with_the_first_words(loop: Loop, tmp_path: Path) -> None:
    assert ended(loop, Watched(loop, "/bin/true")).ok
    result = ended(loop, Watched(loop, shell(tmp_path, "echo no route >&2; exit 3")))
    assert (result.exit_code, result.ok, result.words) == (3, False, "no route")
    assert result.describe() == "exit status 3: no route"


def test_words_are_bounded_and_cannot_stop_the_program(loop: Loop, tmp_path: Path) -> None:
    text = "head -c 1000000 /dev/zero | tr '\\0' x >&2; printf '\\033[31m' >&2"
    result = ended(loop, Watched(loop, shell(tmp_path, text)))
    assert result.ok
    assert result.words == "x" * 300


def test_program_that_is_not_there_fails_and_does_not_raise(loop: Loop) -> None:
    result = ended(loop, Watched(loop, "/nonexistent/check"))
    assert not result.ok
    assert "No such file" in result.describe()


def test_unknown_user_fails_and_is_named(loop: Loop) -> None:
    result = ended(loop, Watched(loop, "/bin/true", user="nobody-of-this-name"))
    assert "there is no user nobody-of-this-name" in result.describe()


def test_program_killed_by_a_signal_has_no_exit_code(loop: Loop, tmp_path: Path) -> None:
    result = ended(loop, Watched(loop, shell(tmp_path, "kill -9 $$")))
    assert (result.exit_code, result.words) == (None, "signal 9")


def test_no_shell_and_no_environment_of_ours(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/secret")
    out = tmp_path / "out"
    script = shell(tmp_path, f'{{ env; echo "word=$1"; pwd; }} > {out}')
    assert ended(loop, Watched(loop, script, "$HOME; rm -rf /")).ok
    lines = out.read_text().splitlines()
    assert "word=$HOME; rm -rf /" in lines
    assert not any("NOTIFY_SOCKET" in line for line in lines)
    assert lines[-1] == "/"


def test_time_limit_ends_the_whole_process_group(loop: Loop, tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = shell(tmp_path, f"sleep 100 & echo $! > {child}; wait")
    watched = Watched(loop, script, limit_ns=200 * MS)
    until(loop, lambda: bool(watched.results))
    assert watched.results[0].timed_out
    until(loop, lambda: bool(watched.gone))
    pid = int(child.read_text())
    end = time.monotonic() + LIMIT_S
    while _lives(pid):
        assert time.monotonic() < end, "the grandchild lives on"
        time.sleep(0.02)


def test_program_deaf_to_sigterm_is_killed(loop: Loop, tmp_path: Path) -> None:
    script = shell(tmp_path, "trap '' TERM; while :; do sleep 0.1; done")
    watched = Watched(loop, script, limit_ns=200 * MS)
    assert ended(loop, watched).timed_out  # one result, at the limit; gone after SIGKILL


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_other_user_gets_that_users_groups_and_nothing_else(loop: Loop, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() == "root" and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    out = tmp_path / "out"
    out.touch()
    out.chmod(0o666)
    assert ended(loop, Watched(loop, shell(tmp_path, f"id > {out}"), user="nobody")).ok
    assert f"uid={pwd.getpwnam('nobody').pw_uid}" in out.read_text()
    assert "(root)" not in out.read_text()
    both = Watched(loop, shell(tmp_path, f"id > {out}"), user="nobody", group="mail")
    assert ended(loop, both).ok
    assert f"uid={pwd.getpwnam('nobody').pw_uid}" in out.read_text()
    assert f"gid={grp.getgrnam('mail').gr_gid}" in out.read_text()
    assert "(root)" not in out.read_text()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"user": "no-such-user"}, "there is no user no-such-user"),
        ({"user": "nobody", "group": "no-such-group"}, "there is no group no-such-group"),
    ],
)
def test_nothing_runs_as_somebody_that_there_is_not(
    loop: Loop, names: dict[str, str], words: str
) -> None:
    result = ended(loop, Watched(loop, "/bin/true", **names))
    assert (result.started, result.words) == (False, f"/bin/true: {words}")


def secure(loop: Loop, path: Path) -> ScriptResult:
    results: list[ScriptResult] = []
    command = Command(argv=(str(path),), user=None, timeout_ns=5 * S, secure=True)
    Script(loop, command, (), results.append, lambda: None)
    until(loop, lambda: bool(results))
    return results[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="files of other users need root")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o757), "anybody may write to"),
        (lambda path: path.parent.chmod(0o777), "anybody may write to"),
        (lambda path: os.chown(path, 65534, 0), "belongs to user 65534"),
        (lambda path: os.chown(path.parent, 65534, 0), "belongs to user 65534"),
        (lambda path: (os.chown(path, 0, 65534), path.chmod(0o775)), "group 65534 may write to"),
    ],
)
def test_script_that_others_could_change_is_not_run_with_script_security(
    loop: Loop, tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    marker = tmp_path / "ran"
    directory = tmp_path / "scripts"
    directory.mkdir()
    path = Path(shell(directory, f"touch {marker}"))
    assert secure(loop, path).ok
    marker.unlink()
    spoil(path)
    result = secure(loop, path)
    assert not result.ok
    assert "enable_script_security: " in result.describe()
    assert words in result.describe()
    assert not marker.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="files of other users need root")
def test_symbolic_link_does_not_hide_who_could_change_the_script(
    loop: Loop, tmp_path: Path
) -> None:
    directory = tmp_path / "scripts"
    directory.mkdir()
    path = Path(shell(directory, "true"))
    link = tmp_path / "link"
    link.symlink_to(path)
    assert secure(loop, link).ok
    directory.chmod(0o777)
    assert "anybody may write" in secure(loop, link).describe()


def test_many_runs_leave_no_descriptor_behind(loop: Loop) -> None:
    gc.collect()  # what earlier tests left
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        batch = [Watched(loop, "/bin/true") for _ in range(20)]
        until(loop, lambda batch=batch: all(one.gone for one in batch))  # type: ignore[misc]
    assert len(os.listdir("/proc/self/fd")) == before


def _lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
