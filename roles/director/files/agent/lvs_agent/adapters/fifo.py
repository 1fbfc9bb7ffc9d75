# SPDX-License-Identifier: GPL-3.0-or-later
"""A named pipe that lines are written to (fifo(7)).

Owns the pipe: made when it is missing, removed at the end by whoever made it. Writing never
blocks: what a slow reader leaves is kept, up to a bound. Must never interpret a line.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import deque
from pathlib import Path

# While nobody reads, the kernel keeps 64 KiB and we keep this; then the oldest lines go.
_LINES_LIMIT = 1000


class FifoWriter:
    """Raises OSError when `path` is something else, or cannot be made."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.dropped = 0
        self._waiting: deque[bytes] = deque()
        self._made = False
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
            self._made = True
        # Reading too: opened for writing alone it fails while nobody reads (fifo(7)).
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(self._fd).st_mode):
            os.close(self._fd)
            raise OSError(22, "not a FIFO", path)

    def fileno(self) -> int:
        """The descriptor: writable when the pipe has room."""
        return self._fd

    def write(self, line: str) -> None:
        """Write a line, or keep it until the pipe has room. Lines arrive whole: they are shorter
        than PIPE_BUF (pipe(7))."""
        if len(self._waiting) == _LINES_LIMIT:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(line.encode() + b"\n")
        self.flush()

    def flush(self) -> bool:
        """Write what waits; True when nothing is left."""
        while self._waiting:
            try:
                os.write(self._fd, self._waiting[0])
            except BlockingIOError:
                return False
            self._waiting.popleft()
        return True

    def close(self) -> None:
        """Close the pipe, and remove it if it was made here."""
        os.close(self._fd)
        if self._made:
            with contextlib.suppress(OSError):
                Path(self.path).unlink()
