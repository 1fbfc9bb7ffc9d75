# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made of, or changed on, interfaces, so that it can be undone: links.json.

Owns the text. Must never touch a file. Written before anything in it is done. Reading is tolerant:
an entry that is not well-formed is left out, undoing the rest is better than nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from lvs_agent.core.links_wanted import Setting, SettingKey

VERSION = 1
# 255 VRIDs of both families on several interfaces, about 100 bytes each; a larger file is not ours.
BYTES_LIMIT = 1024 * 1024
ENTRIES_LIMIT = 4_096
_INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ - 1, linux/if.h
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A setting's value `before` we `set` it, on the interface that had `index` then."""

    index: int
    before: int
    set: int


@dataclass(slots=True, kw_only=True)
class LinksMade:
    """`vmacs`: name to MAC."""

    vmacs: dict[str, str] = field(default_factory=dict)
    settings: dict[SettingKey, Before] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.vmacs or self.settings)


def encode(made: LinksMade) -> bytes:
    """The file's content."""
    document = {
        "version": VERSION,
        "vmacs": [{"interface": name, "mac": mac} for name, mac in sorted(made.vmacs.items())],
        "settings": [
            {
                "interface": key.interface,
                "setting": key.setting.label,
                "index": value.index,
                "before": value.before,
                "set": value.set,
            }
            for key, value in sorted(made.settings.items())
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes) -> tuple[LinksMade, str | None]:
    """What is in `data`, and what was wrong with it, for the log (None: nothing)."""
    if len(data) > BYTES_LIMIT:
        return LinksMade(), f"larger than {BYTES_LIMIT} bytes"
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        return LinksMade(), f"not JSON: {error}"
    if not isinstance(document, dict):
        return LinksMade(), "not a JSON object"
    made, bad = LinksMade(), 0
    for entry in _entries(document, "vmacs"):
        match entry:
            case {"interface": str(name), "mac": str(mac)} if _is_name(name) and _MAC.fullmatch(
                mac
            ):
                made.vmacs[name] = mac
            case _:
                bad += 1
    for entry in _entries(document, "settings"):
        read = _setting(entry)
        if read is None:
            bad += 1
        else:
            made.settings[read[0]] = read[1]
    return made, f"{bad} entries are malformed and left out" if bad else None


def _entries(document: dict[str, Any], name: str) -> list[Any]:
    entries = document.get(name)
    return entries[:ENTRIES_LIMIT] if isinstance(entries, list) else [None]


def _setting(entry: Any) -> tuple[SettingKey, Before] | None:
    match entry:
        case {
            "interface": str(name),
            "setting": str(label),
            "index": int(index),
            "before": int(before),
            "set": int(value),
        } if _is_name(name):
            numbers = (index, before, value)
            if any(isinstance(each, bool) or not 0 <= each < 2**31 for each in numbers):
                return None
            if label.upper() not in Setting.__members__ or label != label.lower():
                return None
            key = SettingKey(name, Setting[label.upper()])
            return key, Before(index=index, before=before, set=value)
    return None


def _is_name(text: str) -> bool:
    return 0 < len(text.encode(errors="replace")) <= _INTERFACE_NAME_LIMIT and "\0" not in text
