# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix is played once; each test looks at one cell of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.matrix import Case, play_all

NEEDED = ("ip", "keepalived", "/usr/lib/frr/vrrpd")


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Iterator[dict[Case, str | None]]:
    """The result of every case that was collected; None for success."""
    if os.geteuid() != 0:
        pytest.skip("interoperability runs in network namespaces: run make test as root")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    assert not missing, f"not installed: {', '.join(missing)} (tests/tools/bootstrap does it)"
    wanted = [
        item.callspec.params["case"]  # type: ignore[attr-defined]
        for item in request.session.items
        if item.path == Path(__file__).with_name("test_interoperability.py")
        and "case" in getattr(item, "callspec", item).__dict__.get("params", {})
    ]
    directory = Path(tempfile.mkdtemp(prefix="lvs-interop-"))
    directory.chmod(0o755)  # FRR's daemons run as a user of their own
    try:
        yield play_all(directory, wanted)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
