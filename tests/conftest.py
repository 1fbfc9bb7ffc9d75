# SPDX-License-Identifier: GPL-3.0-or-later
"""For all tests: Hypothesis judges what the code does, not how busy the machine is; and which tests
may run at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest
import running_order
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Two workers (`make test`), each with a lab of its own, and each with the next unit, so that
    what a file needs is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = Path(nodeid.split("::", maxsplit=1)[0])
            return running_order.unit(path.parts[1], path.stem, str(path))

    return Units(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: both workers are to end at about the same time."""

    def place(item: pytest.Item) -> tuple[int, int, int]:
        path = item.path.relative_to(HERE)
        return running_order.place(path.parts[0], path.stem)

    items.sort(key=place)
