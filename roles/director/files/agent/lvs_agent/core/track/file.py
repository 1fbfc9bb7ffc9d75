# SPDX-License-Identifier: GPL-3.0-or-later
"""Track files: a number in a file that moves priorities (track_file).

Owns the meaning of a file's content. Must never read one.
"""

from __future__ import annotations

import re

from lvs_agent.core.messages import TrackerState
from lvs_agent.core.model import TrackerKind, TrackFile

# More than any number needs; what follows is not looked at.
BYTES_LIMIT = 64
# Times a weight of at most 254 this is far outside every priority; larger numbers are cut to it.
_VALUE_LIMIT = 1_000_000
_NUMBER = re.compile(rb"\s*([+-]?[0-9]{1,18})\s*(\n|$)")


def value_of(content: bytes | None) -> tuple[int, str]:
    """The number, and what is to be said about it. A missing, empty or unreadable one counts as 0.

    `content` None: there is no such file.
    """
    if content is None:
        return 0, "the file does not exist; it counts as 0"
    if not content.strip():
        return 0, "the file is empty; it counts as 0"
    match = _NUMBER.match(content)
    if match is None:
        return 0, f"{content[:20]!r} is not a number; it counts as 0"
    value = max(-_VALUE_LIMIT, min(_VALUE_LIMIT, int(match[1])))
    return value, f"the number is {value}"


def state_of(file: TrackFile, content: bytes | None) -> TrackerState:
    """What ha is told of a file with this content."""
    value, reason = value_of(content)
    return TrackerState(
        kind=TrackerKind.FILE,
        name=file.name,
        up=True,
        value=value,
        reason=f"{file.path}: {reason}",
    )
