# SPDX-License-Identifier: GPL-3.0-or-later
"""For all tests: Hypothesis judges what the code does, not how busy the machine is; and which tests
may run at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")


# Folders whose tests must not run at the same time: the namespaces' names are fixed. Everything
# else is divided by files, so that the fixtures of a module are made once; each worker has a lab of
# its own.
_TOGETHER = {
    "netns": "namespaces",
    "interop": "namespaces",
    "conformance": "namespaces",
}


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Two workers (`make test`), each with the next file, or with all that belongs together."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::", maxsplit=1)[0]
            return _TOGETHER.get(path.split("/")[1], path)

    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: both workers are to end at about the same time."""
    order = ("conformance", "interop", "netns", "lab", "sim")
    folders = {name: number for number, name in enumerate(order)}
    items.sort(key=lambda item: folders.get(item.path.relative_to(HERE).parts[0], len(order)))
