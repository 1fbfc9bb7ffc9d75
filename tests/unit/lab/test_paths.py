# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of labs, and folders that a disk can be in."""

from __future__ import annotations

from pathlib import Path

import pytest
from lvslab.errors import LabError
from lvslab.paths import LabPaths, cache_root


@pytest.mark.parametrize("name", ["", "Lab", "a/b", "../x", "-x", "a b", "x" * 32])
def test_name_that_could_leave_its_folder_or_break_a_command_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="a lab's name"):
        LabPaths.of(name)


def test_cache_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LVSLAB_CACHE", str(tmp_path))
    assert LabPaths.of("x-1").disk("rs1") == tmp_path / "run/x-1/hosts/rs1/disk.cow"


@pytest.mark.parametrize("folder", ["/a b", "/a,b", "/a:b"])
def test_cache_that_uml_cannot_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("LVSLAB_CACHE", folder)
    with pytest.raises(LabError, match="LVSLAB_CACHE"):
        cache_root()
