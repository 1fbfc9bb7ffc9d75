# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host of the lab is like, to compare before and after.

Owns asking it (`snapshot_guest.py`, on the host) and saying the difference.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lvslab import Lab

State = dict[str, Any]
_GUEST = Path(__file__).with_name("snapshot_guest.py")


def read(lab: Lab, host: str) -> State:
    """The host now."""
    answer = lab.run(host, ["python3", "-c", _GUEST.read_text()]).stdout
    state: State = json.loads(answer)
    return state


def differences(before: State, after: State, *, without: Collection[str] = ()) -> list[str]:
    """Everything that is not as before, one line each; `without` has parts not to compare."""
    found = []
    for part, old in before.items():
        if part in without:
            continue
        new = after[part]
        if part == "sysctls":
            # A kernel module that is loaded now has settings of its own.
            new = {name: value for name, value in new.items() if name in old}
        if isinstance(old, dict):
            names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            found += [f"{part} {name}: {old.get(name)} -> {new.get(name)}" for name in names]
        else:
            found += [f"{part}: - {line}" for line in old if line not in new]
            found += [f"{part}: + {line}" for line in new if line not in old]
    return found
