# SPDX-License-Identifier: GPL-3.0-or-later
"""`molecule test`: the scenario on the lab; `make test-molecule`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Molecule

pytestmark = [pytest.mark.molecule, pytest.mark.timeout(1200)]


def test_the_whole_sequence_succeeds_and_leaves_nothing(molecule: Molecule) -> None:
    molecule.test("default", timeout_s=1100)
    name = molecule.environment["LVSLAB_MOLECULE_NAME"]
    assert not Path(f"/run/netns/lvslab-{name}").exists()
