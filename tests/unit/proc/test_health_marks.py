# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks with a firewall mark: health asks for their sockets, the kernel process makes them."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from health_process import LONGEST_S, Process, Run, Web, document
from lvs_agent.adapters import marked_sockets
from lvs_agent.config import load
from lvs_agent.core.messages import (
    ProcessDied,
    ProcessRestarted,
    SocketsGiven,
    SocketsWanted,
    VerdictsComplete,
)
from lvs_agent.core.wire import Decoder, encode
from lvs_agent.proc.kernel_marks import SocketMaker
from lvs_agent.proc.loop import Loop

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="marking a socket needs root")
MARK = 2**32 - 2


def http(port: int, *paths: str, **options: Any) -> dict[str, Any]:
    urls = [{"path": path} for path in paths]
    return {"http_get": {"connect_ip": "127.0.0.1", "connect_port": port, "url": urls, **options}}


def marked(**reals: dict[str, Any]) -> dict[str, Any]:
    found = document(**reals)
    found["virtual_servers"]["web0"] |= {"retry": 0, "warmup": 0}
    return found


def started(run: Run, wanted: dict[str, Any]) -> Process:
    process = run(wanted)
    process.until(lambda: VerdictsComplete(generation=1) in process.told)
    return process


def request(process: Process) -> SocketsWanted:
    """The next one."""
    process.marks.settimeout(LONGEST_S)
    (message,) = Decoder().feed(process.marks.recv(4096))
    assert isinstance(message, SocketsWanted)
    return message


def answer(
    process: Process, number: int, *sockets: socket.socket, error: str | None = None
) -> None:
    marked_sockets.send(process.marks, encode(SocketsGiven(number=number, error=error)), sockets)


class Maker:
    """The part of the kernel process, in this one; `end` is health's."""

    def __init__(self, wanted: dict[str, Any], end: socket.socket | None = None) -> None:
        self.loop = Loop()
        self.logged: list[str] = []
        if end is None:
            self.end, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        config = load(json.dumps(wanted))
        self.maker = SocketMaker(
            self.loop, end, config, 1, lambda _level, text: self.logged.append(text)
        )

    def ask(self, **fields: Any) -> tuple[SocketsGiven, list[socket.socket]] | None:
        """The answer; None: there is none."""
        usual = {
            "number": 7, "generation": 1, "mark": MARK, "ipv6": False, "transport": "tcp",
            "count": 1,
        }  # fmt: skip
        self.end.send(encode(SocketsWanted(**usual | fields)))
        self.loop.turn(1_000_000_000)
        return self.answer()

    def answer(self) -> tuple[SocketsGiven, list[socket.socket]] | None:
        try:
            packet, sockets = marked_sockets.receive(self.end)
        except BlockingIOError:
            return None
        (message,) = Decoder().feed(packet)
        assert isinstance(message, SocketsGiven)
        return message, sockets


# What the health process does


@ROOT
def test_marked_check_asks_for_a_socket_of_each_connection_and_goes_on_as_any_other(
    run: Run, web: Web, closed_port: int
) -> None:
    wanted = marked(
        good=http(web.port, "/a", "/b", fwmark=MARK),
        bad=http(closed_port, "/", fwmark=MARK),
    )
    process = started(run, wanted)
    here = Maker(wanted, process.marks)
    end = time.monotonic() + LONGEST_S
    while (process.verdicts("good"), process.verdicts("bad")) != ([(True, True)], [(False, True)]):
        assert time.monotonic() < end, process.lines()
        here.loop.turn(10_000_000)
        process.listen(0.01)
    assert here.logged == []
    assert web.requests >= 2
    here.loop.close()


def test_what_is_asked_for_says_mark_family_kind_and_number(run: Run) -> None:
    reals = {
        "http": http(1, "/a", "/b", "/c", fwmark=1),
        "udp": {"udp_check": {"connect_ip": "::1", "fwmark": 2}},
        "ping": {"ping_check": {"fwmark": 3}},
        "dns": {"dns_check": {"fwmark": 4}},
        "mail": {"smtp_check": {"connect_ip": "::1", "fwmark": 5}},
        "plain": {"tcp_check": {"connect_ip": "127.0.0.1", "connect_port": 1}},
    }
    process = started(run, marked(**reals))
    found = [request(process) for _ in range(5)]
    assert sorted((one.mark, one.ipv6, one.transport, one.count) for one in found) == [
        (1, False, "tcp", 3),
        (2, True, "udp", 1),
        (3, False, "icmp", 1),
        (4, False, "udp", 1),
        (5, True, "tcp", 1),
    ]
    assert len({one.number for one in found}) == 5
    assert {one.generation for one in found} == {1}


