# SPDX-License-Identifier: GPL-3.0-or-later
"""The adapters of the supervisor: notification, signals, journal, lock, sockets, descriptors."""

from __future__ import annotations

import io
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import lvs_agent
import pytest
from lvs_agent.adapters import control_socket, runtime_directory
from lvs_agent.adapters.journal import Journal, printable
from lvs_agent.adapters.package_parts import import_parts_only
from lvs_agent.adapters.sd_notify import Notifier
from lvs_agent.adapters.signals import SignalQueue
from lvs_agent.proc.fork import Room, fork, reap

SOURCE = Path(lvs_agent.__file__).parent.parent


@pytest.mark.parametrize("abstract", [False, True])
def test_notifications_reach_a_path_and_an_abstract_socket(tmp_path: Path, abstract: bool) -> None:
    name = f"@lvs-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(name.replace("@", "\0", 1) if abstract else name)
        Notifier({"NOTIFY_SOCKET": name}).send("READY=1", "STATUS=x")
        assert server.recv(100) == b"READY=1\nSTATUS=x"


@pytest.mark.parametrize("where", [None, "", "relative", "/nowhere/notify"])
def test_notifications_without_systemd_go_nowhere(where: str | None) -> None:
    Notifier({} if where is None else {"NOTIFY_SOCKET": where}).send("READY=1")


def test_full_notification_queue_does_not_block(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(10_000):
            notifier.send("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2000000"}, 2_000_000_000),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2_000_000_000),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog_interval_is_ours_only(environment: dict[str, str], expected: int | None) -> None:
    assert Notifier(environment).watchdog_ns == expected


def test_signals_are_queued_and_not_acted_upon() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    queue = SignalQueue((signal.SIGUSR1,))
    try:
        assert queue.read() == ()
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGUSR1)
        assert queue.read() == (signal.SIGUSR1,)
        assert queue.read() == ()
    finally:
        queue.close()
        signal.signal(signal.SIGUSR1, before)


def test_journal_lines_have_priorities_only_in_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as file:
        status = os.fstat(file.fileno())
        journal = Journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, file)
        journal.write("error", "bad")
        Journal({}, file).write("error", "bad")
        Journal({"JOURNAL_STREAM": "1:1"}, file).write("info", "good")
        file.seek(0)
        assert file.read() == "<3>bad\nerror: bad\ngood\n"


def test_log_line_of_a_hostile_server_stays_one_line() -> None:
    stream = io.StringIO()
    Journal({}, stream).write("info", "first\n<0>forged \x1b[2J" + "x" * 10_000)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue()) < 2100


def test_printable_leaves_good_text_alone() -> None:
    assert printable("Größe: 5 µs") == "Größe: 5 µs"


def test_lock_excludes_a_second_agent_until_released(tmp_path: Path) -> None:
    first = runtime_directory.lock(tmp_path)
    with pytest.raises(runtime_directory.AlreadyRunning, match="another lvs-agent"):
        runtime_directory.lock(tmp_path)
    os.close(first)
    os.close(runtime_directory.lock(tmp_path))


def test_lock_does_not_follow_a_planted_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        runtime_directory.lock(tmp_path)
    assert not (tmp_path / "victim").exists()


def test_control_socket_replaces_a_stale_one_and_knows_its_peer(tmp_path: Path) -> None:
    control_socket.listen(tmp_path).close()
    server = control_socket.listen(tmp_path)
    path = tmp_path / control_socket.SOCKET_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        connection, _ = server.accept()
        peer = control_socket.peer_of(connection)
        assert (peer.pid, peer.uid) == (os.getpid(), os.geteuid())
        connection.close()
    server.close()
    control_socket.remove(tmp_path)
    assert not path.exists()


# What these do to their process cannot be undone, so each runs in one of its own.


