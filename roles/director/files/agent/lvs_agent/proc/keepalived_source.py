# SPDX-License-Identifier: GPL-3.0-or-later
"""A keepalived.conf in the place of a configuration file: read, translated, checked.

Owns its name, keepalived:CONFIG_ID:FILE, which stands wherever the path of a file of ours does, so
that whoever reads it again (a reload, `lvs-agent check --change`) reads the same. Must never apply
anything.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from lvs_agent import config
from lvs_agent.adapters.keepalived_files import KeepalivedFiles
from lvs_agent.config import ConfigError, ConfigRejected, Warning
from lvs_agent.core.model import Config
from lvs_agent.keepalived.importing import Imported, import_parsed
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.table import grammar
from lvs_agent.keepalived.tree import Unreadable
from lvs_agent.proc.configuration import KEEPALIVED

# Where programs are looked for that a file names without their path; the agent's own PATH may be
# another one each time.
_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def name(path: str, config_id: str | None = None) -> str:
    """What the file is called from here on; without an id that of this host, as of keepalived's."""
    return f"{KEEPALIVED}{config_id or ''}:{os.path.abspath(path)}"  # noqa: PTH100 - no symlinks


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepalivedSource:
    """A file that was read."""

    imported: Imported

    def text(self) -> str:
        """The document as JSON text, the same for the same meaning."""
        return json.dumps(self.imported.document, sort_keys=True)

    def accepted(self) -> Config:
        """The configuration. Raises ConfigRejected, with the lines of the file."""
        try:
            return config.from_document(self.imported.document)
        except ConfigRejected as rejected:
            raise ConfigRejected(tuple(self._with_line(one) for one in rejected.errors)) from None

    def notices(self) -> Iterator[Warning]:
        """What was noticed while it was read, in the order of the file."""
        for noted in sorted(self.imported.noted, key=_line):
            notice = noted.notice
            yield Warning(path=str(notice.position), message=notice.text)

    def lint(self) -> Iterator[Warning]:
        """What is allowed and rarely meant; of an accepted document."""
        for one in config.lint_document(self.imported.document):
            error = self._with_line(ConfigError(path=one.path, message=one.message))
            yield Warning(path=error.path, message=error.message)

    def _with_line(self, error: ConfigError) -> ConfigError:
        where = self.imported.position(error.path)
        if where is None:
            return error
        return ConfigError(path=f"{where}: {error.path}", message=error.message)


def _line(noted: object) -> tuple[str, int]:
    position = noted.notice.position  # type: ignore[attr-defined]
    return position.path, position.line


def read(source: str) -> KeepalivedSource:
    """The file that `name` named. Raises ConfigRejected if it cannot be read at all."""
    config_id, __, path = source.removeprefix(KEEPALIVED).partition(":")
    return read_file(path, config_id or None)


def read_file(path: str, config_id: str | None) -> KeepalivedSource:
    """The file, as the host with that config id has it."""
    try:
        parsed = parse(
            path,
            KeepalivedFiles(),
            config_id=config_id or socket.gethostname().partition(".")[0],
            grammar=grammar(),
            environment=os.environ,
        )
    except Unreadable as error:
        where = str(error.position) if error.position else ""
        raise ConfigRejected((ConfigError(path=where, message=error.message),)) from error
    return KeepalivedSource(imported=import_parsed(parsed, _program))


def _program(word: str) -> str | None:
    return shutil.which(word, path=_PROGRAMS)
