# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's controller asks the agent's code: JSON on standard input, JSON back.

Owns the questions' names, and the check of documents. Runs in a process of its own on the
controller, from the role's files.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from lvs_agent import config

Answer = dict[str, Any]


def main() -> None:
    """Answer one question."""
    # The process ends with it, and its size is bounded (`limits`): to look for garbage over and
    # over would be a quarter of the time.
    gc.disable()
    sys.stdout.write(json.dumps(answer(**json.load(sys.stdin))))


def answer(ask: str, about: dict[str, Any]) -> Answer:
    """What is said of `about`: `ask` is check, read, same or yaml."""
    if ask == "check":
        return _check_all(about)
    # Most runs of a playbook only check: reading keepalived's language costs as much again.
    from lvs_agent.cli import controller_keepalived as keepalived  # noqa: PLC0415

    asked = {"read": keepalived.read_all, "same": keepalived.same_all, "yaml": keepalived.yaml_all}
    return asked[ask](about)


def _check_all(documents: dict[str, str]) -> Answer:
    """By name: the text of a document -> {errors, warnings}, both by name: [path, message] of each;
    one with errors has no warnings."""
    errors: dict[str, list[list[str]]] = {}
    warnings: dict[str, list[list[str]]] = {}
    for name, document in documents.items():
        try:
            warnings[name] = [[each.path, each.message] for each in config.lint(document)]
        except config.ConfigRejected as rejected:
            errors[name] = [[each.path, each.message] for each in rejected.errors]
    return {"errors": errors, "warnings": warnings}
