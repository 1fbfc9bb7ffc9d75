# SPDX-License-Identifier: GPL-3.0-or-later
"""What the language has to be told: of keywords, and of the host that the file belongs to.

Owns the shapes of what is given from outside, so that the rest of the language knows no keyword,
opens no file and rolls no dice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Grammar:
    """The little that reading depends on keywords for."""

    # Blocks that stand at the top level only, such as vrrp_instance: where one begins, whatever was
    # open before it has lost its closing brace.
    top_level: frozenset[str] = frozenset()
    # Keywords whose line is split as a command is: both kinds of quotes, and C's escapes. All
    # others know double quotes only, without escapes.
    commands: frozenset[str] = frozenset()


class Files(Protocol):
    """The file system, as far as `include` needs it."""

    def find(self, directory: str, pattern: str) -> Sequence[str]:
        """The existing files that the pattern names, in order; `*`, `?` and `[...]` as of glob(3).

        `pattern` is relative to `directory` unless it begins with a slash. A file is named in one
        way only, so that one that includes itself is seen.
        """

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes of the file. Raises OSError, also for what is not a plain file."""


@dataclass(frozen=True, slots=True)
class Host:
    """What predefined parameters stand for.

    `random` gets the lowest and the highest number. Without it ${_RANDOM} is the lowest, so that
    the same text is read the same way twice.
    """

    config_id: str | None
    environment: Mapping[str, str]
    random: Callable[[int, int], int] | None
