# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the plugins be imported under their collection's name."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def make_importable() -> None:
    """Python finds `ansible_collections.lvs.cluster` through a link to this checkout."""
    if any("lvs-collections-" in each for each in sys.path):
        return
    root = Path(tempfile.mkdtemp(prefix="lvs-collections-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)  # the link, not what it points to
    (root / "ansible_collections" / "lvs").mkdir(parents=True)
    (root / "ansible_collections" / "lvs" / "cluster").symlink_to(REPOSITORY)
    sys.path.insert(0, str(root))
