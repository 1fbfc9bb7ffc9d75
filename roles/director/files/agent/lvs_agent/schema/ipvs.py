# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual servers and their real servers: what IPVS balances.

Owns those options.
"""

from __future__ import annotations

from lvs_agent.schema.checks import CHECKS
from lvs_agent.schema.checks_common import REAL_SERVER_PACE, VIRTUAL_SERVER_PACE
from lvs_agent.schema.forwarding import LB_ALGO_OPTIONS, LB_KIND, PERSISTENCE_OPTIONS
from lvs_agent.schema.groups import IP_FAMILY, MARK
from lvs_agent.schema.kinds import Block, Kind, Option, integer
from lvs_agent.schema.quorum import POOL_OPTIONS, SERVER_OPTIONS

_PORT = Option(
    name="port",
    kind=Kind.INTEGER,
    minimum=1,
    maximum=65535,
    doc="Port.",
    default_doc="the virtual server's port",
)

_LB_KIND = Option(
    name="lb_kind",
    kind=Kind.BLOCK,
    block=LB_KIND,
    doc="Forwarding method to this server.",
    default_doc="the virtual server's lb_kind",
)

_WEIGHTS = (0, 2**31 - 1)
# The kernel compares them as signed numbers with its count of connections.
_THRESHOLDS = (0, 2**31 - 1)

SORRY_SERVER = Block(
    name="sorry_server",
    doc="Server that answers while the quorum is lost: by default, while every real server is dead."
    " With checks of its own it is used only while they pass.",
    options=(
        Option(name="ip", kind=Kind.IP, required=True, doc="Address.", example="127.0.0.1"),
        _PORT,
        _LB_KIND,
        *CHECKS,
    ),
)

REAL_SERVER = Block(
    name="real_server",
    doc="A server that does the work.",
    options=(
        Option(name="ip", kind=Kind.IP, required=True, doc="Address.", example="172.16.1.3"),
        _PORT,
        integer(
            "weight",
            "Share of the load, for schedulers that weigh; 0 takes no new connections.",
            _WEIGHTS,
            default_doc="the virtual server's weight",
        ),
        _LB_KIND,
        integer(
            "uthreshold",
            "Connections above which it gets no new ones, until lthreshold.",
            _THRESHOLDS,
            default=0,
            default_doc="0, no limit",
        ),
        integer(
            "lthreshold",
            "Connections below which it gets new ones again.",
            _THRESHOLDS,
            default=0,
            default_doc="0, which is three quarters of uthreshold",
        ),
        *SERVER_OPTIONS,
        *REAL_SERVER_PACE,
        *CHECKS,
    ),
)

VIRTUAL_SERVER = Block(
    name="virtual_server",
    doc="A service on a virtual address, balanced over real servers by IPVS.",
    options=(
        Option(
            name="ip",
            kind=Kind.IP,
            doc="Virtual address.",
            default_doc="none: fwmark or group says what is meant",
            example="172.16.1.254",
        ),
        Option(
            name="port",
            kind=Kind.INTEGER,
            minimum=1,
            maximum=65535,
            doc="Virtual port.",
            default_doc="all ports, where persistent",
            example=80,
        ),
        MARK,
        IP_FAMILY,
        Option(
            name="group",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Name in virtual_server_groups: the addresses and marks of that group.",
            example="web",
        ),
        Option(
            name="protocol",
            kind=Kind.CHOICE,
            choices=("TCP", "UDP", "SCTP"),
            default="TCP",
            doc="Transport protocol.",
        ),
        *LB_ALGO_OPTIONS,
        Option(name="lb_kind", kind=Kind.BLOCK, block=LB_KIND, default="DR", doc=LB_KIND.doc),
        *PERSISTENCE_OPTIONS,
        integer("weight", "Weight of the real servers that say none.", _WEIGHTS, default=1),
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
        *POOL_OPTIONS,
        Option(
            name="sorry_server",
            kind=Kind.BLOCKS,
            block=SORRY_SERVER,
            maximum=16,
            doc="Answers while the quorum is lost; of a list, the first that is healthy.",
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
