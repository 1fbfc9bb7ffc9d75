# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears of changes of the files that FILE_CHECKs read.

Owns the watch on their directories. Must never read one: their probes do, at their next turn,
which is at once after a change and after delay_loop in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lvs_agent.adapters.inotify import DirectoryWatch
from lvs_agent.core.checks import Check, FileCheck
from lvs_agent.proc.loop import Loop


class FileNews:
    """`on_change` gets what tells whether a check's file may be another now."""

    def __init__(self, loop: Loop, on_change: Callable[[Callable[[Check], bool]], None]) -> None:
        self._loop = loop
        self._on_change = on_change
        self._watch: DirectoryWatch | None = None

    def add(self, check: FileCheck) -> None:
        """Hear of this one too. A directory stays watched; there are few."""
        if self._watch is None:
            self._watch = DirectoryWatch()
            self._loop.add_reader(self._watch.fileno(), self._changed)
        self._watch.add(str(Path(check.path).parent))

    def _changed(self) -> None:
        assert self._watch is not None
        names = self._watch.read()
        # An empty name: the kernel's queue was full, it may be any of them.
        self._on_change(
            lambda check: (
                isinstance(check, FileCheck) and ("" in names or Path(check.path).name in names)
            )
        )
