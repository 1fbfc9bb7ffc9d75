# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which kind the change to a configuration is, seen from the one that the running agent has.

Owns finding that one. Must never change anything.
"""

from __future__ import annotations

import json
from pathlib import Path

from lvs_agent.cli.client import AgentError, ClientError, ask
from lvs_agent.config import ConfigRejected
from lvs_agent.core.change import Change, change
from lvs_agent.core.model import Config
from lvs_agent.proc import configuration

_ASK_S = 5.0


def against_running(accepted: Config, runtime_directory: Path) -> Change | None:
    """The kind of the change from the configuration in force; None: no agent runs."""
    try:
        agent = ask("summary", runtime_directory, _ASK_S)["agent"]
        running = ask("config", runtime_directory, _ASK_S)
    except (ClientError, AgentError):
        return None
    kind = change(running, json.loads(configuration.public_text(accepted)))
    if kind is Change.NONE and _in_force(agent) != accepted:
        return Change.STRUCTURE  # a password or a key: they are not shown
    return kind


def _in_force(agent: dict[str, str]) -> Config | None:
    """The whole of it, with its secrets, if the file is still the one that was loaded."""
    try:
        loaded = configuration.load(agent["config_file"])
    except ConfigRejected:
        return None
    return loaded.config if loaded.sha256 == agent["config_sha256"] else None
