# SPDX-License-Identifier: GPL-3.0-or-later
"""The track process in this one: real scripts, files, processes, FIFOs and a real SMTP server."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from lvs_agent.core.bfd import telling
from lvs_agent.core.ipvs.model import Endpoint, ServiceKey, ServiceSettings
from lvs_agent.core.messages import InstanceState, Message, ProcessRestarted, TrackerState, Verdict
from lvs_agent.core.model import (
    BfdInstance,
    Command,
    Config,
    Fifo,
    GlobalDefs,
    Mail,
    Notify,
    RealServer,
    TrackFile,
    TrackProcess,
    TrackScript,
    VirtualServer,
)
from lvs_agent.core.policy import ServerPolicy
from lvs_agent.proc.channel import Channel
from lvs_agent.proc.child import Start
from lvs_agent.proc.loop import Loop
from lvs_agent.proc.track import Track
from vrrp_builders import MS, S, instance

LIMIT_S = 10.0


class World:
    """The track process with its supervisor and ha played by the test."""

    def __init__(self, config: Config) -> None:
        self.loop = Loop()
        self.states: list[TrackerState] = []
        self.said: list[Message] = []
        ours, theirs = socket.socketpair()
        ha_ours, ha_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.supervisor = Channel(self.loop, ours, self.said.append, lambda _: None)
        self.ha = Channel(self.loop, ha_ours, self.states.append, lambda _: None)  # type: ignore[arg-type]
        start = Start(config=config, generation=1, restarted=False)
        self.track = Track(self.loop, theirs, ha_theirs, start)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < end, f"nothing happened; {self.states} {self.said}"
            self.loop.turn(20 * MS)

    def ups(self, name: str) -> list[bool | None]:
        return [state.up for state in self.states if state.name == name]

    def values(self, name: str) -> list[int]:
        return [state.value for state in self.states if state.name == name]


@pytest.fixture
def world() -> Iterator[Callable[[Config], World]]:
    worlds: list[World] = []

    def make(config: Config) -> World:
        worlds.append(World(config))
        return worlds[-1]

    yield make
    for one in worlds:
        one.track.stop()
        one.until(lambda one=one: one.loop._stopped)  # type: ignore[misc]
        one.loop.close()


def config(**changes: Any) -> Config:
    plain = Config(global_defs=GlobalDefs(router_id="drct1"), vrrp_instances=(), virtual_servers=())
    return replace(plain, **changes)


def script(path: Path, text: str) -> Command:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Command(argv=(str(path),), user=None, timeout_ns=2 * S)


def check(command: Command, **changes: Any) -> TrackScript:
    plain = TrackScript(
        name="chk", command=command, interval_ns=50 * MS, rise=1, fall=2, init_fail=False
    )
    return replace(plain, **changes)


MakeWorld = Callable[[Config], World]


# Trackers


def test_track_script_follows_what_it_checks(world: MakeWorld, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    here = world(config(scripts=(check(script(tmp_path / "chk", f"test -e {flag}")),)))
    here.until(lambda: here.ups("chk") == [None, True])
    flag.unlink()
    here.until(lambda: here.ups("chk") == [None, True, False])
    flag.touch()
    here.until(lambda: here.ups("chk") == [None, True, False, True])


def test_bfd_session_that_never_comes_up_is_down_in_the_end(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "PATIENCE_NS", 0)
    session = BfdInstance(
        name="router", neighbor="127.0.0.9", source=None, min_rx_ns=S, min_tx_ns=S,
        idle_tx_ns=50 * MS, multiplier=3, passive=True, ttl=255, max_hops=0,
    )  # fmt: skip
    here = world(config(bfd_instances=(session,)))
    here.until(lambda: here.ups("router") == [None, False])


def test_script_that_never_ends_counts_as_failed_and_never_overlaps(
    world: MakeWorld, tmp_path: Path
) -> None:
    log, last = tmp_path / "log", tmp_path / "pid"
    alive = f"kill -0 $(cat {last} 2>/dev/null || echo none) 2>/dev/null && echo overlap >> {log}"
    command = script(tmp_path / "chk", f"{alive}; echo $$ > {last}; echo begin >> {log}; sleep 100")
    here = world(config(scripts=(check(replace(command, timeout_ns=150 * MS), fall=1),)))
    here.until(lambda: False in here.ups("chk"))
    here.until(lambda: log.read_text().count("begin") >= 2)
    assert "overlap" not in log.read_text()


def test_unchanged_script_keeps_its_state_over_a_reload(world: MakeWorld, tmp_path: Path) -> None:
    command = script(tmp_path / "chk", "true")
    here = world(config(scripts=(check(command),)))
    here.until(lambda: here.ups("chk") == [None, True])
    here.track._scripts.configure((check(command, fall=5),))
    assert [state.up for state in here.track._scripts.states()] == [True]


def test_new_ha_process_is_told_everything(world: MakeWorld, tmp_path: Path) -> None:
    here = world(config(scripts=(check(script(tmp_path / "chk", "true")),)))
    here.until(lambda: here.ups("chk") == [None, True])
    here.supervisor.send(ProcessRestarted(name="ha"))
    here.until(lambda: here.ups("chk") == [None, True, True])


def test_track_file_is_read_at_once_when_it_changes(world: MakeWorld, tmp_path: Path) -> None:
    path = tmp_path / "maintenance"
    tracked = TrackFile(name="f", path=str(path), init_value=None, overwrite=False)
    here = world(config(files=(tracked,)))
    here.until(lambda: here.values("f")[-1:] == [0])
    for value in (-20, 5):
        path.write_text(f"{value}\n")
        here.until(lambda value=value: here.values("f")[-1] == value)  # type: ignore[misc]
    temporary = tmp_path / "new"
    temporary.write_text("7\n")
    temporary.rename(path)
    here.until(lambda: here.values("f")[-1] == 7)
    path.unlink()
    here.until(lambda: here.values("f")[-1] == 0)


@pytest.mark.parametrize(("overwrite", "expected"), [(False, 3), (True, 9)])
def test_init_file_writes_over_an_existing_number_only_when_told(
    world: MakeWorld,
    tmp_path: Path,
    overwrite: bool,
    expected: int,
) -> None:
    path = tmp_path / "number"
    path.write_text("3\n")
    tracked = TrackFile(name="f", path=str(path), init_value=9, overwrite=overwrite)
    fresh = TrackFile(name="g", path=str(tmp_path / "fresh"), init_value=4, overwrite=False)
    here = world(config(files=(tracked, fresh)))
    here.until(lambda: here.values("f")[-1:] == [expected] and here.values("g")[-1:] == [4])


def test_tracked_process_is_missed_when_it_dies_and_found_when_it_comes(
    world: MakeWorld, tmp_path: Path
) -> None:
    program = tmp_path / "lvs-test-daemon"
    program.symlink_to("/bin/sleep")
    tracked = TrackProcess(
        name="daemon",
        process="lvs-test-daemon",
        arguments=("100",),
        partial=False,
        full_command=False,
        quorum=1,
        quorum_max=None,
        fork_delay_ns=0,
        terminate_delay_ns=0,
    )
    running = subprocess.Popen([str(program), "100"])
    try:
        here = world(config(processes=(tracked,)))
        here.until(lambda: here.ups("daemon")[-1:] == [True])
        running.send_signal(signal.SIGKILL)
        before = time.monotonic()
        here.until(lambda: here.ups("daemon")[-1] is False)
        assert time.monotonic() - before < 0.9, "found by the scan, not at once"
        running.wait(LIMIT_S)
        running = subprocess.Popen([str(program), "100"])
        here.until(lambda: here.ups("daemon")[-1] is True)
    finally:
        running.kill()
        running.wait(LIMIT_S)


# Notifications


def told(here: World, state: str, previous: str = "BACKUP") -> None:
    here.supervisor.send(
        InstanceState(instance="web", state=state, previous=previous, priority=100, reason="timer")
    )


def test_notify_scripts_run_in_order_one_at_a_time(world: MakeWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    slow = script(tmp_path / "notify", f'sleep 0.2; echo "$@" >> {log}')
    here = world(config(vrrp_instances=(instance(notify=Notify(always=slow)),)))
    for state in ("BACKUP", "MASTER", "FAULT", "BACKUP"):
        told(here, state)
    here.until(lambda: log.exists() and len(log.read_text().splitlines()) == 4)
    assert log.read_text().splitlines() == [
        f"INSTANCE web {state} 100" for state in ("BACKUP", "MASTER", "FAULT", "BACKUP")
    ]


def test_last_words_are_passed_on_before_the_end(world: MakeWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    stop = script(tmp_path / "stop", f"sleep 0.2; echo stopped >> {log}")
    here = world(config(vrrp_instances=(instance(notify=Notify(stop=stop)),)))
    told(here, "INIT", "MASTER")
    here.until(lambda: bool(here.track._notifier._running))
    here.track.stop()
    here.until(lambda: here.loop._stopped)
    assert log.read_text() == "stopped\n"


def test_fifo_gets_lines_in_order_and_its_reader_runs(world: MakeWorld, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reader = script(tmp_path / "reader", f'cat "$1" >> {out}')
    fifo = Fifo(path=str(tmp_path / "fifo"), reader=replace(reader, timeout_ns=0))
    here = world(
        config(
            vrrp_instances=(instance(),),
            global_defs=GlobalDefs(router_id="d", vrrp_notify_fifo=fifo),
        )
    )
    assert stat.S_ISFIFO(os.stat(fifo.path).st_mode)
    for state in ("BACKUP", "MASTER"):
        told(here, state)
    here.until(lambda: out.exists() and len(out.read_text().splitlines()) == 2)
    assert out.read_text() == 'INSTANCE "web" BACKUP 100\nINSTANCE "web" MASTER 100\n'
    here.track.stop()
    here.until(lambda: here.loop._stopped)
    assert not Path(fifo.path).exists()


def test_fifo_that_nobody_reads_holds_nothing_up(world: MakeWorld, tmp_path: Path) -> None:
    fifo = Fifo(path=str(tmp_path / "fifo"), reader=None)
    here = world(
        config(
            vrrp_instances=(instance(),), global_defs=GlobalDefs(router_id="d", notify_fifo=fifo)
        )
    )
    for _ in range(6000):  # the kernel keeps about 2,500 of these, the agent 1,000
        told(here, "MASTER")
        here.loop.turn(0)

    def dropped() -> int:
        report: Any = here.track.report(brief=False)["notifications"]
        return int(report["fifos"][0]["lines_dropped"])

    here.until(lambda: dropped() > 1000)


# Mail


class Inbox:
    """What the SMTP server took; `refusals`: so many mails are refused first."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refusals = 0
        self.goodbye = "221 goodbye"
        self.logins: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        del server, session
        if self.refusals:
            self.refusals -= 1
            return "451 try again later"
        self.mails.append(envelope)
        return "250 taken"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        del server, session, envelope
        return self.goodbye

    def authenticate(self, server: Any, session: Any, envelope: Any, how: str, data: Any) -> Any:
        del server, session, envelope, how
        assert isinstance(data, LoginPassword)
        self.logins.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=data.password == b"s3cret")


