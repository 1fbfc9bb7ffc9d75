# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's IPVS table as `/proc/net/ip_vs` shows it: a witness beside the agent.

Owns that text's form (`ip_vs_info_seq_show` in net/netfilter/ipvs/ip_vs_ctl.c). Must never ask the
agent.
"""

from __future__ import annotations

import ipaddress
from typing import Any

PATH = "/proc/net/ip_vs"
# What the kernel calls the methods, in ipvsadm's and keepalived's words.
_FORWARDING = {"Route": "DR", "Masq": "NAT", "Tunnel": "TUN", "Local": "local"}


def parse(text: str) -> list[dict[str, Any]]:
    """One entry for each service, sorted, with its destinations, sorted.

    `service` is as in the agent's status: `TCP 172.16.1.254:80`, `FWM 7`.
    """
    services: list[dict[str, Any]] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] in ("TCP", "UDP", "SCTP", "FWM"):
            services.append(
                {
                    "service": f"{words[0]} {_name(words[0], words[1])}",
                    "scheduler": words[2],
                    "destinations": [],
                }
            )
        elif len(words) == 6 and words[0] == "->" and words[3].isdecimal() and services:
            services[-1]["destinations"].append(
                {
                    "address": _endpoint(words[1]),
                    "forwarding": _FORWARDING.get(words[2], words[2]),
                    "weight": int(words[3]),
                    "active": int(words[4]),
                    "inactive": int(words[5]),
                }
            )
    for each in services:
        each["destinations"].sort(key=lambda destination: str(destination["address"]))
    return sorted(services, key=lambda each: str(each["service"]))


def _name(protocol: str, word: str) -> str:
    return str(int(word, 16)) if protocol == "FWM" else _endpoint(word)


def _endpoint(word: str) -> str:
    """`AC1001FE:0050` -> `172.16.1.254:80`; `[2001:...]:0050` -> `[2001:...]:80`."""
    host, __, port = word.rpartition(":")
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host.strip('[]'))}]:{int(port, 16)}"
    return f"{ipaddress.IPv4Address(int(host, 16))}:{int(port, 16)}"
