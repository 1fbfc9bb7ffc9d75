# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters that a director needs for some documents: they have effect, and are undone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster import Cluster
from lvslab import Lab

pytestmark = pytest.mark.lab

PING_RANGE = "net.ipv4.ping_group_range"
ACCEPT_RA, FORWARDING = "net.ipv6.conf.eno16777736.accept_ra", "net.ipv6.conf.all.forwarding"
VIRTUAL = {4: "172.16.1.254", 6: "2001:db8:1::254"}
REAL = {4: ("172.16.1.3", "172.16.1.4"), 6: ("2001:db8:1::3", "2001:db8:1::4")}
# An RFC 4861 router advertisement with a lifetime of 1800 s and no options. The kernel fills in the
# checksum; receivers insist on 255 hops and a link-local source.
ADVERTISE = """python3 -c "
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex('eno16777736')
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
s.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0), ('ff02::1', 0, 0, index))
"
"""


def _servers(lb_kind: str, **more: Any) -> dict[str, Any]:
    return {
        f"IPv{family}": {
            "ip": VIRTUAL[family],
            "port": 80,
            "lb_algo": "rr",
            "lb_kind": lb_kind,
            "delay_loop": 1,
            "retry": 0,
            "real_servers": {f"rs{n}": {"ip": each} for n, each in enumerate(REAL[family], 1)},
            **more,
        }
        for family in (4, 6)
    }


def _apply(cluster: Cluster, servers: dict[str, Any]) -> dict[str, int]:
    variables = {
        "lvs_vrrp_instances": {
            "VI_1": {
                "interface": "eno16777736",
                "virtual_router_id": 81,
                "virtual_ipaddress": [VIRTUAL[4], "172.16.1.253"],
            },
            "VI_6": {
                "interface": "eno16777736",
                "virtual_router_id": 86,
                "virtual_ipaddress": ["fe80::254/64", f"{VIRTUAL[6]}/64", "2001:db8:1::253/64"],
            },
        },
        "lvs_virtual_servers": servers,
    }
    # One director is enough to see it, and spares most of the time; real servers are prepared by
    # nobody, which nothing here needs.
    words = ("--limit", "drct1", "--skip-tags", "verify", "-e", json.dumps(variables))
    return cluster.apply("lvs_dr_ipv6", *words).changed


def _up(cluster: Cluster) -> set[tuple[str, str]]:
    """Virtual and real servers that a check has found up, as drct1 says."""
    services: Any = cluster.status("drct1")["services"]
    return {
        (service["name"], real["name"])
        for service in services
        for real in service["real_servers"]
        if real["up"] and real["checked"]
    }


def _sysctl(lab: Lab, *keys: str) -> list[str]:
    return lab.run("drct1", f"sysctl -n {' '.join(keys)}").stdout.split("\n")[:-1]


def _default_route(lab: Lab) -> bool:
    return "proto ra" in lab.run("drct1", "ip -6 route show default").stdout


def test_the_agent_may_ping_while_a_check_pings(lived_in: Lab, cluster: Cluster) -> None:
    lived_in.run("drct1", f"sysctl -qw '{PING_RANGE}=1 0'")
    everybody = {(f"IPv{family}", f"rs{n}") for family in (4, 6) for n in (1, 2)}

    assert _apply(cluster, _servers("DR", ping_check={}))["drct1"]
    assert _sysctl(lived_in, PING_RANGE) == ["0\t2147483647"]
    cluster.wait("pings are answered", lambda: _up(cluster) == everybody, 30)
    lived_in.link("rs2", "eno16777736", up=False)
    others = {each for each in everybody if each[1] == "rs1"}
    cluster.wait("rs2 answers no ping", lambda: _up(cluster) == others, 30)
    lived_in.link("rs2", "eno16777736", up=True)
    cluster.wait("rs2 answers again", lambda: _up(cluster) == everybody, 30)
    assert not any(_apply(cluster, _servers("DR", ping_check={})).values())

    _apply(cluster, _servers("DR", tcp_check={}))
    assert _sysctl(lived_in, PING_RANGE) == ["1\t0"]
    record = lived_in.run("drct1", "cat /etc/sysctl.d/90-lvs-agent.conf").stdout
    assert PING_RANGE not in record


def test_a_route_from_advertisements_outlives_forwarding(lived_in: Lab, cluster: Cluster) -> None:
    _apply(cluster, _servers("DR"))
    assert _sysctl(lived_in, ACCEPT_RA, FORWARDING) == ["1", "0"]
    lived_in.run("client", ADVERTISE)
    cluster.wait("the advertised route", lambda: _default_route(lived_in))

    _apply(cluster, _servers("NAT"))
    assert _sysctl(lived_in, ACCEPT_RA, FORWARDING) == ["2", "1"]
    assert _default_route(lived_in)
    # The same again as at boot, and while the router is away.
    lived_in.run("drct1", f"sysctl -qw {ACCEPT_RA}=1 {FORWARDING}=0; sysctl -q --system >/dev/null")
    assert _sysctl(lived_in, ACCEPT_RA, FORWARDING) == ["2", "1"]
    assert _default_route(lived_in)
    lived_in.run("drct1", "ip -6 route flush default")
    assert not any(_apply(cluster, _servers("NAT")).values())

    _apply(cluster, _servers("DR"))
    assert _sysctl(lived_in, ACCEPT_RA, FORWARDING) == ["1", "0"]
