# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation of an SMTP_CHECK (RFC 5321): greeting, HELO, QUIT.

Owns what is said and when it is enough. Must never raise on what a server said, nor look beyond
its bounds: real servers are hostile here.
"""

from __future__ import annotations

# All replies together; RFC 5321 section 4.5.3.1.5 allows a line 512 bytes, and these are few.
REPLIES_LIMIT = 16 * 1024
# Of a server's words, in a reason for people.
_SHOWN_BYTES = 60


class SmtpDialogue:
    """Bytes in, bytes to send out; then `done`, or `error`."""

    __slots__ = ("_bytes", "_hello", "_line", "_replies", "done", "error")

    def __init__(self, name: str) -> None:
        self._hello = f"HELO {name}\r\n".encode("ascii", "replace")
        self._line = b""
        self._bytes = 0
        self._replies = 0
        self.done = False
        self.error: str | None = None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the stream; what is to be sent now."""
        self._bytes += len(data)
        to_send = b""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            if self.done or self.error is not None:
                break
            to_send += self._take(line.rstrip(b"\r"))
        if not self.done and self.error is None and self._bytes > REPLIES_LIMIT:
            self.error = f"more than {REPLIES_LIMIT} bytes of replies"
        return to_send

    def _take(self, line: bytes) -> bytes:
        code, mark = line[:3], line[3:4]
        if not (len(code) == 3 and code.isdigit() and mark in (b"", b" ", b"-")):
            self.error = f"not an SMTP reply: {line[:_SHOWN_BYTES]!r}"
        elif mark == b"-":
            pass  # more lines of the same reply follow
        elif code != (b"220", b"250")[self._replies]:
            said = "greeted with" if not self._replies else "answered HELO with"
            self.error = f"{said} {line[:_SHOWN_BYTES]!r}"
        else:
            self._replies += 1
            self.done = self._replies == 2
            return b"QUIT\r\n" if self.done else self._hello
        return b""

    def end(self) -> None:
        """The stream has ended."""
        if not self.done and self.error is None:
            self.error = f"closed: {self.progress()}"

    def progress(self) -> str:
        """How far it got, for the reason of a timeout."""
        if not self._bytes:
            return "no greeting"
        return "no answer to HELO" if self._replies else "only part of a greeting"
