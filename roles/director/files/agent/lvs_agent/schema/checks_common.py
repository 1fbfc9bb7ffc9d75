# SPDX-License-Identifier: GPL-3.0-or-later
"""What every health check can say: how often, from where, when a failure counts.

Owns those options, and the same ones where a real server says them for all its checks.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Kind, Option, flag, integer, seconds

_SERVERS = "the real server's {0}, else the virtual server's"


def _timing(default_doc: str) -> tuple[Option, ...]:
    """`default_doc` has a place for the option's name."""
    return (
        seconds(
            "delay_loop",
            "Time from one check to the next.",
            (0.05, 86400),
            default_doc=default_doc.format("delay_loop"),
        ),
        integer(
            "retry",
            "Further tries after a failed one, before the real server counts as dead.",
            (0, 100),
            default_doc=default_doc.format("retry"),
        ),
        seconds(
            "delay_before_retry",
            "Pause before each further try.",
            (0, 300),
            default_doc=default_doc.format("delay_before_retry"),
        ),
        _warmup(default_doc.format("warmup")),
    )


def _warmup(default_doc: str) -> Option:
    return seconds(
        "warmup",
        "Time within which new checks run first, spread evenly; 0: all at once.",
        (0, 86400),
        default_doc=default_doc,
    )


def _connect_timeout(default_doc: str) -> Option:
    return seconds(
        "connect_timeout",
        "Longest time for a connection, and for an answer after it.",
        (0.01, 300),
        default_doc=default_doc,
    )


ALPHA = flag(
    "alpha",
    "The real server is down until this check has first passed.",
    default=None,
    default_doc=_SERVERS.format("alpha"),
)

# Of every check; a file is read at once, so there warmup would be without effect.
PACE_OF_FILES = (
    *(option for option in _timing(_SERVERS) if option.name != "warmup"),
    ALPHA,
    flag(
        "log_all_failures",
        "Write each failed try to the journal, not only what changes the verdict.",
    ),
)
PACE = (_warmup(_SERVERS.format("warmup")), *PACE_OF_FILES)

# Of every check that asks over the network.
NETWORK = (
    Option(
        name="connect_ip",
        kind=Kind.IP,
        doc="Address to check, IPv4 or IPv6.",
        default_doc="the real server's address",
        example="172.16.2.3",
    ),
    _connect_timeout(_SERVERS.format("connect_timeout")),
    Option(
        name="bindto",
        kind=Kind.IP,
        doc="Source address; of the same family as the address checked.",
        default_doc="the kernel's choice",
        example="172.16.1.9",
    ),
    Option(
        name="bind_if",
        kind=Kind.INTERFACE,
        doc="Interface to check through. An IPv6 link-local address needs it.",
        default_doc="as the routes say",
        example="eth1",
    ),
    integer(
        "fwmark",
        "Firewall mark of what the check sends, for rules of routing (virtual_rules, static_rules)"
        " and packet filters.",
        (1, 2**32 - 1),
        default_doc="none",
        example=7,
    ),
)

# Of those with ports.
PORTS = (
    Option(
        name="connect_port",
        kind=Kind.INTEGER,
        minimum=1,
        maximum=65535,
        doc="Port to check. A check over TCP (http_get, ssl_get, tcp_check, smtp_check) of a UDP or"
        " SCTP service must say it.",
        default_doc="the real server's port",
    ),
    integer(
        "bind_port",
        "Source port. With it, TCP connections are ended by a reset, so that the port is free for"
        " the next check.",
        (1, 65535),
        default_doc="the kernel's choice",
    ),
)

# Of the virtual server, beside those of the same names that it requires no default for.
VIRTUAL_SERVER_PACE = (
    _warmup("5 ms for each new check, at most 5 s or delay_loop, whichever is shorter"),
)

# Of the real server, for all its checks.
REAL_SERVER_PACE = (
    *_timing("the virtual server's"),
    _connect_timeout("the virtual server's"),
    Option(
        name="virtualhost",
        kind=Kind.STRING,
        minimum=1,
        maximum=255,
        doc="Host header of its HTTP checks.",
        default_doc="the virtual server's",
    ),
)
