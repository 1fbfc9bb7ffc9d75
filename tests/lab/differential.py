# SPDX-License-Identifier: GPL-3.0-or-later
"""What two programs did with one keepalived.conf, compared: the kernel's tables, and the frames as
tshark reads them.

Owns what counts as a difference. The scenario itself is differential_guest.py.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections import Counter
from typing import Any

# Adverts, and announcements of addresses; not the questions of checks for their servers.
_FILTER = (
    "(vrrp and not icmp and not icmpv6) or arp.isgratuitous"
    " or (icmpv6.type == 136 and ipv6.dst == ff02::1)"
)
# What all frames of a kind have to have in common. Not: identification numbers, sequence numbers of
# AH with their digests, and times. Nor arp.dst.hw_mac: keepalived has the broadcast address in it,
# RFC 9568 6.4.1 wants the router's own, and nobody reads it.
_FIELDS = (
    "eth.src",
    "eth.dst",
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ip.dsfield",
    "ip.len",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "ipv6.tclass",
    "ipv6.plen",
    "ah.spi",
    "vrrp.version",
    "vrrp.type",
    "vrrp.virt_rtr_id",
    "vrrp.prio",
    "vrrp.addr_count",
    "vrrp.adver_int",
    "vrrp.short_adver_int",
    "vrrp.auth_type",
    "vrrp.auth_string",
    "vrrp.ip_addr",
    "vrrp.ipv6_addr",
    "vrrp.checksum",
    "vrrp.checksum.status",
    "arp.opcode",
    "arp.src.hw_mac",
    "arp.src.proto_ipv4",
    "arp.dst.proto_ipv4",
    "icmpv6.nd.na.flag",
    "icmpv6.nd.na.target_address",
    "icmpv6.opt.linkaddr",
)

_SORRY = "real servers that are up keep their connections beside the sorry server (docs/lvs.md)"
_TWO = ("192.0.2.11", "192.0.2.12")
_PROCESSES = "keepalived hears of processes in the host's first network namespace only"
_INET6 = "Debian 12's keepalived skips the word behind inet6, and drops the rule"

# Configuration -> what its lines of difference have in them -> why it stays.
DELIBERATE: dict[str, dict[str, str]] = {
    "missing_brace": dict.fromkeys(
        ("virt_rtr_id=119", "virt_rtr_id=120"),
        "keepalived makes one instance of two; where the second begins, ours ends the first",
    ),
    "mail_off": {
        "told, only keepalived: HELO drct1": "the first quorum after a start is no news to us",
    },
    "ping_udp_check": {
        "-r 198.51.100.12:7": "keepalived looks at lengths only where there is a pattern as well",
    },
    "quorum": dict.fromkeys(("only agent: -a -t 192.0.2.99:80 -r 192.0.2.11:80 -m -w 0",), _SORRY),
    "quorum_too_high": dict.fromkeys(
        (f"only agent: -a -t 192.0.2.99:80 -r {one}:80 -m -w 0" for one in _TWO), _SORRY
    ),
    "rules": {
        "['oif', 'eth1'], ['priority', '1003']": "keepalived has no pref, which is iproute2's word",
        "['priority', '1010']": "keepalived knows no single sport, and makes the rule without it",
        "['priority', '1013']": "keepalived marks only rules that it watches as its own",
        "['priority', '1014']": _INET6,
    },
    "rules_ipv6": {"['priority', '1003']": _INET6},
    "sync_group_trackers": dict.fromkeys(
        ("virt_rtr_id=142 vrrp.prio=1", "virt_rtr_id=143 vrrp.prio=1"), _PROCESSES
    ),
    "track_process": dict.fromkeys(
        ("virt_rtr_id=91 vrrp.prio=96", "virt_rtr_id=91 vrrp.prio=106"), _PROCESSES
    ),
    "unicast_ipv6": {
        "vrrp.virt_rtr_id=62": "keepalived sends with hop limit 64; RFC 9568, 5.1.2.3 wants 255",
    },
    "vmac_ipv6": {
        "['vrrp.69', ['deprecated', True], ['family', 'inet6'], ['local', 'fe80::ff:fe00:100']": (
            "keepalived copies the address that it sends from; ours sends from it all the same"
        ),
    },
}


def frames(capture: str) -> dict[str, int]:
    """How often each kind of frame is in the capture (base64 of a pcap file)."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(base64.b64decode(capture))
        file.flush()
        command = ["tshark", "-n", "-r", file.name, "-Y", _FILTER, "-T", "fields"]
        command += ["-o", "vrrp.v3_checksum_as_in_v2:FALSE"]
        for field in _FIELDS:
            command += ["-e", field]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # A capture may end in the middle of a frame.
    assert done.returncode in (0, 2), done.stderr
    found: dict[str, int] = {}
    for line in done.stdout.splitlines():
        named = zip(_FIELDS, line.split("\t"), strict=True)
        text = " ".join(f"{name}={value}" for name, value in named if value)
        found[text] = found.get(text, 0) + 1
    return found


def differences(
    result: dict[str, Any], theirs: str = "keepalived", ours: str = "agent"
) -> list[str]:
    """A line for everything that one of them has and the other one has not."""
    if "error" in result:
        return [str(result["error"])]
    said: list[str] = []
    one, other = result[theirs], result[ours]
    for part, rows in one["had"].items():
        said += _between(part, map(str, rows), map(str, other["had"][part]), theirs, ours)
    seen = [frames(side["frames"]) for side in (one, other)]
    said += _between("frame", *seen, theirs, ours)
    if result["counted"] and not said:
        said += [
            f"{theirs} {number} times, {ours} {seen[1][frame]} times: {frame}"
            for frame, number in seen[0].items()
            if "vrrp" not in frame and number != seen[1][frame]
        ]
    for who in (theirs, ours):
        said += [f"{who} made nothing of it: {part}" for part in result[who]["idle"]]
        if not result[who]["stopped"]:
            said.append(f"{who} did not stop")
    left = [part for part in other["left"] if part not in one["left"]]
    said += [f"{ours} left something behind: {part}" for part in left]
    return said


def _between(what: str, first: Any, second: Any, theirs: str, ours: str) -> list[str]:
    first, second = Counter(first), Counter(second)
    if what == "frame":  # how many of them is a matter of time
        first, second = Counter(first.keys()), Counter(second.keys())
    return [
        f"{what}, only {who}: {row}"
        for who, rows in ((theirs, first - second), (ours, second - first))
        for row in sorted(rows.elements())
    ]


def unexplained(name: str, said: list[str]) -> list[str]:
    """The differences that DELIBERATE says nothing of, and what it says for nothing."""
    known = DELIBERATE.get(name, {})
    rest = [line for line in said if not any(text in line for text in known)]
    stale = [text for text in known if not any(text in line for line in said)]
    return rest + [f"no such difference any more: {text}" for text in stale]


def judge(result: dict[str, Any]) -> None:
    """Fail with every difference that nobody has explained; both logs go with it."""
    for who in ("keepalived", "agent"):
        print(f"--- log of {who}\n{result.get(who, {}).get('log')}")
    said = unexplained(result["name"], differences(result))
    assert not said, "\n".join(said)
