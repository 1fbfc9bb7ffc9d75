# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's table in the words of ipvsadm and of the agent's status."""

from __future__ import annotations

from ansible_collections.lvs.cluster.plugins.module_utils import _ipvs_table

TEXT = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  AC1001FE:0050 rr  
  -> AC100104:0050      Route   2      5          1         
  -> AC100103:0050      Masq    1      0          0         
UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 sh (sh-port) 
  -> [2001:0db8:0000:0000:0000:0000:0000:0002]:0035      Tunnel  3      0          0         
FWM  00000007 lc persistent 300 
"""  # noqa: W291 - as the kernel writes it


def test_services_and_destinations() -> None:
    firewall_mark, tcp, udp = _ipvs_table.parse(TEXT)
    assert (firewall_mark["service"], firewall_mark["destinations"]) == ("FWM 7", [])
    assert (tcp["service"], tcp["scheduler"]) == ("TCP 172.16.1.254:80", "rr")
    assert tcp["destinations"] == [
        {
            "address": "172.16.1.3:80",
            "forwarding": "NAT",
            "weight": 1,
            "active": 0,
            "inactive": 0,
        },
        {
            "address": "172.16.1.4:80",
            "forwarding": "DR",
            "weight": 2,
            "active": 5,
            "inactive": 1,
        },
    ]
    assert udp["service"] == "UDP [2001:db8::1]:53"
    assert udp["destinations"][0]["address"] == "[2001:db8::2]:53"


def test_a_kernel_without_ipvs_has_an_empty_table() -> None:
    assert _ipvs_table.parse("") == []
