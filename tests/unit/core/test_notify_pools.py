# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told of real servers and virtual servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lvs_agent.core.ipvs.model import ServiceKey, marked
from lvs_agent.core.messages import OverrideChange, PoolChange
from lvs_agent.core.model import Command, VirtualServer
from lvs_agent.core.notify import Alert, Line, Run, Told
from lvs_agent.core.notify_pools import PoolNotifications
from unit.core.pool_examples import WEB, config, real, server, verdict

OTHER = ServiceKey("TCP", "192.0.2.81", 80)


def command(name: str) -> Command:
    return Command(argv=(f"/etc/lvs/{name}",), user=None, timeout_ns=1)


def web(*names: int, checked: bool = True, **policy: Any) -> VirtualServer:
    alpha = policy.pop("alpha", False)
    reals = [
        real(
            n,
            checked=checked,
            alpha=alpha,
            notify_up=command(f"up-{n}"),
            notify_down=command(f"down-{n}"),
            mail=True,
        )
        for n in names or (11,)
    ]
    return server(
        *reals,
        **{
            "quorum_up": command("quorum-up"),
            "quorum_down": command("quorum-down"),
            "mail": True,
            **policy,
        },
    )


def change(event: str, *, quorum: bool, name: str = "web") -> PoolChange:
    return PoolChange(
        virtual_server=name,
        event=event,
        quorum=quorum,
        quorum_since_ns=0,
        panic_since_ns=None,
        reason="because",
    )


def programs(told: tuple[Told, ...]) -> list[str]:
    return [one.command.argv[0].rpartition("/")[2] for one in told if isinstance(one, Run)]


def lines(told: tuple[Told, ...]) -> list[str]:
    assert not any(one.vrrp for one in told if isinstance(one, Line))
    return [one.text for one in told if isinstance(one, Line)]


def alerts(told: tuple[Told, ...]) -> list[str]:
    return [one.subject for one in told if isinstance(one, Alert)]


def test_real_server_is_told_of_once_for_each_change() -> None:
    told = PoolNotifications(config(web())).told
    assert told(replace(verdict("rs11", up=True), checked=False)) == ()
    assert told(verdict("rs11", up=True)) == ()
    down = told(verdict("rs11", up=False))
    assert programs(down) == ["down-11"]
    assert lines(down) == ["RS [192.0.2.11]:tcp:80 [192.0.2.80]:tcp:80 DOWN"]
    assert alerts(down) == ["real server rs11 (192.0.2.11:80) of web is DOWN"]
    assert told(verdict("rs11", up=False)) == ()
    up = told(verdict("rs11", up=True))
    assert (programs(up), lines(up)[0].split()[-1]) == (["up-11"], "UP")
    assert told(verdict("rs11", up=True, weight=5)) == ()


def test_repeated_verdict_is_no_news_but_known() -> None:
    told = PoolNotifications(config(web())).told
    assert told(replace(verdict("rs11", up=False), repeated=True)) == ()
    assert programs(told(verdict("rs11", up=True))) == ["up-11"]


def test_commands_of_a_crowd_are_marked_so_and_each_server_has_its_own_order() -> None:
    notifications = PoolNotifications(config(web(11, 12)))
    runs = [
        one
        for name in ("rs11", "rs12")
        for one in notifications.told(verdict(name, up=False))
        if isinstance(one, Run)
    ]
    runs += [
        one for one in notifications.told(change("START", quorum=True)) if isinstance(one, Run)
    ]
    assert [(one.key, one.crowd, one.more) for one in runs] == [
        ("RS web rs11", True, ()),
        ("RS web rs12", True, ()),
        ("VS web", True, ()),
    ]


def test_alpha_makes_the_first_success_news() -> None:
    told = PoolNotifications(config(web(alpha=True))).told
    assert programs(told(verdict("rs11", up=True))) == ["up-11"]
    without_checks = PoolNotifications(config(web(alpha=True, checked=False))).told
    assert without_checks(verdict("rs11", up=True)) == ()