def mail(port: int, **changes: Any) -> Mail:
    plain = Mail(
        recipients=("root@localhost", "ops@example.org"),
        sender="lvs@example.org",
        server="127.0.0.1",
        port=port,
        connect_timeout_ns=2 * S,
        helo_name="drct1.example.org",
        security="none",
        login=None,
        batch_ns=100 * MS,
    )
    return replace(plain, **changes)


@pytest.fixture
def smtp() -> Iterator[Callable[..., tuple[Inbox, int]]]:
    running: list[Controller] = []

    def start(**options: Any) -> tuple[Inbox, int]:
        inbox = Inbox()
        if options.pop("login", False):
            options |= {"authenticator": inbox.authenticate, "auth_required": True}
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return inbox, port

    yield start
    for controller in running:
        controller.stop()


def mailing(post: Mail) -> Config:
    return config(
        vrrp_instances=(instance(notify=Notify(mail=True)),),
        global_defs=GlobalDefs(router_id="drct1", mail=post),
    )


Smtp = Callable[..., tuple[Inbox, int]]


def test_storm_of_changes_is_one_mail(world: MakeWorld, smtp: Smtp) -> None:
    inbox, port = smtp()
    here = world(mailing(mail(port)))
    for _ in range(10):
        told(here, "MASTER")
        told(here, "BACKUP")
    here.until(lambda: bool(inbox.mails))
    here.until(lambda: here.track._notifier.idle)
    (taken,) = inbox.mails
    assert taken.rcpt_tos == ["root@localhost", "ops@example.org"]
    assert taken.mail_from == "lvs@example.org"
    text = taken.content.decode()
    assert "Subject: [drct1] 20 changes" in text
    assert text.count("is now MASTER") == 10


