# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a user gets it: the built archive, and what installing it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from gates.commands import REPOSITORY, run


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, made by `make build`'s tool."""
    folder = tmp_path_factory.mktemp("archive")
    tool = REPOSITORY / "tests" / "tools" / "build_collection.py"
    said = run("python", "-B", tool, folder, cwd=REPOSITORY)
    return Path(said.splitlines()[-1])


@pytest.fixture(scope="session")
def collections(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that has this collection and no other."""
    folder = tmp_path_factory.mktemp("collections")
    run(
        "ansible-galaxy", "collection", "install", "--offline", "-p", folder, archive,
        cwd=folder, ANSIBLE_COLLECTIONS_PATH=folder,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def installed(collections: Path) -> Path:
    """The folder of the installed collection."""
    return collections / "ansible_collections" / "lvs" / "cluster"
