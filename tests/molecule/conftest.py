# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Molecule as a user does, on machines of this run's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# What has to have been done, each by a playbook that succeeded.
ACTIONS = ("create", "prepare", "converge", "idempotence", "side_effect", "verify", "destroy")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class Molecule:
    """`molecule` in this checkout."""

    environment: dict[str, str]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin; its output is in .stdout."""
        return subprocess.Popen(
            [str(BIN / "molecule"), *words],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, timeout_s: float) -> str:
        """What it prints; AssertionError with that unless all went well."""
        process = self.start(*words)
        try:
            output = process.communicate(timeout=timeout_s)[0]
        except BaseException:
            # Its playbooks end with it; what they have begun is for `molecule destroy`.
            os.killpg(process.pid, 9)
            raise
        assert process.returncode == 0, output
        return _COLOUR.sub("", output)

    def test(self, scenario: str, timeout_s: float) -> None:
        """The whole sequence; each action that matters was there and succeeded."""
        output = self.run("test", "-s", scenario, timeout_s=timeout_s)
        done = {action for action in ACTIONS if f"{action}: Executed: Successful" in output}
        assert done == set(ACTIONS), output


@pytest.fixture(scope="session")
def molecule() -> Molecule:
    """Molecule with the checkout's tools, and machines whose names are this run's."""
    if os.geteuid() != 0:
        pytest.skip("the scenarios boot machines and need root: run make test as root")
    names = (os.environ.get("LVSLAB_TEST_NAME"), os.environ.get("PYTEST_XDIST_WORKER"), "molecule")
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "LVSLAB_MOLECULE_NAME": "-".join(filter(None, names)),
        "NO_COLOR": "1",
    }
    return Molecule(environment=environment)
