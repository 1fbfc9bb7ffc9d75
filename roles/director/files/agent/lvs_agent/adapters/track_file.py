# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a track file.

Owns the care with what may stand at its path. Must never interpret the content
(`core/track/file.py`).
"""

from __future__ import annotations

import os

from lvs_agent.core.track.file import BYTES_LIMIT


def read(path: str) -> bytes | None:
    """The beginning of a file; None if there is none that can be read. Never blocks on a FIFO."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, BYTES_LIMIT)
    except OSError:
        return None
    finally:
        os.close(descriptor)
