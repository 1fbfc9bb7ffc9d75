# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-builder takes the example of an execution environment, and what the collection
needs in one.

The image itself needs a container engine, which is not asked for here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml
from gates.commands import REPOSITORY, run


def test_the_build_context_is_made_and_holds_the_collection(archive: Path, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "execution-environment.yml", tmp_path)
    shutil.copy(archive, tmp_path)
    run("ansible-builder", "create", "--output-filename", "Containerfile", cwd=tmp_path)
    context = tmp_path / "context"
    assert (context / "Containerfile").is_file()

    # As the image's build does it.
    target = tmp_path / "collections"
    run(
        "ansible-galaxy", "collection", "install", "--offline",
        "-r", "requirements.yml", "-p", target,
        cwd=context / "_build", ANSIBLE_COLLECTIONS_PATH=target,
    )  # fmt: skip
    assert (target / "ansible_collections" / "lvs" / "cluster" / "MANIFEST.json").is_file()


def test_builder_reads_what_the_controller_side_needs(collections: Path, tmp_path: Path) -> None:
    said = run("ansible-builder", "introspect", collections, cwd=tmp_path)
    found = yaml.safe_load(said.split("---", 1)[1])
    assert "openssh-client" in str(found["system"])
    assert not found["python"]