def test_refused_mail_is_kept(world: MakeWorld, smtp: Smtp) -> None:
    inbox, port = smtp()
    inbox.refusals = 1
    here = world(mailing(mail(port)))
    told(here, "MASTER")
    here.until(lambda: inbox.refusals == 0)
    here.until(lambda: any("451" in str(message) for message in here.said))
    here.track._notifier.stopping()
    here.until(lambda: len(inbox.mails) == 1)
    assert "is now MASTER" in inbox.mails[0].content.decode()


def test_mail_that_was_taken_is_not_sent_again_for_a_strange_goodbye(
    world: MakeWorld, smtp: Smtp
) -> None:
    inbox, port = smtp()
    inbox.goodbye = "250 ok"
    here = world(mailing(mail(port)))
    told(here, "MASTER")
    here.until(lambda: bool(inbox.mails))
    here.until(lambda: here.track._notifier.idle)
    assert not any("not delivered" in str(message) for message in here.said)


def test_silent_mail_server_holds_nothing_up(world: MakeWorld, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        post = mail(silent.getsockname()[1], connect_timeout_ns=30 * S)
        log = tmp_path / "log"
        command = script(tmp_path / "notify", f"echo told >> {log}")
        base = mailing(post)
        here = world(
            replace(base, vrrp_instances=(instance(notify=Notify(mail=True, master=command)),))
        )
        told(here, "MASTER")
        here.until(log.exists)
        before = time.monotonic()
        here.track.stop()
        here.until(lambda: here.loop._stopped)
        assert time.monotonic() - before < 5, "the end waits for a dead mail server"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("tls")
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


def test_starttls_with_login(
    world: MakeWorld,
    smtp: Smtp,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    inbox, port = smtp(tls_context=context, require_starttls=True, login=True)
    here = world(mailing(mail(port, security="starttls", login=("lvs", b"s3cret"))))
    told(here, "MASTER")
    here.until(lambda: bool(inbox.mails))
    assert inbox.logins == ["lvs:s3cret"]


def test_untrusted_mail_server_gets_no_password(
    world: MakeWorld, smtp: Smtp, certificate: tuple[Path, Path]
) -> None:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    inbox, port = smtp(tls_context=context, require_starttls=True, login=True)
    here = world(mailing(mail(port, security="starttls", login=("lvs", b"s3cret"))))
    told(here, "MASTER")
    here.until(lambda: any("certificate verify failed" in str(one) for one in here.said))
    assert inbox.logins == []
    assert not any("s3cret" in str(message) for message in here.said)


MAILED = ServerPolicy(mail=True)


def test_real_server_that_dies_is_mailed(world: MakeWorld, smtp: Smtp) -> None:
    inbox, port = smtp()
    web = VirtualServer(
        name="web",
        protocol="TCP",
        services=(ServiceKey("TCP", "10.0.0.100", 80),),
        settings=ServiceSettings(scheduler="wlc"),
        real_servers=(
            RealServer("a", Endpoint("10.0.0.3", 80), weight=1, checks=(), policy=MAILED),
        ),
    )
    here = world(replace(mailing(mail(port)), virtual_servers=(web,)))
    here.supervisor.send(
        Verdict(
            generation=1,
            virtual_server="web",
            real_server="a",
            up=False,
            checked=True,
            reason="connection refused",
        )
    )
    here.until(lambda: bool(inbox.mails))
    assert "connection refused" in inbox.mails[0].content.decode()
