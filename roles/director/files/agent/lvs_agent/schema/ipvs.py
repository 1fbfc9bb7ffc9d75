# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual servers and their real servers: what IPVS balances.

Owns those options.
"""

from __future__ import annotations

from lvs_agent.schema.checks import CHECKS
from lvs_agent.schema.checks_common import REAL_SERVER_PACE, VIRTUAL_SERVER_PACE
from lvs_agent.schema.kinds import Block, Kind, Option

# IPVS schedulers of the Linux kernel 6.1 (net/netfilter/ipvs/Kconfig).
SCHEDULERS = (
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "mh", "sed", "nq", "fo", "ovf", "twos",
)  # fmt: skip

_PORT = Option(
    name="port",
    kind=Kind.INTEGER,
    minimum=1,
    maximum=65535,
    doc="Port.",
    default_doc="the virtual server's port",
)

SORRY_SERVER = Block(
    name="sorry_server",
    doc="Server that answers while every real server is dead.",
    options=(
        Option(name="ip", kind=Kind.IPV4, required=True, doc="Address.", example="127.0.0.1"),
        _PORT,
    ),
)

REAL_SERVER = Block(
    name="real_server",
    doc="A server that does the work.",
    options=(
        Option(name="ip", kind=Kind.IPV4, required=True, doc="Address.", example="172.16.1.3"),
        _PORT,
        Option(
            name="weight",
            kind=Kind.INTEGER,
            minimum=0,
            maximum=2**31 - 1,
            default=1,
            doc="Share of the load, for schedulers that weigh; 0 takes no new connections.",
        ),
        *REAL_SERVER_PACE,
        *CHECKS,
    ),
)

VIRTUAL_SERVER = Block(
    name="virtual_server",
    doc="A service on a virtual address, balanced over real servers by IPVS.",
    options=(
        Option(
            name="ip", kind=Kind.IPV4, required=True, doc="Virtual address.", example="172.16.1.254"
        ),
        Option(
            name="port",
            kind=Kind.INTEGER,
            required=True,
            minimum=1,
            maximum=65535,
            doc="Virtual port.",
            example=80,
        ),
        Option(
            name="protocol",
            kind=Kind.CHOICE,
            choices=("TCP", "UDP"),
            default="TCP",
            doc="Transport protocol.",
        ),
        Option(
            name="lb_algo",
            kind=Kind.CHOICE,
            choices=SCHEDULERS,
            default="wlc",
            doc="IPVS scheduler (ipvsadm(8)).",
        ),
        Option(
            name="lb_kind",
            kind=Kind.CHOICE,
            choices=("DR",),
            default="DR",
            doc="Forwarding method: DR is direct routing.",
        ),
        Option(
            name="persistence_timeout",
            kind=Kind.INTEGER,
            unit="s",
            minimum=0,
            maximum=2678400,
            default=0,
            doc="How long a client stays with its real server; 0 for no persistence.",
            example=360,
        ),
        Option(
            name="delay_loop",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0.05,
            maximum=86400,
            default=60,
            doc="Time from one check of a real server to the next.",
        ),
        Option(
            name="connect_timeout",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0.01,
            maximum=300,
            default=5,
            doc="Longest time for a check's connection, and for an answer after it.",
        ),
        Option(
            name="retry",
            kind=Kind.INTEGER,
            minimum=0,
            maximum=100,
            default=1,
            doc="Further tries after a failed check.",
        ),
        Option(
            name="delay_before_retry",
            kind=Kind.SECONDS,
            unit="s",
            minimum=0,
            maximum=300,
            default=1,
            doc="Pause before each further try (3 for HTTP checks in keepalived).",
        ),
        Option(
            name="virtualhost",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Host header of the HTTP checks.",
            default_doc="the address checked",
        ),
        *VIRTUAL_SERVER_PACE,
        *CHECKS,
        Option(
            name="sorry_server",
            kind=Kind.BLOCK,
            block=SORRY_SERVER,
            doc="Answers while every real server is dead.",
        ),
        Option(
            name="real_servers",
            kind=Kind.NAMED_BLOCKS,
            block=REAL_SERVER,
            minimum=0,
            maximum=65536,
            default={},
            doc="The real servers, each under a name of your choice. Checks said at the virtual"
            " server are those of every real server that names none of its own.",
        ),
    ),
)
