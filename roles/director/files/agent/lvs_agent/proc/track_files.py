# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches the track files.

Owns reading and, where the configuration says so, making them. Must never decide what a number
means: `core/track/file.py`, and ha for the priority.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from lvs_agent.adapters import track_file
from lvs_agent.adapters.inotify import DirectoryWatch
from lvs_agent.core.messages import TrackerState
from lvs_agent.core.model import TrackFile
from lvs_agent.core.track.file import state_of
from lvs_agent.proc.loop import Loop

# The kernel tells of changes; this is for directories that appear later, and for file systems
# that tell nothing.
_AUDIT_NS = 2_000_000_000


class FileWatcher:
    """`on_state` hears of every change of a file's number."""

    def __init__(
        self,
        loop: Loop,
        on_state: Callable[[TrackerState], None],
        log: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._on_state = on_state
        self._log = log
        self._watch: DirectoryWatch | None = None
        self._files: dict[str, TrackFile] = {}
        self._states: dict[str, TrackerState] = {}
        self._auditing = False

    def configure(self, files: tuple[TrackFile, ...]) -> None:
        """Watch exactly these."""
        known, self._files = self._files, {file.name: file for file in files}
        self._states = {n: s for n, s in self._states.items() if n in self._files}
        for name, file in self._files.items():
            if known.get(name) != file:
                self._make(file)
        if self._files and self._watch is None:
            self._watch = DirectoryWatch()
            self._loop.add_reader(self._watch.fileno(), self._changed)
        self._look()
        if self._files and not self._auditing:
            self._auditing = True
            self._loop.call_at(self._loop.now_ns() + _AUDIT_NS, self._audit)

    def _make(self, file: TrackFile) -> None:
        """Write the initial number (init_file), over an existing one only when told so."""
        if file.init_value is None:
            return
        mode = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        mode |= os.O_TRUNC if file.overwrite else os.O_EXCL
        try:
            descriptor = os.open(file.path, mode, 0o644)
        except FileExistsError:
            return
        except OSError as error:
            self._log("error", f"vrrp_track_files.{file.name}: {file.path}: {error.strerror}")
            return
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"{file.init_value}\n")

    def _changed(self) -> None:
        assert self._watch is not None
        self._watch.read()
        self._look()

    def _audit(self) -> None:
        if not self._files:
            self._auditing = False
            return
        self._look()
        self._loop.call_at(self._loop.now_ns() + _AUDIT_NS, self._audit)

    def _look(self) -> None:
        """Read all of them: they are few and small, and a missed one would be a missed failover."""
        for file in self._files.values():
            if self._watch is not None:
                self._watch.add(str(Path(file.path).parent))
            state = state_of(file, track_file.read(file.path))
            if self._states.get(file.name) != state:
                self._states[file.name] = state
                self._on_state(state)

    def states(self) -> list[TrackerState]:
        """The state of every file."""
        return list(self._states.values())

    def close(self) -> None:
        """Stop watching."""
        self._files = {}
        if self._watch is not None:
            self._loop.remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None

    def report(self) -> list[dict[str, object]]:
        """One object per file for the status."""
        return [
            {"type": "file", "name": s.name, "up": s.up, "value": s.value, "reason": s.reason}
            for s in self._states.values()
        ]
