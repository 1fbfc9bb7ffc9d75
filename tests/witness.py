# SPDX-License-Identifier: GPL-3.0-or-later
"""tshark as the independent witness of what was on the wire.

Owns decoding captures. Must never use the agent's own code.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_FIELDS = (
    "frame.time_epoch", "ip.src", "ip.dst", "ip.ttl", "vrrp.version", "vrrp.virt_rtr_id",
    "vrrp.prio", "vrrp.checksum.status", "vrrp.adver_int", "vrrp.short_adver_int", "vrrp.ip_addr",
    "vrrp.auth_string", "_ws.malformed", "ipv6.src", "ipv6.dst", "ipv6.hlim",
)  # fmt: skip
_GOOD = "1"


@dataclass(frozen=True, kw_only=True)
class Advert:
    """A VRRP advert as tshark reads it. `interval` is in seconds (version 2) or as shown;
    `addresses` are those of IPv4."""

    at_s: float
    source: str
    destination: str
    ttl: int
    version: int
    virtual_router_id: int
    priority: int
    checksum_good: bool
    interval: str
    addresses: tuple[str, ...]
    password: str
    malformed: bool


def adverts(pcap: Path, *, v3_checksum_as_v2: bool = True) -> list[Advert]:
    """All adverts in a capture, in order. RFC 9568's reading of the checksum is the default."""
    command = ["tshark", "-r", str(pcap), "-Y", "vrrp", "-T", "fields", "-E", "separator=/t"]
    command += ["-o", f"vrrp.v3_checksum_as_in_v2:{str(v3_checksum_as_v2).upper()}"]
    for field in _FIELDS:
        command += ["-e", field]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [_advert(line.split("\t")) for line in shown.stdout.splitlines()]


def _advert(words: list[str]) -> Advert:
    (at, source, destination, ttl, version, vrid, priority, status, v2_interval, v3_interval,
     addresses, password, malformed, source6, destination6, hop_limit) = words  # fmt: skip
    return Advert(
        at_s=float(at),
        source=source or source6,
        destination=destination or destination6,
        ttl=int(ttl or hop_limit),
        version=int(version),
        virtual_router_id=int(vrid),
        priority=int(priority),
        checksum_good=status == _GOOD,
        interval=v2_interval or v3_interval,
        addresses=tuple(addresses.split(",")) if addresses else (),
        password=password,
        malformed=bool(malformed),
    )
