# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a real server, on a real kernel: made, recognised, and taken away again."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from collection_path import make_importable
from netns.kernel_harness import run

make_importable()

from ansible_collections.lvs.cluster.plugins.module_utils import (  # noqa: E402
    _network_plan,
    _network_state,
)

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
]

# Tunnels are the lab's: not every kernel that runs tests has them.
NEEDS: dict[str, list[Any]] = {
    "virtual_addresses": ["198.51.100.1", "2001:db8:9::1"],
    "tunnels": [],
    "gateways": [
        {
            "address": "192.0.2.3",
            "gateway": "192.0.2.9",
            "services": [
                {"protocol": "tcp", "port": 80},
                {"protocol": "udp", "port": 0},
                {"protocol": "sctp", "port": 9},
            ],
        },
        {
            "address": "2001:db8::3",
            "gateway": "2001:db8::9",
            "services": [{"protocol": "tcp", "port": 80}],
        },
    ],
}
TUNNEL = {
    "type": "ipip",
    "address": "192.0.2.3",
    "port": None,
    "checksum": "nocsum",
    "family": 4,
    "virtual_addresses": ["198.51.100.1"],
}
LISTEN = """
import socket
listening = socket.create_server(("198.51.100.1", 80))
print("ready", flush=True)
while True:
    listening.accept()[0].close()
"""
CONNECT = """
import socket
made = socket.create_connection(("198.51.100.1", 80), timeout=5)
print(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
"""


class Host:
    """A namespace, with what an Ansible module offers to run commands in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def run_command(self, words: list[str], **_: object) -> tuple[int, str, str]:
        command = ["ip", "netns", "exec", self.name, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr

    def get_bin_path(self, name: str, **_: object) -> str | None:
        return shutil.which(name)

    def do(self, *commands: str) -> None:
        for command in commands:
            code, _, errors = self.run_command(shlex.split(command.removeprefix("-")))
            assert code == 0, (command, errors)

    def have(self) -> set[str]:
        return _network_state.read(self, firewall=True).have


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    """A real server 192.0.2.3 and its neighbour 192.0.2.9."""
    stem = f"lvsr{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
    made = [Host(f"{stem}-{number}") for number in (1, 2)]
    try:
        one, two = made
        run("ip", "-n", one.name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
            "netns", two.name)  # fmt: skip
        for host, last in ((one, 3), (two, 9)):
            host.do(
                f"ip address add 192.0.2.{last}/24 dev eth0",
                f"ip address add 2001:db8::{last}/64 dev eth0 nodad",
                "ip link set eth0 up",
            )
        yield one, two
    finally:
        for host in made:
            run("ip", "netns", "del", host.name)


def things_of(route: str) -> list[_network_plan.Thing]:
    """What NEEDS asks for, but for SCTP's own setting: that is the lab's, not every kernel that
    runs tests has SCTP."""
    return [one for one in _network_plan.things(NEEDS, route, {}) if not one.optional]


@pytest.mark.parametrize("route", ["service", "address"])
def test_everything_that_was_made_is_recognised_and_can_be_taken_away(
    hosts: tuple[Host, Host], route: str
) -> None:
    """The plan and the kernel have the same words for a thing, or each run would make it anew."""
    host = hosts[0]
    things = things_of(route)
    before = host.have()
    assert not {thing.what for thing in things} & before
    for thing in things:
        host.do(*thing.start)
    assert {thing.what for thing in things} <= host.have()
    for thing in things:
        host.do(thing.stop)
    assert host.have() == before


def test_an_address_of_a_tunnels_device_is_told_from_one_of_lo(hosts: tuple[Host, Host]) -> None:
    host = hosts[0]
    host.do(
        "ip link add lvs-ipip type bridge",  # any device of that name
        "ip address add 198.51.100.1/32 dev lvs-ipip",
    )
    addresses = {each for each in host.have() if each.startswith("address 198.")}
    assert addresses == {"address 198.51.100.1/32 dev lvs-ipip"}


def test_answers_of_a_service_go_through_the_gateway_and_others_do_not(
    hosts: tuple[Host, Host],
) -> None:
    host = hosts[0]
    for thing in things_of("service"):
        host.do(*thing.start)
    host.do("ip address add 203.0.113.3/24 dev eth0", "ip route add default via 203.0.113.1")

    def way(target: str, port: int) -> str:
        command = f"ip route get {target} from 192.0.2.3 ipproto tcp sport {port}"
        return host.run_command(shlex.split(command))[1]

    assert "via 192.0.2.9" in way("198.18.0.1", 80)
    assert "via 203.0.113.1" in way("198.18.0.1", 22)
    assert "via" not in way("192.0.2.9", 80)  # a neighbour


def maximum_segment(server: Host, client: Host) -> int:
    words = ["ip", "netns", "exec", server.name, sys.executable, "-c", LISTEN]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as listening:
        try:
            assert listening.stdout is not None
            assert listening.stdout.readline() == "ready\n"
            code, output, errors = client.run_command([sys.executable, "-c", CONNECT])
            assert code == 0, errors
            return int(output)
        finally:
            listening.kill()


def test_clients_send_segments_that_fit_into_the_tunnel(hosts: tuple[Host, Host]) -> None:
    server, client = hosts
    server.do("ip address add 198.51.100.1/32 dev lo")
    client.do("ip route add 198.51.100.1 via 192.0.2.3")
    usual = maximum_segment(server, client)
    needs = {**NEEDS, "gateways": [], "tunnels": [TUNNEL]}
    (thing,) = [
        each
        for each in _network_plan.things(needs, "service", {"192.0.2.3": 1500})
        if each.slot.startswith("mss ")
    ]
    server.do(*thing.start)
    assert thing.what in server.have()
    # The outer IP header.
    assert maximum_segment(server, client) == usual - 20
    server.do(*thing.start)  # again, as at a changed wish
    assert thing.what in server.have()
    server.do(thing.stop)
    assert thing.what not in server.have()
    assert maximum_segment(server, client) == usual
