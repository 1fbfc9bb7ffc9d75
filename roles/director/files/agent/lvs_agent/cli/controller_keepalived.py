# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's controller asks about keepalived.conf.

Owns the shape of those questions and answers. Must never open a file of what it is asked about.
"""

from __future__ import annotations

from typing import Any

from lvs_agent import config
from lvs_agent.config import ConfigRejected
from lvs_agent.keepalived import yaml_text
from lvs_agent.keepalived.importing import Imported, import_parsed
from lvs_agent.keepalived.known_files import KnownFiles
from lvs_agent.keepalived.parse import parse
from lvs_agent.keepalived.table import grammar
from lvs_agent.keepalived.tree import Position, Unreadable

Answer = dict[str, Any]


def read_all(files: dict[str, Any]) -> Answer:
    """By name: {path, config_id, found, content, programs} -> {wanted}, as of `KnownFiles`, or
    {unreadable: why}, or {document, notices, errors}, each of those with path, file, line and
    message."""
    return {name: _read(**one) for name, one in files.items()}


def _read(
    path: str,
    config_id: str,
    found: dict[str, list[str]],
    content: dict[str, dict[str, str]],
    programs: dict[str, str | None],
) -> Answer:
    known = KnownFiles(found, content, programs)
    try:
        parsed = parse(path, known, config_id=config_id, grammar=grammar())
        imported = import_parsed(parsed, known.program)
    except Unreadable as error:
        return {"wanted": known.wanted()} if known.wanted() else {"unreadable": str(error)}
    return {"wanted": known.wanted()} if known.wanted() else _told(imported)


def _told(imported: Imported) -> Answer:
    notices = [_line(one.path, one.notice.position, one.notice.text) for one in imported.noted]
    errors = [_line(one.path, one.position, one.message) for one in imported.errors()]
    return {"document": imported.document, "notices": notices, "errors": errors}


def _line(path: str, position: Position | None, message: str) -> Answer:
    where = {"file": position.path, "line": position.line} if position else {"file": "", "line": 0}
    return {"path": path, **where, "message": message}


def same_all(pairs: dict[str, list[Any]]) -> Answer:
    """By name: two documents -> whether both are accepted and mean the same."""
    return {name: _same(*pair) for name, pair in pairs.items()}


def _same(one: Any, other: Any) -> bool:
    try:
        return config.from_document(one) == config.from_document(other)
    except ConfigRejected:
        return False


def yaml_all(files: dict[str, Any]) -> Answer:
    """By name: {document, comments} -> the text (`yaml_text.text`)."""
    return {name: yaml_text.text(one["document"], one["comments"]) for name, one in files.items()}
