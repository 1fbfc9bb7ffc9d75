# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP request of a check, and a bounded reader of the answer.

Owns what of HTTP/1 a check needs (RFC 9112): status line, end of head, length of the body, which
`body.py` looks at where a check asks for more than a status. Must never keep a body, never raise
on what a server sent, never look beyond its bounds: real servers are hostile here. Why no library:
h11 takes 48 us for the answer of an nginx, this reader 6 us, a whole check about 100 us; the tests
hold this reader against h11.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from lvs_agent.core.checks import HttpUrl
from lvs_agent.core.health.body import BodyCheck, ChunkReader

# As nginx and Apache allow for a head; interim (1xx) heads count too, so they end as well.
HEAD_LIMIT = 16 * 1024
# Enough for any status page. Reading it all lets the server end in peace (no reset in its log),
# as with keepalived; a longer body proves no more health than its beginning.
BODY_LIMIT = 64 * 1024

_STATUS_LINE_BYTES = len(b"HTTP/1.1 200 ")
_VERSION = b"HTTP/1."
# A message of HTTP/1.0 is in no chunks, whatever it says (RFC 9112 section 6.1).
_VERSION_1_0 = b"HTTP/1.0"
_LENGTH = b"\ncontent-length:"
# The last coding is the one that tells the end; on a line, so that the search stays linear.
_CHUNKED = re.compile(rb"\ntransfer-encoding:(?:[^\n]*,)?[ \t]*chunked[ \t]*\r?\n")
# What may stand in a request target or a Host header unquoted (RFC 3986 section 2), so that no
# configured text can end the line.
_PLAIN = "%/:?#[]@!$&'()*+,;=-._~"


def request(
    url: HttpUrl, address: str, port: int, *, version: str = "1.0", usual_port: int = 80
) -> bytes:
    """The request for `url`. With HTTP/1.0 the answer comes unchunked; the server closes first."""
    literal = f"[{address}]" if ":" in address else address
    host = url.virtualhost or (literal if port == usual_port else f"{literal}:{port}")
    return (
        f"GET {_quoted(url.path)} HTTP/{version}\r\n"
        f"Host: {_quoted(host)}\r\n"
        "User-Agent: lvs-agent\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def _quoted(text: str) -> str:
    return quote(text, safe=_PLAIN, errors="replace")


def accepts(status_codes: tuple[tuple[int, int], ...], status: int) -> bool:
    """Whether `status` lies in one of the inclusive ranges."""
    return any(first <= status <= last for first, last in status_codes)


def ranges(status_codes: tuple[tuple[int, int], ...]) -> str:
    """The ranges as people write them, such as "200-299 301"."""
    return " ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in status_codes
    )


