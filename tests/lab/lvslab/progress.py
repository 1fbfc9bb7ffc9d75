# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells people what the lab is doing and how long each step took, one line each.

Owns stderr; stdout belongs to data (tables, JSON, inventories).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(slots=True, kw_only=True)
class Progress:
    """Prints steps with their times, after the `name` of who speaks. `quiet` prints nothing."""

    name: str = "lab"
    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def note(self, text: str) -> None:
        """Print one line without a time."""
        if not self.quiet:
            print(f"{self.name}: {text}", file=self.stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print `text` now and the seconds it took, or that it failed, at the end."""
        if self.quiet:
            yield
            return
        start = time.monotonic()
        print(f"{self.name}: {text} ...", end="", file=self.stream, flush=True)
        try:
            yield
        except BaseException:
            print(f" failed after {time.monotonic() - start:.1f} s", file=self.stream, flush=True)
            raise
        print(f" {time.monotonic() - start:.1f} s", file=self.stream, flush=True)