def test_without_a_socket_no_verdict_changes_and_it_is_asked_again(run: Run, web: Web) -> None:
    process = started(run, marked(rs=http(web.port, "/", fwmark=1)))
    first = request(process)
    answer(process, first.number, error="no such check has the mark 1")
    second = request(process)
    process.send(ProcessDied(name="kernel"))
    process.send(ProcessRestarted(name="kernel"))
    third = request(process)
    assert first.number < second.number < third.number
    with socket.socket() as late:
        answer(process, second.number, late)  # nobody waits for it any more
    with socket.socket() as one:
        answer(process, third.number, one)
    process.until(lambda: process.verdicts("rs") == [(True, True)])
    assert any("no such check has the mark 1" in line for line in process.lines())


def test_while_there_is_no_kernel_process_nothing_is_asked(run: Run) -> None:
    process = started(run, marked(rs=http(1, "/", fwmark=1)))
    request(process)
    process.send(ProcessDied(name="kernel"))
    process.until(lambda: process.report()["health"]["local_errors"] >= 2)
    process.marks.setblocking(False)
    with pytest.raises(BlockingIOError):
        process.marks.recv(4096)
    process.send(ProcessRestarted(name="kernel"))
    request(process)
    assert process.verdicts("rs") == []


def test_no_more_requests_are_open_than_so_many_and_all_have_their_turn(run: Run) -> None:
    checks = {
        f"rs{number}": {"tcp_check": {"connect_port": number + 1, "fwmark": 1, "delay_loop": 3600}}
        for number in range(100)
    }
    process = started(run, marked(**checks))
    found = [request(process) for _ in range(64)]
    process.listen_for(0.3)
    process.marks.setblocking(False)
    with pytest.raises(BlockingIOError):
        process.marks.recv(4096)
    for one in found[:36]:
        answer(process, one.number, error="none")
    found += [request(process) for _ in range(36)]
    assert len({one.number for one in found}) == 100


def test_check_that_is_gone_by_a_reload_leaves_no_socket_behind(run: Run) -> None:
    process = started(run, marked(rs=http(1, "/", fwmark=1)))
    before = request(process)
    process.reconfigure(marked(rs={}), 2)
    ours, theirs = socket.socketpair()
    with ours:
        answer(process, before.number, theirs)
        theirs.close()
        ours.settimeout(LONGEST_S)
        assert ours.recv(1) == b""  # nobody has the other end any more


# What the kernel process does


@pytest.fixture
def maker() -> Iterator[Callable[..., Maker]]:
    made: list[Maker] = []

    def make(wanted: dict[str, Any]) -> Maker:
        made.append(Maker(wanted))
        return made[-1]

    yield make
    for one in made:
        one.end.close()
        one.loop.close()


MIXED = marked(
    tcp=http(1, "/", fwmark=MARK),
    ping={"ping_check": {"connect_ip": "::1", "fwmark": 9}},
    plain={"tcp_check": {}},
)


@ROOT
def test_sockets_have_the_mark_and_nothing_else(maker: Callable[..., Maker]) -> None:
    found = maker(MIXED).ask(count=3)
    assert found is not None
    message, sockets = found
    assert message == SocketsGiven(number=7, error=None)
    assert len(sockets) == 3
    for one in sockets:
        packed = one.getsockopt(socket.SOL_SOCKET, socket.SO_MARK, 4)
        assert int.from_bytes(packed, "little" if socket.htons(1) != 1 else "big") == MARK
        assert (one.family, one.type, one.getsockname()) == (
            socket.AF_INET, socket.SOCK_STREAM, ("0.0.0.0", 0),
        )  # fmt: skip
        assert one.getblocking() is False
        one.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"mark": 8},
        {"mark": 9},  # of a ping
        {"ipv6": True},
        {"transport": "udp"},
        {"transport": "raw"},
        {"count": 0},
        {"count": -1},
        {"count": 65},
    ],
    ids=str,
)
def test_what_no_check_needs_is_refused(
    maker: Callable[..., Maker], fields: dict[str, Any]
) -> None:
    found = maker(MIXED).ask(**fields)
    assert found is not None
    message, sockets = found
    assert message.error
    assert sockets == []


@ROOT
def test_request_of_a_configuration_that_is_not_there_yet_waits_for_it(
    maker: Callable[..., Maker],
) -> None:
    here = maker(marked(rs={"tcp_check": {}}))
    assert here.ask(generation=2) is None
    here.maker.reconfigure(load(json.dumps(MIXED)), 2)
    found = here.answer()
    assert found is not None
    message, sockets = found
    assert (message.error, len(sockets)) == (None, 1)
    marked_sockets.close(sockets)


def test_nonsense_is_logged_and_survived(maker: Callable[..., Maker]) -> None:
    here = maker(MIXED)
    for packet in (b"x" * 4000, b"\0\0\0\2{}", b"\0"):
        here.end.send(packet)
        here.loop.turn(1_000_000_000)
    here.end.send(encode(ProcessDied(name="ha")))
    found = here.ask(mark=8)
    assert found is not None
    assert found[0].error == "no such check has the mark 8"
    assert len(here.logged) == 2
