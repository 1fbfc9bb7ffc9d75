# SPDX-License-Identifier: GPL-3.0-or-later
"""One keepalived.conf for Debian's keepalived and for the agent: the same addresses, routes, rules
and frames. The configurations without virtual servers of differential/, in network namespaces."""

from __future__ import annotations

import os
import shutil
from typing import Any

import differential_play as play
import pytest
from differential import judge

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module")
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What became of every configuration that a test is asked of, by its name."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root: run make test as root")
    for tool in ("keepalived", "tcpdump", "tshark"):
        assert shutil.which(tool), f"{tool} is missing: tests/tools/bootstrap installs it"
    return play.here(play.asked(request), tmp_path_factory.mktemp("differential"))


@pytest.mark.parametrize("name", play.configurations(ipvs=False))
def test_keepalived_and_the_agent_make_the_same_of(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    judge(results[name])
