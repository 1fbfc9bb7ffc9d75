# SPDX-License-Identifier: GPL-3.0-or-later
"""The `services` of the status as JSON, made in slices.

Owns the slices: a takeover that is asked for meanwhile waits for one of them, not for megabytes of
text, and each slice works in the memory of the last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from lvs_agent.proc.kernel_brief import Brief
from lvs_agent.proc.loop import Loop

# Some 10 ms of work (10 us for each), as in kernel_ipvs.
_ENTRIES_PER_TURN = 1_000


class StatusAnswer:
    """One answer in the making. `rows`: one for each service. `brief`: see `kernel_brief.py`."""

    def __init__(self, loop: Loop, rows: Iterator[dict[str, Any]], *, brief: bool) -> None:
        self._loop = loop
        self._rows = rows
        self._brief = Brief() if brief else None
        self._texts: list[bytes] = []
        self._done: Callable[[bytes], None] | None = None

    def begin(self, done: Callable[[bytes], None]) -> None:
        """Make it; `done` gets the JSON array, unless it is cancelled first."""
        self._done = done
        self._slice()

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self._done = None

    def _slice(self) -> None:
        if self._done is None:
            return
        entries = 0
        for row in self._rows:
            entries += 1 + len(row["real_servers"]) + len(row["destinations"])
            short = row if self._brief is None else self._brief.shorten(row)
            self._texts.append(json.dumps(short, separators=(",", ":")).encode())
            if entries >= _ENTRIES_PER_TURN:
                self._loop.call_at(self._loop.now_ns(), self._slice)
                return
        self._done(b"[" + b",".join(self._texts) + b"]")
