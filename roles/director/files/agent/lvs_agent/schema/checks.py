# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks of real servers.

Owns the list of them, and the options of all but HTTP's (`checks_http.py`).
"""

from __future__ import annotations

from lvs_agent.schema.checks_common import ALPHA, NETWORK, PACE, PACE_OF_FILES, PORTS
from lvs_agent.schema.checks_http import HTTP_GET, SSL_GET
from lvs_agent.schema.kinds import Block, Kind, Option, command, flag, integer, seconds

TCP_CHECK = Block(
    name="tcp_check",
    doc="TCP_CHECK: healthy when a connection can be made.",
    options=(*NETWORK, *PORTS, *PACE),
)

PING_CHECK = Block(
    name="ping_check",
    doc="PING_CHECK: healthy when an ICMP echo request is answered. It needs"
    " net.ipv4.ping_group_range to include the agent's group; the role sees to it.",
    options=(*NETWORK, *PACE),
)

UDP_CHECK = Block(
    name="udp_check",
    doc="UDP_CHECK: sends a datagram; healthy when no ICMP error comes back within connect_timeout"
    " (a host that is down takes the kernel about 3 s to notice), or, with require_reply, when the"
    " answer is as wanted.",
    options=(
        Option(
            name="payload",
            kind=Kind.HEX,
            maximum=2048,
            doc="What is sent, in hexadecimal digits.",
            default_doc="an empty datagram",
            example="0001ff",
        ),
        Option(
            name="require_reply",
            kind=Kind.HEX_PATTERN,
            maximum=2048,
            doc="An answer must come; true: any, else its first bytes in hexadecimal digits, with X"
            " for digits that may be anything.",
            example="80XX0f",
        ),
        integer(
            "min_reply_length", "Least bytes of the answer.", (0, 65535), default=0, unit="bytes"
        ),
        integer(
            "max_reply_length", "Most bytes of the answer.", (0, 65535), default=255, unit="bytes"
        ),
        *NETWORK,
        *PORTS,
        *PACE,
    ),
)

SMTP_CHECK = Block(
    name="smtp_check",
    doc="SMTP_CHECK: healthy when the greeting and the answer to HELO are good (220, 250).",
    options=(
        Option(
            name="helo_name",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Name to say in HELO.",
            default_doc="the director's host name",
            example="director.example.org",
        ),
        *NETWORK,
        *PORTS,
        *PACE,
    ),
)

DNS_CHECK = Block(
    name="dns_check",
    doc="DNS_CHECK: asks over UDP; healthy when the answer is NOERROR.",
    options=(
        Option(
            name="type",
            kind=Kind.CHOICE,
            choices=("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"),
            default="SOA",
            doc="Type of the records to ask for.",
        ),
        Option(
            name="name",
            kind=Kind.STRING,
            minimum=1,
            maximum=254,
            default=".",
            doc="Name to ask for.",
            example="www.example.org",
        ),
        *NETWORK,
        *PORTS,
        *PACE,
    ),
)

MISC_CHECK = Block(
    name="misc_check",
    doc="MISC_CHECK: runs a program; healthy when it ends with status 0. Equal ones are run once"
    " for all real servers that name them.",
    options=(
        command(
            "misc_path",
            "The program with its arguments. No shell.",
            required=True,
            example="/usr/local/bin/check-queue 172.16.1.3",
        ),
        seconds(
            "misc_timeout",
            "Longest time that it may run; then all its processes are killed, and the check has"
            " failed.",
            (0.1, 86400),
            default_doc="delay_loop",
        ),
        flag(
            "misc_dynamic",
            "Statuses from 2 to 255 are healthy too, and the weight is the status less 2.",
        ),
        Option(
            name="user",
            kind=Kind.STRING,
            minimum=1,
            maximum=65,
            doc="User to run it as, or USER:GROUP.",
            default_doc="global_defs.script_user",
        ),
        *PACE,
    ),
)

FILE_CHECK = Block(
    name="file_check",
    doc="FILE_CHECK: healthy while the number in a track file is 0. A change counts at once; a"
    " missing file counts as 0.",
    options=(
        Option(
            name="track_file",
            kind=Kind.STRING,
            required=True,
            minimum=1,
            maximum=255,
            doc="Name of the file in vrrp_track_files.",
            example="web_health",
        ),
        integer(
            "weight",
            "Other than 0: healthy whatever the number, which times this is added to the real"
            " server's weight.",
            (-(2**31 - 1), 2**31 - 1),
            default=0,
        ),
        flag("reverse", "Healthy while the number is not 0; with a weight, subtract."),
        *PACE_OF_FILES,
    ),
)

# Without a pace: there is nothing to ask, and a session that goes down counts at once.
BFD_CHECK = Block(
    name="bfd_check",
    doc="BFD_CHECK: healthy while a BFD session is up; that it goes down counts at once. One that"
    " never was up counts as down after 10 s (or three of its idle_tx), or when this host cannot"
    " have it, not at all.",
    options=(
        Option(
            name="name",
            kind=Kind.STRING,
            required=True,
            minimum=1,
            maximum=255,
            doc="Name of the session in bfd_instances.",
            example="rs1",
        ),
        ALPHA,
    ),
)


def _checks(block: Block) -> Option:
    return Option(
        name=block.name,
        kind=Kind.BLOCKS,
        block=block,
        maximum=16,
        doc=f"{block.doc.partition(':')[0]}; one mapping or a list of them.",
    )


# A real server is healthy when all its checks are.
CHECKS = tuple(
    _checks(block)
    for block in (
        HTTP_GET, SSL_GET, TCP_CHECK, UDP_CHECK, PING_CHECK, SMTP_CHECK, DNS_CHECK, MISC_CHECK,
        FILE_CHECK, BFD_CHECK,
    )
)  # fmt: skip
CHECK_NAMES = tuple(option.name for option in CHECKS)
