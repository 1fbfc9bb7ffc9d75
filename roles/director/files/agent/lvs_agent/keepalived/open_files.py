# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that are open while a configuration is read: each includes the next.

Owns the bounds on files, and what becomes of one that cannot be read. Knows nothing of what their
lines say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lvs_agent.keepalived import includes, limits
from lvs_agent.keepalived.grammar import Files
from lvs_agent.keepalived.includes import Check, Include
from lvs_agent.keepalived.notes import Notes
from lvs_agent.keepalived.text import Line, lines
from lvs_agent.keepalived.tree import Position, Unreadable


@dataclass(slots=True)
class _File:
    """A file while it is read, and those of the same pattern that come after it."""

    path: str
    lines: Iterator[Line]
    waiting: list[str]
    check: Check  # include_check as it was before, and is again after it
    demanded: Check


class OpenFiles:
    """A stack of files. `check`: what include_check demands at the moment."""

    def __init__(self, files: Files, notes: Notes) -> None:
        self.check = Check.NONE
        self._files = files
        self._notes = notes
        self._open: list[_File] = []
        self._opened = 0
        self._bytes = 0

    def open(self, path: str) -> None:
        """Begin with this file."""
        self._open.append(_File("", iter(()), [path], Check.NONE, Check.READABLE))

    def include(self, wanted: Include, directory: str, position: Position) -> None:
        """Go on with the files that are wanted. Raises Unreadable, as all here does."""
        pattern = wanted.pattern
        if len(pattern) > 1 and pattern[0] in "\"'" and pattern[-1] == pattern[0]:
            self._notes.add(
                position, "keepalived takes the quotes as part of the file's name; ignored here"
            )
            pattern = pattern[1:-1]
        check = wanted.check | self.check
        try:
            found = includes.find(self._files, directory, pattern)
        except ValueError as error:
            raise Unreadable(position, str(error)) from None
        if found.missing:
            message = f"no such file: {', '.join(found.missing)}"
            if found.failed in check:
                raise Unreadable(position, f"{message}; it has to be there for this include")
            self._notes.add(position, f"{message}; nothing is included")
        if found.paths:
            self._open.append(_File("", iter(()), list(found.paths), self.check, check))

    def next(self, position: Position) -> Line | None:
        """The next line of the innermost file; `position` is that of the line before."""
        while self._open:
            file = self._open[-1]
            line = next(file.lines, None)
            if line is not None:
                return line
            self.check = file.check
            if file.waiting:
                self._begin(file, file.waiting.pop(0), position)
            else:
                self._open.pop()
        return None

    def _begin(self, file: _File, path: str, position: Position) -> None:
        included = position if position.path else None
        self._opened += 1
        if self._opened > limits.FILES:
            raise Unreadable(included, f"more than {limits.FILES} files are included")
        if any(path == other.path for other in self._open[:-1]):
            raise Unreadable(included, f"{path} includes itself")
        if len(self._open) > limits.INCLUDE_DEPTH:
            raise Unreadable(included, f"files include each other {limits.INCLUDE_DEPTH} deep")
        left = limits.BYTES - self._bytes
        try:
            data = self._files.read(path, left + 1)
        except OSError as error:
            message = f"{path}: {error.strerror or error}"
            if Check.READABLE in file.demanded or included is None:
                raise Unreadable(included, message) from None
            self._notes.add(included, f"{message}; left out")
            return
        if len(data) > left:
            raise Unreadable(
                Position(path, 1), f"with it there are more than {limits.BYTES} bytes to read"
            )
        self._bytes += len(data)
        file.path = path
        file.lines = lines(path, data, self._notes)
