# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of an HTTP answer: chunks (RFC 9112 section 7.1), digest, pattern.

Owns what a body is compared with. Must never keep one: it passes through in pieces.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from lvs_agent.core.checks import HttpUrl
from lvs_agent.core.health.pattern import Search, matcher

# A digest is of the whole body. The largest page that a check should fetch every few seconds.
DIGEST_LIMIT = 8 * 1024 * 1024
# Searching takes about 50 ns a byte: 15 ms for this much.
PATTERN_LIMIT = 256 * 1024
# "ffffffffffffffff", extensions and CRLF; real ones have a dozen bytes.
_LINE_LIMIT = 256
# Trailer fields, as a head.
_TRAILER_LIMIT = 16 * 1024

if TYPE_CHECKING:
    import hashlib


class BodyCheck:
    """Takes the body of one answer; `problem` says what is wrong with it at its end."""

    __slots__ = ("_md5", "_search", "_url", "limit")

    def __init__(self, url: HttpUrl) -> None:
        self._url = url
        self._md5 = None if url.digest is None else _md5()
        self._search = None if url.pattern is None else Search(matcher(url.pattern))
        self.limit = PATTERN_LIMIT if url.digest is None else DIGEST_LIMIT

    def feed(self, data: bytes) -> None:
        """The next bytes of the body."""
        if self._md5 is not None:
            self._md5.update(data)
        if self._search is not None:
            self._search.feed(data)

    def digest(self) -> str | None:
        """The MD5 digest of what was fed; None when none was asked for."""
        return None if self._md5 is None else self._md5.hexdigest()

    def problem(self) -> str | None:
        """Why the body is not the one that is wanted; None when it is."""
        digest, pattern = self.digest(), self._url.pattern
        if self._url.digest and digest != self._url.digest:
            return f"digest {digest}, wanted {self._url.digest}"
        if pattern is None or self._search is None:
            return None
        if self._search.exhausted:
            return "searching this body for the regex takes too long; write a simpler one"
        if self._search.found() is not pattern.wanted:
            return f"regex {'not ' if pattern.wanted else ''}found in the body"
        return None


def _md5() -> hashlib._Hash:
    # Here: it brings OpenSSL's library along, 3.5 MiB that only those pay who compare digests.
    import hashlib  # noqa: PLC0415

    return hashlib.md5(usedforsecurity=False)


def body_check(url: HttpUrl) -> BodyCheck | None:
    """What `url` asks of a body; None when nothing."""
    return None if url.digest is None and url.pattern is None else BodyCheck(url)


class _Part(StrEnum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data end"
    TRAILER = "trailer"


class ChunkReader:
    """Chunked bytes in, content out; then `done`, or `error`."""

    __slots__ = ("_left", "_line", "_part", "_trailer_bytes", "done", "error")

    def __init__(self) -> None:
        self._part = _Part.SIZE
        self._left = 0
        self._line = b""
        self._trailer_bytes = 0
        self.done = False
        self.error: str | None = None

    def feed(self, data: bytes) -> bytes:
        """The content in the next bytes of the stream; what follows its end is dropped."""
        content = []
        at = 0
        while at < len(data) and not self.done and self.error is None:  # each turn takes a byte
            if self._part is _Part.DATA:
                piece = data[at : at + self._left]
                content.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._part = _Part.DATA_END
                continue
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end + 1
            self._line += data[at:stop]
            at = stop
            if len(self._line) > _LINE_LIMIT and self._part is not _Part.TRAILER:
                self.error = "invalid chunk"
            elif end >= 0:
                line, self._line = self._line, b""
                self._take_line(line)
            elif self._trailer_bytes + len(self._line) > _TRAILER_LIMIT:
                self.error = "trailer too long"
        return b"".join(content)

    def _take_line(self, line: bytes) -> None:
        text = line.rstrip(b"\r\n")
        match self._part:
            case _Part.SIZE:
                size = text.partition(b";")[0].strip()
                # Sixteen digits hold every 64-bit number.
                if not size.isalnum() or len(size) > 16 or size.strip(b"0123456789abcdefABCDEF"):
                    self.error = f"invalid chunk size {size[:20]!r}"
                    return
                self._left = int(size, 16)
                self._part = _Part.DATA if self._left else _Part.TRAILER
            case _Part.TRAILER:
                self._trailer_bytes += len(line)
                self.done = not text
                if self._trailer_bytes > _TRAILER_LIMIT:
                    self.error = "trailer too long"
            case _:
                self._part = _Part.SIZE
                if text:
                    self.error = "chunk longer than it says"
