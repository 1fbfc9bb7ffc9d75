# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks as values: what to ask of whom, and how often.

Owns the shapes only, like `core/model.py`. Equal checks are one probe, whoever asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a probe starts from; what is None or 0 is the kernel's choice."""

    address: str | None = None
    port: int = 0
    interface: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What every check has: how often it runs, and when a failure counts.

    `alpha`: down until its first result. `warmup_ns`: the time within which it first runs; None:
    the agent's choice. `log_failures`: each failed try is a line of the journal.
    """

    retry: int
    delay_before_retry_ns: int
    delay_loop_ns: int
    alpha: bool = False
    warmup_ns: int | None = None
    log_failures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Networked(Pace):
    """A check that asks over the network. `address` is IPv4 or IPv6; `port` 0: there is none."""

    address: str
    port: int
    connect_timeout_ns: int
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCheck(Networked):
    """TCP_CHECK: a connection can be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingCheck(Networked):
    """PING_CHECK: an echo request is answered (RFC 792, RFC 4443)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpCheck(Networked):
    """UDP_CHECK: `payload` is sent, and no ICMP error comes back; with `reply`, an answer does."""

    payload: bytes = b""
    reply: Reply | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that is wanted: so many bytes, beginning with `pattern`.

    `mask` is as long as `pattern` and has the bits that count.
    """

    minimum: int
    maximum: int
    pattern: bytes = b""
    mask: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsCheck(Networked):
    """DNS_CHECK over UDP: the question is answered without an error. `type` is a name, as "SOA"."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpCheck(Networked):
    """SMTP_CHECK: greeting and HELO are accepted. `helo_name` None: the host's name."""

    helo_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPattern:
    """A regular expression to search a body for (`core/health/pattern.py`).

    `wanted` False: healthy when it is not found.
    """

    text: str
    wanted: bool = True
    ignore_case: bool = False
    dot_all: bool = False
    multi_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUrl:
    """One request; `status_codes` are inclusive (first, last) ranges, sorted, disjoint.

    `digest`: the MD5 digest of the body, 32 lower-case hexadecimal digits; "": whatever it is, it
    is computed (genhash).
    """

    path: str
    status_codes: tuple[tuple[int, int], ...]
    virtualhost: str | None
    digest: str | None = None
    pattern: BodyPattern | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How an SSL_GET speaks TLS. `ca`, `certificate` and `key` are paths; versions as "1.2".

    `server_name`: for SNI and verification; None: that of each url's virtualhost. `sni`: whether
    it is told to the server. `expire_warning_ns`: how long before its end a certificate is warned
    of; 0: never.
    """

    sni: bool = True
    server_name: str | None = None
    verify: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    minimum: str = "1.2"
    maximum: str | None = None
    expire_warning_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck(Networked):
    """HTTP_GET, and with `tls` SSL_GET. `version` is "1.0" or "1.1"."""

    urls: tuple[HttpUrl, ...]
    version: str = "1.0"
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MiscCheck(Pace):
    """MISC_CHECK: a program's exit status. `dynamic`: 2 to 255 are weights.

    What else it says of the program is as in `model.Command`.
    """

    argv: tuple[str, ...]
    timeout_ns: int
    dynamic: bool
    secure: bool
    user: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck(Pace):
    """FILE_CHECK: the number in a file, which is the track file called `name`.

    `weight` 0: healthy while it is 0. Otherwise the number times this is added to the real
    server's weight. `reverse`: healthy while it is not 0; or subtracted.
    """

    name: str
    path: str
    weight: int
    reverse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdCheck(Pace):
    """BFD_CHECK: the BFD session called `name`, with `neighbor`, is up.

    Nothing is asked, and nothing tried again: the session's state is told when it changes, and
    counts at once. `delay_loop_ns` only says what is "soon after" (panic_threshold).
    """

    name: str
    neighbor: str


NetworkCheck = TcpCheck | HttpCheck | PingCheck | UdpCheck | DnsCheck | SmtpCheck
# What a probe goes and looks for itself.
ProbedCheck = NetworkCheck | MiscCheck | FileCheck
Check = ProbedCheck | BfdCheck
