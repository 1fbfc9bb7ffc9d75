# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the overrides, real_servers.json in the state directory.

Owns its place and its durability. Must never interpret the content (core/overrides.py does).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from lvs_agent.adapters import own_file
from lvs_agent.adapters.ledger_file import DEFAULT_RUNTIME_DIR
from lvs_agent.core import overrides
from lvs_agent.core.overrides import Entries

NAME = "real_servers.json"
# What could not be understood, for whoever wants to know what was lost.
_DAMAGED = NAME + ".damaged"
_DEFAULT_STATE_DIR = "/var/lib/lvs-agent"


def state_dir(environment: Mapping[str, str], runtime_directory: Path) -> Path:
    """Where the agent keeps what must survive a boot: systemd says it (StateDirectory=). An agent
    that somebody runs beside that of the unit must not work with the unit's file."""
    said = environment.get("LVS_AGENT_STATE_DIR") or environment.get("STATE_DIRECTORY")
    if said:
        return Path(said)
    ours = runtime_directory == Path(DEFAULT_RUNTIME_DIR)
    return Path(_DEFAULT_STATE_DIR) if ours else runtime_directory


def read(directory: Path) -> tuple[Entries, str | None]:
    """The overrides, and what was wrong with the file (None: nothing, or there is no file). A
    damaged one is kept beside, since the next order replaces it."""
    path = directory / NAME
    empty: Entries = ()
    found, wrong = own_file.read(path, overrides.BYTES_LIMIT, overrides.decode, empty)
    if wrong is not None:
        with contextlib.suppress(OSError):
            own_file.write(directory / _DAMAGED, path.read_bytes()[: overrides.BYTES_LIMIT])
    return found, wrong


def write(directory: Path, entries: Entries) -> None:
    """Replace the file; what is written survives a power cut. Raises OSError."""
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    own_file.write(directory / NAME, overrides.encode(entries), durable=True)
