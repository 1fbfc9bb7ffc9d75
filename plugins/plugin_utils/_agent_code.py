# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the agent's own code, in a process of its own.

Owns that one call. The code is the authority on documents and on keepalived.conf; it comes with the
role's files and needs only the standard library. Must never import it into Ansible's process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

AGENT = os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..", "roles", "director", "files", "agent")
)

# Some 200,000 real servers are checked, and a hundred directors' files of keepalived are read, in
# this time; more means that something hangs.
_TIMEOUT_S = 120
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from lvs_agent.cli.controller import main
main()
"""


class Failed(Exception):
    """What was asked for cannot be had, or the agent's code did not work; the text says why."""


def ask(what: str, about: Mapping[str, Any]) -> Any:
    """The answer of `lvs_agent/cli/controller.py`. Raises Failed."""
    if not os.path.isfile(os.path.join(AGENT, "lvs_agent", "cli", "controller.py")):
        raise Failed(f"the agent's source is not in {AGENT}; is the collection complete?")
    # -I: no PYTHONPATH or user site of the operator; -B: no byte code into the collection.
    command = [sys.executable, "-I", "-B", "-c", _PROGRAM, AGENT]
    try:
        done = subprocess.run(
            command,
            check=False,
            input=json.dumps({"ask": what, "about": about}),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Failed(f"the agent's code, asked to {what}, did not run: {error}") from error
    if done.returncode != 0:
        raise Failed(f"the agent's code, asked to {what}, failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout)
