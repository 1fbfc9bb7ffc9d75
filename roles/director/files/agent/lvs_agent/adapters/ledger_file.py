# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's file, owned.json in the runtime directory.

Owns its place. Must never interpret the content (core/ledger.py does).
"""

from __future__ import annotations

import os
from pathlib import Path

from lvs_agent.adapters import own_file
from lvs_agent.core import ledger
from lvs_agent.core.ledger import Ledger

NAME = "owned.json"
DEFAULT_RUNTIME_DIR = "/run/lvs-agent"
RUNTIME_DIR_VARIABLE = "LVS_AGENT_RUNTIME_DIR"


def runtime_dir() -> Path:
    """Where the agent keeps what must not survive a boot."""
    return Path(os.environ.get(RUNTIME_DIR_VARIABLE) or DEFAULT_RUNTIME_DIR)


def read(directory: Path) -> tuple[Ledger, str | None]:
    """The ledger, and what was wrong with the file (None: nothing, or there is no file)."""
    return own_file.read(directory / NAME, ledger.BYTES_LIMIT, ledger.decode, Ledger())


def write(directory: Path, content: Ledger) -> None:
    """Replace the file, atomically: readers see the old or the new one. Raises OSError."""
    own_file.write(directory / NAME, ledger.encode(content))