def run_python(script: str, stderr: int | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{script}"],
        stdout=subprocess.PIPE, stderr=stderr, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs capabilities to give up")
def test_capabilities_once_given_up_cannot_be_taken_back() -> None:
    script = """
from lvs_agent.adapters.privileges import Capability, permitted, restrict
restrict({Capability.NET_RAW, Capability.NET_ADMIN}, {Capability.NET_RAW})
import socket
socket.socket(socket.AF_INET, socket.SOCK_RAW, 112).close()
restrict({Capability.NET_RAW}, ())
restrict({Capability.NET_RAW, Capability.NET_ADMIN}, {Capability.NET_RAW, Capability.NET_ADMIN})
print(sorted(one.name for one in permitted()))
restrict((), ())
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
except PermissionError:
    print("refused")
"""
    assert run_python(script).splitlines() == ["['NET_RAW']", "refused"]


def test_title_is_cut_to_the_room_there_is() -> None:
    script = """
from lvs_agent.adapters.privileges import set_title
from pathlib import Path
set_title("a-name-that-is-too-long", "lvs-agent: test")
print(Path("/proc/self/comm").read_text().strip())
print(Path("/proc/self/cmdline").read_bytes().rstrip(bytes(1)).decode())
set_title("x", "y" * 100000)
print(len(Path("/proc/self/cmdline").read_bytes()) < 100000)
"""
    assert run_python(script).splitlines() == ["a-name-that-is-", "lvs-agent: test", "True"]


def test_only_parts_of_a_package_are_imported() -> None:
    script = """
from lvs_agent.adapters.package_parts import import_parts_only
import_parts_only("email")
import email.errors
print(hasattr(sys.modules["email"], "message_from_string"), "email.errors" in sys.modules)
"""
    assert run_python(script) == "False True"


def test_missing_package_is_left_to_the_import_that_needs_it() -> None:
    import_parts_only("no_such_package_at_all")
    assert "no_such_package_at_all" not in sys.modules


def wait_exit(pidfd: int) -> int | None:
    import select

    assert select.select([pidfd], [], [], 5)[0]
    code = reap(pidfd)
    os.close(pidfd)
    return code


ROOM = Room(name="test", capabilities=frozenset(), descriptors=frozenset())


def test_forked_child_ends_with_the_code_of_its_main() -> None:
    def leave() -> None:
        raise SystemExit(7)

    assert wait_exit(fork(ROOM, lambda: None).pidfd) == 0
    assert wait_exit(fork(ROOM, leave).pidfd) == 7
    assert wait_exit(fork(ROOM, lambda: os.kill(os.getpid(), signal.SIGKILL)).pidfd) == -9


def test_exception_of_a_child_is_printed_and_exits_one() -> None:
    script = """
import select
from lvs_agent.proc.fork import Room, fork, reap
def fail():
    raise RuntimeError("told so")
sys.stderr.flush()
forked = fork(Room(name="test", capabilities=frozenset(), descriptors=frozenset()), fail)
select.select([forked.pidfd], [], [], 5)
print(reap(forked.pidfd))
"""
    assert run_python(script, stderr=subprocess.STDOUT).splitlines()[-2:] == [
        "RuntimeError: told so",
        "1",
    ]


def test_child_keeps_only_the_descriptors_of_its_room() -> None:
    ours, theirs = socket.socketpair()
    secret = os.open("/dev/null", os.O_RDONLY)
    room = Room(name="test", capabilities=frozenset(), descriptors=frozenset({theirs.fileno()}))

    def tell() -> None:
        found = sorted(int(name) for name in os.listdir("/proc/self/fd"))
        theirs.send(repr([one for one in found if os.path.exists(f"/proc/self/fd/{one}")]).encode())

    forked = fork(room, tell)
    theirs_fileno = theirs.fileno()
    theirs.close()
    text = ours.recv(1000).decode()
    assert wait_exit(forked.pidfd) == 0
    assert text == repr([0, 1, 2, theirs_fileno])
    os.close(secret)
    ours.close()


def test_signals_of_the_group_are_ignored_from_the_first_instruction() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):

        def kill_self(number: signal.Signals = number) -> None:
            os.kill(os.getpid(), number)

        assert wait_exit(fork(ROOM, kill_self).pidfd) == 0
