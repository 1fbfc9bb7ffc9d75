# SPDX-License-Identifier: GPL-3.0-or-later
"""What the health process writes to the journal, and how much of it.

Owns the limits. Must never decide what is worth a line.
"""

from __future__ import annotations

from collections.abc import Callable

from lvs_agent.proc.loop import Loop

# Lines of the journal a second: a rack that dies is told line by line, a site that dies in a sum.
# systemd-journald drops what exceeds 10,000 lines in 30 s.
_LINES_PER_SECOND = 200
_SECOND_NS = 1_000_000_000
# Between two lines about errors of our own: they come in swarms and all say the same.
_LOCAL_ERROR_LINE_NS = 60 * _SECOND_NS


class HealthLog:
    """`log` takes level and text."""

    def __init__(self, loop: Loop, log: Callable[[str, str], None]) -> None:
        self._loop = loop
        self._log = log
        self.local_errors = 0
        self._local_error_line_ns: int | None = None
        self._lines = 0
        self._lines_since_ns = 0
        self._unsaid = 0

    def line(self, level: str, text: str) -> None:
        """A line of which there may be thousands at once."""
        now_ns = self._loop.now_ns()
        if now_ns - self._lines_since_ns >= _SECOND_NS:
            self._lines, self._lines_since_ns = 0, now_ns
        self._lines += 1
        if self._lines <= _LINES_PER_SECOND:
            self._log(level, text)
            return
        if not self._unsaid:
            self._loop.call_at(self._lines_since_ns + _SECOND_NS, self._sum)
        self._unsaid += 1

    def _sum(self) -> None:
        self._log("warning", f"{self._unsaid} more lines about real servers: see lvsctl status")
        self._unsaid = 0

    def local_error(self, name: str, reason: str) -> None:
        """The check `name` could not run, by this host's fault."""
        self.local_errors += 1
        now_ns, last_ns = self._loop.now_ns(), self._local_error_line_ns
        if last_ns is not None and now_ns - last_ns < _LOCAL_ERROR_LINE_NS:
            return
        self._local_error_line_ns = now_ns
        self._log(
            "error",
            f"{name} cannot run on this host: {reason} ({self.local_errors} times so far); real"
            " servers keep their verdicts",
        )
