# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told, as a document says it: real commands, named pipes and mail servers."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from lvs_agent import config as configuration
from lvs_agent.core.messages import (
    GroupState,
    InstanceEvent,
    InstanceState,
    Message,
    Reconfigure,
    Verdict,
)
from lvs_agent.proc.config_parts import pack
from unit.proc.test_track import Inbox, World


@pytest.fixture
def world() -> Iterator[Callable[[dict[str, Any]], World]]:
    worlds: list[World] = []

    def make(document: dict[str, Any]) -> World:
        worlds.append(World(configuration.load(json.dumps(document))))
        return worlds[-1]

    yield make
    for one in worlds:
        one.track.stop()
        one.until(lambda one=one: one.loop._stopped)  # type: ignore[misc]
        one.loop.close()


MakeWorld = Callable[[dict[str, Any]], World]


def shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


def web(vrid: int = 51, **options: Any) -> dict[str, Any]:
    return {
        "interface": "eth0",
        "virtual_router_id": vrid,
        "virtual_ipaddress": [f"10.0.0.{vrid}/32"],
        **options,
    }


SERVERS = {
    "http": {"ip": "10.0.0.80", "port": 80, "real_servers": {"a": {"ip": "10.0.0.3", "port": 80}}}
}
DEAD = Verdict(
    generation=1,
    virtual_server="http",
    real_server="a",
    up=False,
    checked=True,
    reason="refused",
)


def state(now: str, name: str = "web") -> InstanceState:
    return InstanceState(instance=name, state=now, previous="BACKUP", priority=100, reason="timer")


def group_state(now: str) -> GroupState:
    return GroupState(group="all", state=now, previous="BACKUP", priority=100, reason="")


def event(name: str, of: str = "web") -> InstanceEvent:
    return InstanceEvent(instance=of, event=name, priority=120, reason="because")


def tell(here: World, *news: Message) -> None:
    for one in news:
        here.supervisor.send(one)


# Commands

STATES = {"MASTER": "master", "BACKUP": "backup", "FAULT": "fault", "INIT": "stop"}
EVENTS = {"MASTER_RX_LOWER_PRI": "notify_master_rx_lower_pri", "DUAL_ACTIVE": "notify_dual_active"}


