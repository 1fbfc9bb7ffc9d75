# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody else could have changed a program before it is run.

Owns looking at owners and modes on the way to it. Must never run it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_ROOT = 0


def alterable(program: str, user_id: int) -> str | None:
    """Who but root and `user_id` could change `program`, for people; None for nobody.

    Looked at are the program and all directories above it, both as it is named and where symbolic
    links lead. A sticky directory (/tmp) lets nobody replace what is root's. Raises OSError when
    there is no such program.
    """
    for place in (Path(program), Path(os.path.realpath(program, strict=True))):
        for each in (place, *place.parents):
            info = each.stat()
            if info.st_uid not in (_ROOT, user_id):
                return f"{each} belongs to user {info.st_uid}"
            sticky = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX
            if info.st_mode & stat.S_IWOTH and not sticky:
                return f"anybody may write to {each}"
            if info.st_mode & stat.S_IWGRP and info.st_gid != _ROOT and not sticky:
                return f"group {info.st_gid} may write to {each}"
    return None
