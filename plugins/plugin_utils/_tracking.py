# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failing tracker takes from the priority of an instance, as far as it can be read.

Owns reading the uses of trackers. Must never report anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

# Not track_file: the file's number decides, which nobody knows here.
_SECTIONS = {
    "track_interface": None,
    "track_script": "vrrp_scripts",
    "track_process": "vrrp_track_processes",
    "track_bfd": "bfd_instances",
}


def weights(values: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """(path below the instance, weight other than 0) of each tracker that `values` uses."""
    for option, section in _SECTIONS.items():
        blocks = document.get(section) if section else None
        listed = values.get(option)
        for index, item in enumerate(listed if isinstance(listed, list) else [listed]):
            name, weight = _use(item)
            block = blocks.get(name) if isinstance(blocks, Mapping) else None
            if weight is None and isinstance(block, Mapping):
                weight = block.get("weight")
            if isinstance(weight, int) and weight:
                yield f"{option}[{index}]", weight


def _use(item: Any) -> tuple[Any, Any]:
    """(name, weight or None) of a use: a mapping, or a line such as "chk weight -20"."""
    if isinstance(item, Mapping):
        return item.get("name"), item.get("weight")
    words = item.split() if isinstance(item, str) else []
    text = dict(pairwise(words)).get("weight", "")
    number = int(text) if text.removeprefix("-").isdigit() else None
    return (words[0] if words else None), number
