# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check asks and wants, in words for an operator.

Owns the words. Must never run a check.
"""

from __future__ import annotations

from typing import assert_never

from lvs_agent.core.checks import (
    BfdCheck,
    Check,
    DnsCheck,
    FileCheck,
    HttpCheck,
    HttpUrl,
    MiscCheck,
    NetworkCheck,
    PingCheck,
    Reply,
    SmtpCheck,
    TcpCheck,
    Tls,
    UdpCheck,
)
from lvs_agent.core.health.response import ranges
from lvs_agent.core.health.tls import server_name

# Of a payload.
_SHOWN_BYTES = 32


def asks(check: Check) -> tuple[str, ...]:
    """One line for each thing that is asked, with what is wanted."""
    match check:
        case TcpCheck():
            return ("asks for a connection",)
        case HttpCheck():
            return tuple(_url(check, url) for url in check.urls)
        case PingCheck():
            return ("asks for an echo (ICMP)",)
        case UdpCheck():
            return (f"sends {_bytes(check.payload)}; {_reply(check.reply)}",)
        case DnsCheck():
            return (f"asks for {check.type} of {check.name}; wants NOERROR",)
        case SmtpCheck():
            return (f"says HELO {check.helo_name or '(host name)'}; wants 220 and 250",)
        case MiscCheck():
            wanted = "0, or 2 to 255 for a weight" if check.dynamic else "0"
            limit = f"{check.timeout_ns / 1e9:g} s"
            runs = f"runs {' '.join(check.argv)}{_whose(check)}"
            return (f"{runs}; wants exit status {wanted} within {limit}",)
        case FileCheck():
            return (f"reads the number in {check.path}; {_number(check)}",)
        case BfdCheck():
            return (f"wants the agent's BFD session with {check.neighbor} up",)
    assert_never(check)


def _whose(check: MiscCheck) -> str:
    if check.user is None:
        return ""
    return f" as {check.user}" if check.group is None else f" as {check.user}:{check.group}"


def limits(check: Check) -> str:
    """How long and how often."""
    if isinstance(check, BfdCheck):
        return "told at each change, which counts at once"
    retry = f"{check.retry} more after {check.delay_before_retry_ns / 1e9:g} s each"
    every = f"every {check.delay_loop_ns / 1e9:g} s"
    if isinstance(check, NetworkCheck):
        return f"{every}, connect_timeout {check.connect_timeout_ns / 1e9:g} s, {retry}"
    return f"{every}, {retry}"


def _url(check: HttpCheck, url: HttpUrl) -> str:
    wanted = [f"status {ranges(url.status_codes)}"]
    if url.digest:
        wanted.append(f"digest {url.digest}")
    if url.pattern is not None:
        wanted.append(f"{'' if url.pattern.wanted else 'not '}{url.pattern.text!r} in the body")
    host = f", Host {url.virtualhost}" if url.virtualhost else ""
    tls = "" if check.tls is None else _tls(check.tls, url)
    return f"asks GET {url.path} HTTP/{check.version}{host}{tls}; wants {' and '.join(wanted)}"


def _tls(tls: Tls, url: HttpUrl) -> str:
    name = server_name(tls, url)
    told = f" as {name}" if tls.sni and name else " without a name"
    return f", TLS{told}, certificate {'' if tls.verify else 'not '}verified"


def _bytes(data: bytes) -> str:
    if not data:
        return "an empty datagram"
    return f"{data[:_SHOWN_BYTES].hex()}{'...' if len(data) > _SHOWN_BYTES else ''}"


def _reply(reply: Reply | None) -> str:
    if reply is None:
        return "wants no ICMP error"
    like = f" beginning with {_bytes(reply.pattern)}" if reply.pattern else ""
    return f"wants an answer of {reply.minimum} to {reply.maximum} bytes{like}"


def _number(check: FileCheck) -> str:
    if check.weight:
        return f"{'subtracts' if check.reverse else 'adds'} it times {check.weight} to the weight"
    return f"wants {'anything but ' if check.reverse else ''}0"
