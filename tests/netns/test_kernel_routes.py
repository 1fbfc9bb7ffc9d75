# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual and static routes and rules on a real kernel, in a network namespace."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lvs_agent import config as configuration
from lvs_agent.adapters.plan import plan
from lvs_agent.adapters.sweep import sweep
from lvs_agent.core.messages import Ready
from netns.kernel_harness import KernelProcess, Namespace, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

ROUTES_4 = [
    "198.51.100.0/24 via 192.0.2.254",
    "198.51.101.0/24 via 192.0.2.254 dev eth0 table 1000 src 192.0.2.1 metric 50 mtu 1400"
    " advmss 1300",
    "198.51.102.0/24 nexthop via 192.0.2.253 weight 2 nexthop via 192.0.2.254 dev eth0 weight 3",
    "198.51.103.0/24 dev eth1 scope link",
    "blackhole 198.51.104.0/24",
    "unreachable 198.51.105.0/24 table 200",
    "prohibit 198.51.106.0/24",
    "throw 198.51.107.0/24 table 200",
    "198.51.108.0/24 via 203.0.113.1 dev eth0 onlink",
    "default via 192.0.2.254",
]
ROUTES_6 = [
    "2001:db8:1::/48 via 2001:db8::9",
    "2001:db8:2::/48 metric 77 nexthop via 2001:db8::9 dev eth0 weight 2"
    " nexthop via 2001:db8::8 dev eth0",
    "2001:db8:4::/48 dev eth1 mtu 1280",
    {"to": "2001:db8:5::/48", "type": "blackhole"},
]
RULES = [
    "from 192.0.2.99 lookup 1000 preference 100",
    "to 10.0.0.0/8 fwmark 0x1/0xff blackhole preference 101",
    "not from all tos 0x10 iif eth1 oif eth0 lookup 1001 preference 102",
    "from all ipproto tcp sport 1-2 dport 80 lookup main suppress_prefixlength 0 preference 103",
    "from 2001:db8:7::/48 unreachable preference 104",
]
ONE = "198.51.100.0/24 via 192.0.2.254"


def document(
    *routes: Any, rules: list[Any] | None = None, name: str = "VI_1", **more: Any
) -> dict[str, Any]:
    return {
        "vrrp_instances": {
            name: {
                "interface": "eth0",
                "virtual_router_id": 51,
                "priority": 100,
                "virtual_ipaddress": ["192.0.2.99/32"],
                "virtual_routes": list(routes),
                "virtual_rules": rules or [],
            }
        },
        **more,
    }


