# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes keepalived's dump files when a signal asks for them.

Owns which signal is for which file, and one write at a time for each. Must never write a file that
no option names.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lvs_agent.adapters import dump_file
from lvs_agent.adapters.journal import Journal
from lvs_agent.core import dump, dump_text
from lvs_agent.core.model import Config

# keepalived's numbers; the last one clears the counters there, which here others read too.
JSON, STATE, STATS = signal.SIGRTMIN + 2, signal.SIGUSR1, signal.SIGUSR2
_STATS_AND_CLEAR = signal.SIGRTMAX - 1
SIGNALS: dict[int, str] = {
    STATE: "state_dump_file",
    STATS: "stats_dump_file",
    _STATS_AND_CLEAR: "stats_dump_file",
    JSON: "json_dump_file",
}
# What a report lacks; it is written by another process.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)


class Dumps:
    """`config()` is the configuration in force; `status(done)` calls `done` with the document of
    `lvsctl status --json`, soon."""

    def __init__(
        self,
        config: Callable[[], Config],
        status: Callable[[Callable[[bytes], None]], None],
        journal: Journal,
    ) -> None:
        self._config = config
        self._status = status
        self._journal = journal
        self._collecting: set[str] = set()
        self._told: dict[str, str] = {}

    def signalled(self, number: int) -> None:
        """Write what the signal asks for, as soon as the status is there."""
        option = SIGNALS[number]
        if self._path(option) is None:
            self._tell(option, f"global_defs.{option} is not set: nothing is written")
        elif option not in self._collecting:
            self._collecting.add(option)
            self._status(lambda document: self._write(option, document))

    def _path(self, option: str) -> str | None:
        path: str | None = getattr(self._config().global_defs, option)
        return path

    def _write(self, option: str, document: bytes) -> None:
        self._collecting.discard(option)
        path = self._path(option)
        if path is None:
            return  # reloaded meanwhile
        try:
            text = self._render(option, json.loads(document))
            dump_file.write(Path(path), text.encode())
        except OSError as error:
            why = f"{error.strerror}; its directory must be open to the agent's user and unit"
            self._tell(option, f"{option} {path}: {why} (director_writable_paths)")
        except _MALFORMED as error:
            self._tell(option, f"{option} {path}: the status lacks {error!r}")
        else:
            self._told.pop(option, None)

    def _render(self, option: str, status: Mapping[str, Any]) -> str:
        config, now_s = self._config(), time.time()
        match option:
            case "json_dump_file":
                version = config.global_defs.json_version
                return dump.as_json(config, status, now_s=now_s, version=version)
            case "state_dump_file":
                return dump_text.state(config, status, now_s=now_s)
        return dump_text.statistics(config, status)

    def _tell(self, option: str, text: str) -> None:
        """Each trouble once: whoever reads the files asks every few seconds."""
        if self._told.get(option) != text:
            self._told[option] = text
            self._journal.write("warning", text)
