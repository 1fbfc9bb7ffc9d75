# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a document make of the kernel: addresses, VMACs, routes, rules, delays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.messages import LinkState, Ready
from netns.host_harness import addresses, link, setting
from netns.kernel_harness import KernelProcess, Namespace, eventually, run

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

Start = Callable[[dict[str, Any]], KernelProcess]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def start(namespace: Namespace, tmp_path: Path) -> Iterator[Start]:
    started: list[KernelProcess] = []

    def begin(document: dict[str, Any]) -> KernelProcess:
        started.append(KernelProcess(document, tmp_path, namespace=namespace))
        started[-1].supervisor.wait_for(Ready)
        return started[-1]

    yield begin
    for process in started:
        process.close()


def web(**options: Any) -> dict[str, Any]:
    return {
        "interface": "eth0",
        "virtual_router_id": 51,
        "virtual_ipaddress": ["192.0.2.99/32"],
        **options,
    }


def test_every_option_of_an_address_is_in_the_kernel(start: Start, namespace: Namespace) -> None:
    held = [
        {"address": "10.1.0.1/24", "brd": "10.1.0.255", "label": "eth0:7", "scope": "site"},
        {"address": "10.2.0.1/32", "peer": "10.2.0.2"},
        {"address": "10.3.0.1/24", "noprefixroute": True, "preferred_lft": 0},
        {"address": "10.4.0.1/32", "dev": "eth1"},
        {"address": "10.5.0.1/32", "no_track": True},
        {"address": "10.6.0.1/24"},
    ]
    excluded = [
        {"address": "2001:db8:2::1/64", "home": True, "mngtmpaddr": True},
        {"address": "2001:db8:5::1/64", "nodad": False},
        {"address": "2001:db8:6::1/64"},
        {"address": "239.1.2.3/32", "autojoin": True},
    ]
    settings = web(virtual_ipaddress=held, virtual_ipaddress_excluded=excluded)
    process = start({"vrrp_instances": {"web": settings}})
    assert not addresses(namespace, "eth0").keys() & {"10.1.0.1", "2001:db8:6::1"}
    assert process.hold("web") is None
    found, other = addresses(namespace, "eth0"), addresses(namespace, "eth1")
    first, plain, plain6 = found["10.1.0.1"], found["10.6.0.1"], found["2001:db8:6::1"]
    assert first["prefixlen"] == 24
    assert (first["broadcast"], first["label"], first["scope"]) == ("10.1.0.255", "eth0:7", "site")
    assert (plain["label"], plain["scope"]) == ("eth0", "global")
    assert "broadcast" not in plain
    assert found["10.2.0.1"]["address"] == "10.2.0.2"  # the peer
    assert found["10.3.0.1"]["deprecated"]
    assert "deprecated" not in plain
    assert "10.3.0.0/24" not in namespace.ip("route")
    assert "10.6.0.0/24" in namespace.ip("route")
    assert "10.4.0.1" in other
    assert "10.4.0.1" not in found
    for flag in ("home", "mngtmpaddr"):
        assert found["2001:db8:2::1"][flag]
        assert flag not in plain6
    assert plain6["nodad"]
    assert "nodad" not in found["2001:db8:5::1"]
    assert "239.1.2.3" in namespace.ip("maddr", "show", "dev", "eth0")
    for address in ("10.5.0.1/32", "10.6.0.1/24"):
        namespace.ip("addr", "del", address, "dev", "eth0")
    eventually(lambda: "10.6.0.1" in addresses(namespace, "eth0"))
    time.sleep(0.1)
    assert "10.5.0.1" not in addresses(namespace, "eth0")


def test_instance_is_on_its_interface(start: Start, namespace: Namespace) -> None:
    other = web(interface="eth1", virtual_ipaddress=["192.0.2.89/32"])
    process = start({"vrrp_instances": {"one": web(), "other": other}})
    for name, interface, address in (
        ("one", "eth0", "192.0.2.99"),
        ("other", "eth1", "192.0.2.89"),
    ):
        assert address not in addresses(namespace, interface)
        assert process.hold(name) is None
        assert address in addresses(namespace, interface)


@pytest.mark.parametrize("accept", [None, True])
def test_strict_mode_closes_addresses_unless_the_document_accepts(
    start: Start, namespace: Namespace, accept: bool | None
) -> None:
    settings = web(version="3", strict_mode=True, accept=accept)
    process = start({"vrrp_instances": {"web": settings}})
    assert process.hold("web") is None
    rules = run("ip", "netns", "exec", namespace.name, "nft", "list", "ruleset")
    assert ("192.0.2.99" in rules) is (accept is None)


