# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tools of an Ansible collection's quality gates, those of this tree's .venv.

Owns their environment: collections come from where a test says, never from the user's home.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# The longest, ansible-test with all its environments to make, takes a minute and a half on two idle
# cores; the limit of one test is 600 s.
_TIMEOUT_S = 560


def run(*command: str | Path, cwd: Path, **environment: str | Path) -> str:
    """The output, both streams. Fails the test that calls it, with the output, on any error."""
    done = attempt(*command, cwd=cwd, **environment)
    assert done.returncode == 0, f"{command[0]} exits with {done.returncode}\n{done.stdout}"
    return done.stdout


def attempt(
    *command: str | Path, cwd: Path, **environment: str | Path
) -> subprocess.CompletedProcess[str]:
    """The same with whatever exit status."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    given = {name: str(value) for name, value in environment.items()}
    return subprocess.run(
        [str(BIN / command[0]), *map(str, command[1:])],
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PATH": path,
            "ANSIBLE_HOME": str(REPOSITORY / ".venv" / "ansible-home"),
            "ANSIBLE_NOCOLOR": "1",
            **given,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
    )
