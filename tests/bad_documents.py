# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong configurations, one slip each, with the path and the words that the error must have.

Used twice: on the agent's own check, and through an inventory on the controller.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

GOOD: Document = {
    "global_defs": {"router_id": "drct1", "vrrp_mcast_group4": "224.200.100.18"},
    "vrrp_instances": {
        "VI_1": {
            "state": "MASTER",
            "interface": "eno16777736",
            "virtual_router_id": 81,
            "priority": 100,
            "advert_int": 1,
            "authentication": {"auth_type": "PASS", "auth_pass": "zrs66zrs"},
            "virtual_ipaddress": [
                {
                    "address": "172.16.1.99/32",
                    "brd": "172.16.1.99",
                    "dev": "eno16777736",
                    "label": "eno16777736:0",
                },
                "172.16.1.254/32 dev eno16777736",
            ],
        }
    },
    "virtual_servers": {
        "web": {
            "ip": "172.16.1.254",
            "port": 80,
            "lb_algo": "rr",
            "lb_kind": "DR",
            "delay_loop": 3,
            "sorry_server": {"ip": "127.0.0.1"},
            "http_get": {"url": [{"path": "/index.html", "status_code": 200}], "retry": 3},
            "real_servers": {
                "rs1": {"ip": "172.16.1.3", "weight": 1},
                "rs2": {"ip": "172.16.1.4", "weight": 2},
            },
        }
    },
}


@dataclass(frozen=True, kw_only=True)
class Slip:
    """`spoil` changes a copy of GOOD; the error is at `path` and contains `words`."""

    name: str
    spoil: Callable[[Document], None]
    path: str
    words: str

    def document(self) -> Document:
        """GOOD with this slip in it."""
        document = copy.deepcopy(GOOD)
        self.spoil(document)
        return document


def _instance(**changes: object) -> Callable[[Document], None]:
    return lambda document: document["vrrp_instances"]["VI_1"].update(changes)


def _server(**changes: object) -> Callable[[Document], None]:
    return lambda document: document["virtual_servers"]["web"].update(changes)


def _real(**changes: object) -> Callable[[Document], None]:
    return lambda document: document["virtual_servers"]["web"]["real_servers"]["rs1"].update(
        changes
    )


def _second_instance(**changes: object) -> Callable[[Document], None]:
    def spoil(document: Document) -> None:
        second = copy.deepcopy(document["vrrp_instances"]["VI_1"])
        second["virtual_router_id"] = 80
        second["virtual_ipaddress"] = ["172.16.1.88/32"]
        second.update(changes)
        document["vrrp_instances"]["VI_2"] = second

    return spoil


def _without_interface(document: Document) -> None:
    del document["vrrp_instances"]["VI_1"]["interface"]


def _second_server(document: Document) -> None:
    document["virtual_servers"]["again"] = copy.deepcopy(document["virtual_servers"]["web"])


VI_1 = "vrrp_instances.VI_1"
WEB = "virtual_servers.web"