@pytest.mark.parametrize(
    ("event", "quorum", "program", "line", "mailed"),
    [
        ("START", True, ["quorum-up"], ["VS [192.0.2.80]:tcp:80 UP"], False),
        ("START", False, ["quorum-down"], ["VS [192.0.2.80]:tcp:80 DOWN"], True),
        ("QUORUM_UP", True, ["quorum-up"], ["VS [192.0.2.80]:tcp:80 UP"], True),
        ("QUORUM_DOWN", False, ["quorum-down"], ["VS [192.0.2.80]:tcp:80 DOWN"], True),
        ("PANIC", True, [], ["VS [192.0.2.80]:tcp:80 PANIC"], True),
        ("PANIC_OVER", False, [], ["VS [192.0.2.80]:tcp:80 PANIC_OVER"], True),
        ("SAME", False, [], [], False),
    ],
)
def test_virtual_server(
    event: str, quorum: bool, program: list[str], line: list[str], mailed: bool
) -> None:
    told = PoolNotifications(config(web())).told(change(event, quorum=quorum))
    assert (programs(told), lines(told), bool(alerts(told))) == (program, line, mailed)


def test_who_wants_no_mail_gets_none() -> None:
    plain = server(real(11))
    notifications = PoolNotifications(config(plain))
    assert alerts(notifications.told(verdict("rs11", up=False))) == []
    assert alerts(notifications.told(change("QUORUM_DOWN", quorum=False))) == []
    assert alerts(notifications.told(change("PANIC", quorum=False))) == []


def test_names_of_another_configuration_are_no_news() -> None:
    notifications = PoolNotifications(config(web()))
    assert notifications.told(verdict("rs99", up=False)) == ()
    assert notifications.told(change("QUORUM_DOWN", quorum=False, name="other")) == ()


def test_group_and_mark_are_named_as_in_keepalived() -> None:
    group = replace(web(), group="both")
    assert lines(PoolNotifications(config(group)).told(change("START", quorum=True))) == [
        "VS [both]:tcp:80 UP"
    ]
    by_mark = replace(web(), services=(marked(7, 4),))
    assert lines(PoolNotifications(config(by_mark)).told(change("START", quorum=True))) == [
        "VS FWM 7 UP"
    ]


# Reloads


def test_what_was_up_and_is_removed_goes_down() -> None:
    notifications = PoolNotifications(config(web(11, 12, 13)))
    notifications.told(change("START", quorum=True))
    notifications.told(verdict("rs12", up=False))
    assert programs(notifications.update(config(web(13)))) == ["down-11"]
    assert programs(notifications.update(config())) == ["down-13", "quorum-down"]
    assert notifications.update(config()) == ()


def test_new_names_are_no_news() -> None:
    notifications = PoolNotifications(config(web(11)))
    notifications.told(change("START", quorum=True))
    notifications.told(verdict("rs11", up=False))
    before = web(11)
    (one,) = before.real_servers
    renamed = replace(
        before, name="renamed", services=(OTHER, WEB), real_servers=(one._replace(name="a"),)
    )
    assert notifications.update(config(renamed)) == ()
    assert notifications.told(verdict("a", up=False, of="renamed")) == ()
    assert programs(notifications.told(verdict("a", up=True, of="renamed"))) == ["up-11"]
    assert programs(notifications.update(config())) == ["down-11", "quorum-down"]


# The end of the agent


def test_only_with_omega_is_the_end_told_as_going_down() -> None:
    plain = PoolNotifications(config(web()))
    plain.told(change("START", quorum=True))
    assert plain.farewell() == ()
    notifications = PoolNotifications(config(web(11, 12, omega=True)))
    notifications.told(change("START", quorum=True))
    notifications.told(verdict("rs12", up=False))
    told = notifications.farewell()
    assert programs(told) == ["down-11", "quorum-down"]
    assert lines(told)[-1] == "VS [192.0.2.80]:tcp:80 DOWN"
    assert alerts(told)[-1] == "virtual server web is DOWN"


def test_virtual_server_without_quorum_does_not_lose_it_at_the_end() -> None:
    notifications = PoolNotifications(config(web(omega=True)))
    notifications.told(change("START", quorum=False))
    notifications.told(verdict("rs11", up=False))
    assert notifications.farewell() == ()


def test_server_that_is_taken_out_by_hand_is_a_line_and_a_mail_and_no_command() -> None:
    notifications = PoolNotifications(config(web(11)))
    news = OverrideChange(
        virtual_server="web", real_server="rs11", state="drain", reason="by alice: kernel"
    )
    told = notifications.told(news)
    assert programs(told) == []
    line, mail = told
    assert line == Line(text="RS [192.0.2.11]:tcp:80 [192.0.2.80]:tcp:80 DRAIN", vrrp=False)
    assert isinstance(mail, Alert)
    assert mail.subject.endswith("of web: drain")
    assert mail.text.endswith("web: drain by alice: kernel")
    assert notifications.told(replace(news, real_server="gone")) == ()
