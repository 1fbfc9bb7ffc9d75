# SPDX-License-Identifier: GPL-3.0-or-later
"""A release can be made of the fragments."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml
from gates.commands import REPOSITORY, run

NEXT = "999.0.0"  # later than any release there will be


def test_the_fragments_become_a_release(installed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "ansible_collections" / "lvs" / "cluster"
    shutil.copytree(installed, copy)
    shutil.copy(REPOSITORY / "galaxy.yml", copy)
    run("antsibull-changelog", "release", "--version", NEXT, "--date", "2000-01-01", cwd=copy)

    released = yaml.safe_load((copy / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))
    fragments = {path.name for path in (REPOSITORY / "changelogs" / "fragments").glob("*.yml")}
    assert (copy / "CHANGELOG.rst").is_file()
    assert set(released["releases"][NEXT].get("fragments", [])) == fragments
