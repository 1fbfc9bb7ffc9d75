# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the agent's own checker about documents, in a process of its own.

Owns that one call. The checker is the authority on a document; it comes with the role's files and
needs nothing but the standard library. Must never import the agent into Ansible's process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

# Some 200,000 real servers are checked in this time; more means that something hangs.
_TIMEOUT_S = 60

# Reads {name: document}, writes errors and warnings as {name: [[path, message], ...]}. One process
# for all documents.
_PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from lvs_agent import config
errors, warnings = {}, {}
for name, document in json.load(sys.stdin).items():
    try:
        warnings[name] = [[each.path, each.message] for each in config.lint(document)]
    except config.ConfigRejected as rejected:
        errors[name] = [[each.path, each.message] for each in rejected.errors]
json.dump([errors, warnings], sys.stdout)
"""

# By director: (path, message) of each.
Found = dict[str, list[tuple[str, str]]]


class CheckerFailed(Exception):
    """The checker itself did not work; the text says why."""


def check(documents: Mapping[str, Any], agent: str) -> tuple[Found, Found]:
    """Errors and warnings of each of `documents`; hosts with errors have no warnings.

    `agent` is the folder that holds the package `lvs_agent`. Raises CheckerFailed.
    """
    if not os.path.isfile(os.path.join(agent, "lvs_agent", "config", "__init__.py")):
        raise CheckerFailed(f"the agent's source is not in {agent}; is the collection complete?")
    texts = {name: json.dumps(document) for name, document in documents.items()}
    # -I: no PYTHONPATH or user site of the operator; -B: no byte code into the collection.
    command = [sys.executable, "-I", "-B", "-c", _PROGRAM, agent]
    try:
        done = subprocess.run(
            command,
            check=False,
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CheckerFailed(f"the agent's checker did not run: {error}") from error
    if done.returncode != 0:
        raise CheckerFailed(f"the agent's checker failed:\n{done.stderr.strip()}")
    errors, warnings = (
        {name: [tuple(each) for each in found] for name, found in each.items()}
        for each in json.loads(done.stdout)
    )
    return errors, warnings
