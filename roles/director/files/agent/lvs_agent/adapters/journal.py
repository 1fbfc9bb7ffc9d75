# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines on standard error, with priorities when it is systemd's journal.

Owns the form of a line. Must never let a text of others begin a line of its own: what a hostile
real server sent may stand in it.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

# sd-daemon(3)
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_TEXT_LIMIT = 2000


class Journal:
    """Writes to `stream` (default: standard error)."""

    def __init__(self, environment: dict[str, str], stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_journal = _is_journal(environment, self._stream)

    def write(self, level: str, text: str) -> None:
        """One line. `level`: debug, info, warning, error; an unknown one counts as info."""
        line = printable(text[:_TEXT_LIMIT])
        if self._is_journal:
            line = f"<{_PRIORITY.get(level, 6)}>{line}"
        elif level in ("warning", "error"):
            line = f"{level}: {line}"
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads the log; that must not stop the agent


def printable(text: str) -> str:
    """`text` with everything that a terminal or a log could take for a command escaped."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def _is_journal(environment: dict[str, str], stream: TextIO) -> bool:
    """systemd.exec(5): JOURNAL_STREAM is the device and inode of the journal's socket."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
