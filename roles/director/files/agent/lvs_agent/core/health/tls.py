# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name an SSL_GET means.

Owns that decision. Must never speak TLS (`adapters/probes/tls.py`).
"""

from __future__ import annotations

import ipaddress

from lvs_agent.core.checks import HttpUrl, Tls


def server_name(tls: Tls, url: HttpUrl) -> str | None:
    """The name for SNI and verification; None when there is only an address (RFC 6066 section 3
    allows no addresses there)."""
    if tls.server_name is not None:
        return tls.server_name
    return url.virtualhost and _host_name(url.virtualhost)


def _host_name(virtualhost: str) -> str | None:
    """The name in a Host header, which may be an address, and have a port behind it."""
    host, colon, port = virtualhost.rpartition(":")
    if not colon or not port.isdigit():
        host = virtualhost
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    return None
