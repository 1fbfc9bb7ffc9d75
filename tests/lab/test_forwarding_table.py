# SPDX-License-Identifier: GPL-3.0-or-later
"""Every forwarding method with every protocol, family and scheduler: traffic from the client.

One deployment, one virtual server for each combination, told apart by their ports. The client asks
each of them, and a real server says who it is and whom it sees.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

FIRST_PORT = 9000
METHODS = {
    "NAT": ("NAT", "Masq"),
    "DR": ("DR", "Route"),
    "TUN ipip": ("TUN", "Tunnel"),
    "TUN gue": ("TUN type gue port 6080", "Tunnel"),
    "TUN gue csum": ("TUN type gue port 6081 csum", "Tunnel"),
    "TUN gre": ("TUN type gre csum", "Tunnel"),
}
PROTOCOLS = ("TCP", "UDP", "SCTP")
# Family of the virtual address, and of the real servers': IPv6 also wrapped up in IPv4.
FAMILIES = ((4, 4), (6, 6), (6, 4))
# All but twos, which the lab's kernel does not have. Only rr shows by itself that both real servers
# are reached: others may send one idle client to one of them for good reasons.
SCHEDULERS = ("wrr", "lc", "wlc", "sed", "nq", "lblc", "lblcr", "sh", "dh", "mh", "fo", "ovf")
VIRTUAL = {4: "172.16.1.254", 6: "2001:db8:1::254"}
GATEWAY = {4: "172.16.1.253", 6: "2001:db8:1::253"}
REAL = {4: ("172.16.1.3", "172.16.1.4"), 6: ("2001:db8:1::3", "2001:db8:1::4")}
# NAT's clients must be out of the real servers' sight, or they would be answered directly.
SOURCE = {4: "172.16.1.50", 6: "2001:db8:1::50"}
FAR_SOURCE = {4: "198.51.100.50", 6: "2001:db8:99::50"}
# A default route by another interface, with another source, as real servers have: NAT's answers
# must not take it.
ELSEWHERE = (
    "ip route add default via 10.99.0.1 dev mgmt0;"
    " ip -6 address add 2001:db8:aa::{host}/64 dev mgmt0 nodad;"
    " ip -6 route add default via 2001:db8:aa::ff dev mgmt0"
)
ECHO_SERVER = Path(__file__).with_name("echo_server.py")
ECHO_CLIENT = Path(__file__).with_name("echo_client.py")


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One virtual server."""

    method: str
    protocol: str
    family: int
    inside: int
    scheduler: str
    port: int

    @property
    def name(self) -> str:
        words = (self.method, self.protocol, f"IPv{self.family}over{self.inside}", self.scheduler)
        return "-".join(words).replace(" ", "-")

    @property
    def source(self) -> str:
        return (FAR_SOURCE if self.method == "NAT" else SOURCE)[self.family]

    def virtual_server(self) -> dict[str, Any]:
        return {
            "ip": VIRTUAL[self.family],
            "port": self.port,
            "protocol": self.protocol,
            "lb_algo": self.scheduler,
            "lb_kind": METHODS[self.method][0],
            "real_servers": {
                f"rs{index}": {"ip": address}
                for index, address in enumerate(REAL[self.inside], start=1)
            },
        }


def combinations() -> list[Combination]:
    """Methods, protocols and families with rr; then every other scheduler with each method."""
    found: list[Combination] = []

    def add(method: str, protocol: str, families: tuple[int, int], scheduler: str) -> None:
        made = Combination(
            method=method,
            protocol=protocol,
            family=families[0],
            inside=families[1],
            scheduler=scheduler,
            port=FIRST_PORT + len(found),
        )
        found.append(made)

    for method, protocol, families in itertools.product(METHODS, PROTOCOLS, FAMILIES):
        # Only a tunnel carries one family in the other.
        if families[0] == families[1] or method.startswith("TUN"):
            add(method, protocol, families, "rr")
    for method, scheduler in itertools.product(("NAT", "DR", "TUN ipip"), SCHEDULERS):
        add(method, "TCP", (4, 4), scheduler)
    return found


ALL = combinations()


def variables() -> dict[str, Any]:
    """What the inventory lvs_dr_ipv6 says otherwise."""
    instances = {
        "VI_1": {
            "interface": "eno16777736",
            "virtual_router_id": 81,
            "virtual_ipaddress": [VIRTUAL[4], GATEWAY[4]],
        },
        "VI_6": {
            "interface": "eno16777736",
            "virtual_router_id": 86,
            "virtual_ipaddress": ["fe80::254/64", f"{VIRTUAL[6]}/64", f"{GATEWAY[6]}/64"],
        },
    }
    return {
        "lvs_vrrp_instances": instances,
        "lvs_virtual_servers": {each.name: each.virtual_server() for each in ALL},
    }


@pytest.fixture(scope="module")
def answers(lived_in: Lab, cluster: Cluster) -> Iterator[dict[str, list[str | None]]]:
    """Who answered the client, by combination."""
    for number, host in enumerate(("rs1", "rs2"), start=1):
        lived_in.run(host, f"modprobe sctp; {ELSEWHERE.format(host=number)}")
        lived_in.put(host, "/root/echo_server.py", ECHO_SERVER.read_text())
    words = ["python3", "/root/echo_server.py", str(FIRST_PORT), str(len(ALL))]
    servers = [lived_in.start(host, words) for host in ("rs1", "rs2")]
    try:
        cluster.apply("lvs_dr_ipv6", "-e", json.dumps(variables()))
        lived_in.run(
            "client",
            f"modprobe sctp; ip address add {FAR_SOURCE[4]}/32 dev lo;"
            f" ip -6 address add {FAR_SOURCE[6]}/128 dev lo nodad",
        )
        for director in ("drct1", "drct2"):
            lived_in.run(
                director,
                f"ip route add {FAR_SOURCE[4]} via {SOURCE[4]};"
                f" ip -6 route add {FAR_SOURCE[6]} via {SOURCE[6]}",
            )
        cluster.wait("the servers listen", lambda: all("ready" in s.output() for s in servers))
        lived_in.put("client", "/root/echo_client.py", ECHO_CLIENT.read_text())
        services = [[c.protocol, VIRTUAL[c.family], c.port, c.source] for c in ALL]
        shown = lived_in.run(
            "client", ["python3", "/root/echo_client.py", json.dumps(services)], timeout=300
        )
        yield {each.name: found for each, found in zip(ALL, json.loads(shown.stdout), strict=True)}
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_the_client_is_answered(answers: dict[str, list[str | None]], each: Combination) -> None:
    found = answers[each.name]
    assert None not in found, found
    hosts = {str(answer).split()[0] for answer in found}
    assert hosts <= {"rs1", "rs2"}
    if each.scheduler == "rr":
        assert hosts == {"rs1", "rs2"}, found
    # Whatever the method, real servers see the client's own address.
    assert {str(answer).split()[1] for answer in found} == {each.source}


@pytest.mark.parametrize("method", METHODS)
def test_ipvsadm_shows_the_method(
    lab: Lab, answers: dict[str, list[str | None]], method: str
) -> None:
    assert answers
    shown = lab.run("drct1", "ipvsadm -Ln --tun-info").stdout
    ports = [each.port for each in ALL if each.method == method]
    word = METHODS[method][1]
    lines = shown.splitlines()
    for port in ports:
        (at,) = [i for i, line in enumerate(lines) if f":{port} " in line and "->" not in line]
        for line in lines[at + 1 : at + 3]:
            assert word in line, line
