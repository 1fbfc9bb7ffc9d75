# SPDX-License-Identifier: GPL-3.0-or-later
"""A newcomer's path: a fresh clone, and nothing but the commands of docs/tutorial.md."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import document
import pytest
from document import Step
from lvslab import Lab
from lvslab.paths import cache_root

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
# The longest step makes the cluster of bare hosts, which takes a minute on a quiet machine.
STEP_TIMEOUT_S = 420


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The last commit. What `make bootstrap` makes is this tree's: it takes some minutes."""
    target = tmp_path / "lvs.cluster"
    command = ["git", "clone", "--quiet", str(ROOT), str(target)]
    subprocess.run(command, check=True, timeout=120)
    (target / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    return target


class Shell:
    """One bash for all steps, as a person has it; it ends with the first command that fails."""

    def __init__(self, folder: Path, clone: Path) -> None:
        self._folder = folder
        unset = ("ANSIBLE_COLLECTIONS_PATH", "VIRTUAL_ENV")
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        environment |= {"LVSLAB_CACHE": str(cache_root()), "HOME": str(folder)}
        self.process = subprocess.Popen(
            ["bash", "-e"], cwd=clone, env=environment, stdin=subprocess.PIPE, text=True
        )

    def run(self, step: Step) -> tuple[int | None, str]:
        """The exit status, None of a shell that has ended; and what was printed."""
        script, output, status = (self._folder / name for name in ("step", "output", "status"))
        script.write_text(step.commands)
        status.unlink(missing_ok=True)
        kept = "|| status=$?" if step.fails else ""
        words = f"status=0; source {script} </dev/null >{output} 2>&1 {kept}; "
        assert self.process.stdin is not None
        self.process.stdin.write(f"{words} echo $status >{status}.new; mv {status}.new {status}\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while not status.exists() and self.process.poll() is None:
            assert time.monotonic() < deadline, f"line {step.line}: still runs"
            time.sleep(0.1)
        found = int(status.read_text()) if status.exists() else None
        return found, output.read_text()


@pytest.fixture
def shell(clone: Path) -> Iterator[Shell]:
    """Its lab is gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: run make test as root")
    lab = Lab("tutorial", topology="seed")
    lab.down()
    shell = Shell(clone.parent, clone)
    try:
        yield shell
    finally:
        shell.process.kill()
        shell.process.wait()
        lab.down()


def test_every_command_of_the_tutorial_does_what_the_page_says(shell: Shell) -> None:
    found = document.steps(TUTORIAL.read_text())
    assert len(found) > 10
    for step in found:
        status, printed = shell.run(step)
        report = f"docs/tutorial.md:{step.line}: exit status {status}\n{step.commands}\n{printed}"
        assert status is not None, report
        assert (status != 0) is step.fails, report
        lacking = document.missing(step.printed, printed)
        assert lacking is None, f"not printed: {lacking}\n{report}"
