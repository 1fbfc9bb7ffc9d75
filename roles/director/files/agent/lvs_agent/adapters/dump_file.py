# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a file that everybody may read, in a directory that others may write to as well.

Owns the care with links: nothing that somebody else put there is opened or changed.
"""

from __future__ import annotations

import os
from pathlib import Path

_MODE = 0o644


def write(path: Path, content: bytes) -> None:
    """Replace the file, atomically: readers see the old or the new one, whole. Raises OSError."""
    temporary = path.with_name(f".{path.name[:200]}.{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE)  # whatever the umask is
            file.write(content)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
