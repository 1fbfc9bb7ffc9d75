# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's keepalived as the peer, in both roles and both versions; tshark as the witness."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from netns.vrrp_harness import Lan, end, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
VIP = "10.7.0.100"


@dataclass(frozen=True)
class Flavour:
    """A version with its interval, on both sides."""

    version: int
    interval: float
    password: str | None
    # keepalived 2.2.7 knows the pseudo-header reading only.
    checksum_as_v2: bool = False

    def skew(self, priority: int) -> float:
        return (256 - priority) / 256 * (1 if self.version == 2 else self.interval)

    def master_down(self, priority: int) -> float:
        return 3 * self.interval + self.skew(priority)


FLAVOURS = [
    pytest.param(Flavour(2, 1, None), id="v2"),
    pytest.param(Flavour(2, 1, "k@l1ve"), id="v2-PASS"),
    pytest.param(Flavour(3, 0.2, None), id="v3"),
]


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, {"a": "10.7.0.1/24", "b": "10.7.0.2/24"})
    yield made
    made.close()


def ours(flavour: Flavour, priority: int) -> dict[str, object]:
    web: dict[str, object] = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": priority,
        "version": str(flavour.version),
        "advert_int": flavour.interval,
        "virtual_ipaddress": [{"address": f"{VIP}/24"}],
        "v3_checksum_as_v2": flavour.checksum_as_v2,
    }
    if flavour.password:
        web["authentication"] = {"auth_type": "PASS", "auth_pass": flavour.password}
    return {"vrrp_instances": {"web": web}}


def keepalived(lan: Lan, flavour: Flavour, priority: int) -> subprocess.Popen[bytes]:
    password = flavour.password
    authentication = f"authentication {{\n auth_type PASS\n auth_pass {password}\n }}"
    file = lan.directory / "keepalived.conf"
    file.write_text(
        f"""
global_defs {{
    vrrp_version {flavour.version}
    vrrp_garp_master_delay 1
}}
vrrp_instance web {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {flavour.interval}
    {authentication if password else ""}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
"""
    )
    directory = lan.directory
    return lan.spawn(
        "b",
        *("keepalived", "-n", "-l", "-D", "-P", "-f", str(file)),
        *("-p", str(directory / "keepalived.pid"), "-r", str(directory / "vrrp.pid")),
        output=directory / "keepalived.log",
    )


def keepalived_holds(lan: Lan) -> bool:
    return VIP in lan.addresses("b")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_we_are_master_and_keepalived_takes_over_in_time(lan: Lan, flavour: Flavour) -> None:
    capture = lan.capture("b", "ours")
    a = lan.node("a", ours(flavour, 150))
    peer = keepalived(lan, flavour, 100)
    a.wait_for("MASTER", 8)
    time.sleep(flavour.master_down(100) + flavour.interval)
    assert not keepalived_holds(lan)
    assert a.state() == "MASTER"
    stopped = time.monotonic()
    a.stop()
    eventually(lambda: keepalived_holds(lan), 3, "keepalived takes over after our resignation")
    taken = time.monotonic() - stopped
    assert flavour.skew(100) - 0.05 < taken < flavour.skew(100) + 0.4
    assert peer.poll() is None
    columns = ("ip.ttl", "ip.dsfield.dscp", "ip.checksum.status", "vrrp.checksum.status")
    rows = capture.fields("vrrp && ip.src == 10.7.0.1", *columns, "vrrp.version", "vrrp.prio")
    good = [["255", "48", "1", "1", str(flavour.version)]]
    assert [row[:5] for row in rows] == good * len(rows)
    assert [row[5] for row in rows] == ["150"] * (len(rows) - 1) + ["0"]
    log = (lan.directory / "keepalived.log").read_text()
    for complaint in ("checksum", "invalid", "mismatch", "bogus", "expected"):
        assert complaint not in log.lower(), log


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_keepalived_is_master_and_we_take_over_in_time(lan: Lan, flavour: Flavour) -> None:
    peer = keepalived(lan, flavour, 150)
    eventually(lambda: keepalived_holds(lan), 8, "keepalived is master")
    a = lan.node("a", ours(flavour, 100))
    a.wait_for("BACKUP", 3)
    time.sleep(flavour.master_down(100) + flavour.interval)
    assert a.state() == "BACKUP"
    counters = a.counters()
    assert isinstance(counters["rejected"], dict)
    assert sum(counters["rejected"].values()) == 0
    assert isinstance(counters["remarks"], dict)
    reading = "pseudo_header" if flavour.version == 3 else "message"
    assert counters["remarks"][reading] == counters["adverts_received"]
    stopped = time.monotonic()
    end(peer, signal.SIGTERM)
    taken = a.wait_for("MASTER", 5)
    # keepalived resigns somewhat after the signal, within its own shutdown.
    assert flavour.skew(100) - 0.05 < taken - stopped < flavour.skew(100) + 0.6


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_killed_keepalived_is_replaced_after_master_down(lan: Lan, flavour: Flavour) -> None:
    peer = keepalived(lan, flavour, 150)
    eventually(lambda: keepalived_holds(lan), 8, "keepalived is master")
    a = lan.node("a", ours(flavour, 100))
    eventually(lambda: any("is master" in line for line in a.log()), 3, "we hear it")
    killed = time.monotonic()
    end(peer, signal.SIGKILL)
    taken = a.wait_for("MASTER", 6) - killed
    down = flavour.master_down(100)
    assert down - flavour.interval - 0.05 < taken < down + 0.4


def test_we_preempt_keepalived_and_it_releases(lan: Lan) -> None:
    flavour = Flavour(3, 0.2, None)
    keepalived(lan, flavour, 100)
    eventually(lambda: keepalived_holds(lan), 8, "keepalived is master")
    a = lan.node("a", ours(flavour, 150))
    a.wait_for("MASTER", 10)
    eventually(lambda: not keepalived_holds(lan), 1, "keepalived gives the address up")


def test_interval_is_learned_from_keepalived(lan: Lan) -> None:
    keepalived(lan, Flavour(3, 0.4, None), 150)
    eventually(lambda: keepalived_holds(lan), 8, "keepalived is master")
    a = lan.node("a", ours(Flavour(3, 0.1, None), 100))
    time.sleep(3)
    assert a.state() == "BACKUP"
    instances = a.report()["instances"]
    assert isinstance(instances, list)
    timers = instances[0]["timers"]
    assert timers["master_adver_interval_s"] == 0.4
    assert timers["master_down_interval_s"] == pytest.approx(1.2 + 156 / 256 * 0.4)
    assert instances[0]["counters"]["remarks"]["advert_interval_differs"] > 0


def test_wrong_password_is_rejected_by_both_sides(lan: Lan) -> None:
    keepalived(lan, Flavour(2, 1, "one"), 150)
    eventually(lambda: keepalived_holds(lan), 8, "keepalived is master")
    a = lan.node("a", ours(Flavour(2, 1, "two"), 100))
    a.wait_for("MASTER", 6)
    counters = a.counters()
    assert isinstance(counters["rejected"], dict)
    assert counters["rejected"]["auth_data"] >= 2
    assert any("auth_pass" in line for line in a.log())
