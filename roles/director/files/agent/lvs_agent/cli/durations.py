# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as people type them, and who typed them.

Owns both for the commands that override what the agent would do.
"""

from __future__ import annotations

import argparse
import os
import pwd
import re

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def duration_s(text: str) -> int:
    """ "90", "90s", "10m", "2h", "1d", "1w" in seconds. Raises ArgumentTypeError."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 10m, 2h or 1d")
    return int(found[1]) * _UNITS_S[found[2]]


def login() -> str:
    """Who is at the keyboard, also behind sudo."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
