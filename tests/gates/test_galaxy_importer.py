# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible Galaxy does with an uploaded archive, it does with ours without complaint."""

from __future__ import annotations

from pathlib import Path

from gates.commands import run

# Every ignore file is told; what is in ours has its reason beside it.
KNOWN = "Ignore files skip ansible-test sanity tests"


def test_the_archive_is_imported_without_complaint(
    archive: Path, collections: Path, tmp_path: Path
) -> None:
    said = run(
        "python", "-m", "galaxy_importer.main", archive,
        cwd=tmp_path,
        ANSIBLE_COLLECTIONS_PATH=collections,
        GALAXY_IMPORTER_CHECK_REQUIRED_TAGS="true",
        GALAXY_IMPORTER_RUN_ANSIBLE_LINT="true",
        GALAXY_IMPORTER_OFFLINE_ANSIBLE_LINT="true",
    )  # fmt: skip
    complaints = [
        line
        for line in said.splitlines()
        if line.startswith(("WARNING", "ERROR")) and KNOWN not in line
    ]
    assert complaints == []
    assert "...ansible-lint run complete" in said
    assert "Importer processing completed successfully" in said