class ResponseReader:
    """Bytes in, in pieces of any size; then `status`, and `done` or `error`.

    `status`: the final status code once its head is complete, else None. `done`: the answer is
    complete, or BODY_LIMIT of it was seen. `error`: why this is not an answer; nothing more is
    read after it. `body` sees the body, and has a limit of its own.
    """

    __slots__ = (
        "_body", "_body_bytes", "_chunks", "_head", "_interim_bytes", "_length", "done", "error",
        "status",
    )  # fmt: skip

    def __init__(self, body: BodyCheck | None = None) -> None:
        self._body = body
        self._chunks: ChunkReader | None = None
        self._head = b""
        self._interim_bytes = 0
        self._body_bytes = 0
        self._length: int | None = None
        self.status: int | None = None
        self.done = False
        self.error: str | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if self.done or self.error is not None:
            return
        if self.status is None:
            data = self._feed_head(data)
            if self.status is None:
                return
        self._body_bytes += len(data)
        if self._chunks is not None or self._body is not None:
            self._feed_body(data)
            return
        self.done = self._body_bytes >= BODY_LIMIT or (
            self._length is not None and self._body_bytes >= self._length
        )

    def _feed_body(self, data: bytes) -> None:
        """Take bytes of a body that is in chunks, or that somebody looks at."""
        if self._chunks is not None:
            data = self._chunks.feed(data)
            self.error = self._chunks.error
            self.done = self._chunks.done
        elif self._length is not None:
            # What follows the body is not of this answer.
            data = data[: len(data) - max(0, self._body_bytes - self._length)]
            self.done = self._body_bytes >= self._length
        if self._body is not None:
            self._body.feed(data)
        if self.done or self.error is not None:
            return
        if self._body is None:
            self.done = self._body_bytes >= BODY_LIMIT
        elif self._body_bytes >= self._body.limit:
            self.error = f"body longer than {self._body.limit} bytes, the most that is compared"

    def end(self) -> None:
        """The stream has ended: complete for an answer without a length, else an error."""
        if self.done or self.error is not None:
            return
        if self.status is None:
            started = self._head or self._interim_bytes
            self.error = "closed in the head of the answer" if started else "closed without answer"
        elif self._length is not None:
            self.error = f"closed after {self._body_bytes} of {self._length} bytes of the body"
        elif self._chunks is not None:
            self.error = f"closed after {self._body_bytes} bytes, before the last chunk"
        else:
            self.done = True

    def progress(self) -> str:
        """How far it got, for the reason of a timeout."""
        if self.status is not None:
            return f"status {self.status}, then only {self._body_bytes} bytes of the body"
        return "only part of a head" if self._head or self._interim_bytes else "no answer"

    def _feed_head(self, data: bytes) -> bytes:
        """Read heads until the final one is complete; the bytes after it are returned."""
        # A head in tiny pieces is copied again and again, but HEAD_LIMIT bounds that too.
        searched = max(0, len(self._head) - 3)
        self._head += data
        while True:
            status = _status(self._head)
            end = _end_of_head(self._head, searched)
            known = len(self._head) if end is None else end
            if status is None:
                self.error = f"not an HTTP answer: {self._head[:32]!r}"
            elif self._interim_bytes + known > HEAD_LIMIT:
                self.error = f"head longer than {HEAD_LIMIT} bytes"
            if self.error is not None or end is None:
                return b""
            head, rest = self._head[:end], self._head[end:]
            # 101 is final: what follows it is no longer HTTP (RFC 9110 section 15.2.2).
            if status is not None and (status >= 200 or status == 101):
                self._head = b""
                self._finish_head(status, head)
                return rest
            self._interim_bytes += end
            self._head, searched = rest, 0
            if not rest:
                return b""

    def _finish_head(self, status: int, head: bytes) -> None:
        """Note status and length of the body (RFC 9112 section 6.3; None: until the end)."""
        lower = head.lower()
        if status in (101, 204, 304):
            self._length = 0
        elif _LENGTH in lower and b"\ntransfer-encoding:" not in lower:
            self._length = _content_length(lower)
            if self._length is None:
                self.error = "invalid Content-Length"
                return
        elif not head.startswith(_VERSION_1_0) and _CHUNKED.search(lower):
            self._chunks = ChunkReader()
        self.status = status


def _status(head: bytes) -> int | None:
    """The status code; 0 while the line is still incomplete, None when it is not HTTP/1."""
    if len(head) < _STATUS_LINE_BYTES:
        begun = b"\n" not in head and head[: len(_VERSION)] == _VERSION[: len(head)]
        return 0 if begun else None
    code = head[9:12]
    if (
        head.startswith(_VERSION)
        and head[7:8].isdigit()
        and head[8:9] == b" "
        and len(code) == 3
        and code.isdigit()
        and code >= b"100"
        and head[12:13] in (b" ", b"\r", b"\n")
    ):
        return int(code)
    return None


def _end_of_head(head: bytes, start: int) -> int | None:
    """Where the body begins: after the first empty line, its end CRLF or a bare LF."""
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := head.find(mark, start)) >= 0]
    return min(ends, default=None)


def _content_length(head: bytes) -> int | None:
    """The body's length in bytes from a lower-case head; None when invalid or contradictory."""
    found: set[bytes] = set()
    at = head.find(_LENGTH)
    while at >= 0:
        value = head[at + len(_LENGTH) : head.find(b"\n", at + 1)]
        found.update(part.strip() for part in value.split(b","))
        at = head.find(_LENGTH, at + 1)
    if len(found) != 1:
        return None
    text = found.pop()
    # Twenty digits hold every 64-bit number; more are an attack on the reader of the number.
    return int(text) if text.isdigit() and len(text) <= 20 else None
