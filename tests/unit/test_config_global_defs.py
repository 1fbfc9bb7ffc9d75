# SPDX-License-Identifier: GPL-3.0-or-later
"""global_defs: mail, named pipes, connection synchronisation, delays."""

from __future__ import annotations

from typing import Any

import pytest
from lvs_agent import config
from lvs_agent.adapters import (
    adoption,
    ipvs_timeouts,
    ledger_file,
    link_state_file,
    overrides_file,
    runtime_directory,
)
from lvs_agent.config import ConfigRejected
from lvs_agent.core.model import Config, Fifo, Scheduling, VrrpInstance
from lvs_agent.proc import instance_overrides
from lvs_agent.schema import dumps
from lvs_agent.socket_name import SOCKET_NAME

S = 1_000_000_000


def loaded(instance: dict[str, Any], **sections: Any) -> Config:
    values = {"interface": "eth0", "virtual_router_id": 51, "priority": 100, **instance}
    values.setdefault("virtual_ipaddress", ["10.0.0.9/24"])
    return config.from_document({"vrrp_instances": {"VI_1": values}, **sections})


def one(instance: dict[str, Any], **sections: Any) -> VrrpInstance:
    return loaded(instance, **sections).vrrp_instances[0]


# As the article writes it, in YAML's way.
SEED = {
    "notification_email": ["root@localhost"],
    "notification_email_from": "keepalived@localhost",
    "smtp_server": "127.0.0.1",
    "smtp_connect_timeout": 30,
    "router_id": "drct1",
    "vrrp_mcast_group4": "224.200.100.18",
}


def test_the_articles_global_defs_are_accepted_as_they_are() -> None:
    mail = loaded({}, global_defs=SEED).global_defs.mail
    assert mail is not None
    assert (mail.recipients, mail.sender) == (("root@localhost",), "keepalived@localhost")
    assert (mail.server, mail.port, mail.connect_timeout_ns) == ("127.0.0.1", 25, 30 * S)
    assert (mail.security, mail.login, mail.batch_ns) == ("none", None, 5 * S)


@pytest.mark.parametrize(
    ("changes", "port"),
    [
        ({"smtp_security": "starttls"}, 587),
        ({"smtp_security": "tls"}, 465),
        ({"smtp_security": "tls", "smtp_server": "mail.example.org 2525"}, 2525),
        ({"smtp_server": {"host": "::1", "port": 26}}, 26),
    ],
)
def test_the_mail_port_follows_from_the_encryption(changes: dict[str, Any], port: int) -> None:
    mail = loaded({}, global_defs={**SEED, **changes}).global_defs.mail
    assert mail is not None
    assert mail.port == port


def test_mail_has_a_login_and_a_sender_without_a_host() -> None:
    login = {"smtp_user": "a", "smtp_password": "pässword", "smtp_security": "tls"}
    values = {**SEED, **login}
    del values["notification_email_from"]
    mail = loaded({}, global_defs=values).global_defs.mail
    assert mail is not None
    assert mail.login == ("a", "pässword".encode())
    assert mail.sender == "lvs-agent"


@pytest.mark.parametrize(
    ("changes", "vrrp", "real_servers"),
    [
        ({}, False, True),  # keepalived's defaults, whose reason is history
        ({"smtp_alert": True}, True, True),
        ({"smtp_alert": False}, False, False),
        ({"smtp_alert": True, "smtp_alert_vrrp": False}, False, True),
        ({"smtp_alert_checker": False, "smtp_alert_vrrp": True}, True, False),
        ({"no_checker_emails": True}, False, False),
    ],
)
def test_who_is_mailed_about_what(changes: dict[str, Any], vrrp: bool, real_servers: bool) -> None:
    web = {"ip": "10.0.0.80", "port": 80, "real_servers": {"a": {"ip": "10.0.0.3"}}}
    accepted = loaded({}, global_defs={**SEED, **changes}, virtual_servers={"web": web})
    assert accepted.vrrp_instances[0].notify.mail is vrrp
    (server,) = accepted.virtual_servers
    assert server.policy.mail is server.real_servers[0].policy.mail is real_servers
    assert accepted.global_defs.mail_faults
    assert one({"smtp_alert": True}, global_defs={**SEED, **changes}).notify.mail
    assert not loaded({}, global_defs={"no_email_faults": True}).global_defs.mail_faults


