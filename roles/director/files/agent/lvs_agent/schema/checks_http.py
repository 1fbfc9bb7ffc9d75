# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP_GET and SSL_GET: what is fetched, what is wanted of the answer, and how TLS is spoken.

Owns those options.
"""

from __future__ import annotations

from lvs_agent.schema.checks_common import NETWORK, PACE, PORTS
from lvs_agent.schema.kinds import Block, Kind, Option, flag, integer

_TLS_VERSIONS = ("1.2", "1.3")

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
            name="digest",
            kind=Kind.STRING,
            minimum=32,
            maximum=32,
            doc="MD5 digest that the body must have, at most 8 MiB of it; `lvs-agent genhash URL`"
            " prints it.",
            example="9b3a0c85a887a256d6939da88aabd8cd",
        ),
        Option(
            name="regex",
            kind=Kind.STRING,
            minimum=1,
            maximum=500,
            doc="Regular expression to be found in the first 256 KiB of the body. Perl's, without"
            " backreferences and look-around, so that no body can make the search slow.",
            example="status: (ok|degraded)",
        ),
        flag("regex_no_match", "Healthy when the regex is not found."),
        Option(
            name="regex_options",
            kind=Kind.STRINGS,
            maximum=3,
            doc="Of caseless (ignore case), dotall (a dot is a newline too), multiline (^ and $"
            " hold at each line).",
            example=["caseless"],
        ),
        Option(
            name="virtualhost",
            kind=Kind.STRING,
            minimum=1,
            maximum=255,
            doc="Host header of the request.",
            default_doc="the real server's virtualhost, else the virtual server's, else the"
            " address checked",
            example="www.example.org",
        ),
    ),
)

_HTTP = (
    Option(
        name="url",
        kind=Kind.BLOCKS,
        block=URL,
        required=True,
        minimum=1,
        maximum=64,
        doc="The requests, made one after the other in every check.",
    ),
    Option(
        name="http_protocol",
        kind=Kind.CHOICE,
        choices=("1.0", "1.1"),
        default="1.0",
        doc="HTTP version of the requests. Each has a connection of its own and asks for its end.",
    ),
    *NETWORK,
    *PORTS,
    *PACE,
)

HTTP_GET = Block(
    name="http_get",
    doc="HTTP_GET: fetches every url; healthy when each answers as wanted.",
    options=_HTTP,
)

SSL_GET = Block(
    name="ssl_get",
    doc="SSL_GET: as http_get, over TLS. What is said here of certificates, keepalived lacks or"
    " says once for all in SSL {}.",
    options=(
        *_HTTP,
        flag(
            "enable_sni",
            "Tell the server which name is meant (SNI).",
            default=True,
        ),
        Option(
            name="sni_name",
            kind=Kind.STRING,
            minimum=1,
            maximum=253,
            doc="That name; with verify, also the name that the certificate must have.",
            default_doc="the url's virtualhost, if it is a name",
            example="www.example.org",
        ),
        flag(
            "verify",
            "The certificate must be valid, trusted, and of that name (without one: of the address"
            " checked).",
        ),
        Option(
            name="ca",
            kind=Kind.STRING,
            minimum=1,
            maximum=4096,
            doc="File of the certificates (PEM) to trust, for verify.",
            default_doc="those that the system trusts",
            example="/etc/lvs-agent/ca.pem",
        ),
        Option(
            name="certificate",
            kind=Kind.STRING,
            minimum=1,
            maximum=4096,
            doc="File of a certificate (PEM) to show to the server. The agent's user must be able"
            " to read it.",
            example="/etc/lvs-agent/client.pem",
        ),
        Option(
            name="key",
            kind=Kind.STRING,
            minimum=1,
            maximum=4096,
            doc="File of its private key (PEM, without a password).",
            default_doc="in the same file",
            example="/etc/lvs-agent/client.key",
        ),
        Option(
            name="tls_min_version",
            kind=Kind.CHOICE,
            choices=_TLS_VERSIONS,
            default="1.2",
            doc="Lowest TLS version to speak.",
        ),
        Option(
            name="tls_max_version",
            kind=Kind.CHOICE,
            choices=_TLS_VERSIONS,
            doc="Highest TLS version to speak.",
            default_doc="the newest there is",
        ),
        integer(
            "expire_warning",
            "Warn, in the journal and in the status, when the certificate expires within this"
            " time; 0: never. Only verify makes an expired one a failure.",
            (0, 3650),
            unit="days",
            default=14,
        ),
    ),
)
