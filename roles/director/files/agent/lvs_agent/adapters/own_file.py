# SPDX-License-Identifier: GPL-3.0-or-later
"""A small file of ours in the runtime or state directory: reading it, and replacing it at one blow.

Owns the care with links and half-written files. Must never interpret the content.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Content = TypeVar("Content")


def read(
    path: Path, limit: int, decode: Callable[[bytes], tuple[Content, str | None]], nothing: Content
) -> tuple[Content, str | None]:
    """What `decode` makes of the file, and what was wrong with it (None: nothing, or no file).

    At most `limit` bytes and one are read, so that `decode` sees when there are too many.
    """
    try:
        # Not through a symbolic link: the directory is ours alone, a link in it is an attack.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return nothing, None
    except OSError as error:
        return nothing, f"{path}: {error.strerror}"
    try:
        with os.fdopen(descriptor, "rb") as file:
            found, wrong = decode(file.read(limit + 1))
    except OSError as error:
        return nothing, f"{path}: {error.strerror}"
    return found, f"{path}: {wrong}" if wrong else None


def write(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Replace the file, atomically: readers see the old or the new one. Raises OSError.

    `durable`: once this returns, it survives a power cut. Not so the files of the runtime
    directory: that is in memory, and what they list does not survive a boot either.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """So that the new name survives too."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
