# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as people write them in a playbook.

Owns their form: a number of seconds, or with a unit: 90s, 10m, 2h, 1d, 1w.
"""

from __future__ import annotations

import re

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds(text: str | None) -> int | None:
    """`text` in seconds; None: nothing was said. Raises ValueError."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw]?)", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time such as 90s, 10m, 2h or 1d")
    return int(found[1]) * _UNITS_S[found[2]]
