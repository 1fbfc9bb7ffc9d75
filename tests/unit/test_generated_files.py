# SPDX-License-Identifier: GPL-3.0-or-later
"""Files made from the schema are what the schema gives now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_no_generated_file_is_stale() -> None:
    command = [sys.executable, "-B", str(REPOSITORY / "tests" / "tools" / "generate.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"run tests/tools/generate.py\n{done.stdout}{done.stderr}"
