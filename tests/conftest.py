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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With two workers (`make test`): one has the lab, which is one for all of its tests, and the
    other the network namespaces, whose names are fixed; the rest goes to whoever is free."""
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.xdist_group("lab"))
        elif item.get_closest_marker("netns"):
            item.add_marker(pytest.mark.xdist_group("netns"))
        else:
            # A file at a time: fixtures of a module are made once.
            name = str(item.path.relative_to(HERE))
            item.add_marker(pytest.mark.xdist_group(name))
    # The longest first: both workers are to end at about the same time.
    items.sort(key=lambda item: 0 if item.get_closest_marker("lab") else 1)
