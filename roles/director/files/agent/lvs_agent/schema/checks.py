# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks of real servers.

Owns their options.
"""

from __future__ import annotations

from lvs_agent.schema.kinds import Block, Kind, Option

_CHECK_OPTIONS = (
    Option(
        name="connect_ip",
        kind=Kind.IPV4,
        doc="Address to check.",
        default_doc="the real server's address",
    ),
    Option(
        name="connect_port",
        kind=Kind.INTEGER,
        minimum=1,
        maximum=65535,
        doc="Port to check.",
        default_doc="the real server's port",
    ),
    Option(
        name="connect_timeout",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0.01,
        maximum=300,
        doc="Longest time for a connection, and for an answer after it.",
        default_doc="the virtual server's connect_timeout",
    ),
    Option(
        name="retry",
        kind=Kind.INTEGER,
        minimum=0,
        maximum=100,
        doc="Further tries after a failed one, before the real server counts as dead.",
        default_doc="the virtual server's retry",
    ),
    Option(
        name="delay_before_retry",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0,
        maximum=300,
        doc="Pause before each further try.",
        default_doc="the virtual server's delay_before_retry",
    ),
    Option(
        name="delay_loop",
        kind=Kind.SECONDS,
        unit="s",
        minimum=0.05,
        maximum=86400,
        doc="Time from one check to the next.",
        default_doc="the virtual server's delay_loop",
    ),
)

URL = Block(
    name="url",
    doc="One request of an HTTP check.",
    options=(
        Option(
            name="path",
            kind=Kind.STRING,
            default="/",
            minimum=1,
            maximum=2000,
            doc="Path of the request.",
            example="/index.html",
        ),
        Option(
            name="status_code",
            kind=Kind.STATUS_CODES,
            default="200-299",
            doc="Status codes that mean healthy: numbers and ranges, separated by blanks or"
            " commas, or a list of them.",
            example="200-299 301",
        ),
        Option(
            name="virtualhost",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Host header of the request.",
            default_doc="the virtual server's virtualhost, else the address checked",
            example="www.example.org",
        ),
    ),
)

HTTP_GET = Block(
    name="http_get",
    doc="HTTP_GET: fetches every url; healthy when each answers with an accepted status.",
    options=(
        Option(
            name="url",
            kind=Kind.BLOCKS,
            block=URL,
            required=True,
            minimum=1,
            maximum=64,
            doc="The requests, made one after the other.",
        ),
        *_CHECK_OPTIONS,
    ),
)

TCP_CHECK = Block(
    name="tcp_check",
    doc="TCP_CHECK: healthy when a connection can be made.",
    options=_CHECK_OPTIONS,
)

CHECKS = (
    Option(
        name="http_get",
        kind=Kind.BLOCKS,
        block=HTTP_GET,
        maximum=16,
        doc="HTTP checks; one mapping or a list of them.",
    ),
    Option(
        name="tcp_check",
        kind=Kind.BLOCKS,
        block=TCP_CHECK,
        maximum=16,
        doc="TCP connection checks; one mapping or a list of them. An empty mapping checks the"
        " real server's own port.",
    ),
)