def test_pipes_have_a_reader_that_is_never_ended() -> None:
    global_defs = loaded(
        {},
        global_defs={
            "notify_fifo": "/run/a",
            "notify_fifo_script": "/bin/reader -v",
            "vrrp_notify_fifo": "/run/b",
        },
    ).global_defs
    assert global_defs.notify_fifo is not None
    assert global_defs.notify_fifo.reader is not None
    assert global_defs.notify_fifo.reader.argv == ("/bin/reader", "-v")
    assert global_defs.notify_fifo.reader.timeout_ns == 0
    assert global_defs.vrrp_notify_fifo == Fifo(path="/run/b", reader=None)
    assert global_defs.lvs_notify_fifo is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("eth1", (None, 0, None)),
        ("eth1 inst VI_1", ("VI_1", 51, None)),
        ("eth1 inst VI_1 id 7 ttl 3 maxlen 1000 port 8849 group 224.0.0.82", ("VI_1", 7, 3)),
        ({"interface": "eth1", "id": 0, "inst": "VI_1"}, ("VI_1", 0, None)),
    ],
)
def test_the_sync_daemon_is_a_line_or_a_mapping(value: Any, expected: Any) -> None:
    daemon = loaded({}, global_defs={"lvs_sync_daemon": value}).global_defs.sync_daemon
    assert daemon is not None
    assert (daemon.instance, daemon.sync_id, daemon.ttl) == expected


def test_delays_are_two_numbers_or_one_or_a_mapping() -> None:
    delays = loaded(
        {}, interface_up_down_delays={"eth0": "1 2.5", "eth1": "0.5", "eth2": {"up": 3}}
    ).global_defs.interface_delays
    assert [(each.interface, each.down_ns, each.up_ns) for each in delays] == [
        ("eth0", S, 5 * S // 2),
        ("eth1", S // 2, S // 2),
        ("eth2", 0, 3 * S),
    ]


def test_starting_late() -> None:
    global_defs = loaded(
        {}, global_defs={"vrrp_startup_delay": 5.5, "vrrp_delay_after_boot": 60}
    ).global_defs
    assert global_defs.startup_delay_ns == 11 * S // 2
    assert global_defs.delay_after_boot_ns == 60 * S
    assert global_defs.dynamic_interfaces


def test_scheduling_of_the_process_that_speaks_vrrp() -> None:
    assert loaded({}).global_defs.scheduling == Scheduling()
    said = {
        "vrrp_rt_priority": 40,
        "vrrp_rlimit_rttime": 10_000,
        "vrrp_priority": -5,
        "max_auto_priority": 50,
        "min_auto_priority_delay": 500_000,
        "vrrp_no_swap": True,
        "vrrp_cpu_affinity": "3 0,3",
    }
    assert loaded({}, global_defs=said).global_defs.scheduling == Scheduling(
        priority=40,
        rttime_us=10_000,
        nice=-5,
        auto_priority=50,
        auto_delay_ns=S // 2,
        no_swap=True,
        cpus=(0, 3),
    )
    assert loaded({}, global_defs={"max_auto_priority": -1}).global_defs.scheduling == Scheduling()


@pytest.mark.parametrize(
    ("value", "cpus"), [(2, (2,)), ([1, 0], (0, 1)), (["7"], (7,)), ("8191", (8191,))]
)
def test_processors_are_numbers_in_several_notations(value: Any, cpus: tuple[int, ...]) -> None:
    found = loaded({}, global_defs={"vrrp_cpu_affinity": value}).global_defs.scheduling
    assert found.cpus == cpus


@pytest.mark.parametrize("value", ["", [], "0-3", -1, 8192, True, [1.0], [[1]], {"a": 1}, "x"])
def test_what_is_no_number_of_a_processor_is_refused(value: Any) -> None:
    with pytest.raises(ConfigRejected, match=r"global_defs\.vrrp_cpu_affinity: must be numbers"):
        loaded({}, global_defs={"vrrp_cpu_affinity": value})


@pytest.mark.parametrize("option", ["json_dump_file", "state_dump_file", "stats_dump_file"])
def test_dump_files_are_where_others_see_them(option: str) -> None:
    accepted = loaded({}, global_defs={option: "/run/lvs-agent/x"}).global_defs
    assert getattr(accepted, option) == "/run/lvs-agent/x"
    assert accepted.json_version == "1"
    for path, wrong in (
        ("/tmp/keepalived.json", r"name a file in /run/lvs-agent, such as .*/keepalived\.json"),
        ("/var/tmp/x", "of its own"),
        ("/run/lvs-agent/owned.json", "a file of the agent's own"),
        ("xy", "full path"),
        ("/run/../tmp/x", "full path"),
    ):
        with pytest.raises(ConfigRejected, match=wrong):
            loaded({}, global_defs={option: path})


def test_no_file_of_the_agents_own_is_written_over() -> None:
    own = (
        adoption.NAME,
        instance_overrides.NAME,
        ipvs_timeouts.NAME,
        ledger_file.NAME,
        link_state_file.NAME,
        overrides_file.NAME,
        runtime_directory._LOCK_NAME,
        SOCKET_NAME,
    )
    assert sorted(own) == sorted(dumps.RESERVED)


def test_two_dumps_are_two_files() -> None:
    for other in ("notify_fifo", "stats_dump_file"):
        same = {"json_dump_file": "/run/x", other: "/run/x"}
        with pytest.raises(ConfigRejected, match=r"/run/x is already that of"):
            loaded({}, global_defs=same)
