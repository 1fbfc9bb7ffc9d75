# SPDX-License-Identifier: GPL-3.0-or-later
"""`molecule test -s vagrant`: the scenario on Vagrant machines; `make test-molecule`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lvslab.paths import cache_root

if TYPE_CHECKING:
    from conftest import Molecule

# Emulated machines are slow, and a box may have to be built before.
pytestmark = [pytest.mark.molecule, pytest.mark.timeout(3600)]

EMULATOR = Path(__file__).resolve().parents[1] / "vagrant" / "emulator"


def test_a_run_that_is_killed_is_removed_by_destroy(molecule: Molecule) -> None:
    if subprocess.run([EMULATOR, "needed"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine has KVM: its own libvirt keeps the machines, not the emulator")
    run = molecule.start("create", "-s", "vagrant")
    try:
        deadline = time.monotonic() + 1200
        while not machines():
            assert run.poll() is None, run.communicate()[0]
            assert time.monotonic() < deadline, "no machine was started"
            time.sleep(0.5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=60)
        molecule.run("destroy", "-s", "vagrant", timeout_s=120)
    assert not machines()
    assert not (cache_root() / "vagrant" / "run").exists()


def test_the_whole_sequence_succeeds_and_leaves_nothing(molecule: Molecule) -> None:
    molecule.test("vagrant", timeout_s=3300)
    assert not machines()
    assert not (cache_root() / "vagrant" / "run").exists()


def machines() -> list[str]:
    """The command lines of the scenario's emulated machines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if any(word.startswith("guest=lvs-cluster-") for word in words):
                found.append(" ".join(words))
    return found
