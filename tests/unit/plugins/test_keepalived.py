# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running keepalived says of itself."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived

# As keepalived 2.2.7 writes it, shortened.
DUMP = """\
------< VRRP Topology >------
 VRRP Instance = VI_1
   VRRP Version = 2
   State = MASTER
   Flags:
   Use VMAC, i/f name vrrp.81, is_up = true, xmit_base = false
   Interface = vrrp.81, vmac on mv0
   Virtual Router ID = 81
   Virtual IP (1):
     172.30.1.99 dev vrrp.81@mv0 scope global set
 VRRP Instance = VI_6
   Using Native IPv6
   State = BACKUP
   Interface = mv0
   Virtual Router ID = 81
------< VRRP Sockpool >------
   Interface = vrrp.81
------< Interfaces >------
 Name = lo
   State = not UP, not RUNNING
"""


def test_instances_are_read_with_the_interface_below_a_vmac_and_their_family() -> None:
    assert _keepalived.virtual_routers(DUMP) == [
        ("VI_1", "mv0 VRID 81 IPv4", "MASTER"),
        ("VI_6", "mv0 VRID 81 IPv6", "BACKUP"),
    ]


@pytest.mark.parametrize("length", range(0, len(DUMP), 7))
def test_a_half_written_file_has_no_instance_without_a_state(length: int) -> None:
    found = _keepalived.virtual_routers(DUMP[:length])
    assert all(state for __, __, state in found)
    assert len(found) <= 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("keepalived --dont-fork", ("/etc/keepalived/keepalived.conf", "")),
        ("keepalived -n -f /a.conf -i lb1", ("/a.conf", "lb1")),
        ("keepalived -f/a.conf -ilb1", ("/a.conf", "lb1")),
        ("keepalived --use-file=/a.conf --config-id=lb1", ("/a.conf", "lb1")),
        ("keepalived --use-file /a.conf --config-id lb1 -D", ("/a.conf", "lb1")),
        ("keepalived -f", ("/etc/keepalived/keepalived.conf", "")),
    ],
)
def test_the_command_line_says_which_file_is_used(words: str, expected: tuple[str, str]) -> None:
    assert _keepalived.options(words.split()) == expected


def test_the_agents_instances_are_called_alike() -> None:
    instance = {"name": "web", "interface": "mv0", "virtual_router_id": 81, "family": 4}
    (found,) = _keepalived.of_agent({"instances": [{**instance, "state": "MASTER"}]})
    assert found.router == "mv0 VRID 81 IPv4"
    assert _keepalived.of_agent({}) == []


def test_the_kernel_is_told_line_by_line() -> None:
    destination = {"address": "10.0.0.1:80", "forwarding": "DR", "weight": 2, "active": 5}
    service = {"service": "TCP 10.0.0.9:80", "scheduler": "rr", "destinations": [destination]}
    assert _keepalived.kernel_lines({"eth0": ["10.0.0.9/32"]}, ["rule x"], [service]) == [
        "10.0.0.9/32 on eth0",
        "TCP 10.0.0.9:80 -> 10.0.0.1:80 DR weight 2",
        "TCP 10.0.0.9:80 rr",
        "rule x",
    ]