def written(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_each_change_runs_the_command_of_the_document(world: MakeWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def say(word: str) -> list[str]:
        return shell(f"echo {word} >> {log}")

    commands = {f"notify_{word}": say(f"instance-{word}") for word in STATES.values()}
    commands |= {option: say(option) for option in (*EVENTS.values(), "notify_deleted")}
    grouped = {f"notify_{word}": say(f"group-{word}") for word in STATES.values()}
    document: dict[str, Any] = {
        "vrrp_instances": {"web": web(**commands), "other": web(52)},
        "vrrp_sync_groups": {"all": {"group": ["other"], **grouped}},
    }
    here = world(document)
    expected = []
    for now, word in STATES.items():
        tell(here, state(now), group_state(now))
        expected += [f"instance-{word}", f"group-{word}"]
    for name, option in EVENTS.items():
        tell(here, event(name))
        expected.append(option)
    here.until(lambda: len(written(log)) == len(expected))
    assert sorted(written(log)) == sorted(expected)
    del document["vrrp_instances"]["web"]
    changed = configuration.load(json.dumps(document))
    tell(here, Reconfigure(generation=2, config=pack(changed)), event("DELETED"))
    here.until(lambda: "notify_deleted" in written(log))


def noting(path: Path) -> list[str]:
    """A command that notes the words that it gets behind its own."""
    return shell(f'echo "$0 $*" >> {path}')


def test_notify_gets_four_words_of_instance_and_group(world: MakeWorld, tmp_path: Path) -> None:
    here = world(
        {
            "vrrp_instances": {"web": web(notify=noting(tmp_path / "web"))},
            "vrrp_sync_groups": {"all": {"group": ["web"], "notify": noting(tmp_path / "all")}},
        }
    )
    tell(here, state("BACKUP"), group_state("BACKUP"))
    here.until(lambda: bool(written(tmp_path / "web") and written(tmp_path / "all")))
    assert written(tmp_path / "web") == ["INSTANCE web BACKUP 100"]
    assert written(tmp_path / "all") == ["GROUP all BACKUP 0"]


@pytest.mark.parametrize("of_all", [False, True])
def test_changes_of_priority_are_told_where_the_document_says_so(
    world: MakeWorld, tmp_path: Path, of_all: bool
) -> None:
    names = ("own", "quiet", "plain")
    options: dict[str, dict[str, Any]] = {
        "own": {"notify_priority_changes": True},
        "quiet": {"notify_priority_changes": False},
        "plain": {},
    }
    instances = {
        name: web(51 + number, notify=noting(tmp_path / name), **options[name])
        for number, name in enumerate(names)
    }
    defs = {"vrrp_notify_priority_changes": of_all}
    here = world({"global_defs": defs, "vrrp_instances": instances})
    for name in names:
        tell(here, event("MASTER_PRIORITY", name), state("BACKUP", name))
    here.until(lambda: all("BACKUP" in "".join(written(tmp_path / name)) for name in names))
    runs = {name: len(written(tmp_path / name)) for name in names}
    assert runs == {"own": 2, "quiet": 1, "plain": 1 + of_all}


def test_notify_gets_four_words_at_a_change_of_priority(world: MakeWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = web(notify=noting(log), notify_priority_changes=True)
    here = world({"vrrp_instances": {"web": settings}})
    tell(here, event("MASTER_PRIORITY"))
    here.until(lambda: bool(written(log)))
    assert written(log) == ["INSTANCE web MASTER_PRIORITY 120"]


def test_notify_command_runs_as_the_user_and_ends_at_the_timeout(world: MakeWorld) -> None:
    here = world(
        {
            "global_defs": {"notify_timeout": 0.3, "script_user": "nobody"},
            "vrrp_instances": {
                "web": web(notify_backup=shell("id -un >&2; exit 7")),
                "slow": web(52, notify_backup=shell("exec sleep 60")),
            },
        }
    )
    began = time.monotonic()
    tell(here, state("BACKUP"), state("BACKUP", "slow"))
    here.until(lambda: "exit status 7: nobody" in str(here.said))
    here.until(lambda: "time limit" in str(here.said))
    assert time.monotonic() - began < 3


def test_pipes_get_the_lines_of_their_subject_and_have_their_readers(
    world: MakeWorld, tmp_path: Path
) -> None:
    names = ("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo")
    defs: dict[str, Any] = {}
    for name in names:
        defs[name] = str(tmp_path / name)
        defs[f"{name}_script"] = shell(f'cat "$0" >> {tmp_path}/{name}.out')
    here = world(
        {"global_defs": defs, "vrrp_instances": {"web": web()}, "virtual_servers": SERVERS}
    )
    tell(here, state("BACKUP"), DEAD)
    vrrp = 'INSTANCE "web" BACKUP 100'
    server = "RS [10.0.0.3]:tcp:80 [10.0.0.80]:tcp:80 DOWN"
    expected = dict(zip(names, ([vrrp, server], [vrrp], [server]), strict=True))
    here.until(
        lambda: all(
            len(written(tmp_path / f"{name}.out")) == len(lines) for name, lines in expected.items()
        )
    )
    assert {name: written(tmp_path / f"{name}.out") for name in names} == expected


# Mail


class Greeted(Inbox):
    """Remembers what the client calls itself."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.names.append(session.host_name)
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def smtp() -> Iterator[Callable[..., tuple[Greeted, int]]]:
    running: list[Controller] = []

    def start(**options: Any) -> tuple[Greeted, int]:
        inbox = Greeted()
        if options.pop("login", False):
            options |= {"authenticator": inbox.authenticate, "auth_required": True}
        if "ssl_context" in options:
            options["auth_require_tls"] = False  # aiosmtpd means STARTTLS by it
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        running.append(Controller(inbox, hostname="127.0.0.1", port=port, **options))
        running[-1].start()
        return inbox, port

    yield start
    for controller in running:
        controller.stop()


Smtp = Callable[..., tuple[Greeted, int]]


def mailing(port: int, **options: Any) -> dict[str, Any]:
    return {
        "notification_email": ["root@localhost", "ops@example.org"],
        "notification_email_from": "lvs@example.org",
        "smtp_server": f"127.0.0.1 {port}",
        "smtp_batch": 0.2,
        **options,
    }


def mailed(inbox: Inbox) -> str:
    return "\n".join(envelope.content.decode() for envelope in inbox.mails)


def test_mail_has_sender_recipients_and_names_of_the_document(world: MakeWorld, smtp: Smtp) -> None:
    inbox, port = smtp()
    server = {"host": "127.0.0.1", "port": port}
    defs = mailing(port, smtp_server=server, smtp_helo_name="helo.example.org", router_id="drct7")
    here = world({"global_defs": defs, "vrrp_instances": {"web": web(smtp_alert=True)}})
    tell(here, state("MASTER"))
    here.until(lambda: bool(inbox.mails))
    (taken,) = inbox.mails
    assert taken.mail_from == "lvs@example.org"
    assert taken.rcpt_tos == ["root@localhost", "ops@example.org"]
    assert inbox.names == ["helo.example.org"]
    assert "Subject: [drct7] " in mailed(inbox)


@pytest.mark.parametrize(("batch", "mails"), [(0, 2), (1, 1)])
def test_mails_are_gathered_for_the_batch_time(
    world: MakeWorld, smtp: Smtp, batch: float, mails: int
) -> None:
    inbox, port = smtp()
    defs = mailing(port, smtp_batch=batch)
    here = world({"global_defs": defs, "vrrp_instances": {"web": web(smtp_alert=True)}})
    for now in ("BACKUP", "MASTER"):
        tell(here, state(now))
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            here.loop.turn(20_000_000)
    here.until(lambda: "is now MASTER" in mailed(inbox))
    assert len(inbox.mails) == mails


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"server"}),
        ({"smtp_alert": True}, {"plain", "group", "server"}),
        ({"smtp_alert": False}, set()),
        ({"smtp_alert_vrrp": True}, {"plain", "group", "server"}),
        ({"smtp_alert": True, "smtp_alert_vrrp": False}, {"server"}),
        ({"smtp_alert_checker": False}, set()),
        ({"no_checker_emails": True}, set()),
    ],
)
def test_who_is_mailed_about_is_what_the_document_says(
    world: MakeWorld, smtp: Smtp, options: dict[str, bool], expected: set[str]
) -> None:
    inbox, port = smtp()
    document = {
        "global_defs": mailing(port, **options),
        "vrrp_instances": {
            "plain": web(51),
            "quiet": web(52, smtp_alert=False),
            "loud": web(53, smtp_alert=True),
        },
        "vrrp_sync_groups": {
            "all": {"group": ["plain"]},
            "louder": {"group": ["quiet"], "smtp_alert": True},
        },
        "virtual_servers": SERVERS,
    }
    here = world(document)
    tell(here, DEAD, group_state("MASTER"), state("MASTER", "plain"), state("MASTER", "quiet"))
    louder = GroupState(group="louder", state="MASTER", previous="BACKUP", priority=1, reason="")
    tell(here, louder, state("MASTER", "loud"))
    here.until(lambda: "instance loud is now MASTER" in mailed(inbox))
    text = mailed(inbox)
    assert "sync group louder is now MASTER" in text
    assert "instance quiet" not in text
    found = {
        "plain": "instance plain is now MASTER",
        "group": "sync group all is now MASTER",
        "server": "real server a",
    }
    assert {name for name, words in found.items() if words in text} == expected


@pytest.mark.parametrize("silent", [False, True])
def test_faults_are_mailed_unless_the_document_says_otherwise(
    world: MakeWorld, smtp: Smtp, silent: bool
) -> None:
    inbox, port = smtp()
    defs = mailing(port, no_email_faults=silent)
    here = world({"global_defs": defs, "vrrp_instances": {"web": web(smtp_alert=True)}})
    tell(here, state("FAULT"), state("BACKUP"))
    here.until(lambda: "is now BACKUP" in mailed(inbox))
    assert ("is now FAULT" in mailed(inbox)) is not silent


def test_silent_mail_server_is_given_up_after_the_timeout(world: MakeWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        defs = mailing(server.getsockname()[1], smtp_connect_timeout=0.4, smtp_batch=0)
        here = world({"global_defs": defs, "vrrp_instances": {"web": web(smtp_alert=True)}})
        began = time.monotonic()
        tell(here, state("MASTER"))
        here.until(lambda: "timed out" in str(here.said))
        assert 0.3 < time.monotonic() - began < 3


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


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_connection_is_encrypted_and_logged_in_as_the_document_says(
    world: MakeWorld,
    smtp: Smtp,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    security: str,
) -> None:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    starttls = {"tls_context": context, "require_starttls": True}
    encrypted = starttls if security == "starttls" else {"ssl_context": context}
    inbox, port = smtp(login=True, **encrypted)
    defs = mailing(port, smtp_security=security, smtp_user="lvs", smtp_password="s3cret")
    here = world({"global_defs": defs, "vrrp_instances": {"web": web(smtp_alert=True)}})
    tell(here, state("MASTER"))
    here.until(lambda: bool(inbox.mails))
    assert inbox.logins == ["lvs:s3cret"]
