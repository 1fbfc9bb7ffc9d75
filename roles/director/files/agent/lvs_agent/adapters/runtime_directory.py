# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime directory: that it exists, and that one agent at a time works in it.

Owns the lock file. Must never remove what others keep there (the ledger of the kernel process).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_LOCK_NAME = "lock"


class AlreadyRunning(Exception):
    """Another agent holds the lock."""


def ensure(directory: Path) -> None:
    """Create `directory` for us alone and our group to look into. Raises OSError."""
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)


def lock(directory: Path) -> int:
    """Take the agent's lock; the descriptor holds it, also in forked children.

    So a new supervisor waits until the children of a killed one have handed over. Raises
    AlreadyRunning or OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(directory / _LOCK_NAME, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(f"another lvs-agent works in {directory}") from error
    return descriptor
