# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices while they are collected.

Owns the bound on their number.
"""

from __future__ import annotations

from lvs_agent.keepalived import limits
from lvs_agent.keepalived.tree import Notice, Position


class Notes:
    """A list of notices that says how many it could not take."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._more = 0

    def add(self, position: Position, message: str, suggestion: str | None = None) -> None:
        if len(self._notices) < limits.NOTICES:
            if len(message) > limits.NOTICE:
                message = message[: limits.NOTICE] + "..."
            self._notices.append(Notice(position, message, suggestion))
        else:
            self._more += 1

    def all(self) -> tuple[Notice, ...]:
        """File by file, line by line; the same thing said twice of a line is said once."""
        files = {path: number for number, path in enumerate(self._paths())}
        notices = sorted(
            dict.fromkeys(self._notices),
            key=lambda notice: (files[notice.position.path], notice.position.line),
        )
        if self._more:
            notices.append(Notice(notices[-1].position, f"{self._more} further notices left out"))
        return tuple(notices)

    def _paths(self) -> dict[str, None]:
        return dict.fromkeys(notice.position.path for notice in self._notices)
