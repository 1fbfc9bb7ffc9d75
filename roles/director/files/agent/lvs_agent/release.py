# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lvs-agent this is: the version, and the release that the running code comes from."""

from __future__ import annotations

from pathlib import Path

VERSION = "0.1.0"


def release_id() -> str:
    """The name of the release directory (the bundle's sha256); "source" for a source tree."""
    release = Path(__file__).resolve().parent.parent
    return release.name if release.parent.name == "releases" else "source"
