# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of another host, as far as they are known here.

Owns what is still to be asked there. A configuration is read with what is known, and again with
more, until nothing is asked any more: only the reader knows what a file includes. Pure.
"""

from __future__ import annotations

import base64
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class KnownFiles:
    """The `Files` of `grammar.py`.

    `found` has the files of a pattern by `key`; `content` what is in a file, {"base64": text}, or
    {"error": why it cannot be read}; `programs` where a program is, or None.
    """

    found: dict[str, list[str]]
    content: dict[str, dict[str, str]]
    programs: dict[str, str | None]
    wanted_patterns: dict[str, list[str]] = field(default_factory=dict)
    wanted_files: dict[str, None] = field(default_factory=dict)
    wanted_programs: dict[str, None] = field(default_factory=dict)

    def find(self, directory: str, pattern: str) -> Sequence[str]:
        """The files that are known to be there."""
        name = key(directory, pattern)
        if name not in self.found:
            self.wanted_patterns[name] = [directory, pattern]
        return self.found.get(name, ())

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises OSError, also for what is not known yet."""
        known = self.content.get(path)
        if known is None:
            self.wanted_files[path] = None
            raise OSError(errno.ENOENT, "not known yet", path)
        if "error" in known:
            raise OSError(errno.EIO, known["error"], path)
        return base64.b64decode(known["base64"])[:limit]

    def program(self, name: str) -> str | None:
        """The path of a program, where it is known."""
        if name not in self.programs:
            self.wanted_programs[name] = None
        return self.programs.get(name)

    def wanted(self) -> dict[str, Any]:
        """What is to be asked, {} if nothing is."""
        asked = {
            "patterns": list(self.wanted_patterns.values()),
            "files": list(self.wanted_files),
            "programs": list(self.wanted_programs),
        }
        return {name: value for name, value in asked.items() if value}


def key(directory: str, pattern: str) -> str:
    """What a pattern in a directory is called; neither has a NUL in it."""
    return f"{directory}\0{pattern}"
