# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's file, owned.json in the runtime directory.

Owns reading and atomic writing. Must never interpret the content (core/ledger.py does).
"""

from __future__ import annotations

import os
from pathlib import Path

from lvs_agent.core import ledger
from lvs_agent.core.ledger import Ledger

NAME = "owned.json"
DEFAULT_RUNTIME_DIR = "/run/lvs-agent"
RUNTIME_DIR_VARIABLE = "LVS_AGENT_RUNTIME_DIR"


def runtime_dir() -> Path:
    """Where the agent keeps what must not survive a boot."""
    return Path(os.environ.get(RUNTIME_DIR_VARIABLE) or DEFAULT_RUNTIME_DIR)


def read(directory: Path) -> tuple[Ledger, str | None]:
    """The ledger, and what was wrong with the file (None: nothing, or there is no file)."""
    path = directory / NAME
    try:
        # Not through a symbolic link: the directory is ours alone, a link in it is an attack.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return Ledger(), None
    except OSError as error:
        return Ledger(), f"{path}: {error.strerror}"
    try:
        with os.fdopen(descriptor, "rb") as file:
            found, wrong = ledger.decode(file.read(ledger.BYTES_LIMIT + 1))
    except OSError as error:
        return Ledger(), f"{path}: {error.strerror}"
    return found, f"{path}: {wrong}" if wrong else None


def write(directory: Path, content: Ledger) -> None:
    """Replace the file, atomically: readers see the old or the new one. Raises OSError.

    No fsync: the directory is in memory, and what the ledger lists does not survive a boot either.
    """
    temporary = directory / f".{NAME}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(ledger.encode(content))
        temporary.rename(directory / NAME)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
