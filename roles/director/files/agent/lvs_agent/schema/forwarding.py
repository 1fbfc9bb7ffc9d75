# SPDX-License-Identifier: GPL-3.0-or-later
"""How IPVS passes packets on, and the flags of its schedulers.

Owns those options; `ipvs.py` says where they stand.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Block, Kind, Option, flag, integer

# IPVS schedulers of the Linux kernel 6.1 (net/netfilter/ipvs/Kconfig).
SCHEDULERS = (
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "mh", "sed", "nq", "fo", "ovf", "twos",
)  # fmt: skip

LB_KIND = Block(
    name="lb_kind",
    doc="Forwarding method. keepalived's line such as `NAT` or `TUN type gue port 6080 csum` is"
    " accepted in place of the mapping.",
    line=True,
    options=(
        Option(
            name="method",
            kind=Kind.CHOICE,
            choices=("NAT", "DR", "TUN"),
            required=True,
            doc="NAT rewrites addresses, and answers come back through the director; DR (direct"
            " routing) and TUN (tunnel) leave the packet as it is, and the real server answers the"
            " client itself.",
            example="DR",
        ),
        Option(
            name="type",
            kind=Kind.CHOICE,
            choices=("ipip", "gue", "gre"),
            doc="Encapsulation of TUN: IP in IP, generic UDP encapsulation (Linux 5.2 and later),"
            " GRE (5.3 and later).",
            default_doc="ipip",
        ),
        integer("port", "UDP port that the real server takes GUE on.", (1, 65535), example=6080),
        Option(
            name="checksum",
            kind=Kind.CHOICE,
            choices=("nocsum", "csum", "remcsum"),
            doc="Checksum of the outer header of GUE and GRE: none, a full one, or for GUE remote"
            " checksum offload. In a line the word alone says it.",
            default_doc="nocsum",
        ),
    ),
)

LB_ALGO_OPTIONS = (
    Option(
        name="lb_algo",
        kind=Kind.CHOICE,
        choices=SCHEDULERS,
        default="wlc",
        doc="IPVS scheduler (ipvsadm(8)).",
    ),
    flag("sh_port", "Scheduler sh: the client's port counts too, not its address alone."),
    flag("sh_fallback", "Scheduler sh: another real server where the usual one takes nothing new."),
    flag("mh_port", "Scheduler mh: the client's port counts too, not its address alone."),
    flag("mh_fallback", "Scheduler mh: another real server where the usual one takes nothing new."),
    flag("flag_1", "First flag of a scheduler that has no name for it here."),
    flag("flag_2", "Second flag of a scheduler that has no name for it here."),
    flag("flag_3", "Third flag of a scheduler that has no name for it here."),
    flag(
        "ops",
        "One-packet scheduling: every UDP packet is balanced by itself, and no connection is"
        " remembered.",
    ),
)

PERSISTENCE_OPTIONS = (
    Option(
        name="persistence_timeout",
        kind=Kind.INTEGER,
        unit="s",
        minimum=0,
        maximum=2678400,
        default=0,
        true_means=360,
        doc="How long a client stays with its real server; 0 for no persistence, true for 360.",
        example=360,
    ),
    Option(
        name="persistence_granularity",
        kind=Kind.NETMASK,
        doc="Clients of one network of this size go to the same real server; a netmask or a prefix"
        " length.",
        default_doc="each client by itself",
        example="255.255.255.0",
    ),
    Option(
        name="persistence_engine",
        kind=Kind.CHOICE,
        choices=("sip",),
        doc="What tells one client from another: the Call-ID of SIP over UDP.",
        default_doc="its address",
    ),
)
