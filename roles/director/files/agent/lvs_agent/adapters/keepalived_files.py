# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a keepalived.conf: patterns, and reading.

Owns the care with what is not a plain file. keepalived does not read executable files either, so
that a script in a directory of configurations does no harm.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Sequence
from pathlib import Path

_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class KeepalivedFiles:
    """The `Files` of `keepalived/grammar.py`."""

    def find(self, directory: str, pattern: str) -> Sequence[str]:
        """The existing files, by name."""
        if "\0" in pattern:
            return ()
        # Not Path.glob: the pattern may be absolute.
        found = sorted(glob.glob(pattern, root_dir=directory), key=os.fsencode)  # noqa: PTH207
        return [os.path.normpath(Path(directory, path)) for path in found]

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises OSError, whose `strerror` says why."""
        # Opening a device may do something, and a FIFO without a writer holds us up forever.
        _demand_plain(path, Path(path).stat())
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            _demand_plain(path, os.fstat(file.fileno()))
            return file.read(limit)


def _demand_plain(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a plain file", path)
    if status.st_mode & _EXECUTABLE:
        raise OSError(errno.EINVAL, "executable, which keepalived does not read", path)