def test_vmac_has_the_name_and_mac_of_the_document(start: Start, namespace: Namespace) -> None:
    named = web(
        use_vmac={"name": "virtual0", "mac": "02:00:00:00:00:77"},
        virtual_ipaddress=[
            "192.0.2.99/32",
            {"address": "192.0.2.98/32", "dev": "eth0", "use_vmac": True},
            {"address": "192.0.2.97/32", "dev": "eth0"},
        ],
    )
    usual = web(virtual_router_id=52, virtual_ipaddress=["192.0.2.89/32"], use_vmac=True)
    instances = {"named": named, "usual": usual}
    process = start({"global_defs": {"vmac_prefix": "gate"}, "vrrp_instances": instances})
    for name in instances:
        assert process.hold(name) is None
    assert (link(namespace, "virtual0") or {})["address"] == "02:00:00:00:00:77"
    assert (link(namespace, "gate.52") or {})["address"] == "00:00:5e:00:01:34"
    assert addresses(namespace, "virtual0").keys() == {"192.0.2.99", "192.0.2.98"}
    assert addresses(namespace, "gate.52").keys() == {"192.0.2.89"}
    assert "192.0.2.97" in addresses(namespace, "eth0")


@pytest.mark.parametrize("wanted", [False, True])
def test_promote_secondaries_is_set_where_the_document_says_so(
    start: Start, namespace: Namespace, wanted: bool
) -> None:
    setting(namespace, "eth0", "promote_secondaries", 0)
    held = ["198.51.100.1/24", "198.51.100.2/24"]
    settings = web(promote_secondaries=wanted, virtual_ipaddress=held)
    process = start({"vrrp_instances": {"web": settings}})
    assert setting(namespace, "eth0", "promote_secondaries") == wanted
    assert process.stop() == 0
    assert setting(namespace, "eth0", "promote_secondaries") == 0


def test_routes_and_rules_are_those_of_the_document(start: Start, namespace: Namespace) -> None:
    namespace.ip("addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
    hops = [
        {"via": "203.0.113.1", "dev": "eth0", "onlink": True},
        {"via": "203.0.113.2", "dev": "eth1", "onlink": True, "weight": 3},
    ]
    routes = [
        {"to": "198.51.100.0/24", "via": "192.0.2.254", "protocol": "static"},
        {"to": "198.51.101.0/24", "nexthop": hops},
        {"to": "default", "dev": "eth1", "family": "inet6", "metric": 5},
        {"to": "default", "dev": "eth1", "metric": 6},
        {"to": "198.51.102.0/24", "dev": "eth1", "scope": "host"},
    ]
    rules = [
        {"fwmark": "7", "table": 100, "preference": 100, "family": "inet6"},
        {"fwmark": "8", "table": 100, "preference": 101, "no_track": True},
        {"fwmark": "9", "table": 100, "preference": 102},
    ]
    settings = web(virtual_routes=routes, virtual_rules=rules)
    process = start({"vrrp_instances": {"web": settings}})
    assert process.hold("web") is None
    eventually(lambda: "102:" in namespace.ip("rule"))
    assert "proto static" in namespace.ip("route", "show", "198.51.100.0/24")
    shown = " ".join(namespace.ip("route", "show", "198.51.101.0/24").split())
    assert "nexthop via 203.0.113.1 dev eth0 weight 1 onlink" in shown
    assert "nexthop via 203.0.113.2 dev eth1 weight 3 onlink" in shown
    assert "scope host" in namespace.ip("route", "show", "198.51.102.0/24")
    assert "metric 5" in namespace.ip("-6", "route", "show", "default")
    assert "metric 6" in namespace.ip("-4", "route", "show", "default")
    assert "metric 5" not in namespace.ip("-4", "route", "show", "default")
    assert "100:" in namespace.ip("-6", "rule")
    assert "100:" not in namespace.ip("-4", "rule")
    for preference in ("101", "102"):
        namespace.ip("rule", "del", "preference", preference)
    eventually(lambda: "102:" in namespace.ip("rule"))
    time.sleep(0.1)
    assert "101:" not in namespace.ip("rule")


def test_delays_of_an_interface_are_those_of_the_document(
    start: Start, namespace: Namespace
) -> None:
    delays = {"eth0": {"down": 0.3, "up": 0.6}}
    process = start(
        {"vrrp_instances": {"web": web()}, "interface_up_down_delays": delays},
    )
    process.ha.wait_for(LinkState, interface="eth0", running=True)
    for change, running, delay_s in (("down", False, 0.3), ("up", True, 0.6)):
        began = time.monotonic()
        namespace.ip("link", "set", "eth0p", change)
        process.ha.wait_for(LinkState, interface="eth0", running=running)
        assert delay_s - 0.01 < time.monotonic() - began < delay_s + 2
