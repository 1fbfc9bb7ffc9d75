# SPDX-License-Identifier: GPL-3.0-or-later
"""One keepalived.conf for Debian's keepalived and for the agent: the same IPVS table, addresses,
routes, rules and frames. The configurations with virtual servers of differential/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import differential_play as play
import pytest
from differential import judge
from lvslab import Lab

# Takes minutes more than `make test` has: `make test-keepalived`.
pytestmark = [pytest.mark.lab, pytest.mark.keepalived]


@pytest.fixture(scope="module")
def host() -> Iterator[Lab]:
    """A host with memory for several of both."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: run make test as root")
    name = os.environ.get("LVSLAB_TEST_NAME", "test")
    solo = Lab(f"{name}-differential", topology="solo")
    solo.down()
    try:
        solo.up()
        yield solo
    finally:
        solo.down()


@pytest.fixture(scope="module")
def results(
    host: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What became of every configuration that a test is asked of, by its name."""
    return play.on_lab(host, play.asked(request), tmp_path_factory.mktemp("differential"))


@pytest.mark.parametrize("name", play.configurations(ipvs=True))
def test_keepalived_and_the_agent_make_the_same_of(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    judge(results[name])
