# SPDX-License-Identifier: GPL-3.0-or-later
"""AH authentication: keepalived understands ours and we its, and nobody's packets twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lvs_agent.core.model import AhAuthentication
from lvs_agent.core.vrrp.auth import seal
from lvs_agent.core.vrrp.packet import encode
from netns.vrrp_harness import Lan, Node, end, eventually, side_by_side
from vrrp_builders import advert, datagram, instance, ip, virtual

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]
A, B, VIP = "10.7.0.1", "10.7.0.2", "10.7.0.100"
DOWN = 3 + 156 / 256
TEMPLATE = instance(
    authentication=AhAuthentication(key=b"k@l1ve"), addresses=(virtual(VIP),), priority=200
)


HOSTS = {"a": f"{A}/24", "b": f"{B}/24"}


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    made = Lan(tmp_path, HOSTS)
    yield made
    made.close()


def document(priority: int, password: str = "k@l1ve", **options: object) -> dict[str, Any]:
    web: dict[str, object] = {
        "interface": "eth0",
        "virtual_router_id": 51,
        "priority": priority,
        "version": "2",
        "authentication": {"auth_type": "AH", "auth_pass": password},
        "virtual_ipaddress": [f"{VIP}/24"],
        "garp_master_delay": 0,
        **options,
    }
    return {"vrrp_instances": {"web": web}}


def keepalived(lan: Lan, priority: int, unicast: bool) -> subprocess.Popen[bytes]:
    peers = f"unicast_src_ip {B}\nunicast_peer {{\n{A}\n}}" if unicast else ""
    return lan.keepalived(
        "b",
        f"""
global_defs {{
    vrrp_garp_master_delay 1
}}
vrrp_instance web {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 1
    {peers}
    authentication {{
        auth_type AH
        auth_pass k@l1ve
    }}
    virtual_ipaddress {{
        {VIP}/24
    }}
}}
""",
    )


def rejected(node: Node) -> dict[str, int]:
    """Reasons with a count, of the instance and of its interface."""
    report: Any = node.report()
    parts = [report["instances"][0]["counters"]["rejected"], report["receivers"][0]["rejected"]]
    return {name: part[name] for part in parts for name in part if part[name]}


def test_keepalived_and_we_follow_each_other_by_multicast_and_unicast(tmp_path: Path) -> None:
    side_by_side(
        tmp_path,
        HOSTS,
        partial(keepalived_is_our_backup_then_our_master, unicast=False),
        partial(keepalived_is_our_backup_then_our_master, unicast=True),
        we_are_keepaliveds_backup,
    )


def keepalived_is_our_backup_then_our_master(lan: Lan, unicast: bool) -> None:
    peers: dict[str, Any] = {"unicast_peer": [B]} if unicast else {}
    capture = lan.capture("b", "ah")
    a = lan.node("a", document(150, **peers))
    a.wait_for("MASTER", 6)
    peer = keepalived(lan, 100, unicast)
    time.sleep(DOWN + 1)
    assert VIP not in lan.addresses("b")
    a.stop()
    eventually(lambda: VIP in lan.addresses("b"), 3, "keepalived takes over")
    # We preempt it: our numbers have to exceed those that it counted on from ours.
    again = lan.node("a", document(150, **peers))
    again.wait_for("MASTER", 6)
    eventually(lambda: VIP not in lan.addresses("b"), 2, "keepalived gives up the address")
    assert rejected(again) == {}
    end(peer, signal.SIGTERM)
    log = lan.keepalived_log("b").lower()
    for complaint in ("ipsec", "checksum", "invalid", "mismatch", "bogus", "expect"):
        assert complaint not in log, log
    columns = ("ip.proto", "ah.spi", "ah.sequence", "vrrp.auth_type", "vrrp.checksum.status")
    rows = capture.fields(f"ah && !icmp && ip.src == {A}", *columns)
    spi = f"0x{ip(A):08x}"
    assert [[row[0], row[1], row[3], row[4]] for row in rows] == [["51", spi, "2", "1"]] * len(rows)
    numbers = [int(row[2]) for row in rows]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 5


def we_are_keepaliveds_backup(lan: Lan) -> None:
    peer = keepalived(lan, 150, unicast=False)
    eventually(lambda: VIP in lan.addresses("b"), 8, "keepalived is master")
    a = lan.node("a", document(100))
    time.sleep(DOWN + 1)
    assert a.state() == "BACKUP"
    assert rejected(a) == {}
    assert a.number("adverts_received") >= 3
    end(peer, signal.SIGKILL)
    a.wait_for("MASTER", DOWN + 0.5)


def sealed(sequence: int, key: bytes = b"k@l1ve") -> bytes:
    message = encode(advert(TEMPLATE), 0, 0)
    return seal(key, message, ip(B), ip("224.0.0.18"), ttl=255, sequence=sequence)


def test_wrong_password_replay_and_missing_header_move_nothing(lan: Lan) -> None:
    a = lan.node("a", document(100))
    a.wait_for("MASTER", 6)
    plain = instance(addresses=(virtual(VIP),), priority=200)
    lan.inject("b", [sealed(7, b"wrong"), datagram(advert(plain), B), sealed(7)[:-1]])
    expected = {"auth_icv": 2, "auth_type": 1}  # the kernel makes a header for what is cut
    eventually(lambda: expected.items() <= rejected(a).items(), 2, f"{expected}, not {rejected(a)}")
    assert a.state() == "MASTER"
    lan.inject("b", [sealed(7)])
    a.wait_for("BACKUP", 1)
    lan.inject("b", [sealed(7), sealed(6)])
    eventually(lambda: rejected(a).get("replay") == 2, 2, "two replays")
    # Replays are no sign of life: nobody renews the master's time with them.
    begin = time.monotonic()
    while a.state() == "BACKUP" and time.monotonic() - begin < DOWN + 1:
        lan.inject("b", [sealed(7)])
        time.sleep(0.2)
    assert a.state() == "MASTER"


def test_restarted_process_goes_on_counting_upwards(lan: Lan) -> None:
    capture = lan.capture("b", "restart")
    for _ in range(2):
        a = lan.node("a", document(255))
        a.wait_for("MASTER", 3)
        time.sleep(1.2)
        a.close()
    numbers = [int(row[0]) for row in capture.fields("ah", "ah.sequence")]
    assert len(numbers) >= 4
    assert numbers == sorted(set(numbers))