SLIPS: tuple[Slip, ...] = (
    Slip(
        name="misspelt option, as in the wild",
        spoil=_server(presistence_timeout=5),
        path=f"{WEB}.presistence_timeout",
        words="did you mean persistence_timeout?",
    ),
    Slip(
        name="unknown option with no near name",
        spoil=_instance(colour="red"),
        path=f"{VI_1}.colour",
        words="vrrp_instance knows",
    ),
    Slip(
        name="text where a number belongs",
        spoil=_instance(priority="high"),
        path=f"{VI_1}.priority",
        words="must be a whole number, not 'high'",
    ),
    Slip(
        name="true where a number belongs",
        spoil=_instance(priority=True),
        path=f"{VI_1}.priority",
        words="must be a whole number, not true",
    ),
    Slip(
        name="priority out of range",
        spoil=_instance(priority=256),
        path=f"{VI_1}.priority",
        words="from 1 to 255, not 256",
    ),
    Slip(
        name="VRID 0",
        spoil=_instance(virtual_router_id=0),
        path=f"{VI_1}.virtual_router_id",
        words="from 1 to 255, not 0",
    ),
    Slip(
        name="missing interface",
        spoil=_without_interface,
        path=f"{VI_1}.interface",
        words="is required",
    ),
    Slip(
        name="interface name that cannot be",
        spoil=_instance(interface="eno16777736-too-long"),
        path=f"{VI_1}.interface",
        words="not a name that a network interface can have",
    ),
    Slip(
        name="version 2 with half a second",
        spoil=_instance(advert_int=0.5),
        path=f"{VI_1}.advert_int",
        words="version: 3 allows shorter",
    ),
    Slip(
        name="version 3 with a password",
        spoil=_instance(version=3),
        path=f"{VI_1}.authentication",
        words="version 3 has no authentication",
    ),
    Slip(
        name="address that is none",
        spoil=_instance(virtual_ipaddress=["172.16.1.299/32"]),
        path=f"{VI_1}.virtual_ipaddress[0].address",
        words="must be an IP address",
    ),
    Slip(
        name="no address at all",
        spoil=_instance(virtual_ipaddress=[]),
        path=f"{VI_1}.virtual_ipaddress",
        words="not 0 entries",
    ),
    Slip(
        name="label of another interface",
        spoil=_instance(virtual_ipaddress=["172.16.1.99 label eth0:0"]),
        path=f"{VI_1}.virtual_ipaddress[0].label",
        words="or begin with 'eno16777736:'",
    ),
    Slip(
        name="owner with nopreempt",
        spoil=_instance(priority=255, nopreempt=True),
        path=f"{VI_1}.nopreempt",
        words="always preempts",
    ),
    Slip(
        name="duplicate VRID",
        spoil=_second_instance(virtual_router_id=81),
        path="vrrp_instances.VI_2.virtual_router_id",
        words="already that of VI_1",
    ),
    Slip(
        name="the same address in two instances",
        spoil=_second_instance(virtual_ipaddress=["172.16.1.99/32"]),
        path="vrrp_instances.VI_2.virtual_ipaddress[0]",
        words="is already in vrrp_instances.VI_1.virtual_ipaddress[0]",
    ),
    Slip(
        name="unknown scheduler",
        spoil=_server(lb_algo="rrr"),
        path=f"{WEB}.lb_algo",
        words="did you mean rr?",
    ),
    Slip(
        name="port beyond 65535",
        spoil=_real(port=65536),
        path=f"{WEB}.real_servers.rs1.port",
        words="from 1 to 65535",
    ),
    Slip(
        name="direct routing to another port",
        spoil=_real(port=8080),
        path=f"{WEB}.real_servers.rs1.port",
        words="direct routing cannot change the port",
    ),
    Slip(
        name="the same real server twice",
        spoil=_real(ip="172.16.1.4"),
        path=f"{WEB}.real_servers.rs2",
        words="is already virtual_servers.web.real_servers.rs1",
    ),
    Slip(
        name="hysteresis that keeps the quorum for ever",
        spoil=_server(quorum=2, hysteresis=2),
        path=f"{WEB}.hysteresis",
        words="2 must be less than quorum (2)",
    ),
    Slip(
        name="panic threshold above everything",
        spoil=_server(panic_threshold="120%"),
        path=f"{WEB}.panic_threshold",
        words="must be a number, or 0% to 100%, not '120%' (example: 50%)",
    ),
    Slip(
        name="the same sorry server twice",
        spoil=_server(sorry_server=[{"ip": "127.0.0.1"}, {"ip": "127.0.0.1"}]),
        path=f"{WEB}.sorry_server[1]",
        words="127.0.0.1:80 is already virtual_servers.web.sorry_server[0]",
    ),
    Slip(
        name="real server that is its own sorry server",
        spoil=_server(sorry_server={"ip": "172.16.1.3"}),
        path=f"{WEB}.sorry_server",
        words="is already virtual_servers.web.real_servers.rs1; remove one of the two",
    ),
    Slip(
        name="real server with a sorry server's name",
        spoil=_server(real_servers={"sorry_server": {"ip": "172.16.1.3"}}),
        path=f"{WEB}.real_servers.sorry_server",
        words="is what sorry servers are called; rename it",
    ),
    Slip(
        name="pause of checks by an address that is none",
        spoil=_server(
            ip=None,
            port=None,
            fwmark=7,
            ha_suspend=True,
            http_get={"connect_port": 80, "url": [{}]},
        ),
        path=f"{WEB}.ha_suspend",
        words="a firewall mark has none",
    ),
    Slip(
        name="quorum_up as a shell line",
        spoil=_server(quorum_up="/bin/a && /bin/b"),
        path=f"{WEB}.quorum_up",
        words="is run without a shell",
    ),
    Slip(
        name="the same service twice",
        spoil=_second_server,
        path="virtual_servers.again",
        words="TCP 172.16.1.254:80 is already that of web",
    ),
    Slip(
        name="check with nothing behind it",
        spoil=_real(tcp_check=None),
        path=f"{WEB}.real_servers.rs1.tcp_check",
        words="is empty; write {}",
    ),
    Slip(
        name="status code range upside down",
        spoil=_server(http_get={"url": {"status_code": "299-200"}}),
        path=f"{WEB}.http_get.url.status_code",
        words="the lower number first",
    ),
    Slip(
        name="header smuggled into a virtual host",
        spoil=_server(virtualhost="a\r\nX: y"),
        path=f"{WEB}.virtualhost",
        words="control characters",
    ),
    Slip(
        name="unicast address as multicast group",
        spoil=lambda document: document["global_defs"].update(vrrp_mcast_group4="10.0.0.18"),
        path="global_defs.vrrp_mcast_group4",
        words="not a multicast address",
    ),
    Slip(
        name="list where a mapping belongs",
        spoil=lambda document: document.update(vrrp_instances=[]),
        path="vrrp_instances",
        words="must be a mapping of names to mappings, not a list",
    ),
)
