# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf, as a tree of statements, becomes a configuration document.

Owns the order of the steps, and which line of the file a path of the document stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lvs_agent.config import ConfigError, ConfigRejected, Warning, from_document
from lvs_agent.keepalived import completion
from lvs_agent.keepalived.keywords import TOP
from lvs_agent.keepalived.table import places
from lvs_agent.keepalived.translate import Noted, Translator
from lvs_agent.keepalived.tree import Parsed, Position

# The first of several stands without a list where it is the only one.
_ONLY = "[0]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What our own check says of the document, with the line of the file that it comes from."""

    position: Position | None
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        return f"{where}{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The document, what was noticed while it was made, and the line of every path in it."""

    document: dict[str, Any]
    noted: tuple[Noted, ...]
    positions: dict[str, Position]

    def position(self, path: str) -> Position | None:
        """The line that says what is at `path`, or the nearest block around it."""
        path = path.replace(_ONLY, "")
        while path:
            if path in self.positions:
                return self.positions[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None

    def problem(self, finding: ConfigError | Warning) -> Problem:
        """An error or warning of the check, with its line."""
        where = self.position(finding.path)
        return Problem(position=where, path=finding.path, message=finding.message)

    def errors(self) -> tuple[Problem, ...]:
        """What our own check refuses of the document."""
        try:
            from_document(self.document)
        except ConfigRejected as rejected:
            return tuple(self.problem(error) for error in rejected.errors)
        return ()


def no_program(_name: str) -> str | None:
    """Knows the path of no program."""
    return None


def import_parsed(
    parsed: Parsed, find_program: Callable[[str], str | None] = no_program
) -> Imported:
    """What the statements say, as a document. Never fails: what cannot be translated gives a
    notice."""
    translator = Translator(find_program)
    for notice in parsed.notices:
        translator.noted.append(Noted("", notice))
    document = translator.block(places()[TOP], parsed.statements, "")
    completion.complete(document, translator)
    positions = {path.replace(_ONLY, ""): line for path, line in translator.positions.items()}
    return Imported(document=document, noted=tuple(translator.noted), positions=positions)
