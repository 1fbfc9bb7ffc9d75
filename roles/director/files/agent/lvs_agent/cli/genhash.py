# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent genhash`: the digest that an HTTP check would compute, by the check's own code.

Owns reading the URLs and the form of the output, which is md5sum's.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from urllib.parse import urlsplit

from lvs_agent.adapters.probes.http import HttpProbe
from lvs_agent.cli.one_try import run
from lvs_agent.core.checks import HttpCheck, HttpUrl, Tls
from lvs_agent.core.health.check import Outcome

# A digest is of what the server sends, error pages too; their status is said.
_ANY_STATUS = ((100, 599),)
_LONGEST_S = 300.0


def genhash(urls: list[str], *, virtualhost: str | None, version: str, timeout_s: float) -> int:
    """Print one line for each url; returns 1 when there is none for one of them."""
    good = True
    for url in urls:
        try:
            digest = _digest(url, virtualhost, version, min(max(timeout_s, 0.01), _LONGEST_S))
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else None
            print(f"{url}: {words or error}", file=sys.stderr)
            good = False
        else:
            print(f"{digest}  {url}")
    return 0 if good else 1


def _digest(url: str, virtualhost: str | None, version: str, timeout_s: float) -> str:
    """Raises OSError or ValueError saying why there is none."""
    seen = run(_check(url, virtualhost, version, timeout_s))
    assert isinstance(seen.probe, HttpProbe)
    digest = seen.probe.digest()
    if seen.result.outcome is not Outcome.PASSED or digest is None:
        raise ValueError(seen.result.reason)
    if not seen.result.reason.startswith("status 2"):
        print(f"{url}: {seen.result.reason}; the digest is of that page", file=sys.stderr)
    return digest


def _check(url: str, virtualhost: str | None, version: str, timeout_s: float) -> HttpCheck:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and a host")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        address, named = str(ipaddress.ip_address(parts.hostname)), False
    except ValueError:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        address, named = str(found[0][4][0]), True
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = virtualhost or (parts.netloc.rpartition("@")[2] if named else None)
    return HttpCheck(
        address=address,
        port=port,
        connect_timeout_ns=int(timeout_s * 1e9),
        retry=0,
        delay_before_retry_ns=0,
        delay_loop_ns=1,
        urls=(HttpUrl(path=path, status_codes=_ANY_STATUS, virtualhost=host, digest=""),),
        version=version,
        tls=Tls() if parts.scheme == "https" else None,
    )
