# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections 2 and 3: several virtual routers, several routers, and who of them speaks."""

from __future__ import annotations

from dataclasses import replace

from conformance.bench import (
    OURS,
    START,
    VIRTUAL,
    Accepted,
    Listener,
    Router,
    S,
    State,
    active,
    adverts,
    backup,
    by_standard,
    configured,
    every_standard,
    message,
    own_message,
    settings,
)
from conformance.reference import (
    RFC5798,
    RFC5798_IPV6,
    RFC9568,
    RFC9568_IPV6,
    Standard,
)
from lvs_agent.core.events import TimerExpired
from lvs_agent.core.messages import LinkState
from lvs_agent.core.vrrp.stack import VrrpStack


@every_standard
def test_backup_sends_nothing(standard: Standard) -> None:
    router = backup(settings(standard))
    for _ in range(100):
        assert adverts([*router.passes(S), *router.hears(150)]) == []


@every_standard
def test_virtual_routers_on_one_lan_are_independent(standard: Standard) -> None:
    """A director that prefers one and backs up the other."""
    mine = settings(standard, priority=200)
    other = settings(standard, name="mail", virtual_router_id=52, priority=50)
    listener = Listener(mine, other)
    routers = {"web": active(mine), "mail": backup(other)}
    for _ in range(10):
        for router in routers.values():
            router.passes(S)
        heard = listener.hears(message(standard, vrid=52, priority=150))
        assert isinstance(heard, Accepted)
        assert heard.instance == "mail"
        routers[heard.instance].feed(heard.event)
    assert (routers["web"].state, routers["mail"].state) == (State.MASTER, State.BACKUP)


@by_standard(RFC5798, RFC5798_IPV6, RFC9568, RFC9568_IPV6)
def test_same_vrid_of_both_families_are_two_virtual_routers(standard: Standard) -> None:
    """In one director: what one family's active router says means nothing to the other."""
    four, six = {"5798": (RFC5798, RFC5798_IPV6), "9568": (RFC9568, RFC9568_IPV6)}[standard.rfc]
    config = configured(settings(four, name="four"), settings(six, name="six"))
    stack = VrrpStack(config, START)
    link = LinkState(
        interface="eth0",
        index=2,
        running=True,
        primary=OURS[4],
        primary6=OURS[6],
        mac="02:00:00:00:00:01",
    )
    stack.link(link, START)
    mine, other = ("four", "six") if standard.family == 4 else ("six", "four")
    for name, of in (("four", four), ("six", six)):
        for priority in (150, 0) if name == mine else (150,):
            heard = Listener(settings(of, name=name)).hears(message(of, priority=priority))
            assert isinstance(heard, Accepted)
            stack.handle(heard.instance, heard.event, START)
    deadline_ns = stack.deadline_ns(mine)
    assert deadline_ns is not None
    stack.handle(mine, TimerExpired(), deadline_ns)
    states = {name: router.state for name, router in stack.routers.items()}
    assert states == {mine: State.MASTER, other: State.BACKUP}


@every_standard
def test_addresses_of_several_subnets_are_one_virtual_router(standard: Standard) -> None:
    addresses = {
        4: ("10.0.0.100", "192.168.7.1", "172.16.0.9"),
        6: ("fe80::100", "2001:db8::1", "2001:db8:7::1"),
    }[standard.family]
    of = settings(standard, virtual=addresses)
    assert own_message(of)[3] == 3
    assert isinstance(Listener(of).hears(message(standard, addresses=addresses)), Accepted)
    assert own_message(of) != own_message(settings(standard, virtual=VIRTUAL[standard.family]))


class Lan:
    """Routers of one virtual router that hear each other at once."""

    def __init__(self, standard: Standard, priorities: list[int]) -> None:
        base = settings(standard)
        self.routers = [Router(replace(base, priority=priority)) for priority in priorities]
        self.sources = [
            f"10.0.0.{n + 10}" if standard.family == 4 else f"fe80::{n + 10:x}"
            for n in range(len(priorities))
        ]
        self.silent: set[int] = set()
        for router in self.routers:
            router.start()

    def runs(self, duration_ns: int) -> None:
        """Time passes for all, step by step, with every advert delivered."""
        end_ns = self.routers[0].now_ns + duration_ns
        for _ in range(1000):
            alive = [n for n in range(len(self.routers)) if n not in self.silent]
            due = [(self.routers[n].core.deadline_ns or end_ns, n) for n in alive]
            at_ns, n = min(due)
            if at_ns >= end_ns:
                break
            for router in self.routers:
                router.now_ns = at_ns
            sent = adverts(self.routers[n].expire())
            if self.routers[n].state is State.MASTER:
                self.routers[n].acknowledge()
            for _ in sent:
                self.deliver(n)
        for router in self.routers:
            router.now_ns = end_ns

    def deliver(self, sender: int) -> None:
        for n, router in enumerate(self.routers):
            if n != sender and n not in self.silent:
                priority = self.routers[sender].core.instance.priority
                router.hears(priority, self.sources[sender])

    def actives(self) -> list[int]:
        """The priorities of the living active routers."""
        return [
            router.core.instance.priority
            for n, router in enumerate(self.routers)
            if router.state is State.MASTER and n not in self.silent
        ]


@every_standard
def test_most_preferred_of_three_becomes_active(standard: Standard) -> None:
    lan = Lan(standard, [50, 150, 100])
    lan.runs(20 * S)
    assert lan.actives() == [150]


@every_standard
def test_next_one_takes_over_when_the_preferred_is_gone(standard: Standard) -> None:
    lan = Lan(standard, [50, 150, 100])
    lan.runs(20 * S)
    lan.silent.add(1)
    lan.runs(5 * S)
    assert lan.actives() == [100]
    lan.silent.remove(1)
    lan.runs(5 * S)
    assert lan.actives() == [150]
