# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel process's part of `lvsctl status`: without what nobody reads.

Owns what is left out. Must never leave out what is wrong, as long as somebody could read it all.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

# Of all virtual servers together: real servers that are up, and others (also those that an operator
# has said something of).
WELL_LIMIT = 200
OTHERS_LIMIT = 1000


class Brief:
    """One status. Rows of one virtual server come one after the other, the first of which has its
    real servers."""

    def __init__(self) -> None:
        self._well_left = WELL_LIMIT
        self._others_left = OTHERS_LIMIT
        self._name: str | None = None
        self._left_out: set[str] = set()

    def shorten(self, row: Row) -> Row:
        """The same without real servers that are left out; `left_out` counts them, and has their
        connections."""
        if row["name"] != self._name:
            self._name = row["name"]
            self._left_out = set()
        kept = [one for one in row["real_servers"] if self._is_kept(one)]
        gone = [one for one in row["real_servers"] if one["name"] in self._left_out]
        destinations = row["destinations"]
        hidden = [one for one in destinations if one["name"] in self._left_out]
        return row | {
            "real_servers": kept,
            "destinations": [one for one in destinations if one["name"] not in self._left_out],
            "left_out": {
                "up": sum(one["up"] for one in gone),
                "down": sum(not one["up"] for one in gone),
                "checked_down": sum(one["checked"] and not one["up"] for one in gone),
                "active": sum(one["active"] for one in hidden),
                "inactive": sum(one["inactive"] for one in hidden),
            },
        }

    def _is_kept(self, real_server: Row) -> bool:
        if real_server["up"] and not real_server.get("override"):
            self._well_left -= 1
            kept = self._well_left >= 0
        else:
            self._others_left -= 1
            kept = self._others_left >= 0
        if not kept:
            self._left_out.add(real_server["name"])
        return kept
