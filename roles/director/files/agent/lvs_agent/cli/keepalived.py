# SPDX-License-Identifier: GPL-3.0-or-later
"""`lvs-agent import` and `lvs-agent export`: from a keepalived.conf, and back to one.

Owns the form of the output. Must never change a file.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from lvs_agent import config
from lvs_agent.adapters import config_file
from lvs_agent.config import ConfigRejected
from lvs_agent.keepalived import yaml_text
from lvs_agent.keepalived.exporting import export as export_document
from lvs_agent.keepalived.importing import Problem
from lvs_agent.keepalived.table import grammar
from lvs_agent.keepalived.words import Unwritable
from lvs_agent.keepalived.write import write
from lvs_agent.proc import keepalived_source
from lvs_agent.proc.keepalived_source import KeepalivedSource

_INVENTORY = "lvs_"  # what the inventory's variables begin with


def import_file(path: str, config_id: str | None, *, as_json: bool) -> int:
    """Print the document that the file becomes: the inventory's variables in YAML, each notice a
    comment, or with `as_json` what the agent reads. Notices and errors go to standard error, too.

    Returns 0: it is accepted, 1: it has errors.
    """
    # As in `controller.py`.
    gc.disable()
    try:
        return _import_file(path, config_id, as_json=as_json)
    finally:
        gc.enable()


def _import_file(path: str, config_id: str | None, *, as_json: bool) -> int:
    try:
        found = keepalived_source.read_file(path, config_id)
    except ConfigRejected as rejected:
        _complain(rejected)
        return 1
    for notice in found.notices():
        print(f"warning: {notice}", file=sys.stderr)
    errors: tuple[Problem, ...] = ()
    try:
        found.accepted()
    except ConfigRejected as rejected:
        _complain(rejected)
        errors = found.imported.errors()
    document = found.imported.document
    print(json.dumps(document, indent=2) if as_json else _inventory(path, found, errors), end="")
    if as_json:
        print()
    return 1 if errors else 0


def _complain(rejected: ConfigRejected) -> None:
    for error in rejected.errors:
        print(f"error: {error}", file=sys.stderr)


def _inventory(path: str, found: KeepalivedSource, errors: tuple[Problem, ...]) -> str:
    imported = found.imported
    document = {f"{_INVENTORY}{name}": value for name, value in imported.document.items()}
    comments: dict[str, list[str]] = {"": [f"From {path}, by lvs-agent import."]}
    for noted in imported.noted:
        notice = noted.notice
        where = f"{_INVENTORY}{noted.path}" if noted.path else ""
        comments.setdefault(where, []).append(f"{notice.position}: {notice.text}")
    for error in errors:
        where = f"{_INVENTORY}{error.path}" if error.path else ""
        comments.setdefault(where, []).append(f"ERROR: {error.message}")
    return yaml_text.text(document, comments)


def export_file(path: str) -> int:
    """Print the configuration file as a keepalived.conf; what keepalived has no keyword for is a
    comment at its top, and goes to standard error. Returns 0, or 1: it is not accepted."""
    try:
        document = _document(path)
        config.from_document(document)
    except config_file.ConfigFileError as error:
        print(f"error: {path}: {error}", file=sys.stderr)
        return 1
    except ConfigRejected as rejected:
        _complain(rejected)
        return 1
    exported = export_document(document)
    try:
        text = write(exported.statements, grammar=grammar())
    except Unwritable as error:
        print(f"error: {path}: keepalived.conf cannot say it: {error}", file=sys.stderr)
        return 1
    print(f"# From {path}, by lvs-agent export.")
    for line in exported.lost:
        print(f"warning: {line}", file=sys.stderr)
        print(f"# {line}")
    print()
    print(text, end="")
    return 0


def _document(path: str) -> Any:
    return config.parse(config_file.read(path))