class Bench:
    """A namespace with an IPv6 network too, and kernel processes in it."""

    def __init__(self, directory: Path) -> None:
        self.namespace = Namespace()
        self.directory = directory
        self.started: list[KernelProcess] = []
        self.ip("addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad")

    def start(self, config: dict[str, Any], **options: Any) -> KernelProcess:
        process = KernelProcess(config, self.directory, namespace=self.namespace, **options)
        self.started.append(process)
        process.supervisor.wait_for(Ready)
        return process

    def ip(self, *arguments: str) -> str:
        return self.namespace.ip(*arguments)

    def routes(self) -> set[str]:
        """All with our protocol number, as ip(8) shows them, without what only IPv6 has."""
        found: set[str] = set()
        for family in ("-4", "-6"):
            text = self.ip("-o", family, "route", "show", "table", "all", "proto", "18")
            for line in text.replace("\\", "").splitlines():
                found.add(" ".join(line.replace(" pref medium", "").replace("\t", " ").split()))
        return found

    def rules(self) -> set[str]:
        lines = (self.ip("-4", "rule") + self.ip("-6", "rule")).splitlines()
        return {" ".join(line.split()) for line in lines if "proto keepalived" in line}

    def has(self, text: str) -> bool:
        return any(text in line for line in self.routes() | self.rules())

    def inside(self, act: Any) -> Any:
        """The result of `act`, run in a process inside the namespace."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                self.namespace.enter()
                os.write(writer, json.dumps(act()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as answer:
            text = answer.read()
        os.waitpid(pid, 0)
        return json.loads(text)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    for process in made.started:
        process.close()
    made.namespace.close()


def test_hold_adds_every_kind_of_route_and_rule_and_release_removes_them(bench: Bench) -> None:
    process = bench.start(document(*ROUTES_4, *ROUTES_6, rules=RULES))
    assert bench.routes() | bench.rules() == set()
    assert process.hold("VI_1") is None
    expected_routes = {
        "198.51.100.0/24 via 192.0.2.254 dev eth0",
        "198.51.101.0/24 via 192.0.2.254 dev eth0 table 1000 src 192.0.2.1 metric 50 mtu 1400"
        " advmss 1300",
        "198.51.102.0/24 nexthop via 192.0.2.253 dev eth0 weight 2 nexthop via 192.0.2.254 dev"
        " eth0 weight 3",
        "198.51.103.0/24 dev eth1 scope link",
        "blackhole 198.51.104.0/24",
        "unreachable 198.51.105.0/24 table 200",
        "prohibit 198.51.106.0/24",
        "throw 198.51.107.0/24 table 200",
        "198.51.108.0/24 via 203.0.113.1 dev eth0 onlink",
        "default via 192.0.2.254 dev eth0",
        "2001:db8:1::/48 via 2001:db8::9 dev eth0 metric 1024",
        "2001:db8:2::/48 metric 77 nexthop via 2001:db8::9 dev eth0 weight 2 nexthop via"
        " 2001:db8::8 dev eth0 weight 1",
        "2001:db8:4::/48 dev eth1 metric 1024 mtu 1280",
        "blackhole 2001:db8:5::/48 dev lo metric 1024",
    }
    expected_rules = {
        "100: from 192.0.2.99 lookup 1000 proto keepalived",
        "101: from all to 10.0.0.0/8 fwmark 0x1/0xff blackhole proto keepalived",
        "102: not from all tos 0x10 iif eth1 oif eth0 lookup 1001 proto keepalived",
        "103: from all ipproto tcp sport 1-2 dport 80 lookup main suppress_prefixlength 0"
        " proto keepalived",
        "104: from 2001:db8:7::/48 unreachable proto keepalived",
    }
    eventually(lambda: bench.rules() == expected_rules, 1.0)  # they come after the answer to ha
    assert bench.routes() == expected_routes
    time.sleep(0.1)
    report = process.report()
    assert all(row["present"] and row["held"] == "held" for row in report["routes"])
    assert [row["present"] for row in report["rules"]] == [True] * 5
    assert report["routes"][0]["route"] == "198.51.100.0/24 via 192.0.2.254"
    assert (report["drift"]["routes_put_back"], report["drift"]["routes_removed"]) == (0, 0)
    assert process.hold("VI_1", False) is None
    assert bench.routes() | bench.rules() == set()
    assert not any("error" in line for line in process.logged())


def test_route_with_the_virtual_address_as_source_follows_it(bench: Bench) -> None:
    process = bench.start(document("198.51.100.0/24 via 192.0.2.254 src 192.0.2.99"))
    assert process.hold("VI_1") is None
    eventually(lambda: bench.has("src 192.0.2.99"), 1.0)
    # The kernel drops the route with the address, and says nothing of it.
    bench.ip("addr", "del", "192.0.2.99/32", "dev", "eth0")
    eventually(lambda: bench.has("src 192.0.2.99") and bench.namespace.has("eth0", "192.0.2.99"), 1)
    assert process.hold("VI_1", False) is None
    assert bench.routes() == set()


@pytest.mark.parametrize(
    ("removal", "text"),
    [
        ("route del 198.51.100.0/24", "198.51.100.0/24 via 192.0.2.254"),
        ("-6 route del 2001:db8:1::/48", "2001:db8:1::/48 via 2001:db8::9"),
        ("rule del pref 100", "100: from 192.0.2.99"),
        ("route flush proto 18", "198.51.100.0/24 via 192.0.2.254"),
        (
            "route change 198.51.100.0/24 via 192.0.2.253 proto 18",
            "198.51.100.0/24 via 192.0.2.254",
        ),
        ("-6 route change 2001:db8:1::/48 via 2001:db8::7 proto 18", "via 2001:db8::9"),
    ],
)
def test_what_somebody_removes_or_alters_is_back_by_the_event(
    bench: Bench, removal: str, text: str
) -> None:
    process = bench.start(document(ONE, ROUTES_6[0], rules=RULES[:1]))
    process.hold("VI_1")
    eventually(lambda: bench.has(text), 1.0)
    time.sleep(0.05)
    bench.ip(*removal.split())
    eventually(lambda: process.report()["drift"]["routes_put_back"] == 1, 2.5)
    assert bench.has(text)
    assert not bench.has("192.0.2.253")
    assert not bench.has("2001:db8::7")
    assert any("put back" in line for line in process.logged())


def test_routes_come_back_with_their_link(bench: Bench) -> None:
    process = bench.start(document(ONE, static_routes=["198.51.101.0/24 dev eth0"]))
    process.hold("VI_1")
    eventually(lambda: len(bench.routes()) == 2, 1.0)
    bench.ip("link", "set", "eth0", "down")
    eventually(lambda: len(process.report()["routes"]) == 2 and not bench.routes(), 1.0)
    eventually(lambda: process.report()["routes"][1]["error"] is not None, 1.0)
    bench.ip("link", "set", "eth0", "up")
    eventually(lambda: len(bench.routes()) == 2, 2.5)
    eventually(lambda: all(row["present"] for row in process.report()["routes"]), 2.5)


def test_route_that_cannot_be_is_told_once_retried_and_never_an_error_for_ha(bench: Bench) -> None:
    process = bench.start(document("203.0.113.0/24 via 10.1.1.1", ONE, "10.9.0.0/16 dev eth7"))
    assert process.hold("VI_1") is None
    eventually(lambda: bench.has(ONE), 1.0)
    time.sleep(5.2)  # over an audit
    lines = [line for line in process.logged() if "203.0.113.0/24" in line]
    assert len(lines) == 1
    assert "trying again" in lines[0]
    rows = {row["route"].split()[0]: row for row in process.report()["routes"]}
    assert rows["203.0.113.0/24"]["error"] is not None
    assert "eth7 does not exist" in rows["10.9.0.0/16"]["error"]
    bench.ip("addr", "add", "10.1.1.2/24", "dev", "eth1")
    bench.namespace.add_interface("eth7")
    eventually(lambda: bench.has("203.0.113.0/24") and bench.has("10.9.0.0/16"), 2.5)
    assert process.report()["drift"]["routes_put_back"] == 0


def test_somebody_elses_route_and_rule_are_left_alone(bench: Bench) -> None:
    bench.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.250", "proto", "static")
    bench.ip("-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8::5", "proto", "static")
    bench.ip("rule", "add", "from", "192.0.2.99", "lookup", "1000", "pref", "100")
    process = bench.start(document(ONE, ROUTES_6[0], rules=RULES[:1]))
    process.hold("VI_1")
    # IPv4: in front of the other one. IPv6 would make it one more path of the other one.
    eventually(lambda: bench.has(ONE), 1.0)
    assert "via 192.0.2.254" in bench.ip("route", "get", "198.51.100.7")
    eventually(lambda: process.report()["routes"][1]["error"] is not None, 1.0)
    assert "somebody else" in process.report()["routes"][1]["error"]
    assert bench.has("100: from 192.0.2.99 lookup 1000 proto keepalived")
    time.sleep(5.2)  # over an audit
    assert process.report()["drift"]["routes_removed"] == 0
    assert process.stop() == 0
    assert "via 192.0.2.250" in bench.ip("route", "show", "198.51.100.0/24")
    assert "via 2001:db8::5 " in bench.ip("-6", "route", "show", "2001:db8:1::/48")
    assert "100:\tfrom 192.0.2.99 lookup 1000\n" in bench.ip("rule")


def test_no_track_route_stays_away_once_somebody_removed_it(bench: Bench) -> None:
    process = bench.start(document(f"{ONE} no_track", "198.51.101.0/24 via 192.0.2.254"))
    process.hold("VI_1")
    eventually(lambda: len(bench.routes()) == 2, 1.0)
    time.sleep(0.05)
    bench.ip("route", "flush", "proto", "18")
    eventually(lambda: bench.has("198.51.101.0/24"), 2.5)
    time.sleep(0.1)
    assert not bench.has("198.51.100.0/24")
    assert "no_track" in process.report()["routes"][0]["error"]
    process.hold("VI_1", False)
    process.hold("VI_1")
    eventually(lambda: bench.has("198.51.100.0/24"), 2.5)


def test_route_of_an_instance_that_is_not_held_is_removed(bench: Bench) -> None:
    process = bench.start(document(ONE))
    bench.ip("route", "add", "198.51.100.0/24", "via", "192.0.2.254", "proto", "18")
    eventually(lambda: not bench.routes(), 2.5)
    assert process.report()["drift"]["routes_removed"] == 1


def test_fight_over_a_route_is_bounded(bench: Bench) -> None:
    process = bench.start(document(ONE))
    process.hold("VI_1")
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        if bench.routes():
            bench.ip("route", "flush", "proto", "18")
    assert process.report()["drift"]["routes_put_back"] <= 202
    eventually(lambda: bench.has(ONE), 6.0)


def test_reconfigure_while_held_changes_the_difference(bench: Bench) -> None:
    process = bench.start(
        document(ONE, ROUTES_6[0], rules=RULES[:2], static_routes=["203.0.113.0/24 dev eth1"])
    )
    process.hold("VI_1")
    eventually(lambda: len(bench.routes() | bench.rules()) == 5, 1.0)
    process.reconfigure(
        document(
            "198.51.100.0/24 via 192.0.2.253",
            "2001:db8:1::/48 via 2001:db8::8 mtu 1300",
            rules=RULES[1:3],
            name="VI_renamed",
            static_routes=["203.0.113.128/25 dev eth1"],
        )
    )
    process.supervisor.wait_for(Ready, generation=2)
    assert bench.routes() == {
        "198.51.100.0/24 via 192.0.2.253 dev eth0",
        "2001:db8:1::/48 via 2001:db8::8 dev eth0 metric 1024 mtu 1300",
        "203.0.113.128/25 dev eth1 scope link",
    }
    assert {line.split(":")[0] for line in bench.rules()} == {"101", "102"}
    drift = process.report()["drift"]
    assert (drift["routes_put_back"], drift["routes_removed"]) == (0, 0)
    ledger = json.loads((bench.directory / "owned.json").read_text())
    assert [entry["address"] for entry in ledger["routes"]] == [
        "198.51.100.0",
        "203.0.113.128",
        "2001:db8:1::",
    ]
    process.reconfigure({"vrrp_instances": {}})
    process.supervisor.wait_for(Ready, generation=3)
    assert bench.routes() | bench.rules() == set()


def test_static_ones_are_there_from_the_start_and_gone_at_the_end(bench: Bench) -> None:
    process = bench.start(
        document(
            static_ipaddress=["10.2.0.1/24 dev eth1"],
            static_routes=["203.0.113.0/24 via 10.2.0.2"],
            static_rules=["from 10.2.0.0/24 lookup 7 preference 50"],
        )
    )
    assert bench.has("203.0.113.0/24 via 10.2.0.2 dev eth1")
    assert bench.has("50: from 10.2.0.0/24 lookup 7")
    assert process.report()["routes"][0]["instance"] is None
    bench.ip("addr", "flush", "dev", "eth1")
    eventually(lambda: bench.has("203.0.113.0/24 via 10.2.0.2"), 2.5)
    assert process.stop() == 0
    assert bench.routes() | bench.rules() == set()
    assert not bench.namespace.has("eth1", "10.2.0.1")


def test_killed_process_leaves_routes_to_its_successor(bench: Bench) -> None:
    config = document(ONE, rules=RULES[:1])
    process = bench.start(config)
    process.hold("VI_1")
    eventually(lambda: bench.has("100: from"), 1.0)
    process.kill()
    successor = bench.start(config, restarted=True, ends=process.ends)
    time.sleep(0.2)
    assert bench.has(ONE)
    assert successor.hold("VI_1") is None
    time.sleep(0.1)
    assert bench.has(ONE)
    assert successor.report()["drift"]["routes_put_back"] == 0
    assert successor.hold("VI_1", False) is None
    assert bench.routes() | bench.rules() == set()


def test_successor_releases_routes_that_no_ha_confirms(bench: Bench) -> None:
    process = bench.start(document(ONE))
    process.hold("VI_1")
    eventually(lambda: bench.has(ONE), 1.0)
    process.kill()
    bench.start(document(ONE), restarted=True, ends=process.ends)
    eventually(lambda: not bench.routes(), 4.0)


def test_start_after_a_crash_removes_what_is_configured_no_more(bench: Bench) -> None:
    process = bench.start(document(ONE, rules=RULES[:1], static_routes=["10.9.0.0/16 dev eth1"]))
    process.hold("VI_1")
    eventually(lambda: bench.has("100: from"), 1.0)
    process.kill()
    bench.ip("route", "add", "10.10.0.0/16", "dev", "eth1", "proto", "18")
    bench.start(document(static_routes=["10.9.0.0/16 dev eth1"]))
    assert bench.routes() == {"10.9.0.0/16 dev eth1 scope link", "10.10.0.0/16 dev eth1 scope link"}
    assert bench.rules() == set()


def test_sweep_removes_what_the_ledger_names_and_nothing_else(bench: Bench) -> None:
    process = bench.start(document(*ROUTES_4, *ROUTES_6, rules=RULES))
    process.hold("VI_1")
    eventually(lambda: len(bench.rules()) == 5, 1.0)
    process.kill()
    bench.ip("route", "add", "10.10.0.0/16", "dev", "eth1", "proto", "18")
    bench.ip("route", "append", "198.51.100.0/24", "via", "192.0.2.250", "proto", "static")
    bench.ip("rule", "add", "from", "10.3.0.0/16", "lookup", "9", "pref", "100")

    def act() -> list[Any]:
        began = time.monotonic()
        report = sweep(bench.directory)
        spent = time.monotonic() - began
        return [report.routes_removed, report.rules_removed, list(report.errors), spent]

    routes, rules, errors, spent = bench.inside(act)
    assert (routes, rules, errors) == (14, 5, [])
    assert spent < 2
    assert bench.routes() == {"10.10.0.0/16 dev eth1 scope link"}
    assert "via 192.0.2.250" in bench.ip("route", "show", "198.51.100.0/24")
    assert "100:\tfrom 10.3.0.0/16 lookup 9" in bench.ip("rule")
    assert bench.inside(lambda: list(sweep(bench.directory).errors)) == []


def test_plan_tells_of_routes_rules_and_both_families(bench: Bench) -> None:
    before = document(ONE, rules=RULES[:1], static_routes=["10.9.0.0/16 dev eth1"])
    after = document(
        "198.51.100.0/24 via 192.0.2.253",
        rules=RULES[:1],
        static_ipaddress=["2001:db8:3::1/64 dev eth1"],
    )
    after["vrrp_instances"]["VI_1"]["virtual_ipaddress_excluded"] = ["2001:db8::99/64"]

    def planned(config: dict[str, Any]) -> list[str]:
        loaded = configuration.load(json.dumps(config))
        return list(bench.inside(lambda: plan(loaded, runtime_directory=bench.directory)))

    assert planned(before) == [
        "add 192.0.2.99/32 to eth0 when VI_1 becomes master",
        "add 10.9.0.0/16 dev eth1",
        "add 198.51.100.0/24 via 192.0.2.254 when VI_1 becomes master",
        "add rule 100: from 192.0.2.99/32 lookup 1000 when VI_1 becomes master",
    ]
    process = bench.start(before)
    process.hold("VI_1")
    eventually(lambda: bench.has("100: from"), 1.0)
    assert planned(before) == []
    assert set(planned(after)) == {
        "remove 198.51.100.0/24 via 192.0.2.254 dev eth0 scope global",
        "remove 10.9.0.0/16 dev eth1 scope link",
        "add 2001:db8:3::1/64 to eth1",
        "add 2001:db8::99/64 to eth0 (VI_1 is held here)",
        "add 198.51.100.0/24 via 192.0.2.253 (VI_1 is held here)",
    }
    process.reconfigure(after)
    process.supervisor.wait_for(Ready, generation=2)
    assert planned(after) == []


def test_instance_without_routes_has_no_socket_for_them(bench: Bench) -> None:
    process = bench.start(document())
    plain = sockets(process.pid)
    for number, (config, more) in enumerate(((document(ONE), 2), (document(), 0)), 2):
        process.reconfigure(config)
        process.supervisor.wait_for(Ready, generation=number)
        assert sockets(process.pid) == plain + more


def sockets(pid: int) -> int:
    links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return sum(link.startswith("socket:") for link in links)
